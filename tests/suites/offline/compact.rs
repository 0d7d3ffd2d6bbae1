//! `pawl compact`: the same database in less room, whatever it is cut off by.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use pawl_tests::{Client, Server, binary, cases, event, now, resume, say, within};
use tempfile::TempDir;
use tokio::process::Command;

use crate::edits::{raw, verified};
use crate::verify_command::{pawl, text};
use crate::world::{Database, TRIMS, contents, copy, furnish};

/// Everything that a database holds.
fn all(data: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let entries = raw(data).iter().map(|entry| entry.expect("it can be read"));
    entries.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// What is there when it is cut off, by the name of that moment.
type Step<'a> = (&'a str, Vec<(&'a Path, &'a str)>);

/// What lies in a data directory with nothing left over.
const WHOLE: [&str; 4] = ["journal.0", "journal.1", "mark", "sled"];

fn names(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data).expect("it is a directory");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A server on a directory that is there.
async fn serve(data: &Path) -> (Server, Client) {
    let server = Server::start_there(&["--data", text(data)]).await;
    let client = server.client().await;
    (server, client)
}

/// Writes much that is soon trimmed, so that the file has room in it.
async fn swell(client: &Client) {
    for round in 0..6 {
        let event = |n| {
            // Nothing in it repeats itself, so it is not compressed.
            let note: String = (0..8_000).map(|_| fastrand::alphanumeric()).collect();
            let attributes = Some(pawl_tests::fields([("note", Some(&note))]));
            let event = event(&format!("swell{round}-{n}"), "sun.up", "deal/8");
            pawl_api::pb::Event { attributes, ..event }
        };
        client.publish_all((0..400).map(event).collect()).await;
    }
}

#[tokio::test]
async fn it_makes_the_file_smaller_and_loses_nothing() {
    let mut server = Server::start_with(&TRIMS).await;
    let client = server.client().await;
    furnish(&client).await;
    swell(&client).await;
    let trimmed = async {
        while client.info().await.event_count > 10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(60, "a trim", trimmed).await;
    let mut watcher = client.watch(now()).await;
    client.publish(event("last", "sun.up", "deal/7")).await;
    watcher.next_move().await.expect("it moves");
    let (token, id) = (watcher.token().to_vec(), client.info().await.database_id);
    server.terminate().await;

    let data = server.data();
    let (before, size) = (all(data), fs::metadata(data.join("sled/db")).expect("there").len());
    let ended = pawl(&["compact", text(data)]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let less = fs::metadata(data.join("sled/db")).expect("it is there").len();
    say(format!("offline: {size} bytes before, {less} after: {}", ended.out.trim()));
    assert!(less * 2 < size, "{size} bytes became {less}");
    let (told, _) = ended.out.split_once(" now; ").expect("it says so");
    let numbers: Vec<u64> = told
        .split(['(', ')'])
        .filter_map(|part| part.strip_suffix(" bytes")?.parse().ok())
        .collect();
    assert!(numbers[0] >= size && (less..size).contains(&numbers[1]), "{}", ended.out);
    assert!(ended.out.contains(&id), "{}", ended.out);
    assert_eq!(names(data), WHOLE);
    assert!(all(data) == before, "it holds something else");
    assert!(verified(data, 10).is_whole());

    // The same database: a token goes on.
    let (server, client) = serve(data).await;
    assert_eq!(client.info().await.database_id, id);
    assert!(client.publish(event("last", "sun.up", "deal/7")).await.duplicate);
    let mut watcher = client.watch(resume(&token)).await;
    client.publish(event("next", "sun.up", "deal/9")).await;
    let moved = within(10, "a move", watcher.next_move()).await.expect("it moves");
    assert_eq!(moved.entity_id, "deal/9");
    drop(server);
}

/// The names that there are after each step, as a crash leaves them, and what is done about them.
#[tokio::test]
async fn after_a_crash_at_any_step_the_next_start_finds_one_whole_database() {
    let young = Database::young().await;
    let done = young.copied();
    let before = all(young.path());
    assert_eq!(pawl(&["compact", text(done.path())]).await.code, Some(0));
    // What lies where: the database as it was, and as it will be.
    let (old, new) = (young.path().join("sled"), done.path().join("sled"));
    let (staged, mark) = (Path::new("compact.new"), young.path().join("mark"));
    let steps: Vec<Step<'_>> = vec![
        ("before it begins", vec![(&old, "sled")]),
        ("a directory was made", vec![(&old, "sled"), (&mark, "compact.new/nothing")]),
        ("half of it is written", vec![(&old, "sled"), (&mark, "compact.new/sled/db")]),
        ("all of it is written", vec![(&old, "sled"), (&new, "compact.new/sled")]),
        ("the first was renamed", vec![(&old, "sled.old"), (&new, "compact.new/sled")]),
        (
            "the second was renamed",
            vec![(&old, "sled.old"), (&new, "sled"), (&mark, "compact.new/mark")],
        ),
        ("compact.new was removed", vec![(&old, "sled.old"), (&new, "sled")]),
        ("sled.old was half removed", vec![(&mark, "sled.old/conf"), (&new, "sled")]),
    ];
    let set_up = |step: &Step<'_>| {
        let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
        fs::create_dir(data.path().join(staged)).expect("a directory");
        for (from, to) in &step.1 {
            let to = data.path().join(to);
            if from.is_dir() {
                copy(from, &to);
            } else {
                fs::create_dir_all(to.parent().expect("it has one")).expect("a directory");
                fs::copy(from, to).expect("it is copied");
            }
        }
        let _ = fs::remove_dir(data.path().join(staged));
        fs::copy(&mark, data.path().join("mark")).expect("it is copied");
        data
    };
    for step in &steps {
        let name = step.0;
        // Looking changes nothing.
        let data = set_up(step);
        let as_it_was = contents(data.path());
        assert!(verified(data.path(), 10).is_whole(), "{name}: it is not whole");
        assert!(contents(data.path()) == as_it_was, "{name}: verify changed something");
        // A start finds it and tidies up.
        let (mut server, client) = serve(data.path()).await;
        assert_eq!(client.get_entity("deal/1").await.stage_id, "won", "{name}");
        server.terminate().await;
        assert_eq!(names(data.path()), WHOLE, "{name}");
        assert!(all(data.path()) == before, "{name}: it holds something else");
        // So does the next compaction.
        let data = set_up(step);
        let ended = pawl(&["compact", text(data.path())]).await;
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        assert_eq!(names(data.path()), WHOLE, "{name}");
        assert!(all(data.path()) == before, "{name}: it holds something else");
    }
    // That nobody left it so is told, and nothing begins in its place.
    let data = set_up(&("", vec![(&old, "sled.old")]));
    let ended = Server::refuse(&["--data", text(data.path())]).await;
    assert!(ended.stderr.contains("sled.old beside it"), "{}", ended.stderr);
    assert_eq!(names(data.path()), ["mark", "sled.old"]);
    cases("offline: steps of a compaction", steps.len(), 8);
}

