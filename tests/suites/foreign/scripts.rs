//! The example scripts: they print each move once, in order, whatever the server does.

use std::fs;
use std::path::Path;

use pawl_tests::{Port, Program, Server, Signal, cases, say, workspace_root};
use tokio::process::Command;

use crate::{server, swing};

/// Both examples, as they are called.
pub(crate) fn commands(address: &str, from: &str) -> [(&'static str, Command); 2] {
    let examples = workspace_root().join("examples");
    let mut python = Command::new(target("foreign/bin/python"));
    python.arg(examples.join("watch.py"));
    // Copied to where its packages are, as a user would.
    let copied = target("foreign-node/watch.mjs");
    fs::copy(examples.join("watch.mjs"), &copied).expect(".ci/run made the directory");
    let mut node = Command::new("node");
    node.arg(copied).env("PAWL_PROTO", workspace_root().join("proto"));
    python.args([address, from]);
    node.args([address, from]);
    [("watch.py", python), ("watch.mjs", node)]
}

/// Both examples, started on a server.
fn start(server: &Server, from: &str) -> [(&'static str, Program); 2] {
    commands(&server.address().to_string(), from)
        .map(|(name, mut command)| (name, Program::start(&mut command)))
}

fn target(path: &str) -> impl AsRef<Path> + AsRef<std::ffi::OsStr> + use<> {
    workspace_root().join("target").join(path)
}

/// Waits until each has printed as many lines, and compares them.
async fn check(scripts: &[(&str, Program)], expected: &[String]) {
    for (name, script) in scripts {
        let enough = |lines: &[String]| (lines.len() >= expected.len()).then(|| lines.to_vec());
        assert_eq!(script.find("the moves", enough).await, expected, "{name}");
    }
}

/// Waits until each has said this so often on standard error.
async fn told(scripts: &[(&str, Program)], text: &str, count: usize) {
    for (_, script) in scripts {
        let enough = |lines: &[String]| {
            (lines.iter().filter(|line| line.contains(text)).count() >= count).then_some(())
        };
        script.find_in_err(text, enough).await;
    }
}

async fn end(scripts: [(&str, Program); 2], expected: &[String]) {
    for ((name, mut script), signal) in scripts.into_iter().zip([Signal::SIGTERM, Signal::SIGINT]) {
        script.signal(signal);
        let status = script.ended().await;
        assert_eq!(status.code(), Some(0), "{name}: {:?}", script.err());
        assert_eq!(script.out(), expected, "{name}: nothing comes after it");
        let known = ["watching", "interrupted: ", "the snapshot begins"];
        let quiet = |line: &String| known.iter().any(|known| line.starts_with(known));
        assert!(script.err().iter().all(quiet), "{name}: {:?}", script.err());
    }
}

#[tokio::test]
#[ignore = "needs Python and Node with gRPC, which .ci/run installs"]
async fn the_examples_print_each_move_once_across_crashes_stops_and_silence() {
    let (mut server, client) = server().await;
    let mut moves = swing(&client, 0, 2).await;
    let scripts = start(&server, "earliest");
    check(&scripts, &moves).await;

    for round in 1..=4 {
        if round == 2 {
            assert_eq!(server.terminate().await.code(), Some(0), "{:?}", server.log());
        } else {
            server.kill_9().await;
        }
        told(&scripts, "interrupted: ", round).await;
        server.restart(Port::Same).await;
        // Some before they are back, some after.
        let client = server.client().await;
        moves.extend(swing(&client, round * 10, 2).await);
        told(&scripts, "watching", round + 1).await;
        moves.extend(swing(&client, round * 10 + 2, 2).await);
        check(&scripts, &moves).await;
    }

    // The connection is there, and nothing comes: half a minute until they notice.
    server.signal(Signal::SIGSTOP);
    told(&scripts, "nothing was heard", 1).await;
    server.signal(Signal::SIGCONT);
    moves.extend(swing(&server.client().await, 50, 2).await);
    check(&scripts, &moves).await;
    end(scripts, &moves).await;
    cases("examples: moves", moves.len() * 2, 80);
}

#[tokio::test]
#[ignore = "needs Python and Node with gRPC, which .ci/run installs"]
async fn the_examples_end_when_trying_again_is_of_no_use() {
    let (server, _client) = server().await;
    for (name, mut script) in start(&server, "yesterday") {
        assert_eq!(script.ended().await.code(), Some(1), "{name}");
        let err = script.err();
        assert_eq!(err, ["error: start with now, earliest or snapshot, not yesterday"], "{name}");
        say(format!("{name}: {}", err.join("")));
    }
}

#[tokio::test]
#[ignore = "needs Python and Node with gRPC, which .ci/run installs"]
async fn the_examples_show_what_stands_and_go_on_from_there() {
    let (mut server, client) = server().await;
    let mut lines: Vec<_> = ["deal/0 on new", "deal/1 on new"].map(str::to_owned).into();
    let scripts = start(&server, "snapshot");
    check(&scripts, &lines).await;
    lines.extend(swing(&client, 0, 2).await);
    check(&scripts, &lines).await;
    server.terminate().await;
    server.restart(Port::Same).await;
    lines.extend(swing(&server.client().await, 2, 2).await);
    check(&scripts, &lines).await;
    end(scripts, &lines).await;
    cases("examples: lines after a snapshot", lines.len() * 2, 20);
}
