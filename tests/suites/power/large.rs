//! One event with so many verdicts that its record, which is written as a whole or not at all, takes
//! several of sled's segments: more than can be in memory before some of it is written.

use std::sync::Arc;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, cases, entity, event, pipeline, say, trigger, trigger_type, within};

use crate::disk::Syncs;
use crate::image::Model;
use crate::losses::{Losses, Moment};
use crate::notes::{self, Notes, Told};
use crate::rig::{Rig, wall_clock};

const ENTITIES: usize = 100;
const TRIGGERS: usize = 1_000;
/// Of ids, which stand in every verdict.
const ID_BYTES: usize = 128;
const POINTS: usize = 40;
const PATIENCE_S: u64 = 120;

async fn set_up(client: &Client) {
    let stage = "b".repeat(ID_BYTES);
    client.pipeline(pipeline("sales", &format!("a {stage} won:WON"))).await;
    client.trigger_type(trigger_type("go")).await;
    for number in 0..ENTITIES {
        client.entity(entity(&format!("deal/{number}"), "sales")).await;
    }
    for number in 0..TRIGGERS {
        let filter = "event.attributes.text == 'something else'".to_owned();
        let (id, place) =
            (format!("t{number:0>width$}", width = ID_BYTES - 1), format!("sales/{stage}"));
        client.trigger(pb::Trigger { filter, ..trigger(&id, &place, "go") }).await;
    }
}

async fn publish(client: &Client, rig: &Rig, notes: &Notes, event: pb::Event) {
    let since = wall_clock();
    let request = pb::PublishEventRequest { event: Some(event.clone()), view: 0 };
    let published = client.events.clone().publish_event(request).await.expect("it is accepted");
    let moves = notes::moves(&published.into_inner().outcome.expect("it is given"));
    notes.add(rig, since, [Told::Event { event, moves }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_many_megabytes_is_there_as_a_whole_or_not_at_all() {
    let seed = crate::number("PAWL_POWER_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("power, a large record: PAWL_POWER_SEED={seed}"));
    let mut rng = Rng::with_seed(seed);
    let (rig, notes) = (Arc::new(Rig::new()), Notes::default());
    let host = rig.start(&[]).await;
    within(PATIENCE_S, "the triggers", set_up(&host.client().await)).await;
    host.terminate().await;
    rig.sync_ms(900);
    let host = rig.start(&[]).await;
    let client = host.client().await;
    publish(&client, &rig, &notes, event("before", "go", "deal/1")).await;
    let subjects: Vec<_> = (0..ENTITIES).map(|number| format!("deal/{number}")).collect();
    let begin = rig.position();
    let subjects = subjects.join(" ");
    // One is decided and applied while another is synced.
    let large = (0..3).map(|number| {
        publish(&client, &rig, &notes, event(&format!("large{number}"), "go", &subjects))
    });
    within(PATIENCE_S, "the large events", futures_util::future::join_all(large)).await;
    let end = rig.position();
    publish(&client, &rig, &notes, event("after", "go", "deal/1")).await;
    host.terminate().await;

    let losses = Losses::new(&rig, notes.all());
    say(format!(
        "power, a large record: {}, of which {} MiB of it",
        losses.told(),
        (end - begin) >> 20
    ));
    losses.check_completeness(&rig);
    let (first, last) = (losses.moment_at(begin), losses.moment_at(end));
    let mut moments: Vec<Moment> = (0..POINTS).map(|_| rng.usize(first..=last)).collect();
    moments.sort_unstable();
    let found = losses.try_out(&moments, Syncs::All, seed);
    found.assert_none();
    cases("power: images with a large record", found.images, POINTS * Model::ALL.len());
}
