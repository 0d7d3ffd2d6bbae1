//! E1, E2 and E4 to E7.

use pawl_api::pb;
use pawl_tests::{
    Client, Port, Server, entity, event, fields, pipeline, timestamp_ms, trigger, trigger_type,
};

use crate::{Case, case};

use pb::DecisionOutcome::{EntityNotFound, Moved, NoTrigger};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "E1",
            "an event is kept as sent, with the time of its acceptance where it had none",
            kept,
        ),
        case("E1", "up to 100 subjects are considered in their order", many_subjects),
        case("E2", "a subject that does not exist harms no other", unknown_subject),
        case("E2", "a subject named twice is considered once", twice_named),
        case("E4", "published again it gets the first outcome and changes nothing", again),
        case("E4", "the identity is the source and the id together", per_source),
        case("E4", "a refused event leaves no identity", refused),
        case("E5", "what was acknowledged survives a kill, all of it", |_, _| survives()),
        case("E6", "events of one stream take effect in the order sent", in_order),
        case("E7", "an event that no trigger hears is accepted and recorded", unheard),
    ]
}

/// A pipeline with a trigger on `offer` and one back to `new`, and a deal on `new`.
async fn given(client: &Client, number: usize) -> String {
    let (id, deal) = (format!("p{number}"), format!("deal/p{number}"));
    client.pipeline(pipeline(&id, "new offer won:WON")).await;
    client.trigger(trigger(&format!("on{number}"), &format!("{id}/offer"), "happened")).await;
    let back = trigger(&format!("back{number}"), &format!("{id}/new"), "happened.otherwise");
    client.trigger(pb::Trigger { allow_move_back: true, ..back }).await;
    client.entity(entity(&deal, &id)).await;
    deal
}

async fn get(client: &Client, source: &str, event_id: &str) -> pb::GetEventResponse {
    let request = pb::GetEventRequest { source: source.to_owned(), event_id: event_id.to_owned() };
    client.events.clone().get_event(request).await.expect("it is retained").into_inner()
}

async fn kept(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let sent = pb::Event {
        actor: "ann".to_owned(),
        time: Some(timestamp_ms(1_456_708_980_123)),
        attributes: Some(fields([("page", Some("/prices")), ("nothing", None)])),
        ..event(&format!("full{number}"), "happened", &deal)
    };
    client.publish(sent.clone()).await;
    assert_eq!(get(&client, "test", &sent.event_id).await.event, Some(sent));

    let bare = event(&format!("bare{number}"), "happened.otherwise", &deal);
    let outcome = client.publish(bare.clone()).await;
    let accepted = outcome.decisions[0].r#move.as_ref().expect("it moved").time;
    let kept = get(&client, "test", &bare.event_id).await.event.expect("it is given");
    assert_eq!(kept.time, accepted, "the time of the commit");
}

async fn many_subjects(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let ids: Vec<_> = (0..99).map(|index| format!("{deal}-{index}")).collect();
    for id in &ids {
        client.entity(entity(id, &format!("p{number}"))).await;
    }
    let subjects: Vec<_> = ids.into_iter().rev().chain([deal]).collect();
    let sent = event(&format!("e{number}"), "happened", &subjects.join(" "));
    let outcome = client.publish(sent).await;
    let decided: Vec<_> = outcome.decisions.iter().map(|d| d.entity_id.clone()).collect();
    assert_eq!(decided, subjects);
    assert!(outcome.decisions.iter().all(|decision| decision.outcome() == Moved));
}

async fn unknown_subject(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let subjects = format!("deal/none{number} {deal}");
    let outcome = client.publish(event(&format!("e{number}"), "happened", &subjects)).await;
    let outcomes: Vec<_> = outcome.decisions.iter().map(pb::Decision::outcome).collect();
    assert_eq!(outcomes, [EntityNotFound, Moved]);
    assert_eq!(outcome.decisions[0].subject, format!("deal/none{number}"));
}

async fn twice_named(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let sent = event(&format!("e{number}"), "happened", &format!("{deal} {deal}"));
    assert_eq!(client.publish(sent).await.decisions.len(), 1);
    assert_eq!(client.get_entity(&deal).await.revision, 2);
}

