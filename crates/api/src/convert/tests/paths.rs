use std::collections::BTreeMap;
use std::time::Duration;

use pawl_domain::Rejection;
use prost_types::Struct;
use prost_types::value::Kind;

use super::*;
use crate::convert::{
    duration, duration_to_pb, event, event_to_pb, new_entity, new_pipeline, new_trigger,
    new_trigger_type, refusal, required,
};

/// Reason and field of the refusal that a message gets after it was changed in one way.
fn refusal_of<M, T>(
    mut message: M,
    change: impl FnOnce(&mut M),
    convert: impl FnOnce(M) -> Result<T, Rejection>,
) -> String {
    change(&mut message);
    let Err(rejection) = convert(message) else { panic!("accepted") };
    format!("{:?} {}", refusal(&rejection).reason(), rejection.field().unwrap_or_default())
}

#[test]
fn refusals_name_the_full_path_of_the_field() {
    type P = pb::Pipeline;
    type E = pb::Entity;
    let pipeline = |change: fn(&mut P)| refusal_of(pipeline(), change, new_pipeline);
    let ttype =
        |change: fn(&mut pb::TriggerType)| refusal_of(trigger_type(), change, new_trigger_type);
    let trigger = |change: fn(&mut pb::Trigger)| {
        refusal_of(trigger(), change, |sent| new_trigger("trigger", sent))
    };
    let entity = |change: fn(&mut E)| {
        refusal_of(entity(), change, |entity| new_entity("entities[3]", entity))
    };
    let event = |change: fn(&mut pb::Event)| {
        refusal_of(sent_event(), change, |sent| event("events[2]", sent))
    };
    let cases = [
        (pipeline(|p| p.pipeline_id.clear()), "InvalidField pipeline.pipeline_id"),
        (pipeline(|p| p.entity_kind = "offer".into()), "InvalidField pipeline.entity_kind"),
        (pipeline(|p| p.display_name = "x".repeat(257)), "InvalidField pipeline.display_name"),
        (pipeline(|p| p.stages.clear()), "InvalidField pipeline.stages"),
        (pipeline(|p| p.trigger_selection = 9), "InvalidField pipeline.trigger_selection"),
        (pipeline(|p| p.stages[1].stage_id.clear()), "InvalidField pipeline.stages[1].stage_id"),
        (
            pipeline(|p| p.stages[1].stage_id = "new".into()),
            "InvalidField pipeline.stages[1].stage_id",
        ),
        (pipeline(|p| p.stages[1].semantics = 9), "InvalidField pipeline.stages[1].semantics"),
        (pipeline(|p| p.stages[0].color = "red".into()), "InvalidField pipeline.stages[0].color"),
        (ttype(|t| t.code = "a b".into()), "InvalidField trigger_type.code"),
        (ttype(|t| t.event_type = "\n".into()), "InvalidField trigger_type.event_type"),
        (ttype(|t| t.description = "x".repeat(4_097)), "InvalidField trigger_type.description"),
        (
            ttype(|t| t.entity_kinds.push("offer".into())),
            "InvalidField trigger_type.entity_kinds[1]",
        ),
        (trigger(|t| t.trigger_id.clear()), "InvalidField trigger.trigger_id"),
        (trigger(|t| t.stage_id.clear()), "InvalidField trigger.stage_id"),
        (trigger(|t| t.trigger_type.clear()), "InvalidField trigger.trigger_type"),
        (trigger(|t| t.state = 9), "InvalidField trigger.state"),
        (entity(|e| e.entity_id = "57".into()), "InvalidField entities[3].entity_id"),
        (entity(|e| e.pipeline_id.clear()), "InvalidField entities[3].pipeline_id"),
        (entity(|e| e.responsible = "\t".into()), "InvalidField entities[3].responsible"),
        (
            entity(|e| e.customer_ids.push("deal/1".into())),
            "InvalidField entities[3].customer_ids[1]",
        ),
        (entity(|e| e.parent_ids.push(String::new())), "InvalidField entities[3].parent_ids[0]"),
        (
            entity(|e| e.fields = Some(values(&[("a", Kind::NumberValue(f64::NAN))]))),
            "InvalidField entities[3].fields",
        ),
        (event(|e| e.event_id.clear()), "InvalidField events[2].event_id"),
        (event(|e| e.source = "pawl.x".into()), "ReservedName events[2].source"),
        (event(|e| e.r#type = "entity.updated".into()), "ReservedName events[2].type"),
        (event(|e| e.subjects.clear()), "InvalidField events[2].subjects"),
        (event(|e| e.subjects[1] = "contact/".into()), "InvalidField events[2].subjects[1]"),
        (
            event(|e| e.changes = Some(values(&[("a", Kind::NullValue(0))]))),
            "InvalidField events[2].changes",
        ),
        (trigger(|t| t.filter = "foo".into()), "InvalidFilter trigger.filter"),
        (ttype(|t| t.parameters[0].name.clear()), "InvalidField trigger_type.parameters[0].name"),
        (ttype(|t| t.parameters[0].kind = 9), "InvalidField trigger_type.parameters[0].kind"),
        (
            ttype(|t| t.parameters[0].comparison = 99),
            "InvalidField trigger_type.parameters[0].comparison",
        ),
        (pipeline(|p| p.customer_reach = 9), "InvalidField pipeline.customer_reach"),
        (
            event(|e| e.time = Some(prost_types::Timestamp { seconds: 0, nanos: -1 })),
            "InvalidField events[2].time",
        ),
        (
            event(|e| {
                e.attributes = Some(Struct {
                    fields: BTreeMap::from([("a".into(), prost_types::Value { kind: None })]),
                });
            }),
            "InvalidField events[2].attributes",
        ),
    ];
    for (refused, expected) in cases {
        assert_eq!(refused, expected);
    }
}

#[test]
fn an_event_keeps_what_was_sent_and_gets_a_time_when_it_had_none() {
    let attributes = values(&[("k", Kind::StringValue("v".to_owned())), ("n", Kind::NullValue(0))]);
    let sent = pb::Event { attributes: Some(attributes), actor: "ann".to_owned(), ..sent_event() };
    let accepted = version().create_time;
    let shown = event_to_pb(&event("event", sent.clone()).unwrap(), accepted);
    let time = Some(prost_types::Timestamp { seconds: 7, nanos: 8 });
    assert_eq!(shown, pb::Event { time, ..sent.clone() });

    let time = Some(prost_types::Timestamp { seconds: -1, nanos: 5 });
    let sent = pb::Event { time, ..sent };
    assert_eq!(event_to_pb(&event("event", sent.clone()).unwrap(), accepted), sent);
}

#[test]
fn spans_are_not_negative() {
    let span = Duration::new(3, 5);
    assert_eq!(duration("lag", duration_to_pb(span)), Ok(span));
    let negative = prost_types::Duration { seconds: 0, nanos: -1 };
    assert_eq!(duration("lag", negative).unwrap_err().field(), Some("lag"));
    assert_eq!(required::<()>("event", None).unwrap_err().field(), Some("event"));
}
