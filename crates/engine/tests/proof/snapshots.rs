//! W1 and W2: watches that begin with the entities as they stand, and that show their changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pawl_domain::{Entity, EntityPatch};
use pawl_engine::{Engine, MoveFilter, OnExisting, Pick, Show, Shown, Start, Step, Watch};

use crate::support::{Bed, entity_on, event, id, pipeline, trigger, trigger_type};

/// A client that keeps what it is shown: each entity by its id, as `stage rREVISION`.
#[derive(Debug, Default)]
struct Client {
    entities: BTreeMap<String, (String, i64)>,
    /// Every frame, in words.
    told: Vec<String>,
    /// How many entities the snapshot had.
    snapshot: Option<u64>,
}

impl Client {
    /// Reads until a heartbeat says that there is no more. Panics when an entity is shown twice in a
    /// snapshot, or a move that does not follow what is known.
    async fn read(&mut self, watch: &mut Watch, engine: &Engine) {
        loop {
            match watch.next().await.unwrap() {
                Step::Entities(entities) => {
                    assert_eq!(self.snapshot, None, "W1: the snapshot goes on after its end");
                    for entity in entities {
                        self.told.push(format!("entity {}", place(&entity)));
                        let (id, known) = known(&entity);
                        assert_eq!(self.entities.insert(id, known), None, "W1: shown twice");
                    }
                }
                Step::Stretch { stretch, picks, resumable } => {
                    assert_eq!(resumable, self.snapshot.is_some(), "W2: tokens");
                    for pick in picks {
                        match pick {
                            Pick::Items(range) => {
                                stretch.shown(range).for_each(|(_, shown)| self.take(shown));
                            }
                            Pick::Entity { entity, .. } => self.take(Shown::Entity(&entity)),
                            Pick::Deleted { entity, .. } => self.take(Shown::Deleted(&entity)),
                        }
                    }
                }
                Step::SnapshotComplete { entities, .. } => {
                    assert_eq!(self.snapshot.replace(entities), None, "W1: complete once");
                }
                Step::Heartbeat { token, head_token, lag_moves, .. } => {
                    assert_eq!(token.is_some(), self.snapshot.is_some(), "W2: tokens");
                    let caught_up = token.is_some_and(|token| token == head_token);
                    if caught_up && lag_moves == 0 && engine.head().sequence > 0 {
                        return;
                    }
                }
                Step::Closing { why, .. } => panic!("{why:?}"),
            }
        }
    }

    fn take(&mut self, shown: Shown<'_>) {
        match shown {
            Shown::Move(_, moved) => {
                let Some((stage, revision)) = self.entities.get_mut(moved.entity_id.as_str())
                else {
                    self.told.push(format!("move {} -> {}", moved.entity_id, moved.to_stage_id));
                    return;
                };
                self.told.push(format!("move {} -> {}", moved.entity_id, moved.to_stage_id));
                if moved.entity_revision > *revision {
                    *stage = moved.to_stage_id.to_string();
                    *revision = moved.entity_revision;
                }
            }
            Shown::Entity(entity) => {
                self.told.push(format!("entity {}", place(entity)));
                let (id, (stage, revision)) = known(entity);
                let here = self.entities.entry(id).or_default();
                if revision > here.1 {
                    *here = (stage, revision);
                }
            }
            Shown::Deleted(entity) => {
                self.told.push(format!("deleted {}", entity.id));
                self.entities.remove(entity.id.as_str());
            }
        }
    }
}

fn known(entity: &Entity) -> (String, (String, i64)) {
    (entity.id.to_string(), (entity.stage_id.to_string(), entity.version.revision))
}

fn place(entity: &Entity) -> String {
    format!("{} {} r{}", entity.id, entity.stage_id, entity.version.revision)
}

/// A watch that beats whenever there is nothing to show.
async fn snapshot(bed: &Bed, show: impl Into<Show>) -> Watch {
    bed.engine.watch(&Start::Snapshot, show, Duration::ZERO).await.unwrap()
}

async fn swinging(entities: usize) -> Bed {
    let bed = Bed::new("a b W+").await;
    bed.engine.create_trigger_type(trigger_type("back"), None, false).await.unwrap();
    bed.trigger("forth", "b").await;
    bed.engine.create_trigger(trigger("back", "a/back:back"), None, false).await.unwrap();
    let news = (0..entities).map(|number| entity_on(&format!("deal/{number:05}"), "a"));
    let news: Vec<_> = news.collect();
    for some in news.chunks(1_000) {
        bed.engine.import_entities(some.to_vec(), OnExisting::Fail, None).await.unwrap();
    }
    bed
}

