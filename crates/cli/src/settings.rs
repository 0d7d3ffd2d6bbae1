//! What `pawl serve` is told: by flags, by the environment, and by one file.
//!
//! There is one table of options, the definition of the flags. Each of them is a [`Setting`]: the flag
//! `--max-identities` is `PAWL_MAX_IDENTITIES` in the environment and `max_identities` in the file. What
//! stands there is read by the parser of the flag and then handed to clap as if it had been typed, unless
//! something that weighs more says otherwise; so an option that is added to the definition needs nothing
//! here.

mod example;
mod file;
mod given;
mod report;

use clap::builder::{BoolishValueParser, OsStr, Resettable};
use clap::{Arg, ArgAction, Command};

pub(crate) use self::given::{Given, complete};
pub(crate) use self::report::{check, example};

/// The subcommand whose flags are settings.
const SERVE: &str = "serve";
/// The flag that names the file, which the file cannot.
const FILE: &str = "config";
/// Names that others gave to some settings; they weigh less than Pawl's own.
const STANDARD: [(&str, &str); 1] = [("otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT")];
/// What the names in the environment begin with.
const PREFIX: &str = "PAWL_";

/// One option of `pawl serve`.
#[derive(Debug)]
pub(crate) struct Setting {
    /// How clap knows it.
    id: String,
    /// The flag, without dashes before it.
    long: String,
    /// In the file.
    key: String,
    /// In the environment.
    env: String,
    /// Under what `--help` has it.
    heading: Option<String>,
    /// What `--help` says, in one paragraph or in several.
    help: String,
    /// What stands for the value, such as `SPAN`.
    value_name: String,
    /// The values that it can have when these are few.
    choices: Vec<String>,
    default: Option<String>,
    takes: Takes,
    /// Whether its value is never shown.
    secret: bool,
}

/// How many values a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// True or false; the flag alone is true.
    Switch,
    One,
    /// The flag can be repeated.
    Many,
}

/// How many settings a text has, and how much is wrong with it.
#[cfg(feature = "fuzz")]
pub(crate) fn count(text: &str) -> (usize, usize) {
    use std::sync::LazyLock;

    use clap::CommandFactory;

    static SETTINGS: LazyLock<Vec<Setting>> =
        LazyLock::new(|| Setting::all(&crate::args::Pawl::command()));
    let (entries, problems) = file::parse("f", text, &SETTINGS);
    (entries.len(), problems.len())
}

impl Setting {
    /// All of them, in the order of the definition.
    fn all(pawl: &Command) -> Vec<Self> {
        serve(pawl).get_arguments().filter_map(Self::of).collect()
    }

    /// `None` for what only makes sense on the command line.
    fn of(arg: &Arg) -> Option<Self> {
        let long = arg.get_long().filter(|_| !arg.is_global_set() && !arg.is_hide_set())?;
        let takes = match arg.get_action() {
            ArgAction::SetTrue => Takes::Switch,
            ArgAction::Set => Takes::One,
            ArgAction::Append => Takes::Many,
            _ => return None,
        };
        if arg.get_id() == FILE {
            return None;
        }
        let key = long.replace('-', "_");
        let own = arg.get_env().map(|name| name.to_string_lossy().into_owned());
        let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string);
        let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
        let choices = arg.get_possible_values();
        Some(Self {
            id: arg.get_id().to_string(),
            long: long.to_owned(),
            env: own.unwrap_or_else(|| format!("{PREFIX}{}", key.to_uppercase())),
            key,
            heading: arg.get_help_heading().map(str::to_owned),
            help: sentences(&help.unwrap_or_default()),
            value_name: match arg.get_value_names().and_then(<[_]>::first) {
                Some(name) => name.to_string(),
                None => arg.get_id().as_str().to_uppercase(),
            },
            choices: match takes {
                Takes::Switch => Vec::new(),
                _ => choices.iter().map(|value| value.get_name().to_owned()).collect(),
            },
            default: match takes {
                Takes::Switch => Some("false".to_owned()),
                Takes::One | Takes::Many => {
                    Some(defaults.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty())
                }
            },
            takes,
            secret: arg.is_hide_env_values_set(),
        })
    }
}

/// The subcommand as it is defined.
fn serve(pawl: &Command) -> &Command {
    pawl.find_subcommand(SERVE).unwrap_or_else(|| unreachable!("`pawl {SERVE}` is defined"))
}

/// The command line with switches that can be turned off again: `--demo=false`.
pub(crate) fn switchable(pawl: Command) -> Command {
    pawl.mut_subcommand(SERVE, |serve| serve.mut_args(switch))
}

fn switch(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .value_name("BOOL")
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
        .value_parser(BoolishValueParser::new())
}

/// `pawl serve` alone and deaf to the environment: for looking at one value after the other.
fn deaf(pawl: &Command) -> Command {
    let deaf = |arg: Arg| switch(arg).env(Resettable::<OsStr>::Reset);
    serve(pawl).clone().mut_args(deaf)
}

/// As clap keeps it, with the full stop that it takes away.
fn sentences(text: &str) -> String {
    let stop = if text.ends_with(|last: char| last.is_alphanumeric() || "`)".contains(last)) {
        "."
    } else {
        ""
    };
    format!("{text}{stop}")
}

/// What was most likely meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Clap suggests from about here, too.
    const LIKENESS_MIN: f64 = 0.8;
    let name = name.replace('-', "_").to_lowercase();
    let likeness = |other: &str| strsim::jaro_winkler(&name, &other.to_lowercase());
    let rated = known.map(|other| (likeness(other), other));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > LIKENESS_MIN).map(|(_, other)| other)
}

#[cfg(test)]
mod tests;