async fn again(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let sent = pb::Event {
        attributes: Some(fields([("a", Some("1")), ("b", Some("2")), ("c", None)])),
        ..event(&format!("e{number}"), "happened", &deal)
    };
    let mut first = client.publish(sent.clone()).await;
    // Meanwhile the entity has moved on and the trigger has gone.
    client.publish(event(&format!("f{number}"), "happened.otherwise", &deal)).await;
    let delete =
        pb::DeleteTriggerRequest { trigger_id: format!("on{number}"), ..Default::default() };
    client.triggers.clone().delete_trigger(delete).await.expect("it is there");
    let before = client.info().await;

    let second = client.publish(sent.clone()).await;
    assert!(second.duplicate);
    first.duplicate = true;
    assert_eq!(second, first, "on its own");
    let streamed = client.publish_all(vec![sent.clone(), sent.clone()]).await;
    assert_eq!(streamed, [first.clone(), first], "and on a stream");
    let after = client.info().await;
    assert_eq!((after.event_count, after.move_count), (before.event_count, before.move_count));
    assert_eq!(client.get_entity(&deal).await.stage_id, "new");
}

async fn per_source(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let sent = event(&format!("e{number}"), "happened", &deal);
    assert!(!client.publish(sent.clone()).await.duplicate);
    let elsewhere = pb::Event { source: "elsewhere".to_owned(), ..sent };
    assert!(!client.publish(elsewhere).await.duplicate);
}

async fn refused(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let good = event(&format!("e{number}"), "happened", &deal);
    let bad = pb::Event { subjects: Vec::new(), ..good.clone() };
    client.try_publish(bad).await.expect_err("it is about nobody");
    assert!(!client.publish(good).await.duplicate);
}

async fn survives() {
    let mut server = Server::start().await;
    let client = server.client().await;
    client.trigger_type(trigger_type("happened")).await;
    client.trigger_type(trigger_type("happened.otherwise")).await;
    let deal = given(&client, 0).await;
    let mut outcomes = Vec::new();
    for round in 0..5 {
        let id = format!("e{round}");
        let type_name = if round % 2 == 0 { "happened" } else { "happened.otherwise" };
        let outcome = server.client().await.publish(event(&id, type_name, &deal)).await;
        server.kill_9().await;
        server.restart(Port::Any).await;
        let client = server.client().await;
        let moved = outcome.decisions[0].r#move.as_ref().expect("it moved");
        let stands = client.get_entity(&deal).await;
        assert_eq!((&stands.stage_id, stands.revision), (&moved.to_stage_id, round + 2));
        outcomes.push((id, outcome));
        for (id, outcome) in &outcomes {
            assert_eq!(get(&client, "test", id).await.outcome.as_ref(), Some(outcome));
        }
        let request = pb::ListMovesRequest { entity_id: deal.clone(), ..Default::default() };
        let moves = client.moves.clone().list_moves(request).await.expect("listed").into_inner();
        let decided = outcomes.iter().rev().map(|(_, outcome)| outcome.decisions[0].r#move.clone());
        assert_eq!(moves.moves, decided.map(|moved| moved.expect("it moved")).collect::<Vec<_>>());
    }
}

async fn in_order(client: Client, number: usize) {
    let deal = given(&client, number).await;
    // Each undoes what the one before it did, so that any other order would show.
    let sent = (0..500).map(|index| {
        let type_name = if index % 2 == 0 { "happened" } else { "happened.otherwise" };
        event(&format!("e{number}-{index}"), type_name, &deal)
    });
    let outcomes = client.publish_all(sent.collect()).await;
    assert_eq!(outcomes.len(), 500);
    for (index, outcome) in (0..).zip(&outcomes) {
        assert_eq!(outcome.event_id, format!("e{number}-{index}"));
        let moved = outcome.decisions[0].r#move.as_ref();
        assert_eq!(moved.map(|moved| moved.entity_revision), Some(index + 2), "{index}");
    }
}

async fn unheard(client: Client, number: usize) {
    let deal = given(&client, number).await;
    let sent = event(&format!("e{number}"), "never.heard.of", &deal);
    let outcome = client.publish(sent.clone()).await;
    let decision = &outcome.decisions[0];
    assert_eq!((decision.outcome(), decision.verdicts.len()), (NoTrigger, 0));
    assert_eq!(get(&client, "test", &sent.event_id).await.outcome, Some(outcome));
    assert!(client.publish(sent).await.duplicate);
}
