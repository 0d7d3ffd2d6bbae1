//! What the commands take that ask the server and change nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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

    /// The event's type, such as `email.viewed`, instead of a file.
    #[arg(long = "type", value_name = "TYPE", requires = "subjects")]
    pub(crate) event_type: Option<String>,

    /// Whom the event concerns: an entity such as `deal/57` or a customer such as `contact/9`. Can
    /// be repeated.
    #[arg(
        long = "subject",
        value_name = "ID",
        num_args = 1..,
        requires = "event_type"
    )]
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

    /// The event's source; filters can ask for it.
    #[arg(long, value_name = "NAME", default_value = "preview")]
    pub(crate) source: String,

    /// Who caused the event; filters can ask for it.
    #[arg(long, value_name = "NAME", requires = "event_type")]
    pub(crate) actor: Option<String>,

    /// An apply file whose triggers take part as if they were there, in place of those with the
    /// same ids; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) triggers: Option<PathBuf>,

    /// How to tell it.
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

#[derive(Debug, Subcommand)]
pub(crate) enum TriggerTypeCommand {
    /// Lists the catalogue of trigger types, section by section, with their parameters.
    List(CatalogueArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CatalogueArgs {
    /// Only those whose title contains this text, in any case of letters.
    #[arg(value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub(crate) query: String,

    /// Only those of this section, such as `Payment`.
    #[arg(long, value_name = "SECTION", default_value = "", hide_default_value = true)]
    pub(crate) section: String,

    /// Only those that serve this entity kind, such as `deal`.
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    pub(crate) kind: String,
}

fn attribute(text: &str) -> Result<(String, serde_json::Value), String> {
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
