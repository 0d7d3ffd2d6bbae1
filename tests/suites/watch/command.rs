//! `pawl watch`: a program that is left running prints each move once, whatever the server does.

use std::time::Duration;

use pawl_api::pb;
use pawl_tests::{Port, Program, Server, Signal, binary, cases};
use serde_json::Value;
use tokio::process::Command;

use crate::{deals, publish, server, swings};

fn pawl_watch(server: &Server, args: &[&str]) -> Program {
    let mut command = Command::new(binary());
    command.args(["watch", "--address", &format!("http://{}", server.address())]);
    Program::start(command.args(args).env_remove("PAWL_ADDRESS"))
}

/// Waits until there are so many lines, and gives their moves.
async fn moves(program: &Program, count: usize) -> Vec<String> {
    let enough = |lines: &[String]| (lines.len() >= count).then(|| lines.to_vec());
    let lines = program.find("moves", enough).await;
    lines.iter().map(|line| move_id(line)).collect()
}

fn move_id(line: &str) -> String {
    let frame: Value = serde_json::from_str(line).expect("a frame in JSON");
    frame["move"]["move_id"].as_str().unwrap_or_else(|| panic!("no move: {line}")).to_owned()
}

fn ids(moves: &[pb::Move]) -> Vec<String> {
    moves.iter().map(|moved| moved.move_id.clone()).collect()
}

/// Waits until standard error has had this many lines that begin so.
async fn told(program: &Program, start: &str, count: usize) {
    let enough = |lines: &[String]| {
        (lines.iter().filter(|line| line.starts_with(start)).count() >= count).then_some(())
    };
    program.find_in_err(start, enough).await;
}

#[tokio::test]
async fn it_goes_on_across_crashes_and_restarts_and_says_how_to_after_ctrl_c() {
    let (mut server, client) = server().await;
    let deals = deals(&client, 2).await;
    let mut all = publish(&client, swings(&deals, 0, 3)).await;
    let mut program = pawl_watch(&server, &["--from", "earliest", "-o", "json"]);
    assert_eq!(moves(&program, all.len()).await, ids(&all));

    for round in 1..=3 {
        // A crash, a stop, a crash.
        if round == 2 {
            assert_eq!(server.terminate().await.code(), Some(0));
        } else {
            server.kill_9().await;
        }
        told(&program, "connection lost: ", round).await;
        server.restart(Port::Same).await;
        told(&program, "connected again", round).await;
        let client = server.client().await;
        all.extend(publish(&client, swings(&deals, round * 3, round * 3 + 3)).await);
        assert_eq!(moves(&program, all.len()).await, ids(&all));
    }

    program.signal(Signal::SIGINT);
    assert_eq!(program.ended().await.code(), Some(0), "{:?}", program.err());
    assert_eq!(program.out().len(), all.len(), "nothing comes after it");
    let err = program.err();
    assert!(err.iter().any(|line| line.contains("the server is stopping")), "{err:?}");
    let hint = err.last().and_then(|line| line.strip_prefix("to go on from there: --from "));
    let token = hint.unwrap_or_else(|| panic!("no hint at the end of {err:?}"));

    let later = publish(&server.client().await, swings(&deals, 12, 15)).await;
    let resumed = pawl_watch(&server, &["--from", token, "-o", "json"]);
    assert_eq!(moves(&resumed, later.len()).await, ids(&later));
    cases("watch: moves printed across restarts", all.len() + later.len(), 30);
}

#[tokio::test]
async fn it_ends_when_trying_again_is_of_no_use() {
    let (server, _client) = server().await;
    let table: [(&[&str], i32, &str); 3] = [
        (&["--from", "AAAA"], 1, "RESUME_TOKEN_INVALID"),
        (&["--heartbeat", "5m"], 1, "heartbeat_interval"),
        (&["--address", "127.0.0.1:1"], 3, "no server answers at http://127.0.0.1:1"),
    ];
    for (args, code, part) in table {
        let mut command = Command::new(binary());
        command.arg("watch").env("PAWL_ADDRESS", server.address().to_string());
        let mut program = Program::start(command.args(args));
        assert_eq!(program.ended().await.code(), Some(code), "{args:?}");
        let err = program.err().join("\n");
        assert!(err.starts_with("error: ") && err.contains(part), "{args:?}: {err}");
        assert!(!err.contains("to go on"), "{args:?}: {err}");
    }
}

#[tokio::test]
async fn its_reader_may_go_away() {
    let (server, client) = server().await;
    let deals = deals(&client, 1).await;
    publish(&client, swings(&deals, 0, 2)).await;
    let script = format!(
        "set -o pipefail; {} watch --address {} --from earliest | head -1",
        binary().display(),
        server.address()
    );
    let mut program = Program::start(Command::new("bash").args(["-c", &script]));
    // The next line has nobody to read it.
    program.find("a line", |lines| lines.first().cloned()).await;
    let publishing = async {
        for index in 2.. {
            publish(&client, swings(&deals, index, index + 1)).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        ended = program.ended() => assert_eq!(ended.code(), Some(0), "{:?}", program.err()),
        () = publishing => {}
    }
}
