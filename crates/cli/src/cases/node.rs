use std::collections::BTreeMap;

use pawl_api::json;
use serde_json::{Map, Value};

use crate::manifest::{Listed, extend};

/// A value in a file and where it stands there, so that each mistake can be told with its place.
#[derive(Debug)]
pub(super) struct Node {
    place: String,
    value: Value,
}

/// A map in a file. Each key is taken once; one that is left over is a mistake.
#[derive(Debug)]
pub(super) struct Members {
    place: String,
    map: Map<String, Value>,
}

impl Node {
    /// A whole document, which needs no place.
    pub(super) fn document(value: Value) -> Self {
        Self { place: String::new(), value }
    }

    /// The place, and what should stand there.
    pub(super) fn expected(&self, what: &str) -> String {
        at(&self.place, &format!("expected {what}"))
    }

    pub(super) fn members(self) -> Result<Members, String> {
        match self.value {
            Value::Object(map) => Ok(Members { place: self.place, map }),
            _ => Err(self.expected("a map")),
        }
    }

    /// The only key of a map, and its value.
    pub(super) fn only_member(self, keys: &str) -> Result<(String, Self), String> {
        let mistake = self.expected(&format!("exactly one of {keys}"));
        let Members { place, map } = self.members()?;
        let mut members = map.into_iter();
        match (members.next(), members.next()) {
            (Some((key, value)), None) => {
                let place = at(&place, &key);
                Ok((key, Self { place, value }))
            }
            _ => Err(mistake),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Self>, String> {
        let Value::Array(items) = self.value else { return Err(self.expected("a list")) };
        let item = |(index, value)| Self { place: format!("{}[{index}]", self.place), value };
        Ok(items.into_iter().enumerate().map(item).collect())
    }

    pub(super) fn text(self) -> Result<String, String> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(self.expected("a text")),
        }
    }

    pub(super) fn number(self) -> Result<i64, String> {
        self.value.as_i64().ok_or_else(|| self.expected("a whole number"))
    }

    pub(super) fn flag(self) -> Result<bool, String> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// A text that is the name of something, told by `is_known`.
    pub(super) fn name(self, what: &str, is_known: fn(&str) -> bool) -> Result<String, String> {
        let mistake = self.expected(what);
        let text = self.text()?;
        if is_known(&text) { Ok(text) } else { Err(format!("{mistake}, not {text:?}")) }
    }

    /// A map whose values are all read in the same way.
    pub(super) fn each<T>(
        self,
        read: impl Fn(Self) -> Result<T, String>,
    ) -> Result<BTreeMap<String, T>, String> {
        let Members { place, map } = self.members()?;
        let member = |(key, value): (String, Value)| {
            let node = Self { place: at(&place, &key), value };
            Ok((key, read(node)?))
        };
        map.into_iter().map(member).collect()
    }

    /// A message of the contract.
    pub(super) fn message<T: prost::Message + Default>(self, name: &str) -> Result<T, String> {
        let Self { place, value } = self;
        json::from_value(name, value).map_err(|error| at(&place, &error.to_string()))
    }

    /// A list of resources, each with an id of its own.
    pub(super) fn resources<T: Listed>(self) -> Result<Vec<T>, String> {
        let mut resources = Vec::new();
        extend(&mut resources, &self.place, self.value)?;
        Ok(resources)
    }
}

impl Members {
    /// Adds to the place what tells this map from its neighbours better than its index.
    pub(super) fn called(&mut self, name: &str) {
        self.place = format!("{} ({name})", self.place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        let value = self.map.remove(key)?;
        Some(Node { place: at(&self.place, key), value })
    }

    pub(super) fn require(&mut self, key: &str) -> Result<Node, String> {
        self.take(key).ok_or_else(|| at(&self.place, &format!("{key} is missing")))
    }

    /// Refuses keys that nobody took; `keys` are those that could stand there.
    pub(super) fn end(self, keys: &str) -> Result<(), String> {
        match self.map.keys().next() {
            Some(unknown) => {
                Err(at(&self.place, &format!("unknown key {unknown:?}; expected {keys}")))
            }
            None => Ok(()),
        }
    }
}

fn at(place: &str, what: &str) -> String {
    if place.is_empty() { what.to_owned() } else { format!("{place}: {what}") }
}
