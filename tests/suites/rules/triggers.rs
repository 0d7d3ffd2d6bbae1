//! T1, T6 by log order, T7, T9 and T10.

use pawl_api::pb;
use pawl_tests::{Client, entity, event, pipeline, trigger, trigger_type};
use tonic::{Code, Status};

use crate::{Case, case};

use pb::VerdictResult;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("T1", "a trigger moves entities of its own pipeline to its own stage", own_stage),
        case("T6", "created first means first in the log, whatever changed since", first_created),
        case("T7", "a move is no event for triggers, not even one that listens to moves", no_echo),
        case("T9", "verdicts and moves name the revision, and old ones stay readable", revisions),
        case("T10", "a change holds for the very next event", at_once),
    ]
}

/// A pipeline `p{number}` with an entity `deal/p{number}` on its first stage.
async fn given(client: &Client, number: usize) -> (String, String) {
    let (id, deal) = (format!("p{number}"), format!("deal/p{number}"));
    client.pipeline(pipeline(&id, "new offer order won:WON")).await;
    client.entity(entity(&deal, &id)).await;
    (id, deal)
}

async fn update(client: &Client, trigger: pb::Trigger, path: &str) -> Result<pb::Trigger, Status> {
    let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let trigger = Some(trigger);
    let request = pb::UpdateTriggerRequest { trigger, update_mask, ..Default::default() };
    let updated = client.triggers.clone().update_trigger(request).await?;
    Ok(updated.into_inner().trigger.expect("it is given"))
}

async fn get(client: &Client, id: &str, revision: i64) -> Result<pb::GetTriggerResponse, Status> {
    let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), revision };
    Ok(client.triggers.clone().get_trigger(request).await?.into_inner())
}

async fn own_stage(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    let other = format!("deal/other{number}");
    client.pipeline(pipeline(&format!("other{number}"), "new offer")).await;
    client.entity(entity(&other, &format!("other{number}"))).await;
    let made = client.trigger(trigger("", &format!("{id}/offer"), "happened")).await;
    assert!(!made.trigger_id.is_empty(), "the server chooses an id");
    let moved = pb::Trigger { stage_id: "order".to_owned(), ..made };
    update(&client, moved, "stage_id").await.expect("its stage may change");
    let subjects = format!("{deal} {other}");
    let outcome = client.publish(event(&format!("p{number}"), "happened", &subjects)).await;
    let outcomes: Vec<_> = outcome.decisions.iter().map(pb::Decision::outcome).collect();
    assert_eq!(outcomes, [pb::DecisionOutcome::Moved, pb::DecisionOutcome::NoTrigger]);
    assert_eq!(client.get_entity(&deal).await.stage_id, "order");
    assert_eq!(client.get_entity(&other).await.stage_id, "new");
}

async fn first_created(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    let first =
        client.trigger(trigger(&format!("z{number}"), &format!("{id}/won"), "happened")).await;
    client.trigger(trigger(&format!("a{number}"), &format!("{id}/offer"), "happened")).await;
    let moved = pb::Trigger { stage_id: "offer".to_owned(), ..first.clone() };
    update(&client, moved, "stage_id").await.expect("its stage may change");
    let outcome = client.publish(event(&format!("p{number}"), "happened", &deal)).await;
    let moved = outcome.decisions[0].r#move.clone().expect("it moved");
    let Some(pb::r#move::Cause::Trigger(cause)) = moved.cause else { panic!("a trigger did") };
    assert_eq!((cause.trigger_id, cause.trigger_revision), (first.trigger_id, 2));
}

async fn no_echo(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    let listens = pb::TriggerType {
        event_type: "entity.moved".to_owned(),
        ..trigger_type(&format!("moved{number}"))
    };
    client.trigger_type(listens).await;
    client.trigger(trigger("", &format!("{id}/won"), &format!("moved{number}"))).await;
    client.trigger(trigger("", &format!("{id}/order"), "happened")).await;
    let by_hand = pb::MoveEntityRequest {
        entity_id: deal.clone(),
        stage_id: "offer".to_owned(),
        ..Default::default()
    };
    client.entities.clone().move_entity(by_hand).await.expect("it moves");
    assert_eq!(client.get_entity(&deal).await.stage_id, "offer");
    client.publish(event(&format!("p{number}"), "happened", &deal)).await;
    assert_eq!(client.get_entity(&deal).await.stage_id, "order");
}

async fn revisions(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    let name = format!("t{number}");
    let made = client.trigger(trigger(&name, &format!("{id}/offer"), "happened")).await;
    let paused = pb::Trigger { state: pb::TriggerState::Paused.into(), ..made.clone() };
    assert_eq!(update(&client, paused.clone(), "state").await.expect("updated").revision, 2);
    let same = update(&client, paused, "state").await.expect("updated");
    assert_eq!(same.revision, 2, "what changes nothing is no change");
    let outcome = client.publish(event(&format!("p{number}"), "happened", &deal)).await;
    let verdict = &outcome.decisions[0].verdicts[0];
    assert_eq!((verdict.trigger_revision, verdict.result()), (2, VerdictResult::Paused));

    let delete = pb::DeleteTriggerRequest { trigger_id: name.clone(), expected_revision: 2 };
    client.triggers.clone().delete_trigger(delete).await.expect("that is its revision");
    let gone = get(&client, &name, 0).await.expect_err("it is deleted");
    assert_eq!(gone.code(), Code::NotFound);
    let first = get(&client, &name, 1).await.expect("old revisions stay");
    let made = pb::Trigger { stats: None, ..made };
    assert_eq!((first.trigger, first.deleted), (Some(made), true));
    let again = client.trigger(trigger(&name, &format!("{id}/won"), "happened")).await;
    assert!(again.revision > 2, "an id created again continues its revisions");
    let second = get(&client, &name, 2).await.expect("old revisions stay").trigger;
    assert_eq!(second.expect("it is given").state(), pb::TriggerState::Paused);
}

async fn at_once(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    let mut there = pb::Trigger {
        allow_move_back: true,
        ..trigger(&format!("t{number}"), &format!("{id}/offer"), "happened")
    };
    client.trigger(there.clone()).await;
    for round in 0..30 {
        let stage = if round % 2 == 0 { "order" } else { "offer" };
        stage.clone_into(&mut there.stage_id);
        update(&client, there.clone(), "stage_id").await.expect("updated");
        client.publish(event(&format!("p{number}-{round}"), "happened", &deal)).await;
        assert_eq!(client.get_entity(&deal).await.stage_id, stage, "round {round}");
    }
}
