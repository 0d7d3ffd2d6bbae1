//! What the commands take that ask the server and change nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::args::resources::Shape;
use crate::args::span;
use crate::clock::moment;

const WHY_EXAMPLES: &str = "\
Examples:
  pawl why deal/57              what the recent events did to this deal, and why
  pawl why read                 what this trigger did of late
  pawl why read deal/57         why this trigger did or did not move this deal
  pawl why --event shop order-9 what this event did, to everything it reached";

/// Without `--event`, a trigger, an entity, or both: what has a slash is an entity.
#[derive(Debug, Args)]
#[command(after_help = WHY_EXAMPLES)]
pub(crate) struct WhyArgs {
    /// An entity such as `deal/57`, the id of a trigger, or one of each.
    #[arg(
        value_name = "TRIGGER|ENTITY",
        num_args = 1..=2,
        required_unless_present = "event",
        conflicts_with = "event"
    )]
    pub(crate) about: Vec<String>,

    /// One event by its source and id, with everything that it reached.
    #[arg(long, num_args = 2, value_names = ["SOURCE", "EVENT_ID"], conflicts_with = "limit")]
    pub(crate) event: Vec<String>,

    /// How many events to tell of, the newest first.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub(crate) limit: u32,

    /// How to tell it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Telling,
}

const PREVIEW_EXAMPLES: &str = "\
Examples:
  pawl preview event.yaml
  pawl preview --type payment.received --subject deal/57 --attribute amount=250
  pawl preview --type call.inbound --subject contact/9 --triggers new-triggers.yaml";

#[derive(Debug, Args)]
#[command(after_help = PREVIEW_EXAMPLES)]
pub(crate) struct PreviewArgs {
    /// One event in YAML or JSON; `-` is standard input. Without a source or an event id it gets
    /// `preview`.
    #[arg(
        value_name = "FILE",
        required_unless_present = "event_type",
        conflicts_with_all = ["event_type", "subjects", "attributes", "source", "actor"]
    )]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) event: EventFields,

    /// An apply file whose triggers take part as if they were there, in place of those with the
    /// same ids; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) triggers: Option<PathBuf>,

    /// How to tell it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Telling,
}

/// An event as options.
#[derive(Debug, Args)]
pub(crate) struct EventFields {
    /// The event's type, such as `email.viewed`, instead of a file.
    #[arg(long = "type", value_name = "TYPE", requires = "subjects")]
    pub(crate) event_type: Option<String>,

    /// Whom the event concerns: an entity such as `deal/57` or a customer such as `contact/9`. Can
    /// be repeated.
    #[arg(long = "subject", value_name = "ID", num_args = 1.., requires = "event_type")]
    pub(crate) subjects: Vec<String>,

    /// An attribute of the event. The value is JSON if it can be read as such (`250`, `true`,
    /// `["a"]`), and else a text. Can be repeated.
    #[arg(
        long = "attribute",
        value_name = "KEY=VALUE",
        num_args = 1..,
        value_parser = attribute,
        requires = "event_type"
    )]
    pub(crate) attributes: Vec<(String, serde_json::Value)>,

    /// The event's source, otherwise the name of the command; filters can ask for it.
    #[arg(long, value_name = "NAME", requires = "event_type")]
    pub(crate) source: Option<String>,

    /// Who caused the event; filters can ask for it.
    #[arg(long, value_name = "NAME", requires = "event_type")]
    pub(crate) actor: Option<String>,
}

const PUBLISH_EXAMPLES: &str = "\
Examples:
  pawl event publish events.ndjson.gz
  pawl event publish --type payment.received --subject deal/57 --attribute amount=250";

#[derive(Debug, Args)]
#[command(after_help = PUBLISH_EXAMPLES)]
pub(crate) struct PublishArgs {
    /// A JSON event in each line, plain or gzip; `-` is standard input.
    #[arg(
        value_name = "FILE",
        required_unless_present = "event_type",
        conflicts_with_all = ["event_type", "subjects", "attributes", "source", "actor", "event_id", "output"]
    )]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) event: EventFields,

    /// The event's id at its source, by which a repeated one is known; without one it is a new event
    /// each time.
    #[arg(long, value_name = "ID", requires = "event_type")]
    pub(crate) event_id: Option<String>,

    /// How to tell what came of one event.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Telling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Telling {
    /// Sentences for people; times are local.
    Text,
    /// A JSON object for each event, in one line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Only this pipeline, its triggers, and the registered trigger types that they use. Can be
    /// repeated.
    #[arg(long = "pipeline", value_name = "ID")]
    pub(crate) pipelines: Vec<String>,

    /// How to write it.
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) output: Written,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    /// YAML, as `pawl apply` reads it.
    Yaml,
    /// JSON, as `pawl apply` reads it.
    Json,
}

/// Which moves a list has.
#[derive(Debug, Args)]
pub(crate) struct MoveFilter {
    /// Only those of this entity, such as `deal/57`.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) entity: String,

    /// Only those in, into or out of this pipeline.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,

    /// Only those caused by this trigger.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) trigger: String,

    /// Only those at or after this time in RFC 3339, or since a span such as `2h`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,

    /// Only those before this time, or longer ago than a span such as `7d`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Timestamp>,
}

/// Which verdicts a list has; one of both is needed.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct VerdictFilter {
    /// Only those of this trigger.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) trigger: String,

    /// Only those about this entity, such as `deal/57`.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) entity: String,
}

#[derive(Debug, Args)]
pub(crate) struct EventGetArgs {
    /// Who published it.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,

    /// Its id there.
    #[arg(value_name = "EVENT_ID")]
    pub(crate) event_id: String,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct BoardArgs {
    /// The pipeline.
    #[arg(value_name = "PIPELINE")]
    pub(crate) pipeline: String,

    /// How many entities of each stage to ask for.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        value_parser = clap::value_parser!(i32).range(1..=1_000)
    )]
    pub(crate) entities: i32,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Shows it again and again, until ctrl-c.
    #[arg(short, long)]
    pub(crate) watch: bool,

    /// Over how long rates are taken, and how often --watch shows them.
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = span(text)?;
    let is_fit = (Duration::from_millis(100)..=Duration::from_mins(10)).contains(&interval);
    if is_fit { Ok(interval) } else { Err("it is from 100ms to 10m".to_owned()) }
}

pub(super) fn attribute(text: &str) -> Result<(String, serde_json::Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key is missing; write it as KEY=VALUE".to_owned());
    }
    let read = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((key.to_owned(), read))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_are_json_where_they_can_be() {
        let cases = [
            ("a=1.5", "a", json!(1.5)),
            ("a=true", "a", json!(true)),
            ("a=x=y", "a", json!("x=y")),
            ("a=007", "a", json!("007")),
            ("a=\"7\"", "a", json!("7")),
            ("a=[1, 2]", "a", json!([1, 2])),
            ("a=", "a", json!("")),
        ];
        for (text, key, value) in cases {
            assert_eq!(attribute(text), Ok((key.to_owned(), value)), "{text}");
        }
        assert!(attribute("a").is_err());
        assert!(attribute("=a").is_err());
    }
}
