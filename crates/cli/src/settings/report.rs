use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory, FromArgMatches};

use super::given::gather;
use super::{Given, PREFIX, SERVE, Setting, example as file, nearest, switchable};
use crate::args::{self, Pawl, ServeArgs};
use crate::failure::Failure;
use crate::output::{plain, print};
use crate::serve;

/// What is shown of a value that is never shown.
const SECRET: &str = "(secret)";
/// What is cut off of very long values.
const VALUE_MAX: usize = 48;

/// `pawl config example`.
pub(crate) fn example() -> Result<(), Failure> {
    print(&file::example(&Setting::all(&Pawl::command())))
}

/// `pawl config check`: what `pawl serve` would use, and where it comes from.
pub(crate) fn check(path: Option<&Path>) -> Result<(), Failure> {
    let pawl = Pawl::command();
    let settings = Setting::all(&pawl);
    let lookup = |name: &str| env::var_os(name);
    let given = gather(&pawl, &settings, &HashSet::new(), lookup, path)
        .map_err(|problems| Failure::Incomplete(problems.join("\nerror: ")))?;
    let args = hold_together(&pawl, &given)?;
    serve::check(args)?;
    for note in misspelt(&pawl, &settings) {
        eprintln!("note: {note}");
    }
    print(&table(&settings, &given))
}

/// Whether `pawl serve` would take all of it together.
fn hold_together(pawl: &Command, given: &Given) -> Result<ServeArgs, Failure> {
    let arguments = [OsString::from("pawl"), SERVE.into()].into_iter().chain(given.arguments());
    let read = switchable(pawl.clone()).try_get_matches_from(arguments);
    let read = read.and_then(|matches| Pawl::from_arg_matches(&matches));
    let pawl = read.map_err(|error| {
        let message = error.to_string();
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        let told = message.split("\n\n").next().unwrap_or(message).trim_end();
        Failure::Incomplete(format!("{told}\n{}", given.explain(told)).trim_end().to_owned())
    })?;
    match pawl.command {
        args::Command::Serve(args) => Ok(args),
        _ => unreachable!("`pawl {SERVE}` was read"),
    }
}

/// Names in the environment that are hardly meant for something else. Others are none of ours: where
/// a service is named `pawl`, Kubernetes makes some.
fn misspelt(pawl: &Command, settings: &[Setting]) -> Vec<String> {
    fn collect(command: &Command, names: &mut HashSet<String>) {
        let own = command.get_arguments().filter_map(clap::Arg::get_env);
        names.extend(own.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|command| collect(command, names));
    }
    let mut known = settings.iter().map(|setting| setting.env.clone()).collect();
    collect(pawl, &mut known);
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut strange: Vec<_> =
        names.filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect();
    strange.sort_unstable();
    let told = strange.into_iter().filter_map(|name| {
        let rest = settings.iter().filter_map(|setting| setting.env.strip_prefix(PREFIX));
        let nearest = nearest(name.strip_prefix(PREFIX)?, rest)?;
        Some(format!("{name} is set and means nothing; did you mean {PREFIX}{nearest}?"))
    });
    told.collect()
}

fn table(settings: &[Setting], given: &Given) -> String {
    let rows = settings.iter().map(|setting| {
        let (value, from) = match given.of(setting) {
            Some((texts, origin)) => {
                let texts = texts.iter().map(|text| text.to_string_lossy());
                (texts.collect::<Vec<_>>().join(", "), origin.to_string())
            }
            None => {
                (setting.default.clone().unwrap_or_else(|| "-".to_owned()), "default".to_owned())
            }
        };
        (setting, shown(setting, value), from)
    });
    let rows: Vec<_> = rows.collect();
    let width =
        |of: fn(&(&Setting, String, String)) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (keys, values) = (width(|row| row.0.key.len()), width(|row| row.1.chars().count()));
    let mut text = String::new();
    let mut heading = None;
    for (setting, value, from) in &rows {
        if heading != Some(&setting.heading) {
            let gap = if heading.is_some() { "\n" } else { "" };
            heading = Some(&setting.heading);
            let _ = writeln!(text, "{gap}{}", file::title(setting));
        }
        let _ = writeln!(text, "  {:keys$}  {value:values$}  {from}", setting.key);
    }
    text
}

fn shown(setting: &Setting, value: String) -> String {
    if setting.secret && value != "-" {
        return SECRET.to_owned();
    }
    let mut value = without_password(&plain(&value));
    if value.chars().count() > VALUE_MAX {
        value = value.chars().take(VALUE_MAX - 1).chain(['…']).collect();
    }
    value
}

/// A URL may say who asks: `https://name:word@host`.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((who, _)) => format!("{scheme}://{SECRET}{}", &rest[who.len()..]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_not_shown() {
        let cases = [
            ("http://127.0.0.1:4317", "http://127.0.0.1:4317"),
            ("https://me:word@host/path@x", "https://(secret)@host/path@x"),
            ("./pawl-data", "./pawl-data"),
        ];
        for (value, wanted) in cases {
            assert_eq!(without_password(value), wanted);
        }
    }
}
