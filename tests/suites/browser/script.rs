//! A script of `tests/browser` that looks at pages, while the test acts on the server.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;

use pawl_tests::{say, within, workspace_root};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// Longer than the longest of them on a busy machine, without what it is told to take.
const PATIENCE_S: u64 = 300;

/// Where `.ci/run` installs what the scripts need. They are run there, and leave pictures of pages that
/// were not as they should.
fn place() -> &'static PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = workspace_root().join("target/browser");
        assert!(place.join("node_modules").is_dir(), ".ci/run installs {}", place.display());
        for file in fs::read_dir(workspace_root().join("tests/browser")).expect("it is there") {
            let file = file.expect("it can be read");
            if file.path().extension().is_some_and(|extension| extension == "mjs") {
                fs::copy(file.path(), place.join(file.file_name())).expect("it can be copied");
            }
        }
        place
    })
}

/// Runs a script to its end and does what it asks for. How many things it checked.
pub(crate) async fn play(
    name: &str,
    settings: &[(&str, &str)],
    more_s: u64,
    mut act: impl AsyncFnMut(Vec<String>) -> String,
) -> usize {
    let mut command = Command::new("node");
    command.arg(name).current_dir(place()).envs(settings.iter().copied()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("node starts");
    let playing = follow(name, &mut child, &mut act);
    let checked = within(PATIENCE_S + more_s, name, playing).await;
    let ended = within(PATIENCE_S, "the script ends", child.wait()).await.expect("it ends");
    assert!(ended.success(), "{name}: {ended}, see above");
    checked
}

async fn follow(
    name: &str,
    child: &mut Child,
    act: &mut impl AsyncFnMut(Vec<String>) -> String,
) -> usize {
    let mut answers = child.stdin.take().expect("stdin is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut checked = 0;
    while let Some(line) = lines.next_line().await.expect("it can be read") {
        if let Some(asked) = line.strip_prefix("ask ") {
            let words = asked.split('\t').map(str::to_owned).collect();
            let answer = act(words).await + "\n";
            answers.write_all(answer.as_bytes()).await.expect("the script listens");
        } else {
            checked += usize::from(line.starts_with("ok "));
            say(format!("{name}: {line}"));
        }
    }
    checked
}
