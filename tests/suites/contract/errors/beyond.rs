//! What no request brings about by itself: time, who calls, and servers with little room, a disk that
//! fails, or much to do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pawl_api::pb;
use pawl_api::pb::system_service_client::SystemServiceClient;
use pawl_tests::{
    Client, Port, Rig, Server, Signal, binary, entity, event, fields, now, pipeline, resume, within,
};
use tempfile::TempDir;
use tokio::process::Command;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::Sample;

/// Longer than anything takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 60;

pub(super) async fn samples() -> Vec<Sample> {
    let (callers, expired, aged, disk, identities, backup, machine, damaged) = tokio::join!(
        callers(),
        expired(),
        aged(),
        full_disk(),
        identities(),
        slow_backup(),
        machine(),
        damaged(),
    );
    let mut samples = callers;
    samples.extend([expired, aged, disk, identities, backup, damaged]);
    samples.extend(machine);
    samples
}

fn create(id: &str) -> pb::CreatePipelineRequest {
    let pipeline = Some(pipeline(id, "new won:WON"));
    pb::CreatePipelineRequest { pipeline, ..Default::default() }
}

/// A token, as an operator makes one.
async fn token(access: &Path, args: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(["token", "create"]).args(args).arg("--access-file").arg(access);
    let made = command.output().await.expect("pawl starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("it is text").trim().to_owned()
}

async fn callers() -> Vec<Sample> {
    let dir = TempDir::with_prefix("pawl-access-").expect("a temporary directory");
    let access = dir.path().join("access.toml");
    let shop = token(&access, &["shop", "--role", "publisher"]).await;
    let own = ["sales-only", "--role", "admin", "--pipeline", "sales"];
    let limited = token(&access, &own).await;
    let server = Server::start_with(&["--access-file", access.to_str().expect("UTF-8")]).await;
    let client = server.client().await;
    let calling = |message, token: &str| {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {token}").parse().expect("a token is ASCII");
        request.metadata_mut().insert("authorization", bearer);
        request
    };
    let mut pipelines = client.pipelines.clone();
    let missing = pipelines.create_pipeline(create("sales")).await.expect_err("nobody calls");
    let forbidden = pipelines.create_pipeline(calling(create("sales"), &shop)).await;
    let outside = pipelines.create_pipeline(calling(create("service"), &limited)).await;
    vec![
        Sample::new("`CreatePipeline` without a token", missing),
        Sample::new("`CreatePipeline` by a publisher", forbidden.expect_err("it may not")),
        Sample::new(
            "`CreatePipeline`, by an admin of the pipeline `sales` alone",
            outside.expect_err("it may not"),
        ),
    ]
}

async fn expired() -> Sample {
    let args = ["--dedupe-window", "100ms", "--retention", "300ms"];
    let server = Server::start_with(&args).await;
    let client = server.client().await;
    let token = client.watch(now()).await.token().to_vec();
    client.pipeline(pipeline("sales", "new won:WON")).await;
    let refused = async {
        loop {
            match client.try_watch(resume(&token)).await {
                // What is retained may have been trimmed before it could be read, too.
                Err(status) => return status,
                Ok(watch) => drop(watch),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let status = within(PATIENCE_S, "the trim", refused).await;
    Sample::new("`WatchMoves` with a token that is older than `--retention`", status)
}

/// How a watch ends.
async fn end(mut watcher: pawl_tests::Watcher) -> Status {
    loop {
        if let Err(status) = within(PATIENCE_S, "a frame", watcher.next_frame()).await {
            return status;
        }
    }
}

async fn aged() -> Sample {
    let server = Server::start_with(&["--max-connection-age", "1s"]).await;
    let watcher = server.client().await.watch(now()).await;
    Sample::new("`WatchMoves`, after `--max-connection-age`", end(watcher).await)
}

async fn full_disk() -> Sample {
    // No disk has so much.
    let server = Server::start_with(&["--min-free-bytes", "4000000TiB"]).await;
    let client = server.client().await;
    let refused = client.pipelines.clone().create_pipeline(create("sales")).await;
    Sample::new("`CreatePipeline`, on a disk without room", refused.expect_err("there is none"))
}

async fn identities() -> Sample {
    let server = Server::start_with(&["--max-identities", "1"]).await;
    let client = server.client().await;
    client.publish(event("e1", "email.viewed", "deal/1")).await;
    let refused = client.try_publish(event("e2", "email.viewed", "deal/1")).await;
    Sample::new("`PublishEvent`, with `--max-identities 1`", refused.expect_err("there is one"))
}

async fn slow_backup() -> Sample {
    let server = Server::start_with(&["--backup-patience", "500ms"]).await;
    let client = server.client().await;
    // More than lies ready on any connection; nothing in it repeats itself, so it is not compressed.
    let large = |number: usize| {
        let mut rng = fastrand::Rng::with_seed(number as u64);
        let note: String = (0..30_000).map(|_| rng.alphanumeric()).collect();
        let attributes = Some(fields([("note", Some(&note))]));
        pb::Event { attributes, ..event(&format!("e{number}"), "email.viewed", "deal/1") }
    };
    for first in (0..300).step_by(50) {
        client.publish_all((first..first + 50).map(large).collect()).await;
    }
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
    let endpoint = endpoint.expect("an address").initial_stream_window_size(64 * 1_024);
    let channel = endpoint.initial_connection_window_size(64 * 1_024).connect().await;
    let mut system = SystemServiceClient::new(channel.expect("it listens"));
    let mut pieces = system.backup(pb::BackupRequest {}).await.expect("it begins").into_inner();
    let ended = |lines: &[String]| {
        lines.iter().any(|line| line.contains("a backup ended before it was whole")).then_some(())
    };
    server.find_in_log("the backup ends", ended).await;
    loop {
        match within(PATIENCE_S, "a piece", pieces.message()).await {
            Ok(piece) => assert!(piece.is_some(), "half a backup ended with OK"),
            Err(status) => return Sample::new("`Backup`, of which nothing is read", status),
        }
    }
}

/// A disk that hangs, so that calls wait; a server that stops; a disk that fails.
async fn machine() -> Vec<Sample> {
    let rig = Rig::new();
    let host = rig.start(&["--max-waiting-calls", "1"]).await;
    let client = host.client().await;
    rig.hang(true);
    let full = within(PATIENCE_S, "the queue is full", first_refusal(&client)).await;
    rig.hang(false);
    let watcher = client.watch(now()).await;
    host.end(Signal::SIGTERM).await;
    let stopping = end(watcher).await;

    let rig = Rig::new();
    let host = rig.start(&[]).await;
    let client = host.client().await;
    rig.fail();
    let unknown = client.try_publish(event("e1", "email.viewed", "deal/1")).await;
    let unknown = unknown.expect_err("nothing can be synced");
    drop(host);
    vec![
        Sample::new("`PublishEvent`, with `--max-waiting-calls 1` and a disk that hangs", full),
        Sample::new("`WatchMoves`, when the server is told to stop", stopping),
        Sample::new("`PublishEvent`, on a disk that fails", unknown),
    ]
}

/// Publishes until a call is refused; the others wait.
async fn first_refusal(client: &Client) -> Status {
    let mut waiting = FuturesUnordered::new();
    for number in 0.. {
        let (client, event) =
            (client.clone(), event(&format!("e{number}"), "email.viewed", "deal/1"));
        waiting.push(async move { client.try_publish(event).await });
        let answer = tokio::time::timeout(Duration::from_millis(20), waiting.next()).await;
        if let Ok(Some(Err(status))) = answer {
            return status;
        }
    }
    unreachable!("it goes on")
}

/// A row that nobody can read, which shows only to who asks for it: a start finds whatever does not fit
/// the log, so it has to be of a time that the log does not tell of any more.
async fn damaged() -> Sample {
    let args = ["--dedupe-window", "100ms", "--retention", "300ms"];
    let mut server = Server::start_with(&args).await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new won:WON")).await;
    let customer_ids = vec!["contact/9".to_owned()];
    client.entity(pb::Entity { customer_ids, ..entity("deal/1", "sales") }).await;
    let trimmed = async {
        while client.info().await.oldest_retained_time.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(PATIENCE_S, "the trim", trimmed).await;
    server.terminate().await;
    spoil(server.data());
    server.restart(Port::Any).await;
    let (client, customer_id) = (server.client().await, "contact/9".to_owned());
    let request = pb::ListEntitiesRequest { customer_id, ..Default::default() };
    let failed = client.entities.clone().list_entities(request).await;
    Sample::new("`ListEntities`, of a damaged database", failed.expect_err("it cannot be read"))
}

/// Puts an entity a second time under what is no id, and finds it by its customer:
/// crates/store/FORMAT.md.
fn spoil(data: &Path) {
    assert!(fs::exists(data.join("sled/db")).expect("it can be asked"));
    let config = sled::Config::new().path(data.join("sled")).segment_size(8 * 1_024 * 1_024);
    let db = config.flush_every_ms(None).open().expect("sled opens");
    let row = db.get(b"\x30deal/1").expect("it can be read").expect("it is there");
    db.insert(b"\x30nothing", row).expect("it is written");
    db.insert(b"\x31contact/9\0nothing", b"").expect("it is written");
    db.flush().expect("it is written");
}
