//! Databases that earlier versions wrote, some of every version: each is opened, whole, and holds what
//! it held. `tests/data/README.md` says how they are made and what lies where.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use pawl_api::pb;
use pawl_tests::{Client, Server, cases, event, fields, now, resume, say, within, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::backup::{back_up, restored};
use crate::edits::{forget_journal, verified};
use crate::state::{State, fact, get_event};
use crate::world::{TRIMS, copy, furnish, trimmed};

/// Names the directories below `tests/data` that are to be made.
const KEEP_AS: &str = "PAWL_KEEP_AS";
/// Nothing is trimmed or forgotten, however old it is.
const NOTHING_AGES: [&str; 4] = ["--retention", "unlimited", "--dedupe-window", "36500d"];
/// What of a data directory is kept; the rest sled makes anew.
const FILES: [&str; 5] = ["sled/db", "sled/conf", "journal.0", "journal.1", "mark"];
/// A backup beside it, of the same.
const BACKUP: &str = "backup.pawl";
/// Events of which the facts tell.
const EVENTS: [&str; 5] = ["e1", "e2", "e3", "kept", "long"];

fn kept() -> PathBuf {
    workspace_root().join("tests/data")
}

/// What is known of a database, in the order in which a server tells it.
async fn facts(client: &Client) -> Vec<Value> {
    let mut facts = State::of(client).await.0;
    for id in EVENTS {
        if let Some(found) = get_event(client, id).await {
            facts.push(fact("event", "GetEventResponse", &found));
        }
    }
    facts
}

/// Whether everything that was there is there: fields that came later may stand beside.
fn holds(is: &Value, was: &Value) -> bool {
    match (is, was) {
        (Value::Object(is), Value::Object(was)) => {
            was.iter().all(|(key, was)| is.get(key).is_some_and(|is| holds(is, was)))
        }
        (Value::Array(is), Value::Array(was)) => {
            is.len() == was.len() && is.iter().zip(was).all(|(is, was)| holds(is, was))
        }
        (Value::Number(is), Value::Number(was)) => is.as_f64() == was.as_f64(),
        (is, was) => is == was,
    }
}

/// Packs what is there of a closed database.
fn pack(data: &Path, kept: &Path) {
    for name in FILES {
        let bytes = fs::read(data.join(name)).expect("it is there");
        let packed = kept.join(format!("{}.gz", name.replace('/', "-")));
        let mut file = GzEncoder::new(File::create(packed).expect("a file"), Compression::best());
        file.write_all(&bytes).expect("it is written");
        file.finish().expect("it is written");
    }
}

/// And unpacks it: databases from before the journal have none.
fn unpack(kept: &Path) -> TempDir {
    let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
    fs::create_dir_all(data.path().join("sled/blobs")).expect("a directory");
    for name in FILES {
        let packed = kept.join(format!("{}.gz", name.replace('/', "-")));
        if name.starts_with("journal") && !packed.exists() {
            continue;
        }
        let mut bytes = Vec::new();
        let file = File::open(&packed).unwrap_or_else(|e| panic!("{}: {e}", packed.display()));
        GzDecoder::new(file).read_to_end(&mut bytes).expect("it is gzip");
        fs::write(data.path().join(name), bytes).expect("it is written");
    }
    data
}

async fn serve(data: &Path) -> (Server, Client) {
    let data = data.to_str().expect("a path that is text");
    let server = Server::start_there(&[&["--data", data][..], &NOTHING_AGES].concat()).await;
    let client = server.client().await;
    (server, client)
}

fn require_whole(name: &str, data: &Path) {
    let findings = verified(data, 20).findings;
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{name} is not whole:\n{}", findings.join("\n"));
}

async fn require_facts(name: &str, client: &Client, known: &Value) -> usize {
    let known = known["facts"].as_array().expect("a list");
    let found = facts(client).await;
    for (is, was) in found.iter().zip(known) {
        assert!(holds(is, was), "{name}: there was\n{was:#}\nand there is\n{is:#}");
    }
    assert_eq!(found.len(), known.len(), "{name}");
    known.len()
}

/// Opens what is kept in a directory, and says of how many facts it knew.
async fn opens(kept: &Path) -> usize {
    let name = kept.file_name().expect("it has a name").to_str().expect("it is text");
    let data = unpack(kept);
    require_whole(name, data.path());
    let known = fs::read_to_string(kept.join("facts.json")).expect("it is there");
    let known: Value = serde_json::from_str(&known).expect("it is JSON");
    let (mut server, client) = serve(data.path()).await;
    let mut count = require_facts(name, &client, &known).await;
    assert_eq!(known["database_id"], client.info().await.database_id, "{name}");
    // A token of then goes on, and an event of then is known.
    let token = known["resume_token"].as_str().expect("a token");
    let token = BASE64_STANDARD.decode(token).expect("it is base64");
    let mut watcher = client.watch(resume(&token)).await;
    let moved = within(30, "a move", watcher.next_move()).await.expect("the watch stands");
    assert_eq!(known["moves_after_it"][0], moved.move_id.as_str(), "{name}");
    assert!(client.publish(last()).await.duplicate, "{name}");
    // And it is written on.
    let outcome = client.publish(event("today", "sun.up", "deal/12")).await;
    assert!(outcome.decisions[0].r#move.is_some(), "{name}: {outcome:?}");
    assert_eq!(server.terminate().await.code(), Some(0));
    require_whole(name, data.path());

    let backup = kept.join(BACKUP);
    if backup.exists() {
        let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
        let (_server, client) = restored(&backup, &place.path().join("data"), &NOTHING_AGES).await;
        count += require_facts(&format!("{name}, its backup"), &client, &known).await;
        assert!(client.publish(last()).await.duplicate, "{name}, its backup");
    }
    count
}

#[tokio::test]
async fn what_earlier_versions_wrote_is_still_there() {
    let directories = fs::read_dir(kept()).expect("there are some");
    let directories = directories.map(|entry| entry.expect("it can be read").path());
    let mut directories: Vec<_> = directories.filter(|path| path.is_dir()).collect();
    directories.sort();
    let mut count = 0;
    for kept in &directories {
        count += opens(kept).await;
    }
    say(format!("offline: {} databases of earlier versions", directories.len()));
    cases("offline: facts of earlier versions", count, 290);
}

/// The last event in every one of them.
fn last() -> pb::Event {
    event("kept", "sun.up", "deal/11")
}

/// So long, and so much of the same, that the log has it compressed.
fn long() -> pb::Event {
    let note = "It rains through the roof. ".repeat(200);
    pb::Event {
        attributes: Some(fields([("note", Some(&note))])),
        ..event("long", "nobody.listens", "deal/4")
    }
}

/// Makes them, at the time when a version is tagged.
#[tokio::test]
#[ignore = "makes databases to keep: see tests/data/README.md"]
async fn keep_some_of_today() {
    let name = std::env::var(KEEP_AS).expect("PAWL_KEEP_AS names the directories to make");
    for kind in ["whole", "trimmed", "killed"] {
        let kept = kept().join(format!("{name}-{kind}"));
        fs::create_dir(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
        let mut server = Server::start_with(if kind == "trimmed" { &TRIMS } else { &[] }).await;
        let client = server.client().await;
        furnish(&client).await;
        if kind == "trimmed" {
            within(60, "a trim", trimmed(&client)).await;
        }
        client.publish(long()).await;
        let mut watcher = client.watch(now()).await;
        client.publish(event("before", "sun.up", "deal/10")).await;
        watcher.next_move().await.expect("it moves");
        let resume_token = BASE64_STANDARD.encode(watcher.token());
        client.publish(last()).await;
        if kind == "killed" {
            server.kill_9().await;
            let without = TempDir::with_prefix("pawl-").expect("a temporary directory");
            copy(server.data(), without.path());
            forget_journal(without.path());
            let report = verified(without.path(), 1);
            assert!(!report.is_whole(), "sled had everything already: make it again");
        } else {
            if kind == "whole" {
                back_up(&server, &kept.join(BACKUP)).await;
            }
            server.terminate().await;
        }
        // A copy is asked, one that trims nothing.
        let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
        copy(server.data(), data.path());
        let (mut asked, client) = serve(data.path()).await;
        let mut watcher = client.watch(resume(watcher.token())).await;
        let after = watcher.next_move().await.expect("it moves").move_id;
        let known = json!({
            "facts": facts(&client).await,
            "database_id": client.info().await.database_id,
            "resume_token": resume_token,
            "moves_after_it": [after],
        });
        asked.terminate().await;
        fs::write(kept.join("facts.json"), format!("{known:#}\n")).expect("it is written");
        pack(server.data(), &kept);
        let count = opens(&kept).await;
        say(format!("kept {}, with {count} facts", kept.display()));
    }
}
