//! Who is limited to pipelines: what lies outside is not told from what does not exist, whichever
//! RPC is asked. That each operation of the engine keeps to it is proved in its own suite; here it is
//! that every service asks it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::system_service_client::SystemServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use pawl_tests::{Refused, cases, entity, event, pipeline, post, trigger, within};
use tonic::{Code, Status};

use crate::file::AccessFile;
use crate::{As, Somebody, guarded};

type Call = fn(Somebody, String) -> BoxFuture<'static, Result<(), Status>>;

fn entities(who: &Somebody) -> EntityServiceClient<As> {
    EntityServiceClient::new(who.0.clone())
}

fn triggers(who: &Somebody) -> TriggerServiceClient<As> {
    TriggerServiceClient::new(who.0.clone())
}

macro_rules! call {
    ($client:expr, $method:ident, |$id:ident| $request:expr) => {
        |who: Somebody, $id: String| {
            Box::pin(async move { $client(&who).$method($request).await.map(drop) })
        }
    };
}

/// What names a pipeline, a trigger or an entity. Those that would change something inside are asked
/// last of all.
fn calls() -> Vec<(&'static str, &'static str, Call)> {
    vec![
        (
            "GetPipeline",
            "pipeline",
            call!(Somebody::pipelines, get_pipeline, |id| {
                pb::GetPipelineRequest { pipeline_id: id }
            }),
        ),
        (
            "GetBoard",
            "pipeline",
            call!(Somebody::pipelines, get_board, |id| {
                pb::GetBoardRequest { pipeline_id: id, ..Default::default() }
            }),
        ),
        (
            "UpdatePipeline",
            "pipeline",
            call!(Somebody::pipelines, update_pipeline, |id| {
                let pipeline = pb::Pipeline {
                    pipeline_id: id,
                    display_name: "x".to_owned(),
                    ..Default::default()
                };
                pb::UpdatePipelineRequest { pipeline: Some(pipeline), ..Default::default() }
            }),
        ),
        (
            "GetTrigger",
            "trigger",
            call!(triggers, get_trigger, |id| {
                pb::GetTriggerRequest { trigger_id: id, revision: 0 }
            }),
        ),
        (
            "UpdateTrigger",
            "trigger",
            call!(triggers, update_trigger, |id| {
                let trigger = pb::Trigger {
                    trigger_id: id,
                    display_name: "x".to_owned(),
                    ..Default::default()
                };
                pb::UpdateTriggerRequest { trigger: Some(trigger), ..Default::default() }
            }),
        ),
        (
            "GetEntity",
            "entity",
            call!(entities, get_entity, |id| pb::GetEntityRequest { entity_id: id }),
        ),
        (
            "UpdateEntity",
            "entity",
            call!(entities, update_entity, |id| {
                let entity = pb::Entity {
                    entity_id: id,
                    responsible: "eve".to_owned(),
                    ..Default::default()
                };
                pb::UpdateEntityRequest { entity: Some(entity), ..Default::default() }
            }),
        ),
        (
            "MoveEntity",
            "entity",
            call!(entities, move_entity, |id| {
                pb::MoveEntityRequest {
                    entity_id: id,
                    stage_id: "b".to_owned(),
                    ..Default::default()
                }
            }),
        ),
        (
            "CreateEntity",
            "pipeline",
            call!(entities, create_entity, |id| {
                let entity = pb::Entity { pipeline_id: id, ..Default::default() };
                pb::CreateEntityRequest { entity: Some(entity), ..Default::default() }
            }),
        ),
        (
            "DeleteTrigger",
            "trigger",
            call!(triggers, delete_trigger, |id| {
                pb::DeleteTriggerRequest { trigger_id: id, ..Default::default() }
            }),
        ),
        (
            "DeleteEntity",
            "entity",
            call!(entities, delete_entity, |id| {
                pb::DeleteEntityRequest { entity_id: id, ..Default::default() }
            }),
        ),
    ]
}

