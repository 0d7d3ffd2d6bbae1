use bytesize::ByteSize;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use pawl_server::{Limits, ModelLimits};

const LIMITS: &str = "Limits";

// Doc comments would stand in the help of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = LIMITS)]
pub(crate) struct LimitArgs {
    /// How large a request message may be, 128KiB to 16MiB. A longer one ends its own call. Over
    /// HTTP the same holds for a body.
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = |text: &str| {
        bytes(text, |limits| limits.max_message_bytes)
    })]
    max_message_bytes: usize,

    /// How many events one message of a stream may have, or one batch over HTTP.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.max_events_per_message,
        value_parser = count(|limits| limits.max_events_per_message))]
    max_events_per_message: usize,

    /// How many entities one message of an import may have, which is made as a whole or not at all.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.max_import_entities,
        value_parser = count(|limits| limits.max_import_entities))]
    max_import_entities: usize,

    /// How many results one page of a list may have. Who asks for more gets so many.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.max_page_size,
        value_parser = count(|limits| limits.max_page_size))]
    max_page_size: usize,

    #[command(flatten)]
    model: ModelLimitArgs,
}

// What `pawl test` keeps to as well.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are called as the flags are")]
#[command(next_help_heading = LIMITS)]
pub(crate) struct ModelLimitArgs {
    /// How many subjects one event may have.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.model.max_subjects,
        value_parser = count(|limits| limits.model.max_subjects))]
    max_subjects: usize,

    /// How large the attributes of an event may be, 64 bytes to 32KiB: all names and texts, and 8 bytes
    /// for each value.
    #[arg(long, value_name = "SIZE", default_value = "32KiB", value_parser = |text: &str| {
        bytes(text, |limits| limits.model.max_attributes_bytes)
    })]
    max_attributes_bytes: usize,

    /// How deep the attributes of an event may nest; 1 is flat.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.model.max_attributes_depth,
        value_parser = count(|limits| limits.model.max_attributes_depth))]
    max_attributes_depth: usize,

    /// How large the fields of an entity may be, counted likewise. What is larger already may become
    /// smaller.
    #[arg(long, value_name = "SIZE", default_value = "32KiB", value_parser = |text: &str| {
        bytes(text, |limits| limits.model.max_fields_bytes)
    })]
    max_fields_bytes: usize,

    /// How deep the fields of an entity may nest; 1 is flat.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.model.max_fields_depth,
        value_parser = count(|limits| limits.model.max_fields_depth))]
    max_fields_depth: usize,

    /// How long a filter may be, 16 bytes to 4KiB.
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = |text: &str| {
        bytes(text, |limits| limits.model.max_filter_bytes)
    })]
    max_filter_bytes: usize,

    /// How deep a filter may nest; a chain of `&&` or `||` is one level.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.model.max_filter_depth,
        value_parser = count(|limits| limits.model.max_filter_depth))]
    max_filter_depth: usize,

    /// How many triggers may be on one stage. Those beyond a limit that was higher once go on.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.model.max_triggers_per_stage,
        value_parser = count(|limits| limits.model.max_triggers_per_stage))]
    max_triggers_per_stage: usize,

    /// How many triggers of one pipeline may listen to one event type: each of them is considered
    /// whenever such an event reaches an entity there.
    #[arg(long, value_name = "N",
        default_value_t = Limits::DEFAULT.model.max_triggers_per_pipeline_and_event_type,
        value_parser = count(|limits| limits.model.max_triggers_per_pipeline_and_event_type))]
    max_triggers_per_pipeline_and_event_type: usize,
}

impl From<LimitArgs> for Limits {
    fn from(args: LimitArgs) -> Self {
        Self {
            max_message_bytes: args.max_message_bytes,
            max_events_per_message: args.max_events_per_message,
            max_import_entities: args.max_import_entities,
            max_page_size: args.max_page_size,
            model: args.model.into(),
        }
    }
}

impl From<ModelLimitArgs> for ModelLimits {
    fn from(args: ModelLimitArgs) -> Self {
        Self {
            max_subjects: args.max_subjects,
            max_attributes_bytes: args.max_attributes_bytes,
            max_attributes_depth: args.max_attributes_depth,
            max_fields_bytes: args.max_fields_bytes,
            max_fields_depth: args.max_fields_depth,
            max_filter_bytes: args.max_filter_bytes,
            max_filter_depth: args.max_filter_depth,
            max_triggers_per_stage: args.max_triggers_per_stage,
            max_triggers_per_pipeline_and_event_type: args.max_triggers_per_pipeline_and_event_type,
        }
    }
}

/// A number within what the server takes.
fn count(which: impl Fn(&Limits) -> usize) -> RangedU64ValueParser<usize> {
    let bound = |limits| which(limits) as u64;
    RangedU64ValueParser::new().range(bound(&Limits::LEAST)..=bound(&Limits::MOST))
}

/// A size within what the server takes.
fn bytes(text: &str, which: impl Fn(&Limits) -> usize) -> Result<usize, String> {
    let size = text.parse::<ByteSize>();
    let ByteSize(bytes) = size.map_err(|problem| format!("{problem}; write it like 64KiB"))?;
    let (least, most) = (which(&Limits::LEAST), which(&Limits::MOST));
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| (least..=most).contains(bytes))
        .ok_or_else(|| format!("{bytes} is not in {least}..={most} bytes"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn read(args: &[&str]) -> Result<Limits, String> {
        let matches = Alone::command().try_get_matches_from([&["pawl"], args].concat());
        let matches = matches.map_err(|error| error.to_string())?;
        Ok(Alone::from_arg_matches(&matches).map_err(|error| error.to_string())?.limits.into())
    }

    #[test]
    fn every_limit_has_a_flag_with_the_bounds_of_the_server() {
        assert_eq!(read(&[]), Ok(Limits::DEFAULT));
        let names: Vec<_> = Alone::command()
            .get_arguments()
            .filter_map(|arg| arg.get_long().map(str::to_owned))
            .filter(|name| name.starts_with("max-"))
            .collect();
        for (edge, outside) in [(Limits::LEAST, -1), (Limits::MOST, 1)] {
            let named = edge.named();
            let keys: Vec<_> = named.iter().map(|(name, _)| name.replace('_', "-")).collect();
            assert_eq!(keys, names);
            let flags: Vec<_> =
                named.iter().map(|(_, value)| value.to_string()).zip(&keys).collect();
            let all: Vec<_> = flags.iter().map(|(value, key)| format!("--{key}={value}")).collect();
            assert_eq!(read(&all.iter().map(String::as_str).collect::<Vec<_>>()), Ok(edge));
            for ((_, value), key) in named.iter().zip(&keys) {
                let beyond = i64::try_from(*value).unwrap() + outside;
                let said = read(&[&format!("--{key}={beyond}")]).unwrap_err();
                let range = said.contains(&format!("{beyond} is not in "));
                assert!(range && said.contains(key.as_str()), "{said}");
            }
        }
    }
}
