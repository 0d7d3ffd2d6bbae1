use std::time::Duration;

use pawl_domain::{Fields, Rejection, Timestamp, Value, ValueMap};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};

/// What a request must hold; a refusal names `path`.
pub fn required<T>(path: &str, value: Option<T>) -> Result<T, Rejection> {
    value.ok_or_else(|| Rejection::invalid(path, "is required"))
}

/// Free values by name, within the limits of the domain; a refusal names `path`.
pub fn fields(path: &str, values: Struct) -> Result<Fields, Rejection> {
    Fields::parse(path, map(path, values)?)
}

/// Free values as they are sent.
pub fn fields_to_pb(fields: &Fields) -> Struct {
    map_to_pb(fields.as_map())
}

/// A moment; a refusal names `path`.
pub fn timestamp(path: &str, time: prost_types::Timestamp) -> Result<Timestamp, Rejection> {
    Timestamp::new(path, time.seconds, time.nanos)
}

/// A moment as it is sent.
pub fn timestamp_to_pb(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.seconds(), nanos: time.nanos().cast_signed() }
}

/// A span of time that is not negative; a refusal names `path`.
pub fn duration(path: &str, span: prost_types::Duration) -> Result<Duration, Rejection> {
    Duration::try_from(span).map_err(|_| Rejection::invalid(path, "must not be negative"))
}

/// A span of time as it is sent; longer ones than the format can hold become its longest.
pub fn duration_to_pb(span: Duration) -> prost_types::Duration {
    /// The longest `google.protobuf.Duration`, about 10,000 years.
    const MAX_SECONDS: i64 = 315_576_000_000;
    match i64::try_from(span.as_secs()) {
        Ok(seconds) if seconds < MAX_SECONDS => {
            prost_types::Duration { seconds, nanos: span.subsec_nanos().cast_signed() }
        }
        _ => prost_types::Duration { seconds: MAX_SECONDS, nanos: 0 },
    }
}

/// `None` for an empty text: optional names are sent so.
pub fn optional<T>(
    field: &str,
    text: &str,
    parse: fn(&str, &str) -> Result<T, Rejection>,
) -> Result<Option<T>, Rejection> {
    if text.is_empty() { Ok(None) } else { parse(field, text).map(Some) }
}

/// Parses each text of a list; a refusal names its index.
pub(super) fn each<T>(
    field: &str,
    texts: &[String],
    parse: fn(&str, &str) -> Result<T, Rejection>,
) -> Result<Vec<T>, Rejection> {
    let parse_at = |(index, text): (usize, &String)| {
        // Paths are built for bad texts only: every event of a stream comes through here.
        parse(field, text).or_else(|_| parse(&format!("{field}[{index}]"), text))
    };
    texts.iter().enumerate().map(parse_at).collect()
}

/// An id or name that its message leaves empty when it has none.
pub(super) fn optional_to_pb<T: ToString>(name: Option<&T>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

/// A value of an enum; `choices` are offered for a number that the contract does not know.
pub fn choice<E: TryFrom<i32>>(field: &str, number: i32, choices: &str) -> Result<E, Rejection> {
    E::try_from(number)
        .map_err(|_| Rejection::invalid(field, format!("{number} is unknown; use {choices}")))
}

fn map(path: &str, values: Struct) -> Result<ValueMap, Rejection> {
    values.fields.into_iter().map(|(key, item)| Ok((key, value(path, item)?))).collect()
}

fn value(path: &str, value: prost_types::Value) -> Result<Value, Rejection> {
    let kind = value.kind.ok_or_else(|| {
        Rejection::invalid(path, "contains a value of no kind; send null_value for null")
    })?;
    Ok(match kind {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(bool) => Value::Bool(bool),
        Kind::NumberValue(number) => Value::Number(number),
        Kind::StringValue(text) => Value::Text(text),
        Kind::ListValue(list) => Value::List(
            list.values
                .into_iter()
                .map(|item| self::value(path, item))
                .collect::<Result<_, _>>()?,
        ),
        Kind::StructValue(values) => Value::Map(map(path, values)?),
    })
}

pub(super) fn map_to_pb(map: &ValueMap) -> Struct {
    Struct { fields: map.iter().map(|(key, value)| (key.clone(), value_to_pb(value))).collect() }
}

pub(super) fn value_to_pb(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(prost_types::NullValue::NullValue.into()),
        Value::Bool(bool) => Kind::BoolValue(*bool),
        Value::Number(number) => Kind::NumberValue(*number),
        Value::Text(text) => Kind::StringValue(text.clone()),
        Value::List(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(value_to_pb).collect() })
        }
        Value::Map(map) => Kind::StructValue(map_to_pb(map)),
    };
    prost_types::Value { kind: Some(kind) }
}