/// Killed at any moment, by a real signal.
#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing() {
    let young = Database::young().await;
    let before = all(young.path());
    let mut seen = BTreeMap::<Vec<String>, usize>::new();
    let mut pause = Duration::ZERO;
    for round in 0..30 {
        let data = young.copied();
        let mut command = Command::new(binary());
        command.args(["compact", text(data.path())]).kill_on_drop(true);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let ended = tokio::time::timeout(pause, child.wait()).await;
        child.start_kill().ok();
        child.wait().await.expect("it ends");
        *seen.entry(names(data.path())).or_default() += 1;
        // A server that starts opens it.
        drop(pawl_store::Store::open(data.path()).expect("it opens"));
        assert_eq!(names(data.path()), WHOLE, "round {round}");
        assert!(all(data.path()) == before, "round {round}: it holds something else");
        // Once it is done the next ones are killed sooner again.
        pause = if ended.is_ok() { Duration::ZERO } else { pause + Duration::from_millis(7) };
    }
    for (names, count) in &seen {
        say(format!("offline: {count} times there were {}", names.join(", ")));
    }
    assert!(seen.len() > 1, "it was never killed in between: {seen:?}");
}

#[tokio::test]
async fn what_cannot_be_compacted_is_left_as_it_was() {
    let server = Server::start().await;
    let ended = pawl(&["compact", text(server.data())]).await;
    assert!(ended.code == Some(1) && ended.err.contains("is in use"), "{}", ended.err);
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let missing = place.path().join("missing");
    let ended = pawl(&["compact", text(&missing)]).await;
    assert!(ended.code == Some(1) && ended.err.contains("no Pawl database"), "{}", ended.err);
    assert!(!missing.exists());

    let data = Database::young().await.copied();
    let db = raw(data.path());
    db.remove(b"\x30deal/1").expect("it is removed");
    db.flush().expect("it is written");
    drop(db);
    let before = all(data.path());
    let ended = pawl(&["compact", text(data.path())]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("entity-missing: key 30 deal/1"), "{}", ended.out);
    assert!(ended.err.contains("was left as it is: it is not whole"), "{}", ended.err);
    assert_eq!(names(data.path()), WHOLE);
    assert!(all(data.path()) == before, "it holds something else");

    // A mark that is ahead says that something is gone, which must not be sealed.
    let data = Database::young().await.copied();
    let db = raw(data.path());
    let head = [&db.get([2]).expect("it can be read").expect("it is there")[..], &[8, 3]].concat();
    db.insert([2], head).expect("it is written");
    db.flush().expect("it is written");
    drop(db);
    let ended = pawl(&["compact", text(data.path())]).await;
    assert!(ended.err.contains("were acknowledged and are gone"), "{}", ended.err);
    assert_eq!(names(data.path()), WHOLE);
}
