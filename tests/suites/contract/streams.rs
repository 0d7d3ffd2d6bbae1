//! Streams of events and of imports: one bad apple.

use pawl_api::pb;
use pawl_tests::{Refused, Server, cases, entity, event, pipeline, trigger, trigger_type};
use tonic::Code;

use crate::events::bad_events;
use crate::world::World;

/// Publishes messages on one stream: the outcomes, and how the stream ended.
async fn publish(
    world: &World,
    messages: Vec<Vec<pb::Event>>,
) -> (Vec<pb::EventOutcome>, Option<Refused>) {
    let messages = messages.into_iter().map(|events| pb::PublishEventsRequest { events, view: 0 });
    let messages: Vec<_> = messages.collect();
    let answers = world.client.events.clone().publish_events(tokio_stream::iter(messages)).await;
    let mut answers = answers.expect("the stream opens").into_inner();
    let mut outcomes = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => outcomes.extend(answer.outcomes),
            Ok(None) => return (outcomes, None),
            Err(status) => return (outcomes, Some(Refused::from(&status))),
        }
    }
}

fn good(index: usize) -> pb::Event {
    event(&format!("good{index}"), "phone.missed", "deal/1")
}

#[tokio::test]
async fn a_bad_event_is_refused_as_alone_and_harms_no_other() {
    let world = World::start().await;
    let bad = bad_events();
    // Bad ones between good ones, all in one message, and the same one to a message.
    let sequence = |from: usize| {
        let pair = move |(index, bad): (usize, &crate::events::BadEvent)| {
            [good(from + index), bad.event.clone()]
        };
        bad.iter().enumerate().flat_map(pair).chain([good(from + bad.len())]).collect::<Vec<_>>()
    };
    let together = vec![sequence(0)];
    let apart = sequence(1_000).into_iter().map(|event| vec![event]).collect::<Vec<_>>();
    let mut count = 0;
    for (messages, in_message) in [(together, true), (apart, false)] {
        let sent: Vec<_> = messages.iter().flatten().cloned().collect();
        let (outcomes, end) = publish(&world, messages).await;
        assert_eq!(end, None, "the stream goes on to its end");
        assert_eq!(outcomes.len(), sent.len());
        for (index, (outcome, event)) in outcomes.iter().zip(&sent).enumerate() {
            let identity = (&outcome.event_id, &outcome.source);
            assert_eq!(identity, (&event.event_id, &event.source), "outcomes are in order");
            let refused = outcome.refusal.as_ref().map(Refused::from);
            if index % 2 == 0 {
                assert_eq!((refused, outcome.decisions.len()), (None, 1), "a good one");
                continue;
            }
            let alone = world.client.try_publish(event.clone()).await;
            let mut alone = Refused::from(&alone.expect_err("it is bad"));
            let at = if in_message { format!("events[{index}]") } else { "events[0]".to_owned() };
            let place = |text: &mut String| {
                if let Some(rest) = text.strip_prefix("event.") {
                    *text = format!("{at}.{rest}");
                }
            };
            alone.fields.iter_mut().for_each(place);
            alone.metadata.values_mut().for_each(place);
            place(&mut alone.message);
            assert_eq!(refused, Some(alone), "{}", bad[index / 2].what);
            count += 1;
        }
    }
    cases("contract: bad events on streams", count, 40);
}

#[tokio::test]
async fn a_message_of_too_many_events_ends_the_stream_after_the_outcomes_before_it() {
    let world = World::start().await;
    let full: Vec<_> = (0..1_000).map(good).collect();
    let overfull: Vec<_> = (1_000..2_001).map(good).collect();
    let (outcomes, end) = publish(&world, vec![full, overfull, vec![good(3_000)]]).await;
    assert_eq!(outcomes.len(), 1_000, "a message may have as many as the limit");
    let end = end.expect("the stream is refused");
    assert_eq!((end.code, &*end.reason), (Code::InvalidArgument, "INVALID_FIELD"));
    assert_eq!(end.fields, ["events"]);
    assert!(end.message.contains("limit is 1000; send more messages"), "{}", end.message);
}

