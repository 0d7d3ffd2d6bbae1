//! Between the domain's types and the messages on disk, a file per proto file.

mod encode;
mod record;
mod resource;
mod wire;

pub(crate) use encode::Encoder;
pub(crate) use record::{Decoder, result_of};

use pawl_domain::{Rejection, Timestamp};

/// A sub-message that is always written.
fn required<T>(field: &str, value: Option<T>) -> Result<T, Rejection> {
    value.ok_or_else(|| Rejection::invalid(field, "is missing"))
}

/// An optional name, which is written as empty text when there is none.
fn optional<T>(
    field: &str,
    text: &str,
    parse: impl Fn(&str, &str) -> Result<T, Rejection>,
) -> Result<Option<T>, Rejection> {
    if text.is_empty() { Ok(None) } else { parse(field, text).map(Some) }
}

/// Commit times lie between 1970 and 2554.
pub(crate) fn nanos_since_epoch(time: Timestamp) -> u64 {
    let elapsed = time.since(Timestamp::default());
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn from_nanos_since_epoch(nanos: u64) -> Timestamp {
    Timestamp::since_epoch(std::time::Duration::from_nanos(nanos))
}
