use std::fmt;

use litemap::LiteMap;

use crate::Rejection;
use crate::limits::{FIELDS_MAX_BYTES, FIELDS_MAX_DEPTH};

/// Values by name, in the order of their names. Mostly there are few, and very many such maps.
pub type ValueMap = LiteMap<String, Value>;

/// A JSON-like value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// Any finite number.
    Number(f64),
    /// Text.
    Text(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name; the order in which the names were sent does not matter.
    Map(ValueMap),
}

impl Value {
    /// What it counts against limits: the bytes of all names and texts, and 8 for each value.
    pub fn size_bytes(&self) -> usize {
        let mut bytes = 0;
        // Checked when it was made, so measuring cannot fail.
        let _ = measure("", self, 2, &mut bytes);
        bytes
    }

    /// How many levels are below it.
    fn depth(&self) -> usize {
        match self {
            Self::List(items) => items.iter().map(|item| item.depth() + 1).max().unwrap_or(0),
            Self::Map(map) => map.values().map(|item| item.depth() + 1).max().unwrap_or(0),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }
}

impl fmt::Display for Value {
    /// As JSON writes it, near enough for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => bool.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => fmt::Debug::fmt(text, f),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (index, (key, item)) in map.iter().enumerate() {
                    write!(f, "{}{key:?}: {item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Free values by name: an entity's `fields`, an event's `attributes`. At most 32 KiB and 8 deep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(ValueMap);

/// What each name and value costs besides its text, so that many small ones are counted too.
const OVERHEAD_BYTES: usize = 8;

impl Fields {
    /// Checks size, depth and numbers; a refusal names `field`.
    pub fn parse(field: &str, map: ValueMap) -> Result<Self, Rejection> {
        let mut bytes = 0;
        for (key, value) in &map {
            bytes += key.len();
            measure(field, value, 2, &mut bytes)?;
        }
        if bytes > FIELDS_MAX_BYTES {
            return Err(Self::too_large(field, bytes, FIELDS_MAX_BYTES));
        }
        Ok(Self(map))
    }

    pub(crate) fn too_large(field: &str, bytes: usize, limit: usize) -> Rejection {
        let problem = format!(
            "takes {bytes} bytes, the limit is {limit}; keep large content elsewhere and link to it"
        );
        Rejection::invalid(field, problem)
    }

    pub(crate) fn too_deep(field: &str, limit: usize) -> Rejection {
        let problem = format!("is nested deeper than {limit} levels, the limit; flatten it");
        Rejection::invalid(field, problem)
    }

    /// The values by name.
    pub fn as_map(&self) -> &ValueMap {
        &self.0
    }

    /// Gives the values away.
    pub fn into_map(self) -> ValueMap {
        self.0
    }

    /// What counts against the limit: the bytes of all names and texts, and 8 for each value.
    pub fn size_bytes(&self) -> usize {
        let mut bytes = 0;
        for (key, value) in &self.0 {
            bytes += key.len();
            // Checked when it was made, so measuring cannot fail.
            let _ = measure("", value, 2, &mut bytes);
        }
        bytes
    }

    /// How many levels they nest; a flat map has one.
    pub fn depth(&self) -> usize {
        1 + self.0.values().map(Value::depth).max().unwrap_or(0)
    }

    /// These fields with `patch` laid over them key by key; a null removes its key.
    pub fn merged(&self, field: &str, patch: &Fields) -> Result<Self, Rejection> {
        let mut map = self.0.clone();
        for (key, value) in &patch.0 {
            match value {
                Value::Null => map.remove(key),
                value => map.insert(key.clone(), value.clone()),
            };
        }
        Self::parse(field, map)
    }

    /// The same without keys that are null: what a new entity stores.
    #[must_use]
    pub fn without_nulls(mut self) -> Self {
        self.0.retain(|_, value| *value != Value::Null);
        self
    }
}

fn measure(field: &str, value: &Value, depth: usize, bytes: &mut usize) -> Result<(), Rejection> {
    *bytes += OVERHEAD_BYTES;
    let deeper = |bytes: &mut usize, child: &Value| {
        if depth > FIELDS_MAX_DEPTH {
            return Err(Fields::too_deep(field, FIELDS_MAX_DEPTH));
        }
        measure(field, child, depth + 1, bytes)
    };
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) if number.is_finite() => {}
        Value::Number(number) => {
            return Err(Rejection::invalid(
                field,
                format!("contains {number}; use finite numbers"),
            ));
        }
        Value::Text(text) => *bytes += text.len(),
        Value::List(items) => {
            for item in items {
                deeper(bytes, item)?;
            }
        }
        Value::Map(map) => {
            for (key, item) in map {
                *bytes += key.len();
                deeper(bytes, item)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> ValueMap {
        let inner = if levels == 1 { Value::Null } else { Value::Map(nested(levels - 1)) };
        ValueMap::from_iter([("k".to_owned(), inner)])
    }

    fn sized(bytes: usize) -> ValueMap {
        let text = "x".repeat(bytes - OVERHEAD_BYTES - 1);
        ValueMap::from_iter([("k".to_owned(), Value::Text(text))])
    }

    #[test]
    fn depth_and_size_are_accepted_up_to_the_limit_and_refused_above() {
        assert!(Fields::parse("fields", nested(FIELDS_MAX_DEPTH)).is_ok());
        assert!(Fields::parse("fields", nested(FIELDS_MAX_DEPTH + 1)).is_err());
        let full = Fields::parse("fields", sized(FIELDS_MAX_BYTES)).unwrap();
        assert_eq!(full.size_bytes(), FIELDS_MAX_BYTES);
        assert!(Fields::parse("fields", sized(FIELDS_MAX_BYTES + 1)).is_err());
        let nan = ValueMap::from_iter([("k".to_owned(), Value::Number(f64::NAN))]);
        assert!(Fields::parse("fields", nan).is_err());
    }

    #[test]
    fn merging_replaces_adds_and_removes_by_null() {
        let parse = |pairs: &[(&str, Value)]| {
            Fields::parse(
                "fields",
                pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            )
            .unwrap()
        };
        let old = parse(&[("a", Value::Number(1.0)), ("b", Value::Bool(true))]);
        let patch = parse(&[("a", Value::Number(2.0)), ("b", Value::Null), ("c", Value::Null)]);
        assert_eq!(old.merged("fields", &patch).unwrap(), parse(&[("a", Value::Number(2.0))]));
    }
}
