//! Backups of a server that goes on, and what becomes of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use pawl_api::pb;
use pawl_api::pb::system_service_client::SystemServiceClient;
use pawl_tests::{Client, Refused, Server, cases, entity, event, now, resume, say, within};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;
use tonic::{Code, Streaming};

use crate::edits::verified;
use crate::state::{State, get_event, moves};
use crate::verify_command::{pawl, text};
use crate::verify_whole::anything;
use crate::world::{TRIMS, furnish};

/// So many that reading their rows takes many steps.
const ENTITIES: usize = 8_000;

async fn import(client: &Client) {
    let named = |number: usize| pb::Entity {
        display_name: "x".repeat(100),
        customer_ids: vec![format!("contact/{}", number % 50)],
        ..entity(&format!("deal/m{number}"), "sales")
    };
    for first in (0..ENTITIES).step_by(1_000) {
        let entities = (first..first + 1_000).map(named).collect();
        let message = pb::ImportEntitiesRequest { entities, ..Default::default() };
        let mut entities = client.entities.clone();
        let imported = entities.import_entities(tokio_stream::iter([message])).await;
        imported.expect("they are imported");
    }
}

pub(crate) async fn back_up(server: &Server, file: &Path) {
    let address = server.address().to_string();
    let ended = pawl(&["backup", text(file), "--address", &address]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
}

/// Restores a backup, checks it as a whole, and serves it.
pub(crate) async fn restored(file: &Path, data: &Path, args: &[&str]) -> (Server, Client) {
    let ended = pawl(&["restore", text(file), text(data)]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let report = verified(data, 20);
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    let args = [&["--data", text(data)], args].concat();
    let server = Server::start_there(&args).await;
    let client = server.client().await;
    (server, client)
}

/// A backup of which one piece was taken, over a connection on which no more than another fits.
pub(crate) async fn slow(server: &Server) -> Streaming<pb::BackupResponse> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
    let endpoint = endpoint.expect("an address").initial_stream_window_size(64 * 1_024);
    let channel = endpoint.initial_connection_window_size(64 * 1_024).connect().await;
    let mut client = SystemServiceClient::new(channel.expect("it listens"));
    let mut pieces = client.backup(pb::BackupRequest {}).await.expect("it begins").into_inner();
    pieces.message().await.expect("it goes on").expect("there is more than one");
    pieces
}

/// Those who change things until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    /// How many events of each are acknowledged: `l{who}-0`, `l{who}-1` and so on.
    acknowledged: Vec<Arc<AtomicUsize>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut load = Self { stop, acknowledged: Vec::new(), tasks: Vec::new() };
        for who in 0..4 {
            let (client, stop) = (client.clone(), Arc::clone(&load.stop));
            let count = Arc::new(AtomicUsize::new(0));
            load.acknowledged.push(Arc::clone(&count));
            load.tasks.push(tokio::spawn(async move {
                let mut rng = Rng::with_seed(who as u64);
                while !stop.load(Ordering::SeqCst) {
                    let number = count.load(Ordering::SeqCst);
                    let of_many = format!("deal/m{}", rng.usize(..ENTITIES));
                    let subjects = format!("{of_many} deal/{}", rng.u32(1..=14));
                    let named = event(&format!("l{who}-{number}"), "sun.up", &subjects);
                    client.publish(named).await;
                    count.store(number + 1, Ordering::SeqCst);
                    anything(&client, &mut rng, 1_000_000 * (1 + who) + number).await;
                    change(&client, &mut rng).await;
                }
            }));
        }
        load
    }

    fn acknowledged(&self) -> Vec<usize> {
        self.acknowledged.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("it does not panic");
        }
    }
}

