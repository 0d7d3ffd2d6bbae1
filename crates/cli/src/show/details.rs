use std::fmt::Write;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::clock::Clock;
use crate::output::plain;
use crate::table::{Cell, FAINT, Table};

/// A resource with a line for each field, and its lists of objects as tables below.
pub(crate) fn details(value: &Value, clock: &Clock) -> String {
    let mut lines = Vec::new();
    let mut tables = Vec::new();
    gather("", value, clock, &mut lines, &mut tables);
    let width = lines.iter().map(|(name, _)| name.width()).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (name, value) in lines {
        let pad = width - name.width();
        let _ = writeln!(text, "{FAINT}{name}{FAINT:#}{:pad$}{value}", "");
    }
    for (name, table) in tables {
        let _ = write!(text, "\n{FAINT}{name}{FAINT:#}\n{}", table.text("  "));
    }
    text
}

fn gather(
    path: &str,
    value: &Value,
    clock: &Clock,
    lines: &mut Vec<(String, String)>,
    tables: &mut Vec<(String, Table)>,
) {
    match value {
        Value::Object(members) if path.is_empty() || !members.is_empty() => {
            for (name, member) in members {
                let name = plain(name);
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                gather(&path, member, clock, lines, tables);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() => {
            tables.push((path.to_owned(), table(items)));
        }
        value => lines.push((path.to_owned(), shown(path, value, clock))),
    }
}

fn shown(path: &str, value: &Value, clock: &Clock) -> String {
    match value {
        Value::String(text) => {
            let is_time = path == "time" || path.ends_with("_time");
            is_time.then(|| clock.told(text)).flatten().unwrap_or_else(|| plain(text))
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).map(plain).collect();
            items.join(", ")
        }
        value => plain(&value.to_string()),
    }
}

/// Objects under the names of all their members.
fn table(items: &[Value]) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(|fields| fields.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let heads: Vec<String> =
        names.iter().map(|name| name.to_uppercase().replace('_', " ")).collect();
    let mut table = Table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    for item in items {
        table.add(names.iter().map(|name| cell(item.get(name))).collect());
    }
    table
}

fn cell(value: Option<&Value>) -> Cell {
    match value {
        None => Cell::plain(""),
        Some(Value::String(text)) => Cell::plain(text),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            Cell::list(items.iter().filter_map(Value::as_str))
        }
        Some(value) => Cell::plain(&value.to_string()),
    }
}
