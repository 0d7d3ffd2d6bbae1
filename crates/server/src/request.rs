//! What every request can bring: an id of its own, resources without an id.

use pawl_domain::{EntityKind, EventId, Rejection, RequestId};
use pawl_engine::RequestIdentity;
use prost::Message;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The identity of a request to `method` that names itself. The fingerprint covers the whole message
/// and the method, so that the id is not taken for that of another request. It is stored.
pub(crate) fn identity(
    method: &str,
    request_id: &str,
    request: &impl Message,
) -> Result<Option<RequestIdentity>, Rejection> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let seed = xxh3_64(method.as_bytes());
    let fingerprint = xxh3_64_with_seed(&request.encode_to_vec(), seed);
    Ok(Some(RequestIdentity { id: RequestId::parse("request_id", request_id)?, fingerprint }))
}

/// A fresh id: time-ordered, so that neighbours in time are neighbours in the store.
#[expect(clippy::disallowed_methods, reason = "the edge is where ids are made")]
pub(crate) fn fresh() -> String {
    Uuid::now_v7().to_string()
}

/// Fills in the id of a new resource when the client chose none.
pub(crate) fn fill_id(id: &mut String) {
    if id.is_empty() {
        *id = fresh();
    }
}

/// A fresh id for an entity of a kind.
pub(crate) fn entity_id(kind: &EntityKind) -> String {
    format!("{kind}/{}", fresh())
}

/// A fresh id for an event of the service's own.
pub(crate) fn event_id() -> Result<EventId, Rejection> {
    EventId::parse("event_id", &fresh())
}
