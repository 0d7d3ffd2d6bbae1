//! Limits that the operator set: each refuses what goes beyond it, whatever way it comes, and leaves
//! alone what was taken before.

use std::collections::BTreeMap;

use pawl_api::pb;
use pawl_tests::{
    Client, Refused, Server, cases, entity, event, fields, pipeline, post, trigger, trigger_type,
};
use prost_types::{Struct, Value, value::Kind};
use tonic::{Code, Status};

use crate::pages;

/// The lowest for some, and for others what still lets one see the difference.
const LOW: [(&str, i64); 13] = [
    ("max-message-bytes", 131_072),
    ("max-events-per-message", 64),
    ("max-import-entities", 2),
    ("max-page-size", 3),
    ("max-subjects", 2),
    ("max-attributes-bytes", 100),
    ("max-attributes-depth", 2),
    ("max-fields-bytes", 120),
    ("max-fields-depth", 1),
    ("max-filter-bytes", 40),
    ("max-filter-depth", 3),
    ("max-triggers-per-stage", 2),
    ("max-triggers-per-pipeline-and-event-type", 3),
];

fn flags(limits: &[(&str, i64)]) -> Vec<String> {
    limits.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// What GetServerInfo says, by the names of the flags.
fn stated(limits: &pb::Limits) -> BTreeMap<&'static str, i64> {
    let values = [
        limits.max_message_bytes,
        limits.max_events_per_message,
        limits.max_import_entities,
        limits.max_page_size,
        limits.max_subjects,
        limits.max_attributes_bytes,
        limits.max_attributes_depth,
        limits.max_fields_bytes,
        limits.max_fields_depth,
        limits.max_filter_bytes,
        limits.max_filter_depth,
        limits.max_triggers_per_stage,
        limits.max_triggers_per_pipeline_and_event_type,
    ];
    LOW.iter().map(|(name, _)| *name).zip(values).collect()
}

fn sized(bytes: usize) -> Struct {
    fields([("note", Some(&*"x".repeat(bytes)))])
}

fn nested(levels: usize) -> Struct {
    let mut inner = fields([("k", Some("v"))]);
    for _ in 1..levels {
        let value = Value { kind: Some(Kind::StructValue(inner)) };
        inner = Struct { fields: [("k".to_owned(), value)].into() };
    }
    inner
}

fn many(count: usize) -> Vec<pb::Event> {
    (0..count).map(|index| event(&format!("m{index}"), "a.one", "deal/1")).collect()
}

fn about_three(id: &str) -> pb::Event {
    pb::Event { attributes: Some(sized(300)), ..event(id, "b.two", "deal/1 deal/2 deal/3") }
}

fn filtered(id: &str, filter: &str) -> pb::Trigger {
    pb::Trigger { filter: filter.to_owned(), ..trigger(id, "sales/won", "b.two") }
}

fn long_filter(letter: &str) -> String {
    format!("event.attributes.note == '{}'", letter.repeat(60))
}

/// What is there before the limits are lowered.
async fn furnish(client: &Client) {
    client.pipeline(pipeline("sales", "new won:WON")).await;
    for code in ["a.one", "b.two"] {
        client.trigger_type(trigger_type(code)).await;
    }
    for id in ["t1", "t2", "t3"] {
        let filter = long_filter("x");
        client.trigger(pb::Trigger { filter, ..trigger(id, "sales/new", "a.one") }).await;
    }
    for id in ["deal/1", "deal/2", "deal/3", "deal/4"] {
        client.entity(pb::Entity { fields: Some(sized(300)), ..entity(id, "sales") }).await;
    }
    client.publish(about_three("big")).await;
    pages::furnish(client).await;
}

/// Refusals, one after the other, all of which are told at once.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) count: usize,
    failures: Vec<String>,
}

impl Table {
    pub(crate) fn refused(
        &mut self,
        what: &str,
        answer: Result<(), Refused>,
        field: &str,
        part: &str,
    ) {
        self.count += 1;
        match answer {
            Ok(()) => self.failures.push(format!("{what}: it was granted")),
            Err(refused) => {
                let fields: Vec<_> = field.split_whitespace().collect();
                if refused.fields != fields || !refused.message.contains(part) {
                    self.failures
                        .push(format!("{what}: {field} {part:?} expected, not {refused:?}"));
                }
            }
        }
    }

