use std::fmt;
use std::sync::Arc;

use crate::Rejection;
use crate::limits::{NAME_MAX_CHARS, SLUG_MAX_BYTES};

/// What is wrong with a slug, or `None`: 1 to 128 of `A-Z a-z 0-9 . _ ~ : -`.
fn slug_problem(text: &str) -> Option<String> {
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b':' | b'-');
    if text.is_empty() {
        Some(format!("must not be empty; use 1 to {SLUG_MAX_BYTES} of A-Z a-z 0-9 . _ ~ : -"))
    } else if text.len() > SLUG_MAX_BYTES {
        Some(format!("has {} bytes, the limit is {SLUG_MAX_BYTES}; shorten it", text.len()))
    } else if text.bytes().all(allowed) {
        None
    } else {
        let bad = text.chars().find(|c| !c.is_ascii() || !allowed(*c as u8))?;
        Some(format!("contains {bad:?}; use only A-Z a-z 0-9 . _ ~ : -"))
    }
}

/// What is wrong with a free name, or `None`: 1 to 256 printable characters.
pub(crate) fn name_problem(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(format!("is required; give 1 to {NAME_MAX_CHARS} printable characters"));
    }
    // Most names are far shorter than the limit in bytes, so they need not be counted.
    if text.len() > NAME_MAX_CHARS && text.chars().count() > NAME_MAX_CHARS {
        return Some(format!(
            "has {} characters, the limit is {NAME_MAX_CHARS}; shorten it",
            text.chars().count()
        ));
    }
    // As nearly all are.
    if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return None;
    }
    text.chars()
        .find(|c| c.is_control())
        .map(|bad| format!("contains {bad:?}; use printable characters only"))
}

/// What is wrong with `kind/local`, or `None`.
fn kinded_problem(text: &str, kind_problem: fn(&str) -> Option<String>) -> Option<String> {
    match text.split_once('/') {
        None => Some(format!("{text:?} lacks its kind; write kind/id, such as deal/57")),
        Some((kind, local)) => kind_problem(kind)
            .or_else(|| slug_problem(local).map(|problem| format!("the part after / {problem}"))),
    }
}

fn entity_kind_problem(kind: &str) -> Option<String> {
    match kind {
        "lead" | "deal" | "estimate" | "invoice" => None,
        _ => match kind.strip_prefix("smart_process.") {
            Some(name) => {
                slug_problem(name).map(|problem| format!("the smart process' name {problem}"))
            }
            None => Some(format!(
                "{kind:?} is no entity kind; use lead, deal, estimate, invoice or smart_process.NAME"
            )),
        },
    }
}

fn served_kind_problem(kind: &str) -> Option<String> {
    if kind == ANY_SMART_PROCESS { None } else { entity_kind_problem(kind) }
}

fn customer_kind_problem(kind: &str) -> Option<String> {
    match kind {
        "contact" | "company" => None,
        _ => Some(format!("{kind:?} is no customer kind; use contact or company")),
    }
}

/// Every smart process, whatever its name.
const ANY_SMART_PROCESS: &str = "smart_process";

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident checked by $problem:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`; a refusal names `field`.
            pub fn parse(field: &str, text: &str) -> Result<Self, Rejection> {
                match $problem(text) {
                    None => Ok(Self(text.into())),
                    Some(problem) => Err(Rejection::invalid(field, problem)),
                }
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = Rejection;

            fn from_str(text: &str) -> Result<Self, Rejection> {
                Self::parse(stringify!($name), text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )+};
}

identifiers! {
    /// Names a pipeline: a slug.
    PipelineId checked by slug_problem;
    /// Names a stage within its pipeline: a slug. Renaming or reordering never changes it (P2).
    StageId checked by slug_problem;
    /// Names a trigger: a slug.
    TriggerId checked by slug_problem;
    /// Names a trigger type: a slug.
    TypeCode checked by slug_problem;
    /// Names an entity with its kind: `deal/57`, `smart_process.repairs/12`.
    EntityId checked by |text| kinded_problem(text, entity_kind_problem);
    /// Names a customer with its kind: `contact/9`, `company/4`.
    CustomerId checked by |text| kinded_problem(text, customer_kind_problem);
    /// `lead`, `deal`, `estimate`, `invoice` or `smart_process.NAME`.
    EntityKind checked by entity_kind_problem;
    /// An entity kind, or `smart_process` for all of them: what a trigger type serves.
    ServedKind checked by served_kind_problem;
    /// The producer's own id of an event, unique within its source (E4).
    EventId checked by name_problem;
    /// Who publishes an event (E4).
    Source checked by name_problem;
    /// What happened, such as `email.viewed`.
    EventType checked by name_problem;
    /// Who caused a change: a user or a service.
    Actor checked by name_problem;
    /// The employee in charge of an entity.
    Responsible checked by name_problem;
    /// The client's own id of a request, so that a repeat is recognised.
    RequestId checked by name_problem;
    /// Names a parameter of a trigger type: a slug.
    ParameterName checked by slug_problem;
    /// Names an attribute of an event.
    AttributeName checked by name_problem;
}

impl EntityId {
    /// The kind, as written before the slash.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or("", |(kind, _)| kind)
    }
}

impl ServedKind {
    /// Whether entities of `kind` are served.
    pub fn covers(&self, kind: &str) -> bool {
        let any_smart_process = self.as_str() == ANY_SMART_PROCESS;
        *self.as_str() == *kind
            || any_smart_process && kind.split('.').next() == Some(ANY_SMART_PROCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_is_wrong_with_them() {
        let long = "x".repeat(SLUG_MAX_BYTES + 1);
        let cases: [(&str, Option<&str>); 12] = [
            ("deal/57", None),
            ("smart_process.repairs/12", None),
            ("lead/a.b_c~d:e-f", None),
            ("deal", Some("lacks its kind")),
            ("deal/", Some("must not be empty")),
            ("deal/a/b", Some("contains '/'")),
            ("deal/ä", Some("contains 'ä'")),
            ("offer/1", Some("is no entity kind")),
            ("smart_process./1", Some("must not be empty")),
            ("contact/9", Some("is no entity kind")),
            ("", Some("lacks its kind")),
            (&format!("deal/{long}"), Some("the limit is 128")),
        ];
        for (text, expected) in cases {
            match (EntityId::parse("entity_id", text), expected) {
                (Ok(id), None) => {
                    assert_eq!(id.to_string().parse::<EntityId>().unwrap(), id, "{text:?}");
                }
                (Err(rejection), Some(part)) => {
                    assert_eq!(rejection.field(), Some("entity_id"));
                    assert!(rejection.to_string().contains(part), "{text:?}: {rejection}");
                }
                (result, _) => panic!("{text:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn names_are_limited_in_characters_not_bytes() {
        assert!(Source::parse("source", &"ü".repeat(NAME_MAX_CHARS)).is_ok());
        assert!(Source::parse("source", &"ü".repeat(NAME_MAX_CHARS + 1)).is_err());
        assert!(Source::parse("source", "").is_err());
        assert!(Source::parse("source", "a\nb").is_err());
    }
}
