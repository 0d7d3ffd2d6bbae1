//! The messages of the contract as proto3 JSON, both ways.
//!
//! Written with the field names of the `.proto` files and without fields at their defaults. Read
//! strictly, with either spelling of field names; unknown fields are errors. Enum values may be
//! given without their prefix: `EARLIEST_STAGE` for `TRIGGER_SELECTION_EARLIEST_STAGE`.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, Kind, MessageDescriptor, SerializeOptions,
};
use serde_json::Value;

use crate::FILE_DESCRIPTOR_SET;

/// Why a message could not be read from JSON or written as JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The contract has no such message.
    #[error("the contract has no message {0:?}")]
    UnknownMessage(String),
    /// Not JSON, or not of the message's shape. Names the field and, in a text, the position.
    #[error("{path}: {source}")]
    Malformed {
        /// Path of the field, or the name of the message where no field can be named.
        path: String,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// The message cannot be written, for a value that JSON does not have.
    #[error(transparent)]
    Unwritable(#[from] serde_json::Error),
    /// The Rust type is not that of the named message.
    #[error("the type is not that of the named message: {0}")]
    WrongType(#[from] prost::DecodeError),
}

/// A message of the contract, and what reading it takes.
struct Known {
    descriptor: MessageDescriptor,
    /// Whether it or a message in it has an enum, whose values may be given short.
    has_enums: bool,
}

static CONTRACT: LazyLock<HashMap<String, Known>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)
        .unwrap_or_else(|error| unreachable!("the build made these descriptors: {error}"));
    let known = |descriptor: MessageDescriptor| {
        let has_enums = has_enums(&descriptor, &mut Vec::new());
        (descriptor.full_name().to_owned(), Known { descriptor, has_enums })
    };
    pool.all_messages().map(known).collect()
});

/// Reads a message, such as `pawl.v1.Event`, from a JSON text.
pub fn from_json<T>(message: &str, json: &str) -> Result<T, JsonError>
where
    T: prost::Message + Default,
{
    Ok(read_text(message, json)?.transcode_to()?)
}

/// Reads a message, such as `pawl.v1.Event`, from a JSON value.
pub fn from_value<T>(message: &str, value: Value) -> Result<T, JsonError>
where
    T: prost::Message + Default,
{
    Ok(read_value(message, value)?.transcode_to()?)
}

/// Writes a message, such as `pawl.v1.Event`, as a JSON value whose keys keep the message's order.
pub fn to_json<T: prost::Message>(message: &str, value: &T) -> Result<Value, JsonError> {
    let mut dynamic = DynamicMessage::new(known(message)?.descriptor.clone());
    dynamic.transcode_from(value)?;
    write(&dynamic)
}

// What follows is the same for all types, and compiled once: not by each crate for each type.

fn read_text(message: &str, json: &str) -> Result<DynamicMessage, JsonError> {
    let Known { descriptor, has_enums } = known(message)?;
    if *has_enums {
        let malformed = |source| JsonError::Malformed { path: message.to_owned(), source };
        return read_value(message, serde_json::from_str(json).map_err(malformed)?);
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = DynamicMessage::deserialize(descriptor.clone(), &mut reader)
        .and_then(|read| reader.end().map(|()| read));
    read.map_err(|source| {
        // Tracking the path takes time, so it is done only for a text known to be wrong.
        let mut reader = serde_json::Deserializer::from_str(json);
        let path = path_of_error(descriptor, &mut reader);
        JsonError::Malformed { path, source }
    })
}

fn read_value(message: &str, mut value: Value) -> Result<DynamicMessage, JsonError> {
    let Known { descriptor, has_enums } = known(message)?;
    if *has_enums {
        lengthen_enums(descriptor, &mut value);
    }
    DynamicMessage::deserialize(descriptor.clone(), &value).map_err(|source| {
        let path = path_of_error(descriptor, &value);
        JsonError::Malformed { path, source }
    })
}

fn write(message: &DynamicMessage) -> Result<Value, JsonError> {
    const OPTIONS: SerializeOptions =
        SerializeOptions::new().use_proto_field_name(true).skip_default_fields(true);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &OPTIONS)?)
}

fn known(message: &str) -> Result<&'static Known, JsonError> {
    CONTRACT.get(message).ok_or_else(|| JsonError::UnknownMessage(message.to_owned()))
}

/// Where reading fails, found by reading again.
fn path_of_error<'de, D: serde::Deserializer<'de>>(
    descriptor: &MessageDescriptor,
    reader: D,
) -> String {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(reader, &mut track);
    // It failed before and fails again: only the path is of interest.
    let _ = DynamicMessage::deserialize(descriptor.clone(), tracked);
    let path = track.path();
    match path.iter().next() {
        Some(_) => path.to_string(),
        None => descriptor.full_name().to_owned(),
    }
}

/// Whether JSON has a form of its own for this message, without fields.
fn is_well_known(descriptor: &MessageDescriptor) -> bool {
    descriptor.package_name() == "google.protobuf"
}

fn has_enums(descriptor: &MessageDescriptor, seen: &mut Vec<String>) -> bool {
    if is_well_known(descriptor) || seen.iter().any(|name| name == descriptor.full_name()) {
        return false;
    }
    seen.push(descriptor.full_name().to_owned());
    descriptor.fields().any(|field| match field.kind() {
        Kind::Enum(_) => true,
        Kind::Message(message) => has_enums(&message, seen),
        _ => false,
    })
}