    fn granted<T>(&mut self, what: &str, answer: Result<T, Status>) {
        self.count += 1;
        if let Err(status) = answer {
            self.failures.push(format!("{what}: {status:?}"));
        }
    }

    fn end(self, suite: &str, minimum: usize) {
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        cases(suite, self.count, minimum);
    }
}

#[expect(clippy::result_large_err, reason = "told once, in a test")]
pub(crate) fn read<T>(answer: Result<T, Status>) -> Result<(), Refused> {
    answer.map(drop).map_err(|status| Refused::from(&status))
}

async fn create_trigger(client: &Client, trigger: pb::Trigger) -> Result<(), Status> {
    let request = pb::CreateTriggerRequest { trigger: Some(trigger), ..Default::default() };
    client.triggers.clone().create_trigger(request).await.map(drop)
}

async fn update_trigger(client: &Client, path: &str, trigger: pb::Trigger) -> Result<(), Status> {
    let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let trigger = Some(trigger);
    let request = pb::UpdateTriggerRequest { trigger, update_mask, ..Default::default() };
    client.triggers.clone().update_trigger(request).await.map(drop)
}

async fn create_entity(client: &Client, fields: Struct) -> Result<(), Status> {
    let entity = Some(pb::Entity { fields: Some(fields), ..entity("deal/new", "sales") });
    let request = pb::CreateEntityRequest { entity, ..Default::default() };
    client.entities.clone().create_entity(request).await.map(drop)
}

async fn update_entity(client: &Client, id: &str, fields: Struct) -> Result<(), Status> {
    let entity =
        Some(pb::Entity { entity_id: id.to_owned(), fields: Some(fields), ..Default::default() });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["fields".to_owned()] });
    let request = pb::UpdateEntityRequest { entity, update_mask, ..Default::default() };
    client.entities.clone().update_entity(request).await.map(drop)
}

async fn import(client: &Client, entities: Vec<pb::Entity>) -> Result<(), Status> {
    let message = pb::ImportEntitiesRequest { entities, ..Default::default() };
    client.entities.clone().import_entities(tokio_stream::iter([message])).await.map(drop)
}

async fn stream(client: &Client, events: Vec<pb::Event>) -> Result<Vec<pb::EventOutcome>, Status> {
    let message = pb::PublishEventsRequest { events, ..Default::default() };
    let mut answers =
        client.events.clone().publish_events(tokio_stream::iter([message])).await?.into_inner();
    let mut outcomes = Vec::new();
    while let Some(answer) = answers.message().await? {
        outcomes.extend(answer.outcomes);
    }
    Ok(outcomes)
}

async fn preview(
    client: &Client,
    event: pb::Event,
    triggers: Vec<pb::Trigger>,
) -> Result<(), Status> {
    let request = pb::PreviewEventRequest { event: Some(event), triggers };
    client.events.clone().preview_event(request).await.map(drop)
}

async fn triggers(client: &Client, table: &mut Table) {
    let listening = create_trigger(client, trigger("t4", "sales/won", "a.one")).await;
    table.refused(
        "a fourth that listens",
        read(listening),
        "",
        "has 3 triggers that listen to \"a.one\" already, the limit is 3",
    );
    let crowded = create_trigger(client, trigger("t4", "sales/new", "b.two")).await;
    table.refused(
        "a fourth on a stage",
        read(crowded),
        "",
        "stage \"new\" of pipeline \"sales\" has 3 triggers already, the limit is 2; delete one",
    );
    let other = create_trigger(client, trigger("t4", "sales/won", "b.two")).await;
    table.granted("one on another stage", other);
    let moved = update_trigger(client, "stage_id", trigger("t4", "sales/new", "b.two")).await;
    table.refused("one that comes over", read(moved), "", "the limit is 2");
    let asked =
        preview(client, event("p", "a.one", "deal/1"), vec![trigger("", "sales/new", "b.two")]);
    table.refused("one of a preview", read(asked.await), "", "the limit is 2");
    let asked =
        preview(client, event("p", "a.one", "deal/1"), vec![trigger("", "sales/won", "a.one")]);
    table.refused("one of a preview that listens", read(asked.await), "", "the limit is 3");

    let long = create_trigger(client, filtered("t5", &long_filter("x"))).await;
    table.refused(
        "a long filter",
        read(long),
        "trigger.filter",
        "has 87 bytes, the limit is 40; make it shorter",
    );
    let deep = create_trigger(client, filtered("t5", "((((true))))")).await;
    table.refused(
        "a deep filter",
        read(deep),
        "trigger.filter",
        "nests 4 levels deep, the limit is 3; split it up",
    );
    let asked = preview(client, event("p", "a.one", "deal/1"), vec![filtered("", "((((true))))")]);
    table.refused("that of a preview", read(asked.await), "triggers[0].filter", "the limit is 3");
    table.granted(
        "a filter within both",
        create_trigger(client, filtered("t5", "(((true)))")).await,
    );
    let known = pb::Trigger { filter: long_filter("x"), ..trigger("t1", "sales/new", "a.one") };
    let named = pb::Trigger { display_name: "First".to_owned(), ..known };
    table.granted(
        "a name beside a long filter",
        update_trigger(client, "display_name", named).await,
    );
    let other = pb::Trigger { filter: long_filter("y"), ..trigger("t1", "sales/new", "a.one") };
    let other = update_trigger(client, "filter", other).await;
    table.refused("another long filter", read(other), "trigger.filter", "the limit is 40");
}

