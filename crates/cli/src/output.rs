use std::io::{self, Write};

use pawl_api::json;
use serde_json::Value;

use crate::failure::Failure;

/// Writes lines to standard output at once, also when it is a pipe.
pub(crate) fn print(lines: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(lines.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)
}

/// The same with colours, where they can be seen.
pub(crate) fn print_styled(lines: &str) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    output.write_all(lines.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)
}

/// A text that others wrote, without what would break a line or steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A message that has a name in the contract.
pub(crate) trait Named: prost::Message + Default {
    const MESSAGE: &'static str;
}

macro_rules! named {
    ($($message:ident),*) => {
        $(impl Named for pawl_api::pb::$message {
            const MESSAGE: &'static str = concat!("pawl.v1.", stringify!($message));
        })*
    };
}

named!(Entity, Move, Pipeline, Trigger, TriggerType, Verdict);

/// A message of the contract as JSON, with whole numbers as people write them: 250, not 250.0.
pub(crate) fn to_json<T: prost::Message>(message: &str, value: &T) -> Value {
    let mut value = json::to_json(message, value)
        .unwrap_or_else(|error| unreachable!("a message of the contract: {error}"));
    make_whole(&mut value);
    value
}

fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // The text of a larger one has an exponent, and minus zero is not zero.
            let text = number.to_string();
            let whole = text.strip_suffix(".0").filter(|text| *text != "-0");
            if let Some(whole) = whole.and_then(|text| text.parse::<i64>().ok()) {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(members) => members.values_mut().for_each(make_whole),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Writes the enums of a resource as people do: `WON` for `STAGE_SEMANTICS_WON`.
pub(crate) fn shorten_enums(value: &mut Value) {
    shorten(value, "trigger_selection", "TRIGGER_SELECTION_");
    shorten(value, "customer_reach", "CUSTOMER_REACH_");
    shorten(value, "state", "TRIGGER_STATE_");
    shorten(value, "direction", "MOVE_DIRECTION_");
    shorten(value, "outcome", "DECISION_OUTCOME_");
    shorten(value, "result", "VERDICT_RESULT_");
    for stage in items(value, "stages") {
        shorten(stage, "semantics", "STAGE_SEMANTICS_");
    }
    // Those of a type are a list; those of a trigger are its own, to be left alone.
    for parameter in items(value, "parameters") {
        shorten(parameter, "kind", "PARAMETER_KIND_");
        shorten(parameter, "comparison", "PARAMETER_COMPARISON_");
    }
}

fn items<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn shorten(value: &mut Value, key: &str, prefix: &str) {
    if let Some(Value::String(name)) = value.get_mut(key)
        && let Some(short) = name.strip_prefix(prefix)
    {
        *name = short.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        let mut value = json!({"a": [250.0, 2.5, -3.0, 1e300, -0.0, 7], "b": "1.0", "c": null});
        make_whole(&mut value);
        let wanted = r#"{"a":[250,2.5,-3,1e+300,-0.0,7],"b":"1.0","c":null}"#;
        assert_eq!(value.to_string().replace("1e300", "1e+300"), wanted);
    }
}
