//! A disk that fills up under a real server: a file system of a few megabytes, which only who may
//! mount can have.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pawl_api::pb;
use pawl_tests::{
    Client, Port, Refused, Server, entity, event, fields, now, pipeline, say, trigger,
    trigger_type, within,
};
use tempfile::TempDir;
use tonic::Code;

const MIB: usize = 1_024 * 1_024;
const DISK: usize = 160 * MIB;
const BALLAST: usize = 32 * MIB;
/// What the server is told to leave.
const MIN: i64 = 64 * 1_024 * 1_024;
/// Events that are published together, and what each brings.
const AT_ONCE: usize = 50;
const ATTRIBUTES: usize = 24 * 1_024;

/// A file system in memory, gone when dropped.
struct Disk(TempDir);

impl Disk {
    fn mount(bytes: usize) -> Self {
        let dir = TempDir::with_prefix("pawl-disk-").expect("a temporary directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(dir.path());
        assert!(mount.status().expect("there is mount").success(), "a tmpfs cannot be mounted");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file until it has so many bytes or nothing more fits.
    fn fill(&self, name: &str, bytes: usize) {
        // It is there, and as large as it could become, also when this fails.
        let _ = fs::write(self.path().join(name), vec![1; bytes]);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that a failing test leaves behind may still have files in it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn large(number: usize) -> pb::Event {
    // Nothing in it repeats itself, so it is not compressed; and it is the same every time.
    let mut rng = fastrand::Rng::with_seed(number as u64);
    let text: String = (0..ATTRIBUTES).map(|_| rng.alphanumeric()).collect();
    let attributes = Some(fields([("text", Some(&text))]));
    pb::Event { attributes, ..event(&format!("e{number}"), "moon.full", "deal/1") }
}

/// Publishes until an event is refused. How many were accepted before, and what the rest was told.
async fn fill_up(client: &Client) -> (usize, Vec<Refused>) {
    for first in (0..).step_by(AT_ONCE) {
        let outcomes = client.publish_all((first..first + AT_ONCE).map(large).collect()).await;
        assert_eq!(outcomes.len(), AT_ONCE, "each is answered, and the stream ends well");
        let accepted = outcomes.iter().take_while(|outcome| outcome.refusal.is_none()).count();
        let refused: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| outcome.refusal.as_ref())
            .map(Refused::from)
            .collect();
        if !refused.is_empty() {
            assert_eq!(accepted + refused.len(), AT_ONCE, "nothing is accepted behind a refusal");
            return (first + accepted, refused);
        }
    }
    unreachable!("the disk never became full")
}

fn check(refused: &Refused, data: &Path) {
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "DISK_FULL"));
    let number = |key: &str| refused.metadata[key].parse::<i64>().expect("a number");
    assert!(number("free_bytes") < MIN && number("min_free_bytes") == MIN, "{refused:?}");
    assert_eq!(refused.metadata["path"], data.display().to_string());
}

async fn all_are_there(client: &Client, accepted: usize) {
    for number in 0..accepted {
        let (source, event_id) = ("test".to_owned(), format!("e{number}"));
        let request = pb::GetEventRequest { source, event_id };
        let found = client.events.clone().get_event(request).await;
        found.unwrap_or_else(|status| panic!("e{number} was acknowledged: {status}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a file system"]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let disk = Disk::mount(DISK);
    disk.fill("ballast", BALLAST);
    let data = disk.path().join("data");
    let args = ["--data", &data.display().to_string(), "--min-free-bytes", &MIN.to_string()];
    let mut server = Server::start_there(&args).await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "a b c")).await;
    client.trigger_type(trigger_type("sun.up")).await;
    client.trigger(trigger("t1", "sales/b", "sun.up")).await;
    client.entity(entity("deal/1", "sales/a")).await;
    let mut watcher = client.watch(now()).await;

    let (accepted, refused) = within(300, "the disk is full", fill_up(&client)).await;
    for refused in &refused {
        check(refused, &data);
    }
    let info = client.info().await;
    let free = info.free_bytes.expect("it is known");
    say(format!("disk: {accepted} events, {} of {} MiB left", free >> 20, MIN >> 20));
    assert!(free > MIN / 2, "a burst overran the reserve: {free} bytes are left");
    assert_eq!(info.limits.expect("they are told").min_free_bytes, MIN);
    let refused = client.try_publish(event("s1", "sun.up", "deal/1")).await.expect_err("full");
    let refused = Refused::from(&refused);
    check(&refused, &data);
    assert!(refused.retry, "{refused:?}");
    let again = client.publish(large(0)).await;
    assert!(again.duplicate, "what was accepted is answered");
    assert_eq!(client.get_entity("deal/1").await.stage_id, "a");
    let (moves, _) =
        within(30, "a heartbeat", watcher.until_heartbeat()).await.expect("it goes on");
    assert_eq!(moves, []);

    server.kill_9().await;
    server.restart(Port::Any).await;
    let client = server.client().await;
    all_are_there(&client, accepted).await;
    let refused = client.try_publish(event("s1", "sun.up", "deal/1")).await.expect_err("full");
    check(&Refused::from(&refused), &data);
    let mut watcher = client.watch(now()).await;
    disk.remove("ballast");
    let outcome = within(
        60,
        "there is room",
        client.publish_once_admitted(event("s1", "sun.up", "deal/1"), "DISK_FULL"),
    )
    .await;
    assert!(!outcome.duplicate, "a refusal leaves no identity");
    let moved = within(30, "a move", watcher.next_move()).await.expect("the watch went on");
    assert_eq!(moved.to_stage_id, "b");

    // Not a byte is left: what runs goes on reading, what starts says what is wrong.
    disk.fill("rest", DISK);
    let full = async {
        while client.info().await.free_bytes != Some(0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(60, "the disk is full to the last byte", full).await;
    all_are_there(&client, accepted).await;
    server.kill_9().await;
    let ended = Server::refuse(&args).await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for word in [&*data.display().to_string(), "is full", "make room", "start again"] {
        assert!(ended.stderr.contains(word), "{word:?}: {}", ended.stderr);
    }
    disk.remove("rest");
    server.restart(Port::Any).await;
    let client = server.client().await;
    all_are_there(&client, accepted).await;
    assert_eq!(client.get_entity("deal/1").await.stage_id, "b");
    client.publish_once_admitted(event("s2", "sun.up", "deal/1"), "DISK_FULL").await;
    server.terminate().await;
}
