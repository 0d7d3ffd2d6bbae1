use pawl_domain::{
    Actor, Changes, Event, EventId, EventType, Rejection, Source, Subject, Timestamp,
};

use super::value::{
    each, fields, fields_to_pb, map_to_pb, optional, optional_to_pb, timestamp, timestamp_to_pb,
};
use crate::pb;

/// An event that is to be published; `path` says where the request holds it: `event` or
/// `events[3]`.
pub fn event(path: &str, mut event: pb::Event) -> Result<Event, Rejection> {
    let named = (std::mem::take(&mut event.event_id), std::mem::take(&mut event.source));
    event_named(&named, event).map_err(|rejection| rejection.within(path))
}

/// The same of an event whose id and source were taken out, so that they can be told of in a refusal,
/// which names fields of the event.
pub fn event_named(named: &(String, String), event: pb::Event) -> Result<Event, Rejection> {
    let event = parse(named, event)?;
    event.check_published().map(|()| event)
}

/// An event as GetEvent shows it: with the time at which it was accepted when it had none.
pub fn event_to_pb(event: &Event, accepted: Timestamp) -> pb::Event {
    pb::Event {
        event_id: event.id.to_string(),
        source: event.source.to_string(),
        r#type: event.event_type.to_string(),
        time: Some(timestamp_to_pb(event.time.unwrap_or(accepted))),
        actor: optional_to_pb(event.actor.as_ref()),
        subjects: event.subjects.iter().map(ToString::to_string).collect(),
        attributes: Some(fields_to_pb(&event.attributes)),
        changes: (!event.changes.is_empty()).then(|| map_to_pb(&event.changes.to_map())),
    }
}

fn parse((id, source): &(String, String), event: pb::Event) -> Result<Event, Rejection> {
    if event.changes.is_some_and(|changes| !changes.fields.is_empty()) {
        let problem = "is set by the service on updates; change the entity with UpdateEntity";
        return Err(Rejection::invalid("changes", problem));
    }
    Ok(Event {
        id: EventId::parse("event_id", id)?,
        source: Source::parse("source", source)?,
        event_type: EventType::parse("type", &event.r#type)?,
        time: event.time.map(|time| timestamp("time", time)).transpose()?,
        actor: optional("actor", &event.actor, Actor::parse)?,
        subjects: each("subjects", &event.subjects, Subject::parse)?,
        attributes: fields("attributes", event.attributes.unwrap_or_default())?,
        changes: Changes::default(),
    })
}
