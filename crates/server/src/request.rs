//! What every request can bring: an id of its own, resources without an id.

use pawl_domain::{EntityKind, EventId, Rejection, RequestId};
use pawl_engine::RequestIdentity;
use prost::Message;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The identity of a request that names itself. The fingerprint covers the whole message and its
/// type, so that the id is not taken for that of another request.
pub(crate) fn identity<M: Message>(
    request_id: &str,
    request: &M,
) -> Result<Option<RequestIdentity>, Rejection> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let kind = xxh3_64_with_seed(std::any::type_name::<M>().as_bytes(), 0);
    let fingerprint = xxh3_64_with_seed(&request.encode_to_vec(), kind);
    Ok(Some(RequestIdentity { id: RequestId::parse("request_id", request_id)?, fingerprint }))
}

/// A fresh id: time-ordered, so that neighbours in time are neighbours in the store.
#[expect(clippy::disallowed_methods, reason = "the edge is where ids are made")]
fn fresh() -> String {
    Uuid::now_v7().to_string()
}

/// Fills in the id of a new resource when the client chose none.
pub(crate) fn fill_id(id: &mut String) {
    if id.is_empty() {
        *id = fresh();
    }
}

/// Fills in the id of a new entity when the client chose none.
pub(crate) fn fill_entity_id(id: &mut String, kind: &EntityKind) {
    *id = format!("{kind}/{}", fresh());
}

/// A fresh id for an event of the service's own.
pub(crate) fn event_id() -> Result<EventId, Rejection> {
    EventId::parse("event_id", &fresh())
}

/// An optional name, left empty when there is none.
pub(crate) fn optional<T>(
    field: &str,
    text: &str,
    parse: impl Fn(&str, &str) -> Result<T, Rejection>,
) -> Result<Option<T>, Rejection> {
    if text.is_empty() { Ok(None) } else { parse(field, text).map(Some) }
}
