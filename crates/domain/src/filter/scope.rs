//! What a filter sees: event, entity and changes, converted only where it looks.

use std::collections::HashMap;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp,
    CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use chrono::DateTime;

use crate::{Entity, Event, Timestamp, Value, ValueMap};

/// The variables of one evaluation.
pub(crate) struct Scope<'a> {
    pub(super) event: &'a Event,
    pub(super) entity: &'a Entity,
    now: Timestamp,
    /// Converted as a whole only when a filter looks at more than single texts and numbers.
    attributes: OnceLock<CelMap<'a>>,
    fields: OnceLock<CelMap<'a>>,
    changes: OnceLock<CelMap<'static>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(event: &'a Event, entity: &'a Entity, now: Timestamp) -> Self {
        let (attributes, fields, changes) = Default::default();
        Self { event, entity, now, attributes, fields, changes }
    }

    fn attributes(&self) -> &CelMap<'a> {
        self.attributes.get_or_init(|| map(self.event.attributes.as_map()))
    }

    fn fields(&self) -> &CelMap<'a> {
        self.fields.get_or_init(|| map(self.entity.fields.as_map()))
    }

    fn changes(&self) -> &CelMap<'static> {
        self.changes.get_or_init(|| {
            let owned = self.event.changes.to_map();
            CelMap::from(
                owned
                    .iter()
                    .map(|(key, value)| (key_of(key.clone()), owned_cel(value)))
                    .collect::<HashMap<_, _>>(),
            )
        })
    }
}

impl VariableResolver for Scope<'_> {
    /// Is asked for the longest name first: `entity.fields.amount` before `entity.fields`.
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        let time = |time: Timestamp| Some(CowVal::owned(timestamp(time)?));
        let (event, entity) = (self.event, self.entity);
        match name {
            "event.type" => text(event.event_type.as_str()),
            "event.source" => text(event.source.as_str()),
            "event.actor" => text(event.actor.as_ref().map_or("", |actor| actor.as_str())),
            "event.time" => time(event.time.unwrap_or(self.now)),
            "event.attributes" => Some(CowVal::Borrowed(self.attributes())),
            "entity.entity_id" => text(entity.id.as_str()),
            "entity.kind" => text(entity.id.kind()),
            "entity.pipeline_id" => text(entity.pipeline_id.as_str()),
            "entity.stage_id" => text(entity.stage_id.as_str()),
            "entity.responsible" => {
                text(entity.responsible.as_ref().map_or("", |responsible| responsible.as_str()))
            }
            "entity.fields" => Some(CowVal::Borrowed(self.fields())),
            "entity.customer_ids" => {
                let ids = entity.customer_ids.iter();
                let boxed = |id: &'b crate::CustomerId| -> Box<dyn Val + 'b> {
                    Box::new(CelString::from(id.as_str()))
                };
                Some(CowVal::owned(CelList::from(ids.map(boxed).collect::<Vec<_>>())))
            }
            "entity.create_time" => time(entity.version.create_time),
            "entity.update_time" => time(entity.version.update_time),
            "changes" => Some(CowVal::Borrowed(self.changes())),
            _ => {
                if let Some(key) = name.strip_prefix("event.attributes.") {
                    member(event.attributes.as_map(), key, || self.attributes())
                } else {
                    let key = name.strip_prefix("entity.fields.")?;
                    member(entity.fields.as_map(), key, || self.fields())
                }
            }
        }
    }
}

/// One value of a map: converted alone when it is small.
fn member<'b>(
    values: &'b ValueMap,
    key: &str,
    converted: impl FnOnce() -> &'b CelMap<'b>,
) -> Option<CowVal<'b, 'b>> {
    // What lies deeper is selected from what is found here.
    match values.get(key)? {
        Value::List(_) | Value::Map(_) => {
            let key = CelMapKey::String(CelString::from(key.to_owned()));
            let found: Option<&'b Box<dyn Val + 'b>> = converted().inner().get(&key);
            found.map(|value| CowVal::Borrowed(value.as_ref()))
        }
        small => Some(CowVal::Owned(cel_of(small))),
    }
}

fn key_of(key: String) -> CelMapKey<'static> {
    CelMapKey::String(CelString::from(key))
}

