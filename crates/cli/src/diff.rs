use serde_json::{Map, Value};

/// What makes two objects in a list the same one.
const KEYS: [&str; 2] = ["stage_id", "name"];

/// What changes from one resource to the other, a line for each field: `path: old -> new`.
pub(crate) fn lines(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", Some(before), Some(after), &mut lines);
    lines
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            compare_members(path, before, after, lines);
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            match (keyed(before), keyed(after)) {
                (Some(before), Some(after)) => compare_items(path, &before, &after, lines),
                _ => lines.push(format!("{path}: {} -> {}", list(before), list(after))),
            }
        }
        (before, after) => lines.push(format!("{path}: {} -> {}", shown(before), shown(after))),
    }
}

fn compare_members(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    lines: &mut Vec<String>,
) {
    let removed = before.keys().filter(|key| !after.contains_key(*key));
    for key in after.keys().chain(removed) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        compare(&path, before.get(key), after.get(key), lines);
    }
}

type Keyed<'a> = Vec<(&'a str, &'a Value)>;

/// Items by what makes each the same in another list; none if that cannot be said.
fn keyed(items: &[Value]) -> Option<Keyed<'_>> {
    let key = |item: &Value| KEYS.into_iter().find(|key| item.get(key).is_some());
    let with_key = |item| Some((item, key(item)?));
    let items = items.iter().map(with_key);
    items.map(|found| found.and_then(|(item, key)| Some((item[key].as_str()?, item)))).collect()
}

fn compare_items(path: &str, before: &Keyed<'_>, after: &Keyed<'_>, lines: &mut Vec<String>) {
    let find = |items: &Keyed<'_>, key: &str| items.iter().position(|(other, _)| *other == key);
    for (key, item) in after {
        match find(before, key) {
            Some(index) => {
                compare(&format!("{path}[{key}]"), Some(before[index].1), Some(item), lines);
            }
            None => lines.push(format!("{path}: + {item}")),
        }
    }
    for (key, item) in before {
        if find(after, key).is_none() {
            lines.push(format!("{path}: - {item}"));
        }
    }
    let common = |items: &Keyed<'_>, others: &Keyed<'_>| {
        let keys = items.iter().map(|(key, _)| (*key).to_owned());
        keys.filter(|key| find(others, key).is_some()).collect::<Vec<_>>()
    };
    if common(before, after) != common(after, before) {
        let order =
            |items: &Keyed<'_>| items.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ");
        lines.push(format!("{path}, their order: {} -> {}", order(before), order(after)));
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(none)".to_owned(), Value::to_string)
}

fn list(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(Value::to_string).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_that_changes_has_its_line() {
        let before = json!({
            "display_name": "Old",
            "allow_reopen": true,
            "parameters": {"url": "a", "n": 1},
            "kinds": ["deal"],
            "stages": [
                {"stage_id": "new", "color": "#000000"}, {"stage_id": "gone"}, {"stage_id": "won"}
            ],
            "same": 1
        });
        let after = json!({
            "display_name": "New",
            "filter": "true",
            "parameters": {"url": "b", "n": 1},
            "kinds": ["deal", "lead"],
            "stages": [
                {"stage_id": "won"}, {"stage_id": "new", "color": "#ffffff"}, {"stage_id": "more"}
            ],
            "same": 1
        });
        let mut told = lines(&before, &after);
        told.sort();
        let wanted = [
            "allow_reopen: true -> (none)",
            r#"display_name: "Old" -> "New""#,
            r#"filter: (none) -> "true""#,
            r#"kinds: ["deal"] -> ["deal", "lead"]"#,
            r#"parameters.url: "a" -> "b""#,
            "stages, their order: new, gone, won -> won, new, more",
            r#"stages: + {"stage_id":"more"}"#,
            r#"stages: - {"stage_id":"gone"}"#,
            r##"stages[new].color: "#000000" -> "#ffffff""##,
        ];
        assert_eq!(told, wanted);
        assert_eq!(lines(&before, &before), [""; 0]);
    }
}
