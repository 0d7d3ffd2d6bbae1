use crate::id::name_problem;
use crate::limits::{PARAMETERS_MAX, VALUES_MAX};
use crate::{AttributeName, Detail, DisplayName, Event, ParameterName, Rejection, Value};

/// What a trigger of a type can be told, and how an event is compared with it (T2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, unique within the type.
    pub name: ParameterName,
    /// What people call it.
    pub title: DisplayName,
    /// What may be given.
    pub kind: ParameterKind,
    /// How the event is compared with it.
    pub comparison: Comparison,
    /// What of the event is compared.
    pub attribute: AttributeName,
    /// Whether a trigger must give it.
    pub required: bool,
    /// What may be chosen; empty means anything.
    pub options: Vec<String>,
}

/// What may be given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ParameterKind {
    /// A text, a number, true or false.
    #[default]
    Any,
    /// A text.
    Text,
    /// A number.
    Number,
}

/// How an event is compared with a parameter. Where a list may be given, one of it has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Comparison {
    /// The attribute is the same; a number is the same as a text that spells it.
    #[default]
    Exact,
    /// The attribute is a text that begins so.
    Prefix,
    /// The attribute is a text that contains this, in any case of letters.
    Contains,
    /// The attribute is a number, or spells one, and is this or more.
    AtLeast,
    /// The same, and is this or less.
    AtMost,
    /// The names of entity fields, of which one changed. Only for built-in types, as the next two.
    Changed,
    /// What the attribute, or one of the changed fields, was before.
    ChangedFrom,
    /// What it is now.
    ChangedTo,
}

impl Comparison {
    /// Whether a list of values may be given.
    pub fn takes_list(self) -> bool {
        !matches!(self, Self::AtLeast | Self::AtMost)
    }

    /// Whether it is about what an update changed, and not about attributes.
    pub fn is_of_changes(self) -> bool {
        matches!(self, Self::Changed | Self::ChangedFrom | Self::ChangedTo)
    }
}

impl Parameter {
    /// Refuses a value that can never hold; the refusal names `field`.
    pub(crate) fn check(&self, field: &str, value: &Value) -> Result<(), Rejection> {
        let problem = match value {
            Value::List(items) if self.comparison.takes_list() => {
                if items.is_empty() {
                    Some("is an empty list; leave it out to match anything".to_owned())
                } else if items.len() > VALUES_MAX {
                    Some(format!("has {} values, the limit is {VALUES_MAX}", items.len()))
                } else {
                    items.iter().find_map(|item| self.problem(item))
                }
            }
            Value::List(_) => Some("takes one number, not a list".to_owned()),
            value => self.problem(value),
        };
        problem.map_or(Ok(()), |problem| Err(Rejection::invalid(field, problem)))
    }

    fn problem(&self, value: &Value) -> Option<String> {
        let (fits, wanted) = match (self.kind, value) {
            (_, Value::Null) => {
                return Some("is null; leave it out to match anything".to_owned());
            }
            (ParameterKind::Any, Value::Text(_) | Value::Number(_) | Value::Bool(_)) => (true, ""),
            (ParameterKind::Any, _) => (false, "a text, a number, true or false"),
            (ParameterKind::Text, value) => (matches!(value, Value::Text(_)), "a text"),
            (ParameterKind::Number, value) => (matches!(value, Value::Number(_)), "a number"),
        };
        if !fits {
            return Some(format!("is {value}; give {wanted}"));
        }
        let chosen = |option: &String| matches!(value, Value::Text(text) if text == option);
        if !self.options.is_empty() && !self.options.iter().any(chosen) {
            return Some(format!("is {value}; choose from {}", self.options.join(", ")));
        }
        None
    }

    /// Checks a parameter of a new type; a refusal names `field`.
    pub(crate) fn check_definition(&self, field: &str) -> Result<(), Rejection> {
        if self.options.len() > PARAMETERS_MAX {
            let problem = format!("has {}, the limit is {PARAMETERS_MAX}", self.options.len());
            return Err(Rejection::invalid(format!("{field}.options"), problem));
        }
        for (index, option) in self.options.iter().enumerate() {
            if let Some(problem) = name_problem(option) {
                return Err(Rejection::invalid(format!("{field}.options[{index}]"), problem));
            }
        }
        let numeric = matches!(self.comparison, Comparison::AtLeast | Comparison::AtMost);
        let textual = matches!(self.comparison, Comparison::Prefix | Comparison::Contains);
        let problem = if numeric && self.kind != ParameterKind::Number {
            "needs the kind NUMBER for AT_LEAST and AT_MOST"
        } else if textual && self.kind != ParameterKind::Text {
            "needs the kind TEXT for PREFIX and CONTAINS"
        } else if self.comparison.is_of_changes() {
            "is for built-in types; choose EXACT, PREFIX, CONTAINS, AT_LEAST or AT_MOST"
        } else {
            return Ok(());
        };
        Err(Rejection::invalid(format!("{field}.comparison"), problem))
    }

    /// What it counts against limits: the bytes of its texts, and 8 for each.
    pub(crate) fn size_bytes(&self) -> usize {
        let texts = [self.name.as_str(), self.title.as_str(), self.attribute.as_str()];
        let options = self.options.iter().map(String::as_str);
        texts.into_iter().chain(options).map(|text| 8 + text.len()).sum()
    }

    /// What came instead of what the trigger wants, or `None` when the event will do.
    pub(crate) fn differs(&self, wanted: &Value, event: &Event) -> Option<Detail> {
        let came = event.attributes.as_map().get(self.attribute.as_str());
        let holds = came.is_some_and(|came| self.holds(wanted, came));
        (!holds).then(|| match came {
            Some(came) => {
                Detail::clipped(format_args!("{}: wants {wanted}, came {came}", self.name))
            }
            None => Detail::clipped(format_args!(
                "{}: wants {wanted}, the event has no {}",
                self.name, self.attribute
            )),
        })
    }

