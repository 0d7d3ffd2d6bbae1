//! Forms that do what they ask for once, however often they are sent: each carries an id of its own
//! from when it was made, and what came of it first is what comes of it again.

use maud::{Markup, html};
use pawl_domain::{Rejection, RequestId};
use pawl_engine::RequestIdentity;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The input that carries the id.
pub(crate) const INPUT: &str = "request_id";

/// The id in a form.
pub(crate) fn input(id: &str) -> Markup {
    html! { @if !id.is_empty() { input type="hidden" name=(INPUT) value=(id); } }
}

/// What tells a form that is sent again from another. `what` is what it asks for; a form without an id
/// is new each time.
pub(crate) fn identity<'a>(
    what: &str,
    id: &str,
    content: impl Iterator<Item = &'a str>,
) -> Result<Option<RequestIdentity>, Rejection> {
    if id.is_empty() {
        return Ok(None);
    }
    // It is stored, and compared with what later versions make of the same.
    let content: Vec<_> = content.collect();
    let seed = xxh3_64(what.as_bytes());
    let fingerprint = xxh3_64_with_seed(content.join("\0").as_bytes(), seed);
    Ok(Some(RequestIdentity { id: RequestId::parse(INPUT, id)?, fingerprint }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_or_wish_is_another_request() {
        let of = |what, id, content: &[&str]| {
            let made = identity(what, id, content.iter().copied());
            made.unwrap().map(|identity| (identity.id.to_string(), identity.fingerprint))
        };
        let first = of("move", "a", &["deal/1", "won"]);
        assert_eq!(first, of("move", "a", &["deal/1", "won"]));
        for other in [
            of("move", "a", &["deal/1", "lost"]),
            of("move", "a", &["deal/1won"]),
            of("create", "a", &["deal/1", "won"]),
            of("move", "b", &["deal/1", "won"]),
        ] {
            assert!(other.is_some() && other != first);
        }
        assert_eq!(of("move", "", &["deal/1"]), None);
    }
}
