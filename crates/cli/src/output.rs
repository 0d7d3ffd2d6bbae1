use std::io::{self, Write};

use pawl_api::json;
use serde_json::Value;

use crate::failure::Failure;

/// Writes lines to standard output at once, also when it is a pipe.
pub(crate) fn print(lines: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(lines.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)
}

/// A text that others wrote, without what would break a line or steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

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
