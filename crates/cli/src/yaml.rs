use std::fmt::Write;

use serde_json::{Map, Value};

/// Words that are no texts in one version of YAML or another.
const NO_TEXTS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// What is longer gets lines of its own.
const LINE_MAX_CHARS: usize = 100;

/// A document as people write it: a list of resources under each key, a field in each line, and
/// whatever is in a field on one line for each item, if it is not too long for that.
pub(crate) fn write(document: &Value) -> String {
    let mut text = String::new();
    for (key, value) in document.as_object().into_iter().flatten() {
        if !text.is_empty() {
            text.push('\n');
        }
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let _ = writeln!(text, "{}:", scalar(key));
                for fields in items.iter().filter_map(Value::as_object) {
                    write_fields(fields, "  - ", &mut text);
                }
            }
            Value::Object(fields) if !fields.is_empty() => {
                let _ = writeln!(text, "{}:", scalar(key));
                write_fields(fields, "  ", &mut text);
            }
            value => {
                let _ = writeln!(text, "{}: {}", scalar(key), flow(value));
            }
        }
    }
    text
}

/// The fields of an object, the first behind `lead` and the others below it.
fn write_fields(fields: &Map<String, Value>, lead: &str, text: &mut String) {
    let margin = " ".repeat(lead.len());
    for (index, (name, value)) in fields.iter().enumerate() {
        let lead = if index == 0 { lead } else { &margin };
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let _ = writeln!(text, "{lead}{}:", scalar(name));
                for item in items {
                    let line = flow(item);
                    match item.as_object() {
                        Some(fields) if line.chars().count() > LINE_MAX_CHARS => {
                            write_fields(fields, &format!("{margin}  - "), text);
                        }
                        _ => {
                            let _ = writeln!(text, "{margin}  - {line}");
                        }
                    }
                }
            }
            Value::Object(members) if flow(value).chars().count() > LINE_MAX_CHARS => {
                let _ = writeln!(text, "{lead}{}:", scalar(name));
                write_fields(members, &format!("{margin}  "), text);
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