/// While entities move, each is shown as of one point, and exactly its later moves follow: their
/// revisions have no gap and no repeat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_what_moves_is_exact() {
    const ENTITIES: usize = 3_000;
    let bed = Arc::new(swinging(ENTITIES).await);
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (bed, stop) = (Arc::clone(&bed), Arc::clone(&stop));
        async move {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                let swing = |part: usize| {
                    let deal = |n: usize| format!("deal/{:05}", (part * 100 + n * 7) % ENTITIES);
                    let subjects = (0..100).map(deal).collect::<Vec<_>>().join(" ");
                    let name = format!("e{round}-{part}");
                    event(&name, ["mail.opened", "back"][(round + part) % 2], &subjects)
                };
                bed.publish_all((0..30).map(swing).collect()).await;
                round += 1;
            }
        }
    });
    let mut moves = 0;
    for _ in 0..5 {
        let mut watch = snapshot(&bed, MoveFilter::default()).await;
        let mut client = Client::default();
        let mut revisions = BTreeMap::new();
        // Until the snapshot is complete and some hundred moves came after it.
        let mut after = 0;
        while after < 500 {
            match watch.next().await.unwrap() {
                Step::Entities(entities) => {
                    for entity in entities {
                        let (id, (_, revision)) = known(&entity);
                        assert_eq!(revisions.insert(id, revision), None, "W1: shown twice");
                    }
                }
                Step::Stretch { stretch, picks, .. } => {
                    for pick in picks {
                        let Pick::Items(range) = pick else { panic!("nothing enters or leaves") };
                        for (_, shown) in stretch.shown(range) {
                            let Shown::Move(_, moved) = shown else { panic!("moves only") };
                            let revision = revisions.get_mut(moved.entity_id.as_str());
                            let revision = revision.expect("W1: a move before its entity");
                            assert_eq!(moved.entity_revision, *revision + 1, "W1: {moved:?}");
                            *revision += 1;
                            moves += 1;
                            after += usize::from(client.snapshot.is_some());
                        }
                    }
                }
                Step::SnapshotComplete { entities, .. } => client.snapshot = Some(entities),
                Step::Heartbeat { .. } => {}
                Step::Closing { why, .. } => panic!("{why:?}"),
            }
        }
        assert_eq!(client.snapshot, Some(ENTITIES as u64));
        assert_eq!(revisions.len(), ENTITIES);
    }
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    println!("{moves} moves beside 5 snapshots");
}

#[tokio::test]
async fn a_snapshot_shows_what_the_filter_lets_through() {
    let bed = swinging(3).await;
    bed.engine.create_pipeline(pipeline("inbox", "lead", "a c"), None, false).await.unwrap();
    let mut lead = entity_on("lead/1", "c");
    (lead.pipeline_id, lead.responsible) = (id("inbox"), Some(id("ines")));
    bed.engine.create_entity(lead, None).await.unwrap();
    bed.move_by_hand("deal/00001", "b", 0, None).await.unwrap();
    bed.engine.delete_entity(id("deal/00002"), 0).await.unwrap();
    let f = MoveFilter::default;
    let cases: Vec<(&str, MoveFilter, &str)> = vec![
        ("all", f(), "deal/00000 deal/00001 lead/1"),
        ("kind", MoveFilter { kinds: only("lead"), ..f() }, "lead/1"),
        ("pipeline", MoveFilter { pipeline_ids: only("sales"), ..f() }, "deal/00000 deal/00001"),
        ("stage", MoveFilter { to_stage_ids: only("b"), ..f() }, "deal/00001"),
        ("responsible", MoveFilter { responsibles: only("ines"), ..f() }, "lead/1"),
        ("entity", MoveFilter { entity_ids: only("deal/00001"), ..f() }, "deal/00001"),
        ("deleted", MoveFilter { entity_ids: only("deal/00002"), ..f() }, ""),
        ("nothing", MoveFilter { entity_ids: only("deal/9"), ..f() }, ""),
    ];
    println!("{} filters", cases.len());
    for (name, filter, expected) in cases {
        let mut client = Client::default();
        client.read(&mut snapshot(&bed, filter).await, &bed.engine).await;
        let shown: Vec<_> = client.entities.keys().map(String::as_str).collect();
        assert_eq!(shown.join(" "), expected, "W1 {name}");
        assert_eq!(client.snapshot, Some(shown.len() as u64), "{name}");
    }
}

fn only<T: std::str::FromStr<Err: std::fmt::Debug> + Eq + std::hash::Hash>(
    text: &str,
) -> HashSet<T> {
    HashSet::from([id(text)])
}

fn responsible(name: &str) -> EntityPatch {
    EntityPatch { responsible: Some(Some(id(name))), ..EntityPatch::default() }
}

