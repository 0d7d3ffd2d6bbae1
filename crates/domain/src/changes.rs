use std::collections::{BTreeMap, BTreeSet};

use crate::{Entity, Responsible, Value, ValueMap};

/// What an update changed: the old value and the new one, `None` where there was or is none (X1).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Who was in charge, and who is; `None` when that did not change.
    pub responsible: Option<Change<Responsible>>,
    /// The fields that changed.
    pub fields: BTreeMap<String, Change<Value>>,
}

/// What was and what is.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<T> {
    /// What was.
    pub old: Option<T>,
    /// What is.
    pub new: Option<T>,
}

impl Changes {
    /// How `new` differs from `old`.
    pub fn between(old: &Entity, new: &Entity) -> Self {
        let (before, after) = (old.fields.as_map(), new.fields.as_map());
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differing = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
        let change = |key: &String| {
            let change = Change { old: before.get(key).cloned(), new: after.get(key).cloned() };
            (key.clone(), change)
        };
        let responsible = (old.responsible != new.responsible)
            .then(|| Change { old: old.responsible.clone(), new: new.responsible.clone() });
        Self { responsible, fields: differing.map(change).collect() }
    }

    /// Whether nothing changed of what an event tells.
    pub fn is_empty(&self) -> bool {
        self.responsible.is_none() && self.fields.is_empty()
    }

    /// As filters and answers show it: `responsible` only when it changed, `fields` always.
    pub fn to_map(&self) -> ValueMap {
        let pair = |old: Option<Value>, new: Option<Value>| {
            let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
            Value::Map(ValueMap::from_iter([
                ("old".to_owned(), or_null(old)),
                ("new".to_owned(), or_null(new)),
            ]))
        };
        let name = |responsible: &Option<Responsible>| {
            responsible.as_ref().map(|name| Value::Text(name.to_string()))
        };
        let fields = self.fields.iter();
        let fields =
            fields.map(|(key, c)| (key.clone(), pair(c.old.clone(), c.new.clone()))).collect();
        let mut map = ValueMap::from_iter([("fields".to_owned(), Value::Map(fields))]);
        if let Some(change) = &self.responsible {
            map.insert("responsible".to_owned(), pair(name(&change.old), name(&change.new)));
        }
        map
    }
}
