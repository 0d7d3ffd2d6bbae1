mod config;
mod connection;
mod fields;
mod inquiry;
mod limits;
mod offline;
#[cfg(test)]
mod reference;
mod resources;
mod serve;
mod token;
mod traces;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{
    ArgMatches, Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use clap_complete::Shell;
use jiff::{Span, SpanRelativeTo};

pub(crate) use crate::args::config::ConfigCommand;
pub(crate) use crate::args::connection::Connection;
use crate::args::fields::{
    Checked, EntityChanges, EntityFields, PipelineFields, TriggerFields, TriggerTypeFields,
};
pub(crate) use crate::args::fields::{
    EntityFilter, Fields, Members, PipelineFilter, TriggerFilter, TriggerTypeFilter,
};
pub(crate) use crate::args::inquiry::{
    BoardArgs, EventFields, EventGetArgs, ExportArgs, MoveFilter, PreviewArgs, PublishArgs,
    StatusArgs, Telling, VerdictFilter, WhyArgs, Written,
};
pub(crate) use crate::args::offline::{BackupArgs, CompactArgs, RestoreArgs, TestArgs, VerifyArgs};
pub(crate) use crate::args::resources::{
    CreateArgs, DeleteArgs, Format, GetArgs, Keep, ListArgs, MoveArgs, Shape, UpdateArgs,
};
pub(crate) use crate::args::serve::{LogFormat, ServeArgs};
pub(crate) use crate::args::token::{TokenCommand, TokenCreateArgs};
use crate::failure::EXIT_CODES;
use crate::settings;
use crate::watch::WatchFrom;

/// Moves CRM entities from stage to stage when something happens to them.
///
/// `pawl serve` runs the server; most other commands are clients of one that runs. `pawl test` needs
/// none, and `restore`, `verify` and `compact` need a directory that no server has open.
#[derive(Debug, Parser)]
#[command(
    name = "pawl",
    version,
    arg_required_else_help = true,
    after_help = EXAMPLES,
    after_long_help = long_notes()
)]
pub(crate) struct Pawl {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// When to use colours: `auto` is on a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How a process ends whose command line is wrong.
const MISTAKE: i32 = 2;

const EXAMPLES: &str = "\
Examples:
  pawl serve --demo                    a server with a sample pipeline that plays itself
  pawl watch --pipeline sales          its moves, as they happen
  pawl apply -f sales.yaml             pipelines, trigger types and triggers from a file
  pawl trigger list --pipeline sales   what there is, as a table; -o json or yaml for programs
  pawl entity move deal/57 won         by hand
  pawl why deal/57                     what moved this deal of late, and what did not, and why";

fn long_notes() -> String {
    format!("{EXAMPLES}\n\n{EXIT_CODES}")
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is taken apart at once")]
pub(crate) enum Command {
    /// Runs the server until ctrl-c or SIGTERM.
    Serve(ServeArgs),
    /// Gives out and revokes tokens, in the file that `pawl serve --access-file` reads.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Settings of `pawl serve` in a file and in the environment.
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(flatten)]
    Client(ClientCommand),
    /// Runs rule cases from files, without a server.
    Test(TestArgs),
    /// Makes a database of a backup, in a directory that is missing or empty.
    Restore(RestoreArgs),
    /// Checks a database that no server has open: the log, and every row against the log.
    Verify(VerifyArgs),
    /// Makes the files of a database smaller, while no server has it open.
    Compact(CompactArgs),
    /// Servers by name, and which of them is meant when none is named.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Prints a script that completes commands and options in a shell.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

const COMPLETIONS: &str = "\
Where to put it:
  bash        pawl completions bash > ~/.local/share/bash-completion/completions/pawl
  zsh         pawl completions zsh > DIR/_pawl, with DIR in $fpath
  fish        pawl completions fish > ~/.config/fish/completions/pawl.fish
  powershell  pawl completions powershell >> $PROFILE
  elvish      pawl completions elvish >> ~/.config/elvish/rc.elv";

/// What is done to a server, or asked from it.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Creates and changes pipelines, trigger types and triggers, so that they are as in a file.
    Apply(ApplyArgs),
    /// Writes pipelines, registered trigger types and triggers as a file for `pawl apply`.
    Export(ExportArgs),
    /// Pipelines: the stages that entities of one kind go through.
    #[command(subcommand, after_help = PIPELINE_EXAMPLES)]
    Pipeline(Keep<PipelineFilter, Checked<PipelineFields>, PipelineFields>),
    /// A pipeline as it stands: what is on each stage, and which triggers are.
    Board(BoardArgs),
    /// What triggers can listen to: the catalogue, and types of your own.
    #[command(subcommand, after_help = TRIGGER_TYPE_EXAMPLES)]
    TriggerType(Keep<TriggerTypeFilter, Checked<TriggerTypeFields>, TriggerTypeFields>),
    /// Triggers: what must happen for an entity to move to a stage by itself.
    #[command(subcommand, after_help = TRIGGER_EXAMPLES)]
    Trigger(Keep<TriggerFilter, Checked<TriggerFields>, TriggerFields>),
    /// What triggers did, event by event.
    #[command(subcommand)]
    Verdict(VerdictCommand),
    /// The entities that move through the pipelines.
    #[command(subcommand, after_help = ENTITY_EXAMPLES)]
    Entity(EntityCommand),
    /// What happened to entities.
    #[command(subcommand)]
    Event(EventCommand),
    /// How entities moved.
    #[command(subcommand)]
    Move(MoveCommand),
    /// How the server is: its health, what it has and does, and how fast.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Prints moves as they are committed, until ctrl-c; goes on when the server was away.
    Watch(WatchArgs),
    /// Tells in sentences what triggers did of late, and why or why not.
    Why(WhyArgs),
    /// Tells what an event would do, and why, without doing it.
    Preview(PreviewArgs),
    /// Writes a backup of a server's database to a file, while it serves.
    Backup(BackupArgs),
}

const STATUS_EXAMPLES: &str = "\
Examples:
  pawl status
  pawl status --watch --interval 5s
  pawl status -o json | jq .rates";

const PIPELINE_EXAMPLES: &str = "\
Examples:
  pawl pipeline list
  pawl pipeline create sales --kind deal --stage new offer won:won lost:lost
  pawl pipeline get sales -o yaml > sales.yaml
  pawl pipeline update -f sales.yaml --dry-run
  pawl pipeline delete sales";

const TRIGGER_TYPE_EXAMPLES: &str = "\
Examples:
  pawl trigger-type list payment
  pawl trigger-type get payment.received
  pawl trigger-type create app.signal --title Signal --parameter level=at-least";

const TRIGGER_EXAMPLES: &str = "\
Examples:
  pawl trigger list --pipeline sales --state paused
  pawl trigger create read --pipeline sales --stage offer --type email.viewed
  pawl trigger update read --state shadow
  pawl trigger delete read paid";

const ENTITY_EXAMPLES: &str = "\
Examples:
  pawl entity list --pipeline sales --stage won --updated-after 7d
  pawl entity create deal/57 --pipeline sales --name 'Roof for Ms Berg' --set amount=12500
  pawl entity update deal/57 --set amount=13000 --unset discount --actor ines
  pawl entity move deal/57 won --comment 'signed today'
  pawl entity import deals.ndjson.gz";

#[derive(Debug, Subcommand)]
pub(crate) enum EntityCommand {
    #[command(flatten)]
    Keep(Keep<EntityFilter, EntityFields, EntityChanges>),
    /// Moves one to another stage by hand.
    Move(MoveArgs),
    /// Creates entities from a file with one in each line.
    Import(ImportArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Shows one event, and what it did to each entity that it reached.
    Get(EventGetArgs),
    /// Publishes events from a file with one in each line, or one from options, and tells what came
    /// of them.
    Publish(PublishArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum MoveCommand {
    /// Lists them, the newest first.
    List(ListArgs<MoveFilter>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum VerdictCommand {
    /// Lists them, the newest first.
    List(ListArgs<VerdictFilter>),
}

const SET_EXAMPLES: &str = "\
Examples:
  pawl context set prod --address https://crm.example:7171 --token-file ~/.pawl-token
  pawl context set test --address localhost --current";

/// They are kept in `$XDG_CONFIG_HOME/pawl/config.toml`, or in `~/.config`; PAWL_CONFIG names another
/// file.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Lists all.
    List,
    /// Shows which server is meant, and how it is reached.
    Show,
    /// Makes one the current one.
    Use {
        /// Its name.
        name: String,
    },
    /// Creates or changes one, with the connection options that are given.
    #[command(after_help = SET_EXAMPLES)]
    Set {
        /// Its name.
        name: String,
        /// Makes it the current one too.
        #[arg(long)]
        current: bool,
    },
    /// Deletes one; the server is not touched.
    Delete {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// YAML or JSON with the keys `pipelines`, `trigger_types` and `triggers`, each a list of
    /// resources as in the contract; `-` is standard input. Can be repeated.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Changes nothing: runs the checks of the server, and prints what would be created and changed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A JSON entity in each line, plain or gzip; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What to do with an entity that exists.
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(crate) on_existing: OnExisting,

    /// Entities in one message, which is imported as a whole or not at all: 1 to 1000.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=1_000)
    )]
    pub(crate) batch: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnExisting {
    /// Stop the import.
    Fail,
    /// Leave it as it is and go on.
    Skip,
}

/// Values of one option are alternatives; all options that are given must hold.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Where to start: `now`, `earliest` (the oldest retained move), `snapshot` (the entities as
    /// they stand, then their moves), or after a resume token in base64.
    #[arg(long, value_name = "START", default_value = "now")]
    pub(crate) from: WatchFrom,

    /// Only moves in, into or out of this pipeline. Can be repeated, as the others below.
    #[arg(long = "pipeline", value_name = "ID")]
    pub(crate) pipelines: Vec<String>,

    /// Only moves of this entity, such as `deal/57`.
    #[arg(long = "entity", value_name = "ID")]
    pub(crate) entities: Vec<String>,

    /// Only moves caused by this trigger.
    #[arg(long = "trigger", value_name = "ID")]
    pub(crate) triggers: Vec<String>,

    /// Only moves of entities of this kind, such as `deal`.
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<String>,

    /// Only moves that leave this stage.
    #[arg(long = "from-stage", value_name = "ID")]
    pub(crate) from_stages: Vec<String>,

    /// Only moves that enter this stage.
    #[arg(long = "to-stage", value_name = "ID")]
    pub(crate) to_stages: Vec<String>,

    /// Only moves of entities for which this employee is responsible after the move.
    #[arg(long = "responsible", value_name = "NAME")]
    pub(crate) responsibles: Vec<String>,

    /// Shows entities too that are created, updated or deleted, or that enter or leave what the
    /// options above choose.
    #[arg(long)]
    pub(crate) entity_changes: bool,

    /// The longest silence before the server says that all is well: 1s to 60s.
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = span)]
    pub(crate) heartbeat: Duration,

    /// How to print what happens.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A line for people; times are local.
    Text,
    /// A JSON object in each line, with the move and the token to resume after it. A line with
    /// `started` says that a snapshot begins anew.
    Json,
}

impl Pawl {
    /// Reads the command line, and what stands for it elsewhere; on a mistake prints what is wrong and
    /// exits with 2.
    pub(crate) fn from_command_line() -> Self {
        let mut arguments = env::args_os().collect();
        let command = Self::command();
        let given = settings::complete(&command, &mut arguments, |name| env::var_os(name));
        let given = given.unwrap_or_else(|problems| {
            for problem in problems {
                eprintln!("error: {problem}");
            }
            process::exit(MISTAKE)
        });
        Self::read(settings::switchable(command), arguments).unwrap_or_else(|error| {
            let _ = error.print();
            eprint!("{}", given.explain(&error.to_string()));
            process::exit(error.exit_code())
        })
    }

    fn read(mut command: clap::Command, arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let matches = command.try_get_matches_from_mut(arguments)?;
        let said = leaf(&matches);
        if matches.subcommand_name() == Some("serve")
            && let Some(option) = Connection::options_given(said).next()
        {
            let message = match option {
                "--address" => "--address is for clients; `pawl serve` takes --listen IP:PORT",
                _ => "connection options such as --token are for clients, and not for `pawl serve`",
            };
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        let mut pawl = Self::from_arg_matches(&matches)?;
        pawl.connection.settle(said);
        if let Command::Context(ContextCommand::Set { .. }) = pawl.command {
            pawl.connection.forget_environment(said);
        }
        Ok(pawl)
    }
}

/// What the innermost command was given, to which what stands before it is added.
fn leaf(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| leaf(inner))
}

/// Reads a span of time such as `90s`, `1h 30m` or `7d`.
fn span(text: &str) -> Result<Duration, String> {
    let malformed = |problem: jiff::Error| format!("{problem}; write it like 90s, 24h or 7d");
    let span: Span = text.parse().map_err(malformed)?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(malformed)?;
    span.try_into().map_err(|_| "it must not be negative".to_owned())
}

#[cfg(test)]
mod tests;