/// Something about one of the many, so that rows change that were read and that were not.
async fn change(client: &Client, rng: &mut Rng) {
    let id = format!("deal/m{}", rng.usize(..ENTITIES));
    let mut entities = client.entities.clone();
    match rng.u32(..4) {
        0 => {
            let request = pb::DeleteEntityRequest { entity_id: id, ..Default::default() };
            let _ = entities.delete_entity(request).await;
        }
        1 => {
            let created = pb::Entity {
                customer_ids: vec![format!("contact/{}", rng.u32(..50))],
                ..entity(&id, "sales")
            };
            let request = pb::CreateEntityRequest { entity: Some(created), ..Default::default() };
            let _ = entities.create_entity(request).await;
        }
        _ => {
            let customer_ids = vec![format!("contact/{}", rng.u32(..50))];
            let changed = pb::Entity { customer_ids, ..entity(&id, "") };
            let request = pb::UpdateEntityRequest { entity: Some(changed), ..Default::default() };
            let _ = entities.update_entity(request).await;
        }
    }
}

/// The last record before the rows of the newest backup were read, as the server's log tells.
async fn began(server: &Server, backups: usize) -> u64 {
    let begun = |lines: &[String]| {
        let line = lines.iter().filter(|line| line.contains("a backup begins")).nth(backups)?;
        let plain = line.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "").replace("\u{1b}[3m", "");
        plain.split("to=").nth(1)?.trim().parse().ok()
    };
    server.find_in_log("a backup", begun).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_one_moment_with_all_that_was_acknowledged() {
    let server = Server::start().await;
    let client = server.client().await;
    furnish(&client).await;
    import(&client).await;
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let mut watcher = client.watch(now()).await;
    let load = Load::start(&client);
    let mut replayed = 0;
    for round in 0..4 {
        let before = load.acknowledged();
        let file = place.path().join(format!("{round}.pawl"));
        back_up(&server, &file).await;
        let data = place.path().join(format!("data{round}"));
        let (_other, copy) = restored(&file, &data, &[]).await;
        let ended = verified_head(&data, &copy).await;
        replayed += ended - began(&server, round).await;
        for (who, count) in before.iter().enumerate() {
            for number in 0..*count {
                let id = format!("l{who}-{number}");
                let there = get_event(&copy, &id).await.unwrap_or_else(|| panic!("{id} is gone"));
                assert_eq!(get_event(&client, &id).await.as_ref(), Some(&there));
            }
            if let Some(last) = count.checked_sub(1) {
                let id = format!("l{who}-{last}");
                let sent = get_event(&client, &id).await.and_then(|found| found.event);
                // Nobody said when it was.
                let sent = pb::Event { time: None, ..sent.expect("it is there") };
                let again = copy.publish(sent).await;
                assert!(again.duplicate, "{id} was there before");
            }
        }
        // Its moves are those of the original up to where it ends.
        let (those, these) = (moves(&client).await, moves(&copy).await);
        let up_to_there = those.into_iter().filter(|moved| sequence(moved) <= ended);
        assert!(up_to_there.eq(these), "round {round}: its moves are others");
    }
    say(format!("offline: {replayed} records were written while rows were read"));
    assert!(replayed > 20, "only {replayed} records had to be replayed");

    // Another database, and a token of the one means nothing to the other.
    watcher.next_move().await.expect("there were moves");
    let (one, two) = (place.path().join("one"), place.path().join("two"));
    let (_one, first) = restored(&place.path().join("0.pawl"), &one, &[]).await;
    let (_two, second) = restored(&place.path().join("0.pawl"), &two, &[]).await;
    let ids = [&client, &first, &second].map(Clone::clone);
    let mut ids = [ids[0].info().await, ids[1].info().await, ids[2].info().await]
        .map(|info| info.database_id)
        .to_vec();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each is a database of its own");
    for other in [&first, &second] {
        let refused = other.try_watch(resume(watcher.token())).await.expect_err("it is another");
        let refused = Refused::from(&refused);
        assert_eq!(refused.code, Code::FailedPrecondition);
        assert_eq!(refused.reason, "RESUME_TOKEN_FOREIGN");
    }
    load.end().await;
}