async fn entities(client: &Client, table: &mut Table) {
    let large = "takes 212 bytes, the limit is 120; keep large content elsewhere";
    table.refused(
        "large fields",
        read(create_entity(client, sized(200)).await),
        "entity.fields",
        large,
    );
    table.refused(
        "deep fields",
        read(create_entity(client, nested(2)).await),
        "entity.fields",
        "is nested deeper than 1 levels, the limit; flatten it",
    );
    let imported = pb::Entity { fields: Some(sized(200)), ..entity("deal/new", "sales") };
    let imported = import(client, vec![entity("deal/other", "sales"), imported]).await;
    table.refused("large fields of an import", read(imported), "entities[1].fields", large);
    let three = (7..10).map(|index| entity(&format!("deal/{index}"), "sales")).collect();
    table.refused(
        "too many of an import",
        read(import(client, three).await),
        "entities",
        "has 3, the limit is 2; send more messages",
    );

    let grown = update_entity(client, "deal/1", sized(301)).await;
    table.refused(
        "fields that grow",
        read(grown),
        "entity.fields",
        "takes 313 bytes, the limit is 120",
    );
    table.granted("fields that shrink", update_entity(client, "deal/1", sized(299)).await);
    let place = pb::MoveEntityRequest {
        entity_id: "deal/1".to_owned(),
        stage_id: "won".to_owned(),
        ..Default::default()
    };
    table.granted("a move", client.entities.clone().move_entity(place).await);
    let kept = client.get_entity("deal/2").await.fields.expect("it has fields");
    assert_eq!(kept, sized(300), "what was taken stays");
}

async fn events(client: &Client, table: &mut Table) {
    let known = client.publish(about_three("big")).await;
    assert!(known.duplicate, "what was published before is answered all the same: {known:?}");
    let few = "has 3, the limit is 2; publish several events";
    let three = client.try_publish(event("e1", "a.one", "deal/1 deal/2 deal/3")).await;
    table.refused("three subjects", read(three), "event.subjects", few);
    let three = preview(client, about_three("e1"), Vec::new()).await;
    table.refused("three of a preview", read(three), "event.subjects", few);
    for (what, attributes, part) in [
        ("large attributes", sized(200), "takes 212 bytes, the limit is 100; keep large"),
        ("deep attributes", nested(3), "is nested deeper than 2 levels, the limit; flatten it"),
    ] {
        let event = pb::Event { attributes: Some(attributes), ..event("e1", "a.one", "deal/1") };
        table.refused(what, read(client.try_publish(event).await), "event.attributes", part);
    }
    table.granted(
        "as much as may be",
        client
            .try_publish(pb::Event {
                attributes: Some(nested(2)),
                ..event("e1", "a.one", "deal/1 deal/2")
            })
            .await,
    );

    let outcomes = stream(client, vec![event("s1", "a.one", "deal/1"), about_three("s2")]).await;
    let outcomes = outcomes.expect("only one is refused");
    assert_eq!(outcomes[0].refusal, None);
    let refusal = outcomes[1].refusal.as_ref().map(Refused::from);
    table.refused("three on a stream", refusal.map_or(Ok(()), Err), "events[1].subjects", few);
    table.refused(
        "a batch",
        read(stream(client, many(65)).await),
        "events",
        "has 65, the limit is 64; send more messages",
    );
    table.granted("as many as may be", stream(client, many(64)).await);

    let padded = pb::Event { actor: "x".repeat(140_000), ..event("e2", "a.one", "deal/1") };
    let padded = client.try_publish(padded).await.expect_err("it is longer than a message");
    assert_eq!(padded.code(), Code::OutOfRange, "{padded:?}");
    assert!(padded.message().contains("131072"), "{padded:?}");
}

