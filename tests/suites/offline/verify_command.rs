//! `pawl verify` as people call it: what it says, what it leaves alone, and how it ends.

use std::fs;
use std::path::Path;

use pawl_tests::{Server, binary, cases, within};
use tempfile::TempDir;
use tokio::process::Command;

use crate::edits::raw;
use crate::world::{Database, contents};

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `pawl` to its end.
pub(crate) async fn pawl(args: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    let output = command.args(args).env_remove("PAWL_ADDRESS").kill_on_drop(true).output();
    let output = within(120, "pawl ends", output).await.expect("pawl starts");
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("it prints text"),
        err: String::from_utf8(output.stderr).expect("it prints text"),
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

async fn refused(data: &Path, says: &[&str]) {
    let ended = pawl(&["verify", text(data)]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
    for part in says {
        assert!(ended.err.contains(part), "{} does not say {part:?}", ended.err);
    }
}

/// A name, what is done, and what is said then.
type Wrong = (&'static str, fn(&Path), &'static str);

#[tokio::test]
async fn a_whole_database_is_told_and_left_as_it_was() {
    let parent = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let data = parent.path().join("data");
    crate::world::copy(Database::young().await.path(), &data);
    let before = contents(parent.path());
    let ended = pawl(&["verify", text(&data)]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let first = ended.out.lines().next().expect("it says something");
    for part in ["data is whole: records 1 to ", "12 entities (1 deleted ones)", "2 pipelines"] {
        assert!(first.contains(part), "{first} does not say {part:?}");
    }
    assert!(contents(parent.path()) == before, "it changed something, or left something");

    let elsewhere = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let scratch = text(elsewhere.path());
    assert_eq!(pawl(&["verify", text(&data), "--scratch", scratch]).await.code, Some(0));
    assert_eq!(contents(elsewhere.path()), []);
    let ended = pawl(&["verify", text(&data), "--scratch", "/no/such/place"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("--scratch names another place"), "{}", ended.err);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_place_and_remedy_and_left_as_it_was() {
    let data = Database::young().await.copied();
    let db = raw(data.path());
    for number in 7..=12 {
        db.remove(format!("\x31contact/10\0deal/{number}")).expect("it is removed");
    }
    db.flush().expect("it is written");
    drop(db);
    let before = contents(data.path());
    let ended = pawl(&["verify", text(data.path())]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("is not whole: 6 findings"), "{}", ended.err);
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(lines.len(), 12, "{}", ended.out);
    let expected = "link-missing: key 31 contact/10\\x00deal/10: it is missing, though deal/10 names \
                    contact/10";
    assert_eq!(lines[0], expected);
    assert!(lines[1].starts_with("    events of this customer reach"), "{}", lines[1]);
    let ended = pawl(&["verify", text(data.path()), "--limit", "2"]).await;
    assert_eq!(ended.out.lines().count(), 4);
    assert!(ended.err.contains("2 findings; stopped there (--limit)"), "{}", ended.err);
    assert!(contents(data.path()) == before, "it changed something, or left something");
}

#[tokio::test]
async fn what_cannot_be_checked_is_refused_and_nothing_is_made() {
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let missing = place.path().join("missing");
    refused(&missing, &["missing holds no Pawl database"]).await;
    assert!(!missing.exists());
    let empty = place.path().join("empty");
    fs::create_dir(&empty).expect("a directory");
    refused(&empty, &["empty holds no Pawl database"]).await;
    assert_eq!(contents(&empty), []);
    fs::write(empty.join("thesis.txt"), "years of work").expect("it is written");
    refused(&empty, &["is not empty and holds no Pawl database", "thesis.txt"]).await;

    let server = Server::start().await;
    refused(server.data(), &["is in use by another process"]).await;
    server.client().await.info().await;
    cases("offline: refusals of verify", 4, 4);
}

#[tokio::test]
async fn what_lies_beside_the_rows_is_checked_too() {
    let young = Database::young().await;
    let wrong: [Wrong; 6] = [
        (
            "a page in a file of its own",
            |data| fs::write(data.join("sled/blobs/77"), "x").expect("it is written"),
            "blob: sled/blobs/77: ",
        ),
        (
            "a mark that is ahead",
            |data| {
                let mark = fs::read(data.join("mark")).expect("there is one");
                let mut slot = mark[..32].to_vec();
                slot[20..28].copy_from_slice(&900_u64.to_be_bytes());
                let checksum = crc32fast::hash(&slot[..28]);
                slot[28..].copy_from_slice(&checksum.to_be_bytes());
                fs::write(data.join("mark"), [&slot[..], &mark[32..]].concat()).expect("written");
            },
            "to 900 were acknowledged and are gone",
        ),
        (
            "a mark that cannot be read",
            |data| fs::write(data.join("mark"), "x").expect("it is written"),
            "mark: mark: it cannot be read",
        ),
        (
            "a file that is gone",
            |data| fs::remove_file(data.join("sled/conf")).expect("it is there"),
            "sled/conf is damaged: the file is missing",
        ),
        (
            "a directory that is gone",
            |data| fs::remove_dir_all(data.join("sled")).expect("it is there"),
            "sled is damaged: the directory is missing",
        ),
        (
            "a file that is cut off",
            |data| {
                let db = fs::OpenOptions::new().write(true).open(data.join("sled/db"));
                db.and_then(|db| db.set_len(5_000)).expect("it is cut off");
            },
            "sled/ is damaged",
        ),
    ];
    for (name, damage, says) in wrong {
        let data = young.copied();
        damage(data.path());
        let before = contents(data.path());
        let ended = pawl(&["verify", text(data.path())]).await;
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.out);
        let told = [ended.out, ended.err].concat();
        assert!(told.contains(says), "{name}: {told} does not say {says:?}");
        assert!(told.contains("backup"), "{name}: {told} does not say what to do");
        assert!(!told.contains(".pawl-verify-"), "{name}: {told} speaks of the copy");
        assert!(contents(data.path()) == before, "{name}: something was changed");
    }
    // Without a mark nothing more is known, which is no damage.
    let data = young.copied();
    fs::remove_file(data.path().join("mark")).expect("it is there");
    assert_eq!(pawl(&["verify", text(data.path())]).await.code, Some(0));
    assert!(!data.path().join("mark").exists());
}
