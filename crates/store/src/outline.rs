use pawl_domain::Timestamp;

use crate::convert::from_nanos_since_epoch;

/// What trimming must know of a record: a second reading of `Record` in `record.proto`, which skips
/// all the rest, verdicts above all. The numbers are those of that message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Outline {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    #[prost(fixed64, tag = "2")]
    commit_time_nanos: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) moves_before: u64,
    #[prost(string, tag = "4")]
    request_id: String,
    // Of the changes only those that are events, at most one of which is there.
    #[prost(message, optional, tag = "10")]
    event_decided: Option<WithEvent>,
    #[prost(message, optional, tag = "11")]
    entity_moved: Option<WithEvent>,
    #[prost(message, optional, tag = "21")]
    entity_updated: Option<WithEvent>,
}

/// Each of the three has its event in the same place.
#[derive(Clone, PartialEq, prost::Message)]
struct WithEvent {
    #[prost(message, optional, tag = "1")]
    event: Option<EventIdentity>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EventIdentity {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(string, tag = "2")]
    source: String,
}

impl Outline {
    pub(crate) fn time(&self) -> Timestamp {
        from_nanos_since_epoch(self.commit_time_nanos)
    }

    /// Source and id of the event, when the record is one.
    pub(crate) fn event(&self) -> Option<(&str, &str)> {
        let with_event = self.event_decided.as_ref();
        let with_event = with_event.or(self.entity_moved.as_ref()).or(self.entity_updated.as_ref());
        let event = with_event?.event.as_ref()?;
        Some((&event.source, &event.event_id))
    }

    /// The id of the request, when it named itself.
    pub(crate) fn request(&self) -> Option<&str> {
        (!self.request_id.is_empty()).then_some(&self.request_id)
    }
}
