//! X3 to X6: changes made through the service.

use pawl_api::pb;
use pawl_tests::{Client, entity, event, fields, pipeline, trigger};
use tonic::{Code, Status};

use crate::{Case, case};

use pb::r#move::Cause;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("X3", "a person moves an entity anywhere, and it is on record who did", by_hand),
        case("X3", "a move to where it stands is none", nowhere),
        case("X4", "a write may name the revision it was made for", revisions),
        case("X4", "fields merge key by key, and null removes a key", merging),
        case("X5", "a move by hand into another pipeline names both and has no direction", across),
        case("X6", "a deleted entity keeps its history, and its id goes on counting", deleted),
    ]
}

/// A pipeline with a deal on its first stage.
async fn given(client: &Client, number: usize) -> (String, String) {
    let (id, deal) = (format!("p{number}"), format!("deal/p{number}"));
    client.pipeline(pipeline(&id, "new offer won:WON lost:LOST")).await;
    client.entity(pb::Entity { responsible: "bob".to_owned(), ..entity(&deal, &id) }).await;
    (id, deal)
}

/// Moves to `pipeline/stage`, or with `/stage` within the pipeline.
async fn go(client: &Client, id: &str, place: &str) -> Result<pb::MoveEntityResponse, Status> {
    let (pipeline_id, stage_id) = place.split_once('/').expect("a place has a slash");
    let request = pb::MoveEntityRequest {
        entity_id: id.to_owned(),
        pipeline_id: pipeline_id.to_owned(),
        stage_id: stage_id.to_owned(),
        actor: "ann".to_owned(),
        comment: "as agreed".to_owned(),
        ..Default::default()
    };
    Ok(client.entities.clone().move_entity(request).await?.into_inner())
}

async fn moves(client: &Client, id: &str) -> Vec<pb::Move> {
    let request = pb::ListMovesRequest { entity_id: id.to_owned(), ..Default::default() };
    client.moves.clone().list_moves(request).await.expect("they are listed").into_inner().moves
}