#[tokio::test]
async fn an_import_stops_at_the_first_bad_message_and_says_how_many_took_effect() {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new won:WON")).await;
    let message = |ids: &[&str]| pb::ImportEntitiesRequest {
        entities: ids.iter().map(|id| entity(id, "sales")).collect(),
        ..Default::default()
    };
    let messages = vec![
        message(&["deal/1", "deal/2"]),
        message(&["deal/3"]),
        message(&["deal/4", "deal/1"]),
        message(&["deal/5"]),
    ];
    let refused = client.entities.clone().import_entities(tokio_stream::iter(messages)).await;
    let refused = Refused::from(&refused.expect_err("deal/1 exists"));
    assert_eq!((refused.code, &*refused.reason), (Code::AlreadyExists, "ALREADY_EXISTS"));
    assert_eq!(refused.metadata["applied_messages"], "2");
    assert_eq!(refused.metadata["entity_id"], "deal/1");
    // Neither the rest of the bad message nor anything after it.
    assert_eq!(client.info().await.entity_count, 3);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_changes_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new won:WON")).await;
    client.trigger_type(trigger_type("bill.paid")).await;
    let request_id = |name: &str| format!("request {name}");
    let create = pb::CreateEntityRequest {
        entity: Some(entity("", "sales")),
        request_id: request_id("create"),
    };
    let first = client.entities.clone().create_entity(create.clone()).await.expect("created");
    let again = client.entities.clone().create_entity(create).await.expect("answered again");
    assert_eq!(first.get_ref(), again.get_ref(), "even the id that the server chose");
    let id = first.into_inner().entity.expect("it is given").entity_id;

    let trigger = pb::CreateTriggerRequest {
        trigger: Some(trigger("", "sales/won", "bill.paid")),
        request_id: request_id("trigger"),
        ..Default::default()
    };
    let first = client.triggers.clone().create_trigger(trigger.clone()).await.expect("created");
    let again = client.triggers.clone().create_trigger(trigger).await.expect("answered again");
    assert_eq!(first.get_ref(), again.get_ref());

    let update = pb::UpdateEntityRequest {
        entity: Some(pb::Entity { responsible: "ann".to_owned(), ..entity(&id, "") }),
        // Of the first time only.
        expected_revision: 1,
        request_id: request_id("update"),
        ..Default::default()
    };
    let first = client.entities.clone().update_entity(update.clone()).await.expect("updated");
    let mut first = first.into_inner();
    let again = client.entities.clone().update_entity(update).await.expect("answered again");
    first.outcome.as_mut().expect("an outcome").duplicate = true;
    assert_eq!(&first, again.get_ref());

    let go = pb::MoveEntityRequest {
        entity_id: id.clone(),
        stage_id: "won".to_owned(),
        expected_revision: 2,
        request_id: request_id("move"),
        ..Default::default()
    };
    let first = client.entities.clone().move_entity(go.clone()).await.expect("moved").into_inner();
    let again = client.entities.clone().move_entity(go).await.expect("answered again").into_inner();
    assert_eq!((&first.r#move, &first.entity), (&again.r#move, &again.entity));
    assert!(again.outcome.expect("an outcome").duplicate);

    let import = pb::ImportEntitiesRequest {
        entities: vec![entity("deal/1", "sales")],
        request_id: request_id("import"),
        ..Default::default()
    };
    let twice = tokio_stream::iter([import.clone(), import]);
    let counts = client.entities.clone().import_entities(twice).await.expect("imported");
    assert_eq!((counts.get_ref().created_count, counts.get_ref().message_count), (2, 2));

    let info = client.info().await;
    assert_eq!((info.entity_count, info.trigger_count, info.move_count), (2, 1, 1));
    assert_eq!(client.get_entity(&id).await.revision, 3);
}