async fn http(server: &Server, table: &mut Table) {
    let cloud_event = |id: &str, subject: &str, data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"web","type":"a.one","subject":"{subject}","data":{data}}}"#
        )
    };
    let one = [("content-type", "application/cloudevents+json")];
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let deep = cloud_event("h1", "deal/1", r#"{"a":{"b":{"c":1}}}"#);
    let all: Vec<_> = (0..65).map(|i| cloud_event(&format!("h{i}"), "deal/1", "{}")).collect();
    for (headers, body, code, part) in [
        (one, deep, 400, "event.attributes: is nested deeper than 2 levels"),
        (
            one,
            cloud_event("h1", r#"deal/1","subjects":"deal/2 deal/3"#, "{}"),
            400,
            "has 3, the limit is 2",
        ),
        (batch, format!("[{}]", all.join(",")), 400, "has 65, the limit is 64"),
        (one, cloud_event("h1", "deal/1", &format!("\"{}\"", "x".repeat(140_000))), 413, ""),
    ] {
        let answer = post(server.address(), "/v1/events", &headers, body).await;
        let body = String::from_utf8_lossy(&answer.body);
        if answer.code != code || !body.contains(part) {
            table.failures.push(format!("{code} {part:?} expected, not {} {body}", answer.code));
        }
        table.count += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_for_what_comes_in_and_leave_what_is_there() {
    let mut server = Server::start().await;
    furnish(&server.client().await).await;
    server.kill_9().await;
    let flags = flags(&LOW);
    server.restart_with(&flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let client = server.client().await;
    let limits = client.info().await.limits.expect("they are told");
    assert_eq!(stated(&limits), LOW.into(), "GetServerInfo tells what is in force");
    let before = client.info().await.event_count;
    let mut table = Table { count: LOW.len(), ..Table::default() };
    triggers(&client, &mut table).await;
    entities(&client, &mut table).await;
    events(&client, &mut table).await;
    pages::hold(&client, &mut table).await;
    http(&server, &mut table).await;
    // An update, a move, and what was published within the limits.
    assert_eq!(client.info().await.event_count - before, 2 + 2 + 64);
    table.end("contract: limits that are set", 58);
}

/// An import is one record, which has to come through a restart as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raised_limits_take_what_the_usual_ones_refuse() {
    let raised = ["--max-message-bytes=16MiB", "--max-events-per-message=2000"];
    let mut server = Server::start_with(&raised).await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new won:WON")).await;
    let large = |index| pb::Entity {
        fields: Some(sized(30_000)),
        ..entity(&format!("deal/{index}"), "sales")
    };
    import(&client, (0..400).map(large).collect()).await.expect("12 MB are taken");
    let outcomes = stream(&client, many(1_500)).await.expect("they are taken");
    assert_eq!(outcomes.len(), 1_500);
    server.kill_9().await;
    server.restart_with(&raised).await;
    let client = server.client().await;
    let info = client.info().await;
    assert_eq!((info.entity_count, info.event_count), (400, 1_500));
    assert_eq!(client.get_entity("deal/399").await.fields, Some(sized(30_000)));
}

#[tokio::test]
async fn a_server_does_not_start_on_limits_that_cannot_be() {
    for (flag, part) in [
        ("--max-subjects=101", "101 is not in 1..=100"),
        ("--max-filter-bytes=5KiB", "5120 is not in 16..=4096 bytes"),
        ("--max-message-bytes=1KiB", "1024 is not in 131072..=16777216 bytes"),
        ("--max-page-size=0", "0 is not in 1..=1000"),
    ] {
        let ended = Server::refuse(&[flag]).await;
        assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{part:?} is missing in {}", ended.stderr);
    }
}
