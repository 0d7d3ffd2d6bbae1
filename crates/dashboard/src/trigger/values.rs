//! Values of parameters as people type them: between commas, in quotes where a comma belongs to one.

use pawl_domain::{Parameter, ParameterKind, Rejection, Value};

/// One value as it was typed.
#[derive(Debug, PartialEq)]
struct Typed {
    text: String,
    is_quoted: bool,
}

/// What was typed for a parameter; `None` when nothing was.
pub(super) fn read(parameter: &Parameter, text: &str) -> Result<Option<Value>, Rejection> {
    let field = || format!("parameters.{}", parameter.name);
    let typed = if parameter.comparison.takes_list() { split(text) } else { whole(text) };
    let values = typed.into_iter().map(|typed| {
        let Typed { text, is_quoted } = typed;
        match parameter.kind {
            ParameterKind::Any if !is_quoted => Ok(plain(text)),
            ParameterKind::Any | ParameterKind::Text => Ok(Value::Text(text)),
            ParameterKind::Number => number(&text)
                .ok_or_else(|| Rejection::invalid(field(), format!("{text:?} is no number"))),
        }
    });
    Ok(joined(values.collect::<Result<_, _>>()?))
}

/// What was chosen of the options of a parameter.
pub(super) fn chosen<'a>(options: impl Iterator<Item = &'a str>) -> Option<Value> {
    let options = options.filter(|option| !option.is_empty());
    joined(options.map(|option| Value::Text(option.to_owned())).collect())
}

/// A value as it would be typed.
pub(super) fn write(parameter: &Parameter, value: &Value) -> String {
    let one = |value: &Value| match value {
        Value::Text(text) if needs_quotes(parameter, text) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::Text(text) => text.clone(),
        value => value.to_string(),
    };
    all(value).iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A list's values, or the one.
pub(super) fn all(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        value => std::slice::from_ref(value),
    }
}

fn joined(mut values: Vec<Value>) -> Option<Value> {
    if values.len() > 1 { Some(Value::List(values)) } else { values.pop() }
}

fn whole(text: &str) -> Vec<Typed> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    vec![Typed { text: text.to_owned(), is_quoted: false }]
}

/// Values between commas. One that begins with a quote goes to the next single one.
fn split(text: &str) -> Vec<Typed> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some((text, after)) = quoted(rest) {
            values.push(Typed { text, is_quoted: true });
            rest = after;
        } else {
            let (one, after) = rest.split_once(',').unwrap_or((rest, ""));
            let text = one.trim().to_owned();
            if !text.is_empty() {
                values.push(Typed { text, is_quoted: false });
            }
            rest = after.trim_start();
        }
    }
    values
}

/// The text between quotes at the beginning, and what comes behind the comma after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut inner = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        inner.push_str(before);
        if let Some(after) = after.strip_prefix('"') {
            inner.push('"');
            rest = after;
            continue;
        }
        let after = after.trim_start();
        // What stands between a quote and a comma makes the quotes a part of the text.
        let after = if after.is_empty() { after } else { after.strip_prefix(',')? };
        return Some((inner, after.trim_start()));
    }
}

/// What a text without quotes means where anything may be given.
fn plain(text: String) -> Value {
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match number(&text) {
            Some(number) if number.to_string() == text => number,
            _ => Value::Text(text),
        },
    }
}

fn number(text: &str) -> Option<Value> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number)
}

fn needs_quotes(parameter: &Parameter, text: &str) -> bool {
    let is_any = parameter.kind == ParameterKind::Any;
    text.is_empty()
        || text.contains(',')
        || text.starts_with('"')
        || text.trim() != text
        || (is_any && !matches!(plain(text.to_owned()), Value::Text(_)))
}

#[cfg(test)]
mod tests {
    use pawl_domain::Comparison;

    use super::*;

    fn parameter(kind: ParameterKind, comparison: Comparison) -> Parameter {
        Parameter {
            name: "p".parse().unwrap(),
            title: pawl_domain::DisplayName::default(),
            kind,
            comparison,
            attribute: "a".parse().unwrap(),
            required: false,
            options: Vec::new(),
        }
    }

    #[test]
    fn what_is_typed_is_read_and_written_the_same_again() {
        use Comparison::{AtLeast, Contains, Exact};
        use ParameterKind::{Any, Number, Text};
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = [
            (Any, Exact, "7", Value::Number(7.0)),
            (Any, Exact, "\"7\"", text("7")),
            (Any, Exact, "007", text("007")),
            (Any, Exact, "true", Value::Bool(true)),
            (Any, Exact, "a, 7", Value::List(vec![text("a"), Value::Number(7.0)])),
            (Text, Contains, "7", text("7")),
            (Text, Contains, "\"a, b\", c", Value::List(vec![text("a, b"), text("c")])),
            (Text, Contains, "\"say \"\"hi\"\", now\"", text("say \"hi\", now")),
            (Text, Contains, "\"\"", text("")),
            (Number, Exact, "1.5, 2", Value::List(vec![Value::Number(1.5), Value::Number(2.0)])),
            (Number, AtLeast, "-3", Value::Number(-3.0)),
        ];
        for (kind, comparison, typed, value) in rows {
            let parameter = parameter(kind, comparison);
            assert_eq!(read(&parameter, typed).unwrap(), Some(value.clone()), "{typed}");
            assert_eq!(write(&parameter, &value), typed);
        }
    }

    #[test]
    fn what_is_typed_carelessly_is_read_as_it_was_meant() {
        let any = parameter(ParameterKind::Text, Comparison::Contains);
        let text = |text: &str| Value::Text(text.to_owned());
        for (typed, expected) in [
            ("  ", None),
            (" , ,", None),
            (" a ,, b ,", Some(Value::List(vec![text("a"), text("b")]))),
            ("\"a", Some(text("\"a"))),
            ("\"a\" b", Some(text("\"a\" b"))),
        ] {
            assert_eq!(read(&any, typed).unwrap(), expected, "{typed}");
        }
        let number = parameter(ParameterKind::Number, Comparison::AtMost);
        for typed in ["x", "inf", "NaN", "1, 2"] {
            assert!(read(&number, typed).is_err(), "{typed}");
        }
    }
}