    /// Whether a value is what the trigger wants, or one of what it wants.
    pub(crate) fn holds(&self, wanted: &Value, came: &Value) -> bool {
        // Once, and not for each of a list.
        let lowered = match (self.comparison, came) {
            (Comparison::Contains, Value::Text(came)) => Some(Value::Text(came.to_lowercase())),
            _ => None,
        };
        let came = lowered.as_ref().unwrap_or(came);
        match wanted {
            Value::List(items) => items.iter().any(|item| self.holds_one(item, came)),
            wanted => self.holds_one(wanted, came),
        }
    }

    fn holds_one(&self, wanted: &Value, came: &Value) -> bool {
        match (self.comparison, wanted, came) {
            (Comparison::Prefix, Value::Text(wanted), Value::Text(came)) => {
                came.starts_with(wanted)
            }
            (Comparison::Contains, Value::Text(wanted), Value::Text(came)) => {
                came.contains(&wanted.to_lowercase())
            }
            (Comparison::AtLeast, wanted, came) => {
                matches!((number(wanted), number(came)), (Some(least), Some(came)) if came >= least)
            }
            (Comparison::AtMost, wanted, came) => {
                matches!((number(wanted), number(came)), (Some(most), Some(came)) if came <= most)
            }
            (Comparison::Prefix | Comparison::Contains, ..) => false,
            (_, wanted, came) => same(wanted, came),
        }
    }
}

/// The same value; a number is the same as its decimal text.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => {
            number.to_string() == *text
        }
        (one, other) => one == other,
    }
}

/// A number, or a text that spells one in decimals.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) if text.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b)) => {
            text.parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueMap;

    fn parameter(kind: ParameterKind, comparison: Comparison) -> Parameter {
        Parameter {
            name: "p".parse().unwrap(),
            title: DisplayName::default(),
            kind,
            comparison,
            attribute: "a".parse().unwrap(),
            required: false,
            options: Vec::new(),
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn comparisons_hold_on_both_sides_of_their_boundary() {
        use Comparison::{AtLeast, AtMost, Contains, Exact, Prefix};
        use Value::{Bool, List, Null, Number};
        let rows = [
            (Exact, text("a"), text("a"), true),
            (Exact, text("a"), text("A"), false),
            (Exact, Number(1.0), Number(1.0), true),
            (Exact, Number(1.5), text("1.5"), true),
            (Exact, Number(7.0), text("7"), true),
            (Exact, Number(7.0), text("7.0"), false),
            (Exact, text("7"), Number(7.0), true),
            (Exact, Bool(true), Bool(true), true),
            (Exact, Bool(true), text("true"), false),
            (Exact, List(vec![text("a"), Number(2.0)]), text("2"), true),
            (Exact, List(vec![text("a"), text("b")]), text("c"), false),
            (Exact, text("a"), Null, false),
            (Exact, text("a"), List(vec![text("a")]), false),
            (Prefix, text("/shop"), text("/shop/1"), true),
            (Prefix, text("/shop"), text("/Shop/1"), false),
            (Prefix, text("/shop"), text("/sho"), false),
            (Prefix, text("1"), Number(12.0), false),
            (Prefix, List(vec![text("/a"), text("/b")]), text("/b/c"), true),
            (Contains, text("OFFER"), text("Your offer, please"), true),
            (Contains, text("ÄPFEL"), text("rote äpfel"), true),
            (Contains, text("offer"), text("off er"), false),
            (AtLeast, Number(100.0), Number(100.0), true),
            (AtLeast, Number(100.0), Number(99.99), false),
            (AtLeast, Number(100.0), text("100.00"), true),
            (AtLeast, Number(100.0), text("a hundred"), false),
            (AtLeast, Number(100.0), text("inf"), false),
            (AtMost, Number(30.0), Number(30.0), true),
            (AtMost, Number(30.0), Number(30.1), false),
            (AtMost, Number(30.0), text("-1"), true),
        ];
        for (comparison, wanted, came, expected) in rows {
            let holds = parameter(ParameterKind::Any, comparison).holds(&wanted, &came);
            assert_eq!(holds, expected, "{comparison:?} {wanted} {came}");
        }
    }

    #[test]
    fn what_can_never_hold_is_refused() {
        use ParameterKind::{Any, Number, Text};
        let rows = [
            (Any, Comparison::Exact, Value::Null, "is null"),
            (Any, Comparison::Exact, Value::List(Vec::new()), "is an empty list"),
            (Any, Comparison::Exact, Value::Map(ValueMap::new()), "give a text, a number"),
            (Any, Comparison::Exact, Value::List(vec![Value::Null]), "is null"),
            (Text, Comparison::Contains, Value::Number(1.0), "is 1; give a text"),
            (Number, Comparison::AtLeast, text("1"), "is \"1\"; give a number"),
            (Number, Comparison::AtMost, Value::List(vec![Value::Number(1.0)]), "not a list"),
        ];
        for (kind, comparison, value, part) in rows {
            let rejection = parameter(kind, comparison).check("trigger.parameters.p", &value);
            let rejection = rejection.unwrap_err().to_string();
            assert!(rejection.contains(part), "{rejection}");
        }
        let mut chosen = parameter(Text, Comparison::Exact);
        chosen.options = vec!["member".to_owned(), "all".to_owned()];
        assert!(chosen.check("p", &text("all")).is_ok());
        let rejection = chosen.check("p", &text("none")).unwrap_err().to_string();
        assert_eq!(rejection, "p: is \"none\"; choose from member, all");
    }
}
