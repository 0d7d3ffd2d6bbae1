//! Imports so large that what sled gets of them takes several of its segments: more than can be in
//! memory before some of it is written, while a slow disk is still at what came before.

use std::sync::Arc;

use fastrand::Rng;
use futures_util::future::join_all;
use pawl_api::pb;
use pawl_tests::{Client, cases, entity, fields, pipeline, say, within};

use crate::disk::Syncs;
use crate::image::Model;
use crate::losses::{Losses, Moment};
use crate::notes::{Notes, Told};
use crate::rig::{Rig, wall_clock};

/// Entities of one message, which are there together or not at all, and what each brings. A message
/// has less than 4 MiB.
const ENTITIES: usize = 1_000;
const TEXT_BYTES: usize = 4_000;
const IMPORTS: usize = 4;
/// How long a sync takes, in milliseconds.
const SYNC_MS: u32 = 400;
/// Moments among the imports, and afterwards.
const POINTS: usize = 8;
const POINTS_AFTER: usize = 4;
/// Calls that come when the store's journal is full and goes on in its other file.
const CALLS_AFTER: usize = 6;
const PATIENCE_S: u64 = 120;

async fn import(client: &Client, rig: &Rig, notes: &Notes, number: usize, mut rng: Rng) {
    let ids: Vec<_> = (0..ENTITIES).map(|index| format!("deal/{number}-{index}")).collect();
    let entities = ids.iter().map(|id| {
        // By chance, so that it does not become smaller.
        let text = std::iter::repeat_with(|| rng.alphanumeric()).take(TEXT_BYTES);
        let fields = Some(fields([("text", Some(text.collect::<String>().as_str()))]));
        pb::Entity { fields, ..entity(id, "sales/a") }
    });
    let message = pb::ImportEntitiesRequest { entities: entities.collect(), ..Default::default() };
    let since = wall_clock();
    let imported = client.entities.clone().import_entities(tokio_stream::iter([message])).await;
    let imported = imported.expect("it is accepted").into_inner();
    assert_eq!(usize::try_from(imported.created_count), Ok(ENTITIES));
    let told = |id| Told::Entity { id, revision: 1, stage: Some("a".to_owned()) };
    notes.add(rig, since, ids.into_iter().map(told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_several_segments_is_there_as_a_whole_or_not_at_all() {
    let seed = crate::number("PAWL_POWER_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("power, large imports: PAWL_POWER_SEED={seed}"));
    let mut rng = Rng::with_seed(seed);
    let (rig, notes) = (Arc::new(Rig::new()), Notes::default());
    rig.sync_ms(SYNC_MS);
    let host = rig.start(&[]).await;
    let client = host.client().await;
    client.pipeline(pipeline("sales", "a b won:WON")).await;
    let begin = rig.position();
    // One is decided and applied while another is synced.
    let imports = (0..IMPORTS).map(|number| import(&client, &rig, &notes, number, rng.fork()));
    within(PATIENCE_S, "the imports", join_all(imports)).await;
    let full = rig.position();
    for number in 0..CALLS_AFTER {
        let (id, since) = (format!("deal/after-{number}"), wall_clock());
        client.entity(entity(&id, "sales/a")).await;
        notes.add(&rig, since, [Told::Entity { id, revision: 1, stage: Some("a".to_owned()) }]);
    }
    let end = rig.position();
    host.terminate().await;

    let losses = Losses::new(&rig, notes.all());
    say(format!("power, large imports: {}", losses.told()));
    losses.check_completeness(&rig);
    losses.check_coverage(2);
    let [begin, full, end] = [begin, full, end].map(|position| losses.moment_at(position));
    let mut moments: Vec<Moment> = (0..POINTS).map(|_| rng.usize(begin..=full)).collect();
    moments.extend((0..POINTS_AFTER).map(|_| rng.usize(full..=end)));
    moments.sort_unstable();
    let found = losses.try_out(&moments, Syncs::All, seed);
    found.assert_none("power, large imports");
    let count = (POINTS + POINTS_AFTER) * Model::ALL.len();
    cases("power: images with large imports", found.images, count);
}
