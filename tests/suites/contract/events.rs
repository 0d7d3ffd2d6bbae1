//! `EventService`.

use pawl_api::pb;
use pawl_api::pb::ErrorReason;
use pawl_tests::{event, trigger};
use prost_types::{Struct, Timestamp, Value, value::Kind};
use tonic::Code;

use crate::entities::{deep, large};
use crate::row::{Call, FILTER, IMMUTABLE, INVALID, RESERVED, Row, absent, call, unmet};

const EVENT_ID: (Code, ErrorReason) = (Code::AlreadyExists, ErrorReason::EventIdReused);

/// An event that is refused, and why; the field as it is called in the event.
pub(crate) struct BadEvent {
    pub(crate) what: &'static str,
    pub(crate) refusal: (Code, ErrorReason),
    /// As the path in `PublishEvent`.
    pub(crate) field: &'static str,
    pub(crate) says: &'static str,
    pub(crate) event: pb::Event,
}

fn with(change: impl Fn(&mut pb::Event)) -> pb::Event {
    let mut bad = event("e9", "phone.missed", "deal/1");
    change(&mut bad);
    bad
}

fn attribute(kind: Option<Kind>) -> pb::Event {
    let attributes = Struct { fields: [("k".to_owned(), Value { kind })].into() };
    with(|event| event.attributes = Some(attributes.clone()))
}

/// Every way in which an event can be bad by itself.
#[rustfmt::skip]
pub(crate) fn bad_events() -> Vec<BadEvent> {
    let bad = |what, refusal, field, says, event| BadEvent { what, refusal, field, says, event };
    let subjects = |count: usize| with(|event| event.subjects = vec!["deal/1".to_owned(); count]);
    vec![
        bad("without an id", INVALID, "event.event_id", "is required", with(|e| e.event_id.clear())),
        bad("without a source", INVALID, "event.source", "is required", with(|e| e.source.clear())),
        bad("without a type", INVALID, "event.type", "is required", with(|e| e.r#type.clear())),
        bad("with an id that is too long", INVALID, "event.event_id", "limit is 256", with(|e| e.event_id = "x".repeat(257))),
        bad("with a newline in its source", INVALID, "event.source", "printable", with(|e| e.source = "a\nb".into())),
        bad("with an actor that is too long", INVALID, "event.actor", "limit is 256", with(|e| e.actor = "x".repeat(257))),
        bad("of the service's own source", RESERVED, "event.source", "choose another", with(|e| e.source = "pawl".into())),
        bad("of a source like the service's own", RESERVED, "event.source", "choose another", with(|e| e.source = "pawl-x".into())),
        bad("of the service's own type", RESERVED, "event.type", "choose another", with(|e| e.r#type = "entity.updated".into())),
        bad("about nobody", INVALID, "event.subjects", "1 to 100", subjects(0)),
        bad("about 101 subjects", INVALID, "event.subjects", "1 to 100", subjects(101)),
        bad("about a bad subject", INVALID, "event.subjects[1]", "such as deal/57",
            with(|e| e.subjects = vec!["deal/1".to_owned(), "57".to_owned()])),
        bad("about too many", unmet(ErrorReason::ReachTooLarge), "", "more than 1000 entities",
            with(|e| e.subjects = vec!["contact/crowd".to_owned()])),
        bad("about a customer without an id", INVALID, "event.subjects[0]", "must not be empty",
            with(|e| e.subjects = vec!["contact/".to_owned()])),
        bad("with changes, which are the service's", INVALID, "event.changes", "UpdateEntity",
            with(|e| e.changes = Some(pawl_tests::fields([("fields", None)])))),
        bad("at a time that does not exist", INVALID, "event.time", "",
            with(|e| e.time = Some(Timestamp { seconds: 0, nanos: -1 }))),
        bad("with attributes that are too deep", INVALID, "event.attributes", "8 levels", with(|e| e.attributes = Some(deep(9)))),
        bad("with attributes that are too large", INVALID, "event.attributes", "limit is 32768", with(|e| e.attributes = Some(large()))),
        bad("with a number that is none", INVALID, "event.attributes", "finite", attribute(Some(Kind::NumberValue(f64::NAN)))),
        bad("with a value of no kind", INVALID, "event.attributes", "null_value", attribute(None)),
        bad("with the id of another", EVENT_ID, "", "an id of its own", event("e1", "bill.paid", "deal/1")),
        bad("with the id of another that differs in an attribute", EVENT_ID, "", "an id of its own",
            pb::Event { attributes: Some(deep(1)), ..event("e1", "phone.missed", "deal/1") }),
    ]
}

fn publish(event: pb::Event) -> Call {
    call!(events.publish_event(pb::PublishEventRequest { event: Some(event), view: 0 }))
}

fn preview(event: pb::Event, triggers: Vec<pb::Trigger>) -> Call {
    call!(events.preview_event(pb::PreviewEventRequest { event: Some(event), triggers }))
}

fn get(source: &str, event_id: &str) -> Call {
    let (source, event_id) = (source.to_owned(), event_id.to_owned());
    call!(events.get_event(pb::GetEventRequest { source, event_id }))
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let published = bad_events().into_iter().map(|bad| {
        Row::new(bad.what, bad.refusal, bad.field, bad.says, publish(bad.event))
    });
    let others = [
        Row::new("an event that is not sent", INVALID, "event", "is required",
            call!(events.publish_event(pb::PublishEventRequest::default()))),
        Row::new("an unknown view", INVALID, "view", "BASIC or FULL",
            call!(events.publish_event(pb::PublishEventRequest {
                event: Some(event("e9", "phone.missed", "deal/1")),
                view: 9,
            }))),
        Row::new("to preview nothing", INVALID, "event", "is required",
            call!(events.preview_event(pb::PreviewEventRequest::default()))),
        Row::new("to preview what is the service's own", RESERVED, "event.source", "choose another",
            preview(with(|e| e.source = "pawl".into()), Vec::new())),
        Row::new("to preview with a trigger on no stage", unmet(ErrorReason::StageNotFound), "triggers[1].stage_id", "create it first",
            preview(with(|_| {}), vec![trigger("", "sales/won", "bill.paid"), trigger("", "sales/none", "bill.paid")])),
        Row::new("to preview with a bad filter", FILTER, "triggers[0].filter", "there is no foo",
            preview(with(|_| {}), vec![pb::Trigger { filter: "foo".to_owned(), ..trigger("", "sales/won", "bill.paid") }])),
        Row::new("to preview with a trigger moved to another pipeline", IMMUTABLE, "triggers[0].pipeline_id", "an id of its own",
            preview(with(|_| {}), vec![trigger("paid", "service/done", "bill.paid")])),
        Row::new("to preview with 101 triggers", INVALID, "triggers", "limit is 100",
            preview(with(|_| {}), vec![trigger("", "sales/won", "bill.paid"); 101])),
        Row::new("to get an event that does not exist", absent(ErrorReason::EventNotFound), "", "does not exist", get("test", "e9")),
        Row::new("to get an event of another source", absent(ErrorReason::EventNotFound), "", "does not exist", get("other", "e1")),
        Row::new("to get an event without a source", INVALID, "source", "is required", get("", "e1")),
        Row::new("to get an event without an id", INVALID, "event_id", "is required", get("test", "")),
    ];
    published.chain(others).collect()
}
