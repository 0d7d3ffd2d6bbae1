//! Damage to a database that a server has open, and has not all of it in memory any more.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{
    Client, Refused, Server, cases, entity, event, fields, pipeline, say, trigger, trigger_type,
};
use tonic::{Response, Status};

use crate::trial;

/// Much more than sled keeps in memory, 256 MiB.
const EVENTS: usize = 16_000;
const BYTES: usize = 30_000;
const AT_ONCE: usize = 100;
/// One byte of so many is struck, of the older half of what was written.
const EVERY: u64 = 64 * 1_024;
/// Events that are looked at, of the older half.
const LOOKED_AT: usize = 400;

fn large(number: usize) -> pb::Event {
    let mut rng = Rng::with_seed(number as u64);
    let text: String = (0..BYTES).map(|_| rng.alphanumeric()).collect();
    let attributes = Some(fields([("text", Some(&text))]));
    pb::Event { attributes, ..event(&format!("e{number}"), "sun.up", "deal/1") }
}

async fn get(client: &Client, number: usize) -> Result<pb::GetEventResponse, Status> {
    let (source, event_id) = ("test".to_owned(), format!("e{number}"));
    let found = client.events.clone().get_event(pb::GetEventRequest { source, event_id }).await;
    found.map(Response::into_inner)
}

/// Strikes the older half of a file that somebody has open.
fn strike(db: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(db).expect("it is there");
    let end = file.metadata().expect("it is there").len() / 2;
    for at in (0..end).step_by(usize::try_from(EVERY).expect("a small number")) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("it is read");
        file.write_all_at(&[byte[0] ^ 4], at).expect("it is written");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes half a gigabyte"]
async fn damage_while_it_runs() {
    let mut server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "a b")).await;
    client.trigger_type(trigger_type("sun.up")).await;
    client.trigger(trigger("t1", "sales/b", "sun.up")).await;
    client.entity(entity("deal/1", "sales")).await;
    for first in (0..EVENTS).step_by(AT_ONCE) {
        let outcomes = client.publish_all((first..first + AT_ONCE).map(large).collect()).await;
        assert_eq!(outcomes.len(), AT_ONCE);
    }
    strike(&server.data().join("sled/db"));
    let numbers = || (0..EVENTS / 2).step_by(EVENTS / 2 / LOOKED_AT);

    // Who reads is told that it failed, and everything else goes on.
    let (mut right, mut failed) = (0, 0);
    for number in numbers() {
        match get(&client, number).await {
            Ok(found) => {
                let (sent, found) = (large(number), found.event.expect("it is given"));
                assert_eq!((found.event_id, found.attributes), (sent.event_id, sent.attributes));
                right += 1;
            }
            Err(status) => {
                assert_eq!(Refused::from(&status).reason, "INTERNAL", "{status:?}");
                failed += 1;
            }
        }
    }
    let told =
        |lines: &[String]| lines.iter().any(|line| line.contains("a call failed")).then_some(());
    server.find_in_log("what failed", told).await;

    // Who writes cannot decide without what is lost: the server says so and ends.
    let mut unknown = None;
    for number in numbers() {
        match client.try_publish(large(number)).await {
            Ok(outcome) => assert!(outcome.duplicate, "done again: {outcome:?}"),
            Err(status) => {
                unknown = Some(Refused::from(&status));
                break;
            }
        }
    }
    let unknown = unknown.expect("something that has to be read is lost");
    assert_eq!(unknown.reason, "OUTCOME_UNKNOWN", "{unknown:?}");
    assert_eq!(server.ended().await.code(), Some(1));
    let data = server.data().display().to_string();
    let told = |lines: &[String]| lines.iter().find(|line| line.starts_with("error: ")).cloned();
    let message = server.find_in_log("why it ended", told).await;
    for words in [&*data, "start"] {
        assert!(message.contains(words), "{words:?}: {message}");
    }
    let ended = Server::attempt(&["--data", &data]).await.expect_err("it is damaged");
    trial::refusal(&ended, server.data()).expect("it says why");
    say(format!("damage: while it runs: {right} events were read, {failed} were not"));
    cases("damage: events that could not be read", failed, LOOKED_AT / 10);
    cases("damage: events that could be read", right, LOOKED_AT / 10);
}
