use std::ffi::OsString;
use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Setting, Takes, nearest};
use crate::settings::given::Origin;

/// What a file says about one setting.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) setting: &'a Setting,
    pub(super) texts: Vec<OsString>,
    pub(super) origin: Origin,
}

/// Reads a file of settings, and says everything that is wrong with it, but for the values themselves.
pub(super) fn read<'a>(path: &Path, settings: &'a [Setting]) -> (Vec<Entry<'a>>, Vec<String>) {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => parse(&name, &text, settings),
        Err(problem) => {
            let remedy = "--config or PAWL_CONFIG_FILE names another file";
            (Vec::new(), vec![format!("cannot read {name}: {problem}; {remedy}")])
        }
    }
}

pub(super) fn parse<'a>(
    name: &str,
    text: &str,
    settings: &'a [Setting],
) -> (Vec<Entry<'a>>, Vec<String>) {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = line(error.span().map_or(0, |span| span.start));
            let problem = format!("{name}, line {line}: this is not TOML: {}", error.message());
            return (Vec::new(), vec![problem]);
        }
    };
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    let mut pairs: Vec<_> = table.get_ref().iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in pairs {
        let line = line(key.span().start);
        let found = match settings.iter().find(|setting| setting.key == **key.get_ref()) {
            Some(setting) => texts(setting, value).map(|texts| (setting, texts)),
            None => Err(unknown(key.get_ref(), value.get_ref(), settings)),
        };
        match found {
            Ok((setting, texts)) => {
                let origin = Origin::File { name: name.to_owned(), line };
                entries.push(Entry { setting, texts, origin });
            }
            Err(problem) => problems.push(format!("{name}, line {line}: {problem}")),
        }
    }
    (entries, problems)
}

fn unknown(key: &str, value: &DeValue<'_>, settings: &[Setting]) -> String {
    if value.is_table() {
        return format!("`{key}` is a table, and there are none: every key stands for itself");
    }
    let what = format!("there is no setting `{key}`");
    match nearest(key, settings.iter().map(|setting| &*setting.key)) {
        Some(nearest) => format!("{what}; did you mean `{nearest}`?"),
        None => format!("{what}; `pawl config example` shows all that there are"),
    }
}

/// The values as they would stand after the flag.
fn texts(setting: &Setting, value: &Spanned<DeValue<'_>>) -> Result<Vec<OsString>, String> {
    let key = &setting.key;
    let one = |value: &Spanned<DeValue<'_>>| {
        scalar(value.get_ref())
            .map(OsString::from)
            .ok_or_else(|| format!("`{key}` takes a value, not {}", kind(value.get_ref())))
    };
    match (value.get_ref(), setting.takes) {
        (DeValue::Array(values), Takes::Many) => values.iter().map(one).collect(),
        _ => one(value).map(|text| vec![text]),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            let parsed = i128::from_str_radix(number.as_str(), number.radix());
            Some(parsed.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    if value.is_table() { "a table" } else { "a list" }
}
