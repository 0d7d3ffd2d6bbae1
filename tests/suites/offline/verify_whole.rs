//! Databases that random histories leave, stopped, killed and trimmed, are whole. (So are those of the
//! suites `model` and `promises`.)

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, Port, Server, cases, entity, event, say, trigger};

use crate::edits::verified;
use crate::world::{TRIMS, furnish};

/// Histories, and how often each is interrupted.
const HISTORIES: u64 = 4;
const SESSIONS: usize = 4;
const CALLS: usize = 150;

/// Anything that a client can do; refusals are as good as any answer.
pub(crate) async fn anything(client: &Client, rng: &mut Rng, number: usize) {
    let id = format!("deal/{}", rng.u32(1..=14));
    // Some requests are made twice, and some change nothing.
    let request_id = format!("q{}", rng.usize(..60));
    let stage = ["new", "offer", "won", "lost"][rng.usize(..4)];
    let (mut entities, mut triggers) = (client.entities.clone(), client.triggers.clone());
    match rng.u32(..12) {
        0 | 1 => {
            let request = pb::MoveEntityRequest {
                entity_id: id,
                stage_id: stage.to_owned(),
                request_id,
                ..Default::default()
            };
            let _ = entities.move_entity(request).await;
        }
        2..=4 => {
            let name = format!("name {}", rng.u32(..3));
            let customer = format!("contact/{}", rng.u32(1..4));
            let customer_ids = if rng.bool() { vec![customer] } else { Vec::new() };
            let changed = pb::Entity { display_name: name, customer_ids, ..entity(&id, "") };
            let request =
                pb::UpdateEntityRequest { entity: Some(changed), request_id, ..Default::default() };
            let _ = entities.update_entity(request).await;
        }
        5 => {
            let request = pb::DeleteEntityRequest { entity_id: id, ..Default::default() };
            let _ = entities.delete_entity(request).await;
        }
        6 => {
            let created = entity(&id, "sales");
            let request = pb::CreateEntityRequest { entity: Some(created), request_id };
            let _ = entities.create_entity(request).await;
        }
        7 => {
            let deleted =
                pb::DeleteTriggerRequest { trigger_id: "rises".to_owned(), ..Default::default() };
            let _ = triggers.delete_trigger(deleted).await;
            let created = trigger("rises", &format!("sales/{stage}"), "sun.up");
            let created = pb::Trigger { allow_move_back: rng.bool(), ..created };
            let request = pb::CreateTriggerRequest {
                trigger: Some(created),
                request_id,
                ..Default::default()
            };
            let _ = triggers.create_trigger(request).await;
        }
        _ => {
            let subjects = format!("{id} contact/{} deal/{}", rng.u32(1..4), rng.u32(1..=14));
            let _ = client.try_publish(event(&format!("h{number}"), "sun.up", &subjects)).await;
        }
    }
}

/// Plays one history, and says how many times its database was checked and how much was trimmed.
async fn play(seed: u64) -> (usize, u64) {
    let mut rng = Rng::with_seed(seed);
    let mut server = Server::start_with(if seed.is_multiple_of(4) { &[] } else { &TRIMS }).await;
    furnish(&server.client().await).await;
    let mut tail = 1;
    for session in 0..SESSIONS {
        let client = server.client().await;
        for call in 0..CALLS {
            anything(&client, &mut rng, (session * 2 + 1) * CALLS + call).await;
        }
        if rng.bool() {
            server.terminate().await;
        } else {
            server.kill_9().await;
        }
        let report = verified(server.data(), 20);
        let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "seed {seed}, session {session}:\n{}", findings.join("\n"));
        tail = report.tail.sequence;
        server.restart(Port::Any).await;
    }
    server.terminate().await;
    (SESSIONS, tail - 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happened_the_database_is_whole() {
    let seed = std::env::var("PAWL_VERIFY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    say(format!("offline: PAWL_VERIFY_SEED={seed}"));
    let histories = (0..HISTORIES).map(|number| tokio::spawn(play(seed + number)));
    let (mut checked, mut trimmed) = (0, 0);
    for history in histories.collect::<Vec<_>>() {
        let (times, records) = history.await.expect("it does not panic");
        checked += times;
        trimmed += records;
    }
    say(format!("offline: {trimmed} records trimmed"));
    assert!(trimmed > 0, "nothing was trimmed");
    cases("offline: whole databases", checked, 16);
}