/// What a board of the stage `b` and the deals of `ines` is told while things happen.
#[tokio::test]
async fn changes_are_shown_also_when_an_entity_enters_or_leaves_the_filter() {
    let bed = swinging(2).await;
    let filter = MoveFilter { to_stage_ids: only("b"), ..MoveFilter::default() };
    let by_stage = Show { filter, entity_changes: true };
    let filter = MoveFilter { responsibles: only("ines"), ..MoveFilter::default() };
    let by_responsible = Show { filter, entity_changes: true };
    let mut boards = [
        (Client::default(), snapshot(&bed, by_stage).await),
        (Client::default(), snapshot(&bed, by_responsible).await),
        (Client::default(), snapshot(&bed, MoveFilter::default()).await),
    ];
    let mut steps = 0;
    let mut expect = async |told: [&[&str]; 3]| {
        for ((client, watch), expected) in boards.iter_mut().zip(told) {
            client.told.clear();
            client.read(watch, &bed.engine).await;
            assert_eq!(client.told, expected, "step {steps}");
        }
        steps += 1;
    };
    let deals: [&str; 2] = ["entity deal/00000 a r1", "entity deal/00001 a r1"];
    expect([&[], &[], &deals]).await;
    // Entering by a trigger's move: the entity first, as it stands, then the move.
    bed.publish(event("e1", "mail.opened", "deal/00000")).await.unwrap();
    let moved = "move deal/00000 -> b";
    expect([&["entity deal/00000 b r2", moved], &[], &[moved]]).await;
    // A change within the filter, and into the other one.
    bed.update("deal/00000", responsible("ines"), 0, None).await.unwrap();
    expect([&["entity deal/00000 b r3"], &["entity deal/00000 b r3"], &[]]).await;
    // Leaving by a move, and moving within.
    bed.publish(event("e2", "back", "deal/00000")).await.unwrap();
    let moved = "move deal/00000 -> a";
    expect([&["entity deal/00000 a r4"], &[moved], &[moved]]).await;
    // Leaving by an update.
    bed.update("deal/00000", responsible("ben"), 0, None).await.unwrap();
    expect([&[], &["entity deal/00000 a r5"], &[]]).await;
    // By hand; then gone.
    bed.move_by_hand("deal/00001", "b", 0, None).await.unwrap();
    let moved = "move deal/00001 -> b";
    expect([&["entity deal/00001 b r2", moved], &[], &[moved]]).await;
    bed.engine.delete_entity(id("deal/00001"), 0).await.unwrap();
    expect([&["deleted deal/00001"], &[], &[]]).await;
    // Created again: its revisions go on.
    bed.entity("deal/00001", "b").await;
    expect([&["entity deal/00001 b r4"], &[], &[]]).await;
    assert_eq!(boards[0].0.entities.len(), 2, "{:?}", boards[0].0.entities);
}

/// A watcher that comes late is told of one that left the filter and is gone since.
#[tokio::test]
async fn what_left_and_is_gone_is_told_to_who_comes_late() {
    let bed = swinging(1).await;
    let filter = MoveFilter { to_stage_ids: only("b"), ..MoveFilter::default() };
    let show = Show { filter, entity_changes: true };
    bed.publish(event("e1", "mail.opened", "deal/00000")).await.unwrap();
    let mut watch = snapshot(&bed, show.clone()).await;
    let mut client = Client::default();
    client.read(&mut watch, &bed.engine).await;
    assert_eq!(client.entities.len(), 1);
    let token = watch.token().unwrap();
    bed.publish(event("e2", "back", "deal/00000")).await.unwrap();
    bed.engine.delete_entity(id("deal/00000"), 0).await.unwrap();
    let resumed = Start::Resume(token.as_bytes().to_vec());
    let mut watch = bed.engine.watch(&resumed, show, Duration::ZERO).await.unwrap();
    client.read(&mut watch, &bed.engine).await;
    assert_eq!(client.told.last().map(String::as_str), Some("deleted deal/00000"));
    assert_eq!(client.entities.len(), 0);
}

/// A token means the same whatever the filter: between an entity that enters and its move, too.
#[tokio::test]
async fn every_token_resumes_right_after_its_frame() {
    let bed = swinging(4).await;
    let all = "deal/00000 deal/00001 deal/00002 deal/00003";
    let filter = MoveFilter { to_stage_ids: only("b"), ..MoveFilter::default() };
    let show = Show { filter, entity_changes: true };
    for (number, event_type) in ["mail.opened", "back", "mail.opened"].iter().enumerate() {
        bed.publish(event(&format!("e{number}"), event_type, all)).await.unwrap();
    }
    bed.entity("deal/00004", "b").await;
    let read = async |start: Start| {
        let mut frames = Vec::new();
        let mut watch = bed.engine.watch(&start, show.clone(), Duration::ZERO).await.unwrap();
        loop {
            match watch.next().await.unwrap() {
                Step::Stretch { stretch, picks, .. } => {
                    for pick in picks {
                        match pick {
                            Pick::Items(range) => frames.extend(stretch.shown(range).map(
                                |(token, shown)| match shown {
                                    Shown::Move(id, _) => (token, format!("move {id}")),
                                    Shown::Entity(entity) => (token, place(entity)),
                                    Shown::Deleted(entity) => (token, format!("no {}", entity.id)),
                                },
                            )),
                            Pick::Entity { token, entity } => frames.push((token, place(&entity))),
                            Pick::Deleted { .. } => panic!("nothing is deleted"),
                        }
                    }
                }
                Step::Heartbeat { token, head_token, .. } if token == Some(head_token.clone()) => {
                    return frames;
                }
                Step::Heartbeat { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let frames = read(Start::Earliest).await;
    // Eight that entered with their moves, four that left, one that was created.
    assert_eq!(frames.len(), 21, "{frames:?}");
    for (index, (token, _)) in frames.iter().enumerate() {
        let rest = read(Start::Resume(token.as_bytes().to_vec())).await;
        assert_eq!(rest, frames[index + 1..], "W2: after frame {index}");
    }
}