/// Two pipelines with the same in them, one of which is not for everyone.
async fn world(ops: &Somebody) {
    for (name, kind) in [("sales", "deal"), ("hidden", "deal")] {
        let made = pb::Pipeline { entity_kind: kind.to_owned(), ..pipeline(name, "a b c") };
        let request = pb::CreatePipelineRequest { pipeline: Some(made), ..Default::default() };
        ops.pipelines().create_pipeline(request).await.expect("it is created");
        let made = trigger(&format!("{name}-read"), &format!("{name}/b"), "email.viewed");
        let request = pb::CreateTriggerRequest { trigger: Some(made), ..Default::default() };
        triggers(ops).create_trigger(request).await.expect("it is created");
        for index in 0..3 {
            let made = entity(&format!("deal/{name}-{index}"), name);
            let request = pb::CreateEntityRequest { entity: Some(made), ..Default::default() };
            entities(ops).create_entity(request).await.expect("it is created");
        }
    }
    let subjects = "deal/sales-1 deal/hidden-1";
    let request = pb::PublishEventRequest {
        event: Some(event("both", "email.viewed", subjects)),
        ..Default::default()
    };
    let outcome = ops.events().publish_event(request).await.expect("it may").into_inner().outcome;
    assert_eq!(outcome.expect("an outcome").decisions.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_outside_is_not_told_from_what_does_not_exist() {
    let file = AccessFile::new();
    let ops = file.create(&["ops", "--role", "admin"]).await;
    let limited = file.create(&["limited", "--role", "admin", "--pipeline", "sales"]).await;
    let server = guarded(&file).await;
    let ops = Somebody::with(&ops, &server).await;
    let limited = Somebody::with(&limited, &server).await;
    world(&ops).await;
    let ids: BTreeMap<_, _> = [
        ("pipeline", ["sales", "hidden", "nothing"]),
        ("trigger", ["sales-read", "hidden-read", "nothing-read"]),
        ("entity", ["deal/sales-2", "deal/hidden-2", "deal/nothing-2"]),
    ]
    .into();
    let mut count = 0;
    for (method, resource, call) in calls() {
        let [inside, outside, missing] = ids[resource];
        let refused = |status: &Status, id: &str| {
            let mut refused = Refused::from(status);
            // Only what the caller sent may differ.
            refused.message = refused.message.replace(id, "ID");
            refused.metadata.values_mut().for_each(|value| *value = value.replace(id, "ID"));
            refused
        };
        let ask = |id: &str| within(30, method, call(limited.clone(), id.to_owned()));
        let told = ask(outside).await.expect_err(method);
        let other = ask(missing).await.expect_err(method);
        assert_eq!(refused(&told, outside), refused(&other, missing), "{method}");
        assert_eq!(told.code(), Code::PermissionDenied, "{method}: {told}");
        assert_eq!(Refused::from(&told).reason, "OUT_OF_SCOPE", "{method}");
        ask(inside).await.unwrap_or_else(|status| panic!("{method}: {status}"));
        count += 3;
    }
    cases("limits", count, 33);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_watches_and_answers_show_what_is_inside() {
    let file = AccessFile::new();
    let ops = file.create(&["ops", "--role", "admin"]).await;
    let roles = ["--role", "viewer", "--role", "publisher", "--pipeline", "sales"];
    let token = file.create(&[&["limited"][..], &roles].concat()).await;
    let server = guarded(&file).await;
    let ops = Somebody::with(&ops, &server).await;
    let limited = Somebody::with(&token, &server).await;
    world(&ops).await;
    let mut shown = Vec::new();
    let mut note = |what: &str, value: String| shown.push(format!("{what}: {value}"));

    let listed = limited.pipelines().list_pipelines(pb::ListPipelinesRequest::default()).await;
    let listed = listed.expect("it may").into_inner();
    assert_eq!(listed.pipelines.len(), 1);
    note("pipelines", format!("{listed:?}"));
    let listed = triggers(&limited).list_triggers(pb::ListTriggersRequest::default()).await;
    let listed = listed.expect("it may").into_inner();
    assert_eq!(listed.triggers.len(), 1);
    note("triggers", format!("{listed:?}"));
    let listed = entities(&limited).list_entities(pb::ListEntitiesRequest::default()).await;
    let listed = listed.expect("it may").into_inner();
    assert_eq!(listed.entities.len(), 3);
    note("entities", format!("{listed:?}"));
    let mut moves = MoveServiceClient::new(limited.0.clone());
    let listed =
        moves.list_moves(pb::ListMovesRequest::default()).await.expect("it may").into_inner();
    assert_eq!(listed.moves.len(), 1);
    note("moves", format!("{listed:?}"));
    let request =
        pb::ListVerdictsRequest { entity_id: "deal/sales-1".to_owned(), ..Default::default() };
    let listed = triggers(&limited).list_verdicts(request).await.expect("it may").into_inner();
    assert_eq!(listed.verdicts.len(), 1);
    note("verdicts", format!("{listed:?}"));

    // What others published, as far as it concerns them.
    let request = pb::GetEventRequest { source: "test".to_owned(), event_id: "both".to_owned() };
    let whole = ops.events().get_event(request.clone()).await.expect("it may").into_inner();
    assert_eq!(whole.outcome.expect("an outcome").decisions.len(), 2);
    let found = limited.events().get_event(request).await.expect("it may").into_inner();
    let decisions = found.outcome.expect("an outcome").decisions;
    assert_eq!(decisions.len(), 1);
    note("decisions", format!("{decisions:?}"));

    // What they publish themselves reaches nothing else.
    let own = event("own", "email.viewed", "deal/sales-0 deal/hidden-0");
    let request = pb::PublishEventRequest { event: Some(own), ..Default::default() };
    limited.events().publish_event(request).await.expect("it may");
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/cloudevents+json")];
    let body = r#"{"specversion":"1.0","id":"http","source":"s","type":"email.viewed",
        "subject":"deal/sales-2","subjects":"deal/hidden-2"}"#;
    let answer = post(server.address(), "/v1/events", &headers, body).await;
    assert_eq!(answer.code, 200);
    for id in ["deal/hidden-0", "deal/hidden-2"] {
        let request = pb::GetEntityRequest { entity_id: id.to_owned() };
        let entity = entities(&ops).get_entity(request).await.expect("it is there").into_inner();
        assert_eq!(entity.entity.expect("it is given").stage_id, "a", "{id} is where it was");
    }

    let start = Some(Start::Earliest(pb::StartEarliest {}));
    let request =
        pb::WatchMovesRequest { start, include_entity_changes: true, ..Default::default() };
    let mut watched = moves.watch_moves(request).await.expect("it may").into_inner();
    let mut seen = Vec::new();
    within(30, "three moves", async {
        while seen.iter().filter(|frame| matches!(frame, Frame::Move(_))).count() < 3 {
            let message = watched.message().await.expect("it goes on").expect("it goes on");
            seen.extend(message.frames.into_iter().filter_map(|frame| frame.frame));
        }
    })
    .await;
    note("watch", format!("{seen:?}"));

    let mut system = SystemServiceClient::new(limited.0.clone());
    let info = system.get_server_info(pb::GetServerInfoRequest {}).await.expect("it may");
    let info = info.into_inner();
    assert_eq!((info.entity_count, info.pipeline_count, info.move_count), (0, 0, 0), "not for all");
    for line in shown {
        assert!(!line.contains("hidden"), "{line}");
    }
}
