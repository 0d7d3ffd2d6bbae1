use std::fmt::Write;

use serde_json::{Map, Value};

/// Words that are no texts in one version of YAML or another.
const NO_TEXTS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// An apply file as people write it: a list of resources under each key, a field in each line, and
/// whatever is in a field on one line for each item.
pub(super) fn write(document: &Value) -> String {
    let mut text = String::new();
    for (key, list) in document.as_object().into_iter().flatten() {
        let resources = list.as_array().map_or(&[][..], Vec::as_slice);
        if resources.is_empty() {
            let _ = writeln!(text, "{key}: []");
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{key}:");
        for resource in resources.iter().filter_map(Value::as_object) {
            write_resource(resource, &mut text);
        }
    }
    text
}

fn write_resource(fields: &Map<String, Value>, text: &mut String) {
    for (index, (name, value)) in fields.iter().enumerate() {
        let lead = if index == 0 { "  - " } else { "    " };
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let _ = writeln!(text, "{lead}{}:", scalar(name));
                for item in items {
                    let _ = writeln!(text, "      - {}", flow(item));
                }
            }
            value => {
                let _ = writeln!(text, "{lead}{}: {}", scalar(name), flow(value));
            }
        }
    }
}

/// On one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<String> =
                members.map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            if members.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", members.join(", "))
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text, in quotes unless it is surely read as a text without.
fn scalar(text: &str) -> String {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
    };
    let is_plain = text.split(' ').all(is_word)
        && !NO_TEXTS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Marks that YAML takes for the end of a line, for its own or for nothing printable.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
