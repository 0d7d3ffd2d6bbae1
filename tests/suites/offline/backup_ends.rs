//! Backups that end before they are whole: who gives up, who is too slow, who dies; and files that are
//! not what was written.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use pawl_store::{BackupError, RestoreError};
use pawl_tests::{
    Port, Program, Refused, Server, Signal, binary, cases, event, fields, say, within,
};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tonic::Code;

use crate::backup::slow;
use crate::edits::verified;
use crate::verify_command::{pawl, text};
use crate::world::{contents, furnish};

/// A server with some megabytes in it, more than lies ready on any connection.
async fn heavy(args: &[&str]) -> Server {
    let server = Server::start_with(args).await;
    let client = server.client().await;
    furnish(&client).await;
    let event = |number| {
        // Nothing in it repeats itself, so it is not compressed.
        let note: String = (0..30_000).map(|_| fastrand::alphanumeric()).collect();
        pawl_api::pb::Event {
            attributes: Some(fields([("note", Some(&note))])),
            ..event(&format!("heavy{number}"), "rain", "deal/8")
        }
    };
    for first in (0..400).step_by(50) {
        client.publish_all((first..first + 50).map(event).collect()).await;
    }
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_slow_is_told_and_holds_up_no_trim() {
    let server = heavy(&["--backup-patience", "500ms"]).await;
    let client = server.client().await;
    let limits = client.info().await.limits.expect("they are told");
    let idle = limits.max_backup_idle.expect("it is told");
    assert_eq!((idle.seconds, idle.nanos), (0, 500_000_000));
    assert_eq!(limits.max_backup_time.map(|time| time.seconds), Some(24 * 3_600));
    let mut pieces = slow(&server).await;
    let ended = |lines: &[String]| {
        let line = lines.iter().find(|line| line.contains("a backup ended before it was whole"));
        line.map(|line| line.contains("nothing was taken of it for 500ms"))
    };
    assert!(server.find_in_log("the backup ends", ended).await);
    let status = loop {
        match within(10, "a piece", pieces.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("half a backup ended with OK"),
            Err(status) => break status,
        }
    };
    let refused = Refused::from(&status);
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (Code::DeadlineExceeded, "BACKUP_TOO_SLOW")
    );
    assert_eq!(refused.domain, "pawl");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_says_so_and_half_a_file_is_no_file() {
    let mut server = heavy(&[]).await;
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let mut pieces = slow(&server).await;
    server.sigterm();
    let status = loop {
        match within(10, "a piece", pieces.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("half a backup ended with OK"),
            Err(status) => break status,
        }
    };
    assert_eq!(Refused::from(&status).reason, "SHUTTING_DOWN", "{status:?}");
    server.ended().await;
    server.restart(Port::Any).await;

    // Killed while the command waits for whoever reads its output.
    let address = server.address().to_string();
    let mut command = Command::new(binary());
    command.args(["backup", "-", "--address", &address]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("it starts");
    let mut out = child.stdout.take().expect("it is piped");
    let mut bytes = vec![0; 100_000];
    out.read_exact(&mut bytes).await.expect("it begins");
    server.kill_9().await;
    out.read_to_end(&mut bytes).await.expect("it ends");
    let status = within(30, "it ends", child.wait()).await.expect("it ends");
    assert_eq!(status.code(), Some(3));
    let half = place.path().join("half.pawl");
    fs::write(&half, &bytes).expect("it is written");
    let data = place.path().join("data");
    let ended = pawl(&["restore", text(&half), text(&data)]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    let says = format!("it was cut off after {} bytes; take another backup", bytes.len());
    assert!(ended.err.contains(&says), "{}", ended.err);
    assert!(!data.exists());

    // Into a file: what is there has its name only when it is whole.
    let gone = place.path().join("gone.pawl");
    let ended = pawl(&["backup", text(&gone), "--address", &address]).await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.err.contains("no server answers"), "{}", ended.err);
    server.restart(Port::Any).await;
    let address = server.address().to_string();
    let ended = pawl(&["backup", text(&half), "--address", &address]).await;
    assert!(ended.code == Some(1) && ended.err.contains("is there already"), "{}", ended.err);
    assert_eq!(fs::read(&half).expect("it is there"), bytes, "it was left alone");
    let names = contents(place.path());
    let names: Vec<_> = names.iter().map(|(path, _)| path.file_name().expect("a name")).collect();
    assert_eq!(names, ["half.pawl"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_stopped_leaves_no_file() {
    let server = heavy(&[]).await;
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let address = server.address().to_string();
    // The server stands still, so that the command is in the middle for as long as that takes.
    for (signal, code) in [(Signal::SIGINT, Some(1)), (Signal::SIGTERM, Some(1))] {
        let file = place.path().join("it.pawl");
        server.signal(Signal::SIGSTOP);
        let mut command = Command::new(binary());
        let mut program =
            Program::start(command.args(["backup", text(&file), "--address", &address]));
        let partial = place.path().join("it.pawl.partial");
        let begun = async {
            while !partial.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(30, "it begins", begun).await;
        // Until it listens for signals.
        tokio::time::sleep(Duration::from_millis(300)).await;
        program.signal(signal);
        assert_eq!(program.ended().await.code(), code);
        server.signal(Signal::SIGCONT);
        assert_eq!(contents(place.path()), [], "after {signal}");
    }
    server.client().await.info().await;
}

/// A whole backup of a small database, and what it restores to.
async fn small(place: &Path) -> (PathBuf, Vec<u8>) {
    let server = Server::start().await;
    furnish(&server.client().await).await;
    let file = place.join("whole.pawl");
    let address = server.address().to_string();
    let ended = pawl(&["backup", text(&file), "--address", &address]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let bytes = fs::read(&file).expect("it is there");
    (file, bytes)
}

/// Restores bytes, which is to be refused and to leave nothing.
fn refused(bytes: &[u8], place: &Path) -> BackupError {
    let data = place.join("deep/er");
    match pawl_store::restore(&mut Cursor::new(bytes), &data, &mut |_| ()) {
        Err(RestoreError::Backup(error)) => {
            assert!(!place.join("deep").exists(), "{error}: something was left");
            error
        }
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_what_was_written_is_refused_and_leaves_nothing() {
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let (_, whole) = small(place.path()).await;
    let mut count = 0;
    // The first bytes one by one, and the rest here and there.
    let places = (0..40).chain((40..whole.len()).step_by(61)).chain([whole.len() - 1]);
    for at in places {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        let error = refused(&flipped, place.path());
        let fits = match at {
            0..8 => matches!(error, BackupError::NotABackup),
            8..12 => matches!(error, BackupError::Newer { .. }),
            _ => matches!(error, BackupError::Damaged { .. } | BackupError::CutOff { .. }),
        };
        assert!(fits, "a flip at {at}: {error}");
        count += 1;
    }
    for length in (0..whole.len()).step_by(113).chain([whole.len() - 1]) {
        let error = refused(&whole[..length], place.path());
        let at = length as u64;
        assert!(matches!(error, BackupError::CutOff { at: found } if found == at), "{error}");
        count += 1;
    }
    let twice = refused(&[&whole[..], &whole].concat(), place.path());
    assert!(twice.to_string().contains("something follows its end"), "{twice}");
    let more = refused(&[&whole[..], b"x"].concat(), place.path());
    assert!(more.to_string().contains("something follows its end"), "{more}");
    let without = refused(&[&whole[..20], &whole[21..]].concat(), place.path());
    assert!(
        matches!(without, BackupError::Damaged { .. } | BackupError::CutOff { .. }),
        "{without}"
    );
    cases("offline: backups that are not whole", count + 3, 200);
}

#[tokio::test]
async fn restores_go_where_nothing_is_and_leave_nothing_half_made() {
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let (file, _) = small(place.path()).await;
    let data = place.path().join("data");
    let refused = |says: &'static str| {
        let (file, data) = (file.clone(), data.clone());
        async move {
            let ended = pawl(&["restore", text(&file), text(&data)]).await;
            assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
            assert!(ended.err.contains(says), "{} does not say {says:?}", ended.err);
        }
    };
    fs::create_dir(&data).expect("a directory");
    fs::write(data.join("thesis.txt"), "years of work").expect("it is written");
    refused("is not empty (found \"thesis.txt\")").await;
    assert_eq!(fs::read(data.join("thesis.txt")).expect("it is there"), b"years of work");
    fs::remove_file(data.join("thesis.txt")).expect("it is there");
    assert_eq!(pawl(&["restore", text(&file), text(&data)]).await.code, Some(0), "it was empty");
    refused("is not empty (found").await;
    let server = Server::start_there(&["--data", text(&data)]).await;
    refused("is in use by another process").await;
    drop(server);
    let ended = pawl(&["restore", "/no/such/file", text(&place.path().join("other"))]).await;
    assert!(ended.code == Some(1) && ended.err.contains("cannot read /no/such/file"));
    assert!(!place.path().join("other").exists());

    // Killed at any moment: either nothing serves what is there, or it is whole; and the same command
    // again makes it whole.
    let (mut unfinished, mut done, mut pause) = (0, 0, Duration::ZERO);
    for round in 0..20 {
        let data = place.path().join(format!("killed{round}"));
        let mut command = Command::new(binary());
        command.args(["restore", text(&file), text(&data)]).kill_on_drop(true);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let ended = tokio::time::timeout(pause, child.wait()).await;
        child.start_kill().ok();
        child.wait().await.expect("it ends");
        pause = if ended.is_ok() { Duration::ZERO } else { pause + Duration::from_millis(9) };
        if data.join("sled").exists() {
            done += 1;
            assert!(verified(&data, 20).is_whole(), "round {round}");
            continue;
        }
        if data.join("restore.new").exists() {
            unfinished += 1;
            let ended = Server::refuse(&["--data", text(&data)]).await;
            let says = "holds a restore that was not finished; run `pawl restore` again";
            assert!(ended.stderr.contains(says), "{}", ended.stderr);
        }
        let ended = pawl(&["restore", text(&file), text(&data)]).await;
        assert_eq!(ended.code, Some(0), "round {round}: {}", ended.err);
        assert!(verified(&data, 20).is_whole(), "round {round}");
    }
    say(format!(
        "offline: of 20 restores that were killed {unfinished} were half done, {done} done"
    ));
    assert!(unfinished > 0, "none was killed in between");
}