fn sequence(moved: &pb::Move) -> u64 {
    let (sequence, _) = moved.move_id.split_once('-').expect("a position");
    sequence.parse().expect("a number")
}

/// Where the log ended that was restored, before anything was written behind it.
async fn verified_head(data: &Path, copy: &Client) -> u64 {
    // It is being served, so the newest move will not do: the mark tells, whoever has it open.
    let mark = fs::read(data.join("mark")).expect("there is one");
    let slot = |at: usize| u64::from_be_bytes(mark[at + 20..at + 28].try_into().expect("8 bytes"));
    copy.info().await;
    slot(0).max(slot(4_096))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_restored_is_what_was_there() {
    for (trims, args) in [(false, &[][..]), (true, &TRIMS)] {
        let server = Server::start_with(args).await;
        let client = server.client().await;
        furnish(&client).await;
        if trims {
            let trimmed = async {
                for number in 0.. {
                    client.publish(event(&format!("t{number}"), "sun.up", "deal/8 deal/9")).await;
                    if client.info().await.event_count < number {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            };
            within(60, "a trim", trimmed).await;
        }
        let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
        let (file, data) = (place.path().join("it.pawl"), place.path().join("data"));
        // What is trimmed between the two would be no difference of the backup's.
        let (before, after) = loop {
            let before = State::of(&client).await;
            let _ = fs::remove_file(&file);
            back_up(&server, &file).await;
            let after = State::of(&client).await;
            if before.difference(&after).is_none() {
                break (before, after);
            }
        };
        let (mut other, copy) = restored(&file, &data, &[]).await;
        let found = State::of(&copy).await;
        assert_eq!(before.difference(&found), None, "trims: {trims}");
        assert_eq!(after.difference(&found), None, "trims: {trims}");
        let export = |address: String| async move {
            let ended = pawl(&["export", "--address", &address]).await;
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            ended.out
        };
        let (one, two) = (server.address().to_string(), other.address().to_string());
        assert_eq!(export(one).await, export(two).await);
        if !trims {
            let first = get_event(&client, "e1").await;
            assert!(first.is_some() && first == get_event(&copy, "e1").await);
        }
        // Both go on with the same numbers.
        let event = || event("next", "sun.up", "deal/12");
        let (one, two) = (client.publish(event()).await, copy.publish(event()).await);
        let id = |outcome: &pb::EventOutcome| {
            let moved = outcome.decisions[0].r#move.clone();
            moved.map(|moved| moved.move_id)
        };
        assert_eq!(id(&one), id(&two));
        assert_eq!(other.terminate().await.code(), Some(0));
        cases("offline: facts restored", found.0.len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_beside_trims_are_whole_and_hold_back_trims_while_they_run() {
    let server = Server::start_with(&TRIMS).await;
    let client = server.client().await;
    furnish(&client).await;
    import(&client).await;
    let load = Load::start(&client);
    let place = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let mut tails = Vec::new();
    for round in 0..4 {
        let file = place.path().join(format!("{round}.pawl"));
        back_up(&server, &file).await;
        let data = place.path().join(format!("data{round}"));
        let ended = pawl(&["restore", text(&file), text(&data)]).await;
        assert_eq!(ended.code, Some(0), "{} {}", ended.out, ended.err);
        let report = verified(&data, 20);
        assert!(report.is_whole(), "{:?}", report.findings);
        tails.push(report.tail.sequence);
        // Long enough for a trim.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }
    say(format!("offline: the logs of the backups begin with {tails:?}"));
    assert!(tails[3] > tails[0], "nothing was trimmed between backups");
    // One of which nothing is taken keeps everything, and lets it go when it is given up.
    let pieces = slow(&server).await;
    let earliest = |client: Client| async move { client.info().await.oldest_retained_time };
    let kept = earliest(client.clone()).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(earliest(client.clone()).await, kept, "it was trimmed under a backup");
    drop(pieces);
    let goes_on = async {
        while earliest(client.clone()).await == kept {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(30, "a trim", goes_on).await;
    load.end().await;
}