/// Gives short enum values their prefix, in this message and those in it. Whatever does not fit is
/// left for the reader to refuse.
fn lengthen_enums(descriptor: &MessageDescriptor, value: &mut Value) {
    let Value::Object(members) = value else { return };
    if is_well_known(descriptor) {
        return;
    }
    for (name, member) in members {
        let field =
            descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
        let Some(field) = field else { continue };
        match member {
            Value::Array(items) if field.is_list() => {
                for item in items {
                    lengthen(&field.kind(), item);
                }
            }
            // A map: the contract has none with enums in it.
            _ if field.is_map() => {}
            member => lengthen(&field.kind(), member),
        }
    }
}

fn lengthen(kind: &Kind, value: &mut Value) {
    match (kind, value) {
        (Kind::Message(message), value) => lengthen_enums(message, value),
        (Kind::Enum(choices), Value::String(name)) => {
            if let Some(full) = full_name(choices, name) {
                *name = full;
            }
        }
        _ => {}
    }
}

/// `TRIGGER_SELECTION_NEXT_STAGE` for `NEXT_STAGE` of `TriggerSelection`.
fn full_name(choices: &EnumDescriptor, name: &str) -> Option<String> {
    // The linter sees to it that the value of 0 is the enum's name and `UNSPECIFIED`.
    let zero = choices.get_value(0)?;
    let full = format!("{}{name}", zero.name().strip_suffix("UNSPECIFIED")?);
    choices.get_value_by_name(&full).map(|_| full)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pb;

    #[test]
    fn messages_survive_a_round_trip() {
        let written = json!({
            "event_id": "e1",
            "source": "mailer",
            "type": "email.viewed",
            "time": "2024-01-02T03:04:05.006Z",
            "subjects": ["deal/57", "deal/58"],
            "attributes": {"amount": 3.5, "tags": ["a", null, true], "deep": {"k": "v"}}
        });
        let event: pb::Event = from_json("pawl.v1.Event", &written.to_string()).unwrap();
        assert_eq!(event.subjects, ["deal/57", "deal/58"]);
        assert_eq!(to_json("pawl.v1.Event", &event).unwrap(), written);
    }

    #[test]
    fn fields_are_written_by_their_names_in_order_and_without_defaults() {
        let trigger = pb::Trigger {
            trigger_id: "t1".to_owned(),
            allow_reopen: true,
            state: pb::TriggerState::Paused.into(),
            revision: 3,
            ..Default::default()
        };
        let written = to_json("pawl.v1.Trigger", &trigger).unwrap().to_string();
        assert_eq!(
            written,
            r#"{"trigger_id":"t1","allow_reopen":true,"state":"TRIGGER_STATE_PAUSED","revision":"3"}"#
        );
    }

    #[test]
    fn enum_values_may_be_short_and_field_names_in_camel_case() {
        const MESSAGE: &str = "pawl.v1.CreatePipelineRequest";
        let long = json!({
            "pipeline": {
                "trigger_selection": "TRIGGER_SELECTION_NEXT_STAGE",
                "stages": [{"stage_id": "new"}, {"semantics": "STAGE_SEMANTICS_WON"}]
            }
        });
        let short = json!({
            "pipeline": {
                "triggerSelection": "NEXT_STAGE",
                "stages": [{"stageId": "new"}, {"semantics": "WON"}]
            }
        });
        let from_long: pb::CreatePipelineRequest = from_value(MESSAGE, long.clone()).unwrap();
        let from_short: pb::CreatePipelineRequest = from_json(MESSAGE, &short.to_string()).unwrap();
        assert_eq!(from_long, from_short);
        let pipeline = from_short.pipeline.as_ref().unwrap();
        assert_eq!(pipeline.trigger_selection(), pb::TriggerSelection::NextStage);
        assert_eq!(to_json(MESSAGE, &from_long).unwrap(), long);
    }

    #[test]
    fn errors_name_the_field() {
        let event = |json| from_json::<pb::Event>("pawl.v1.Event", json).unwrap_err().to_string();
        let pipeline =
            |json| from_json::<pb::Pipeline>("pawl.v1.Pipeline", json).unwrap_err().to_string();
        let cases = [
            (event(r#"{"subjects": ["deal/1", 2]}"#), "subjects[1]: ", "line 1"),
            (event(r#"{"subject": "deal/1"}"#), "pawl.v1.Event: ", "'subject' at line 1"),
            (event(r#"{"time": "yesterday"}"#), "time: ", ""),
            (event(r#"{"source": "a"} {}"#), "pawl.v1.Event: ", "trailing characters"),
            (event(r#"{"source": "#), "source: ", "EOF"),
            (pipeline(r#"{"stages": [{"semantics": "WIN"}]}"#), "stages[0].semantics: ", "WIN"),
            (pipeline(r#"{"stages": [{"order": 1}]}"#), "stages[0]", "order"),
            (pipeline("{"), "pawl.v1.Pipeline: ", "EOF"),
        ];
        for (error, start, part) in cases {
            assert!(error.starts_with(start) && error.contains(part), "{error:?}, not {start:?}");
        }
        let unknown = from_json::<pb::Event>("pawl.v1.Evnt", "{}").unwrap_err();
        assert_eq!(unknown.to_string(), r#"the contract has no message "pawl.v1.Evnt""#);
    }
}
