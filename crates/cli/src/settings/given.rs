use std::collections::HashSet;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::file::{self, Entry};
use super::{FILE, SERVE, STANDARD, Setting, Takes, deaf, switchable};

/// Where a value comes from that is not on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Env { name: String },
    File { name: String, line: usize },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env { name } => f.write_str(name),
            Self::File { name, line } => write!(f, "{name}, line {line}"),
        }
    }
}

/// What environment and file say, as far as nothing that weighs more says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<Value>);

#[derive(Debug)]
struct Value {
    long: String,
    texts: Vec<OsString>,
    origin: Origin,
    /// A switch that is turned off: not given at all, it excludes nothing.
    is_off: bool,
}

impl Given {
    /// Where the value of a setting comes from, unless it is the default.
    pub(super) fn of(&self, setting: &Setting) -> Option<(&[OsString], &Origin)> {
        let found = self.0.iter().find(|value| value.long == setting.long);
        found.map(|value| (&*value.texts, &value.origin))
    }

    /// As it would be typed.
    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let typed = self.0.iter().filter(|value| !value.is_off);
        typed.flat_map(|value| value.texts.iter().map(|text| flag(&value.long, text)))
    }

    /// What a message about flags leaves open: where those stand that nobody typed.
    pub(crate) fn explain(&self, message: &str) -> String {
        let named = |long: &str| {
            let flag = format!("--{long}");
            message.match_indices(&flag).any(|(at, _)| {
                let next = message[at + flag.len()..].chars().next();
                next.is_none_or(|next| next != '-' && !next.is_alphanumeric())
            })
        };
        let named = self.0.iter().filter(|value| named(&value.long));
        let lines = named.map(|value| format!("  --{} is from {}\n", value.long, value.origin));
        lines.collect()
    }
}

fn flag(long: &str, text: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{long}="));
    flag.push(text);
    flag
}

/// Completes a command line by what the environment and the file say, when it is one of `pawl serve`.
/// What is wrong there is all in the error.
pub(crate) fn complete(
    pawl: &Command,
    arguments: &mut Vec<OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Given, Vec<String>> {
    // Whatever is wrong with the command line itself is told when it is read for good.
    let lenient = switchable(pawl.clone()).ignore_errors(true);
    let matches = lenient.try_get_matches_from(&*arguments);
    let Some((SERVE, serve)) = matches.as_ref().ok().and_then(ArgMatches::subcommand) else {
        return Ok(Given::default());
    };
    let settings = Setting::all(pawl);
    let typed = |id: &str| serve.value_source(id) == Some(ValueSource::CommandLine);
    let typed: HashSet<_> = settings.iter().map(|s| &*s.id).filter(|id| typed(id)).collect();
    let path: Option<&PathBuf> = serve.get_one(FILE);
    let given = gather(pawl, &settings, &typed, env, path.map(PathBuf::as_path))?;
    arguments.extend(given.arguments());
    Ok(given)
}

/// What environment and file say about what was not `typed`. All of it is checked, also what does not
/// come into use.
pub(super) fn gather(
    pawl: &Command,
    settings: &[Setting],
    typed: &HashSet<&str>,
    env: impl Fn(&str) -> Option<OsString>,
    path: Option<&Path>,
) -> Result<Given, Vec<String>> {
    let (in_file, mut problems) =
        path.map_or_else(Default::default, |path| file::read(path, settings));
    let in_env = settings.iter().filter_map(|setting| {
        let origin = Origin::Env { name: setting.env.clone() };
        Some(Entry { setting, texts: split(setting, env(&setting.env)?), origin })
    });
    let by_standard = STANDARD.iter().filter_map(|(key, name)| {
        let setting = settings.iter().find(|setting| setting.key == *key)?;
        // By the standard an empty variable is none.
        let text = env(name).filter(|text| !text.is_empty())?;
        Some(Entry { setting, texts: vec![text], origin: Origin::Env { name: (*name).to_owned() } })
    });
    let deaf = deaf(pawl);
    let mut given = Given::default();
    for Entry { setting, texts, origin } in in_env.chain(by_standard).chain(in_file) {
        let mut well = true;
        for text in &texts {
            if let Some(problem) = problem(&deaf, setting, text) {
                well = false;
                problems.push(complaint(setting, &origin, text, &problem));
            }
        }
        if well && !typed.contains(&*setting.id) && given.of(setting).is_none() {
            let is_off = setting.takes == Takes::Switch && texts.iter().all(|text| is_no(text));
            given.0.push(Value { long: setting.long.clone(), texts, origin, is_off });
        }
    }
    if problems.is_empty() { Ok(given) } else { Err(problems) }
}

/// As clap reads it.
fn is_no(text: &OsStr) -> bool {
    let no = ["n", "no", "f", "false", "off", "0"];
    text.to_str().is_some_and(|text| no.contains(&&*text.to_lowercase()))
}

/// A variable can have several values, with commas between them.
fn split(setting: &Setting, value: OsString) -> Vec<OsString> {
    match value.to_str() {
        Some(text) if setting.takes == Takes::Many => {
            text.split(',').map(|text| text.trim().into()).collect()
        }
        _ => vec![value],
    }
}

fn complaint(setting: &Setting, origin: &Origin, text: &OsStr, problem: &str) -> String {
    let key = match origin {
        Origin::Env { .. } => String::new(),
        Origin::File { .. } => format!(" {}", setting.key),
    };
    let text =
        if setting.secret { String::new() } else { format!(" {:?}:", text.to_string_lossy()) };
    format!("{origin}:{key}{text} {problem}")
}

/// What the parser of the flag has against a value.
fn problem(deaf: &Command, setting: &Setting, text: &OsStr) -> Option<String> {
    let arguments = [SERVE.into(), flag(&setting.long, text)];
    let error = deaf.clone().try_get_matches_from(arguments).err()?;
    let list = |kind| match error.get(kind) {
        Some(ContextValue::Strings(names)) => names.join(", "),
        Some(ContextValue::String(name)) => name.clone(),
        _ => String::new(),
    };
    match error.kind() {
        // Of one option alone, and that is not what is asked.
        ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => None,
        _ if text.is_empty() => Some(format!("it is empty; write {}", setting.value_name)),
        _ if setting.takes == Takes::Switch => Some("it is true or false".to_owned()),
        ErrorKind::InvalidUtf8 => Some("it is not UTF-8".to_owned()),
        ErrorKind::InvalidValue => Some(format!("it is one of {}", list(ContextKind::ValidValue))),
        _ => match error.source() {
            Some(source) => Some(source.to_string()),
            None => Some(error.to_string().trim_end().to_owned()),
        },
    }
}
