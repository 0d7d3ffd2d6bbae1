mod config;
mod inquiry;
mod offline;
mod serve;
mod token;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use jiff::{Span, SpanRelativeTo};

pub(crate) use crate::args::config::ConfigCommand;
pub(crate) use crate::args::inquiry::{
    CatalogueArgs, ExportArgs, PreviewArgs, Telling, TriggerTypeCommand, WhyArgs, Written,
};
pub(crate) use crate::args::offline::{BackupArgs, CompactArgs, RestoreArgs, VerifyArgs};
pub(crate) use crate::args::serve::{LogFormat, ServeArgs};
pub(crate) use crate::args::token::{TokenCommand, TokenCreateArgs};
use crate::client::Address;
use crate::settings;
use crate::watch::WatchFrom;

/// Moves CRM entities from stage to stage when something happens to them.
///
/// `pawl serve` runs the server; the other commands are clients of one that runs, all but
/// `pawl test`, which needs none, and `restore`, `verify` and `compact`, which need a directory that no
/// server has open.
#[derive(Debug, Parser)]
#[command(name = "pawl", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Pawl {
    /// The server that a client command talks to: http://HOST:PORT or HOST:PORT.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "PAWL_ADDRESS",
        default_value = "http://127.0.0.1:7171"
    )]
    pub(crate) address: Address,

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
  pawl event publish events.ndjson.gz  a file of events, one in each line
  pawl why deal/57                     what moved this deal of late, and what did not, and why";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server until ctrl-c or SIGTERM.
    Serve(ServeArgs),
    /// Gives out and revokes tokens, in the file that `pawl serve --access-file` reads.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Settings of `pawl serve` in a file and in the environment.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Creates and changes pipelines, trigger types and triggers, so that they are as in a file.
    Apply(ApplyArgs),
    /// Writes pipelines, registered trigger types and triggers as a file for `pawl apply`.
    Export(ExportArgs),
    /// What triggers can listen to.
    #[command(subcommand)]
    TriggerType(TriggerTypeCommand),
    /// The entities that move through the pipelines.
    #[command(subcommand)]
    Entity(EntityCommand),
    /// What happened to entities.
    #[command(subcommand)]
    Event(EventCommand),
    /// Prints moves as they are committed, until ctrl-c; goes on when the server was away.
    Watch(WatchArgs),
    /// Tells in sentences what triggers did of late, and why or why not.
    Why(WhyArgs),
    /// Tells what an event would do, and why, without doing it.
    Preview(PreviewArgs),
    /// Runs rule cases from files, without a server.
    Test(TestArgs),
    /// Writes a backup of a server's database to a file, while it serves.
    Backup(BackupArgs),
    /// Makes a database of a backup, in a directory that is missing or empty.
    Restore(RestoreArgs),
    /// Checks a database that no server has open: the log, and every row against the log.
    Verify(VerifyArgs),
    /// Makes the files of a database smaller, while no server has it open.
    Compact(CompactArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum EntityCommand {
    /// Creates entities from a file with one in each line.
    Import(ImportArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Publishes events from a file with one in each line, and tells what came of them.
    Publish(PublishArgs),
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

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// A JSON event in each line, plain or gzip; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = crate::cases::EXAMPLE)]
pub(crate) struct TestArgs {
    /// YAML or JSON with `cases`, and what is `given` for all of them. Takes several and can be
    /// repeated.
    #[arg(short, long = "file", value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) files: Vec<PathBuf>,

    /// Runs only the cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,

    /// Prints only the cases that fail.
    #[arg(short, long)]
    pub(crate) quiet: bool,
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
        if let Some(("serve", serve)) = matches.subcommand()
            && serve.value_source("address") == Some(ValueSource::CommandLine)
        {
            let message = "--address is for clients; `pawl serve` takes --listen IP:PORT";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        Self::from_arg_matches(&matches)
    }
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
