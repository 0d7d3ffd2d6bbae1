//! Flags, environment and file, as a real server takes them.

use std::fs;
use std::process::Output;

use pawl_api::pb::GetServerInfoRequest;
use pawl_tests::{Program, Server, binary, cases, within};
use tempfile::TempDir;
use tokio::process::Command;

fn pawl(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PAWL_")) {
            command.env_remove(name);
        }
    }
    command
}

async fn output(command: &mut Command) -> Output {
    within(60, "pawl ends", command.output()).await.expect("pawl runs")
}

fn written(text: &str) -> (TempDir, String) {
    let directory = TempDir::with_prefix("pawl-config-").expect("a temporary directory");
    let path = directory.path().join("pawl.toml");
    fs::write(&path, text).expect("it can be written");
    let path = path.to_str().expect("it is text").to_owned();
    (directory, path)
}

#[tokio::test]
async fn a_server_does_what_file_environment_and_flags_say_in_this_order() {
    let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let (_directory, path) = written(&format!(
        "data = {:?}\nlisten = '127.0.0.1:1'\nmax_streams_per_connection = 11\n\
         dedupe_window = '11h'\nretention = '50d'\n",
        data.path().join("data"),
    ));
    let mut command = pawl(&["serve", "--listen", "127.0.0.1:0", "--retention", "52d"]);
    command.env("PAWL_CONFIG_FILE", &path);
    command.env("PAWL_RETENTION", "51d").env("PAWL_DEDUPE_WINDOW", "12h");
    let server = Program::start(&mut command);
    let address = server.find("it listens", |lines| {
        lines.iter().find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
    });
    let client = pawl_tests::Client::connect(address.await).await.expect("it answers");
    let info = client.system.clone().get_server_info(GetServerInfoRequest::default()).await;
    let info = info.expect("it answers").into_inner();
    let hours = |span: Option<prost_types::Duration>| span.map(|span| span.seconds / 3_600);
    let limits = info.limits.expect("they are told");
    assert_eq!(limits.max_streams_per_connection, 11, "from the file");
    assert_eq!(hours(info.dedupe_window), Some(12), "from the environment");
    assert_eq!(hours(info.retention.and_then(|r| r.max_age)), Some(52 * 24), "from the flag");
    assert!(data.path().join("data/sled").exists(), "from the file");
    cases("ops: weights of settings", 5, 5);
}

#[tokio::test]
async fn a_server_does_not_start_on_settings_that_are_wrong() {
    let (_directory, path) = written("\nretenton = '90d'\nstall_after = 'soon'\n");
    let refused = Server::refuse(&["--config", &path]).await;
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    for part in [
        "pawl.toml, line 2: there is no setting `retenton`; did you mean `retention`?",
        "pawl.toml, line 3: stall_after \"soon\": ",
    ] {
        assert!(refused.stderr.contains(part), "{part:?} is missing in {}", refused.stderr);
    }
    cases("ops: settings that are wrong", 2, 2);
}

#[tokio::test]
async fn what_would_be_used_is_shown_with_where_it_comes_from() {
    let (_directory, path) = written("retention = '90d'\nlog = 'pawl=debug'\n");
    let mut command = pawl(&["config", "check", &path]);
    let checked = output(command.env("PAWL_DEDUPE_WINDOW", "36h").env("PAWL_RETENTON", "1d")).await;
    let (shown, notes) = (text(&checked.stdout), text(&checked.stderr));
    assert!(checked.status.success(), "{notes}");
    assert!(notes.contains("PAWL_RETENTON is set and means nothing; did you mean PAWL_RETENTION?"));
    let from = |key: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(&format!("{key} ")));
        line.unwrap_or_else(|| panic!("{key} is missing in {shown}"))
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(from("retention"), format!("90d {path}, line 1"));
    assert_eq!(from("dedupe_window"), "36h PAWL_DEDUPE_WINDOW");
    assert_eq!(from("log_format"), "pretty default");

    let (_directory, path) = written("log_format = 'yaml'");
    let checked = output(&mut pawl(&["config", "check", &path])).await;
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stderr).contains("it is one of pretty, json"), "{checked:?}");

    let example = output(&mut pawl(&["config", "example"])).await;
    let (_directory, path) = written(&text(&example.stdout));
    let checked = output(&mut pawl(&["config", "check", &path])).await;
    assert!(checked.status.success(), "{checked:?}");
    cases("ops: settings shown", 6, 6);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