async fn by_hand(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    // It would object, were it asked.
    client.trigger(trigger("", &format!("{id}/won"), "happened")).await;
    let steps = [
        ("won", pb::MoveDirection::Forward),
        ("new", pb::MoveDirection::Backward),
        ("lost", pb::MoveDirection::Forward),
        ("won", pb::MoveDirection::Backward),
    ];
    let mut history = Vec::new();
    for (index, (stage, direction)) in (0..).zip(steps) {
        let answer = go(&client, &deal, &format!("/{stage}")).await.expect("nobody objects");
        let moved = answer.r#move.expect("it moved");
        assert_eq!((&*moved.to_stage_id, moved.direction()), (stage, direction));
        assert_eq!((moved.entity_revision, &*moved.responsible), (index + 2, "bob"));
        assert_eq!(answer.entity.expect("it is given"), client.get_entity(&deal).await);
        let Some(Cause::Manual(cause)) = &moved.cause else { panic!("by hand: {moved:?}") };
        let (who, why) = (&*cause.actor, &*cause.comment);
        assert_eq!((who, why, &*cause.event_source), ("ann", "as agreed", "pawl"));
        let request = pb::GetEventRequest {
            source: cause.event_source.clone(),
            event_id: cause.event_id.clone(),
        };
        let recorded = client.events.clone().get_event(request).await.expect("it is on record");
        let recorded = recorded.into_inner();
        let sent = recorded.event.expect("it is given");
        assert_eq!((&*sent.actor, &sent.subjects[..]), ("ann", &[deal.clone()][..]));
        let outcome = recorded.outcome.expect("it is given");
        assert_eq!(outcome.decisions[0].r#move.as_ref(), Some(&moved));
        history.insert(0, moved);
    }
    assert_eq!(moves(&client, &deal).await, history, "newest first");
}

async fn nowhere(client: Client, number: usize) {
    let (_, deal) = given(&client, number).await;
    let answer = go(&client, &deal, "/new").await.expect("it stands there");
    assert_eq!((answer.r#move, answer.outcome), (None, None));
    assert_eq!(answer.entity.expect("it is given").revision, 1);
}

async fn revisions(client: Client, number: usize) {
    let (_, deal) = given(&client, number).await;
    let update = |expected_revision, responsible: &str| pb::UpdateEntityRequest {
        entity: Some(pb::Entity { responsible: responsible.to_owned(), ..entity(&deal, "") }),
        expected_revision,
        ..Default::default()
    };
    let mut entities = client.entities.clone();
    let updated = entities.update_entity(update(1, "cy")).await.expect("that is its revision");
    assert_eq!(updated.into_inner().entity.expect("it is given").revision, 2);
    let late = entities.update_entity(update(1, "di")).await.expect_err("someone was faster");
    assert_eq!(late.code(), Code::Aborted);
    let same = entities.update_entity(update(2, "cy")).await.expect("nothing changes");
    assert_eq!(same.into_inner().entity.expect("it is given").revision, 2);
    go(&client, &deal, "/won").await.expect("it moves");
    let late = entities.update_entity(update(2, "di")).await.expect_err("moves count too");
    assert_eq!(late.code(), Code::Aborted);
    assert_eq!(client.get_entity(&deal).await.responsible, "cy");
}

async fn merging(client: Client, number: usize) {
    let (_, deal) = given(&client, number).await;
    let mut entities = client.entities.clone();
    let mut lay = async |values| {
        let entity = pb::Entity { fields: Some(values), ..entity(&deal, "") };
        let request = pb::UpdateEntityRequest { entity: Some(entity), ..Default::default() };
        let updated = entities.update_entity(request).await.expect("it is there").into_inner();
        updated.entity.expect("it is given").fields.expect("they are given")
    };
    lay(fields([("a", Some("1")), ("b", Some("2"))])).await;
    let merged = lay(fields([("b", Some("3")), ("c", Some("4")), ("a", None)])).await;
    assert_eq!(merged, fields([("b", Some("3")), ("c", Some("4"))]));
}

async fn across(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    let other = format!("other{number}");
    client.pipeline(pipeline(&other, "in out")).await;
    client.trigger(trigger(&format!("t{number}"), &format!("{other}/out"), "happened")).await;
    let answer = go(&client, &deal, &format!("{other}/in")).await.expect("it is of that kind");
    let moved = answer.r#move.expect("it moved");
    let places = (&*moved.from_pipeline_id, &*moved.from_stage_id, &*moved.pipeline_id);
    assert_eq!((places, &*moved.to_stage_id), ((&*id, "new", &*other), "in"));
    assert_eq!(moved.direction(), pb::MoveDirection::Unspecified);
    // From now on the triggers of the other pipeline count.
    client.publish(event(&format!("e{number}"), "happened", &deal)).await;
    let stands = client.get_entity(&deal).await;
    assert_eq!((stands.pipeline_id, &*stands.stage_id), (other, "out"));
}

async fn deleted(client: Client, number: usize) {
    let (id, deal) = given(&client, number).await;
    go(&client, &deal, "/offer").await.expect("it moves");
    let history = moves(&client, &deal).await;
    let delete = pb::DeleteEntityRequest { entity_id: deal.clone(), expected_revision: 2 };
    client.entities.clone().delete_entity(delete).await.expect("that is its revision");
    let get = pb::GetEntityRequest { entity_id: deal.clone() };
    let gone = client.entities.clone().get_entity(get).await.expect_err("it is deleted");
    assert_eq!(gone.code(), Code::NotFound);
    assert_eq!(moves(&client, &deal).await, history);
    let outcome = client.publish(event(&format!("e{number}"), "happened", &deal)).await;
    assert_eq!(outcome.decisions[0].outcome(), pb::DecisionOutcome::EntityNotFound);

    let again = client.entity(entity(&deal, &id)).await;
    assert_eq!(again.stage_id, "new", "a new entity");
    assert!(again.revision > 2, "{} continues", again.revision);
    assert!(again.responsible.is_empty(), "nothing of the old one is left");
    go(&client, &deal, "/won").await.expect("it moves");
    let both = moves(&client, &deal).await;
    assert_eq!((both.len(), &both[1..]), (2, &history[..]));
}
