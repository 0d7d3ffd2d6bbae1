//! Directories to damage, made by a real server, and what they hold.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, Port, Server, entity, event, fields, pipeline, trigger, trigger_type};
use tempfile::TempDir;

use crate::picture::Picture;

/// Events before and after the start in between: what comes after is more than the journal holds.
const EVENTS: [usize; 2] = [1_000, 5_000];
const ENTITIES: usize = 500;
const CUSTOMERS: usize = 60;
/// Some events bring much, so that the database has several of sled's segments.
const LARGE_BYTES: usize = 24 * 1_024;
const LARGE_EVERY: usize = 8;

/// A directory that nobody touches; copies of it are damaged.
#[derive(Debug)]
pub(crate) struct Sample {
    dir: TempDir,
    pub(crate) events: Vec<pb::Event>,
    pub(crate) customers: Vec<String>,
    pub(crate) picture: Picture,
}

impl Sample {
    /// Two of the same content. The first was closed and opened again, so that sled has settled all of
    /// it; in the second half of it, a few segments, lies behind what sled has settled.
    pub(crate) async fn pair(rng: &mut Rng) -> [Self; 2] {
        let mut server = Server::start().await;
        let client = server.client().await;
        set_up(&client, rng).await;
        let mut events = Vec::new();
        publish(&client, rng, &mut events, EVENTS[0]).await;
        assert_eq!(server.terminate().await.code(), Some(0));
        server.restart(Port::Any).await;
        let client = server.client().await;
        publish(&client, rng, &mut events, EVENTS[1]).await;
        configure(&client, rng).await;
        server.kill_9().await;
        let open = TempDir::with_prefix("pawl-damage-").expect("a temporary directory");
        copy(server.data(), open.path());
        for _ in 0..2 {
            server.restart(Port::Any).await;
            assert_eq!(server.terminate().await.code(), Some(0));
        }
        let settled = TempDir::with_prefix("pawl-damage-").expect("a temporary directory");
        copy(server.data(), settled.path());
        let customers: Vec<_> = (0..CUSTOMERS).map(|number| format!("contact/{number}")).collect();
        let mut samples = Vec::new();
        for dir in [settled, open] {
            let copied = TempDir::with_prefix("pawl-damage-").expect("a temporary directory");
            copy(dir.path(), copied.path());
            let mut server =
                Server::start_there(&["--data", &copied.path().display().to_string()]).await;
            let client = server.client().await;
            let picture = Picture::take(&client, &events, &customers).await;
            let picture = picture.expect("nothing is damaged");
            server.terminate().await;
            let (events, customers) = (events.clone(), customers.clone());
            samples.push(Self { dir, events, customers, picture });
        }
        let samples: [Self; 2] = samples.try_into().expect("there are two");
        assert_eq!(samples[0].picture.difference(&samples[1].picture), None);
        samples
    }

    /// A copy to damage.
    pub(crate) fn copy(&self) -> TempDir {
        let copied = TempDir::with_prefix("pawl-damage-").expect("a temporary directory");
        copy(self.dir.path(), copied.path());
        copied
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it is a directory") {
        let (path, name) =
            entry.map(|entry| (entry.path(), entry.file_name())).expect("it is there");
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("there is room");
        }
    }
}

/// sled's newest snapshot in a directory.
pub(crate) fn snapshot(data: &Path) -> PathBuf {
    let entries = fs::read_dir(data.join("sled")).expect("it is a directory");
    let names = entries.map(|entry| entry.expect("it is there").path());
    let is_snapshot = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."))
    };
    names.filter(is_snapshot).max().expect("sled has made one")
}

async fn set_up(client: &Client, rng: &mut Rng) {
    for id in ["sales", "service", "projects"] {
        let reach = if id == "sales" { pb::CustomerReach::All } else { pb::CustomerReach::Latest };
        let pipeline = pipeline(id, "a b c d won:WON lost:LOST");
        client.pipeline(pb::Pipeline { customer_reach: reach.into(), ..pipeline }).await;
    }
    for code in ["go", "back", "noise"] {
        client.trigger_type(trigger_type(code)).await;
    }
    for (number, place) in ["sales/b", "sales/c", "service/d", "projects/won"].iter().enumerate() {
        client.trigger(trigger(&format!("go{number}"), place, "go")).await;
    }
    for (number, place) in ["sales/a", "service/a", "projects/a"].iter().enumerate() {
        let back = trigger(&format!("back{number}"), place, "back");
        let back = pb::Trigger { allow_move_back: true, allow_reopen: true, ..back };
        client.trigger(back).await;
    }
    let entity = |number: usize, rng: &mut Rng| {
        let pipeline = ["sales", "service", "projects"][rng.usize(..3)];
        let mut customer_ids: Vec<_> =
            (0..rng.usize(..3)).map(|_| format!("contact/{}", rng.usize(..CUSTOMERS))).collect();
        customer_ids.sort();
        customer_ids.dedup();
        let text = "y".repeat(rng.usize(..400));
        let fields = Some(fields([("text", Some(&text))]));
        pb::Entity { customer_ids, fields, ..entity(&format!("deal/{number}"), pipeline) }
    };
    let entities: Vec<_> = (0..ENTITIES).map(|number| entity(number, rng)).collect();
    let message = pb::ImportEntitiesRequest { entities, ..Default::default() };
    let imported = client.entities.clone().import_entities(tokio_stream::iter([message])).await;
    imported.expect("entities are imported");
}

/// Publishes as many on one stream, and changes a few entities in between.
async fn publish(client: &Client, rng: &mut Rng, events: &mut Vec<pb::Event>, count: usize) {
    for _ in 0..20 {
        let mut some = Vec::new();
        for _ in 0..count / 20 {
            let number = events.len() + some.len();
            let bytes =
                if number.is_multiple_of(LARGE_EVERY) { LARGE_BYTES } else { rng.usize(..300) };
            // Nothing that could be written shorter.
            let text: String = (0..bytes).map(|_| rng.alphanumeric()).collect();
            let attributes = Some(fields([("text", Some(&text))]));
            let subject = match rng.u32(..4) {
                0 => format!("contact/{}", rng.usize(..CUSTOMERS)),
                _ => format!("deal/{}", rng.usize(..ENTITIES)),
            };
            let event_type = ["go", "go", "back", "noise"][rng.usize(..4)];
            some.push(pb::Event {
                attributes,
                ..event(&format!("e{number}"), event_type, &subject)
            });
        }
        let outcomes = client.publish_all(some.clone()).await;
        assert!(outcomes.iter().all(|outcome| outcome.refusal.is_none()));
        events.extend(some);
        for _ in 0..5 {
            let entity = pb::Entity {
                entity_id: format!("deal/{}", rng.usize(..ENTITIES)),
                responsible: format!("person {}", rng.u32(..)),
                customer_ids: vec![format!("contact/{}", rng.usize(..CUSTOMERS))],
                ..Default::default()
            };
            let request = pb::UpdateEntityRequest { entity: Some(entity), ..Default::default() };
            client.entities.clone().update_entity(request).await.expect("it is there");
        }
    }
}

/// Gives triggers more revisions.
async fn configure(client: &Client, rng: &mut Rng) {
    for _ in 0..20 {
        let trigger = pb::Trigger {
            trigger_id: format!("go{}", rng.usize(..4)),
            display_name: format!("named {}", rng.u32(..)),
            ..Default::default()
        };
        let request = pb::UpdateTriggerRequest { trigger: Some(trigger), ..Default::default() };
        client.triggers.clone().update_trigger(request).await.expect("it is there");
    }
}