fn map(values: &ValueMap) -> CelMap<'_> {
    let entry = |(key, value): (&String, _)| (key_of(key.clone()), cel_of(value));
    CelMap::from(values.iter().map(entry).collect::<HashMap<_, _>>())
}

/// A value as filters see it: numbers are doubles.
fn cel_of(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Text(text) => Box::new(CelString::from(text.as_str())),
        Value::List(items) => Box::new(CelList::from(items.iter().map(cel_of).collect::<Vec<_>>())),
        Value::Map(values) => Box::new(map(values)),
        scalar => owned_cel(scalar),
    }
}

fn owned_cel(value: &Value) -> Box<dyn Val> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(bool) => Box::new(CelBool::from(*bool)),
        Value::Number(number) => Box::new(CelDouble::from(*number)),
        Value::Text(text) => Box::new(CelString::from(text.clone())),
        Value::List(items) => {
            Box::new(CelList::from(items.iter().map(owned_cel).collect::<Vec<_>>()))
        }
        Value::Map(values) => {
            let entry = |(key, value): (&String, _)| (key_of(key.clone()), owned_cel(value));
            Box::new(CelMap::from(values.iter().map(entry).collect::<HashMap<_, _>>()))
        }
    }
}

fn timestamp(time: Timestamp) -> Option<CelTimestamp> {
    let utc = DateTime::from_timestamp(time.seconds(), time.nanos())?;
    Some(CelTimestamp::from(utc.fixed_offset()))
}

/// The other way, for people to read.
pub(super) fn value_of(value: &dyn Val) -> Value {
    if let Some(bool) = value.downcast_ref::<CelBool>() {
        Value::Bool(*bool.inner())
    } else if let Some(double) = value.downcast_ref::<CelDouble>() {
        Value::Number(*double.inner())
    } else if let Some(int) = value.downcast_ref::<CelInt>() {
        int.inner().to_string().parse().map_or(Value::Null, Value::Number)
    } else if let Some(uint) = value.downcast_ref::<CelUInt>() {
        uint.inner().to_string().parse().map_or(Value::Null, Value::Number)
    } else if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        Value::Text(text.inner().to_owned())
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        Value::List(list.inner().iter().map(|item| value_of(item.as_ref())).collect())
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let key = |key: &CelMapKey<'_>| match value_of(key.inner()) {
            Value::Text(text) => text,
            other => other.to_string(),
        };
        let entries = map.inner().iter();
        Value::Map(entries.map(|(k, v)| (key(k), value_of(v.as_ref()))).collect())
    } else if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        Value::Text(time.inner().to_rfc3339())
    } else {
        match cel::Value::try_from(value) {
            Ok(cel::Value::Duration(span)) => Value::Text(format!("{}s", span.num_seconds())),
            _ => Value::Null,
        }
    }
}

/// What went wrong, in words for who wrote the filter.
pub(super) fn problem_of(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no {key:?} here"),
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(" and ");
            let operator = overload.function().trim_matches('_').trim_start_matches('@');
            format!("{operator} does not work on {types}")
        }
        ExecutionError::UnexpectedType { got, want } => format!("wants {want}, came {got}"),
        // Types and no values: those of maps come in any order, and may be long.
        ExecutionError::UnsupportedBinaryOperator(operator, one, other) => {
            format!("{operator} does not work on {} and {}", type_of(one), type_of(other))
        }
        ExecutionError::ValuesNotComparable(one, other) => {
            format!("{} cannot be compared to {}", type_of(one), type_of(other))
        }
        ExecutionError::UnsupportedTargetType { target } => {
            format!("does not work on {}", type_of(target))
        }
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("{method} does not work on {}", type_of(target))
        }
        ExecutionError::UnsupportedKeyType(key) => format!("{} cannot be a key", type_of(key)),
        ExecutionError::UnsupportedIndex(index, of) => {
            format!("{} does not lead into {}", type_of(index), type_of(of))
        }
        other => other.to_string(),
    }
}

/// The name of a value's type in CEL.
fn type_of(value: &cel::Value) -> String {
    match value {
        cel::Value::Float(_) => "double".to_owned(),
        other => other.type_of().to_string(),
    }
}
