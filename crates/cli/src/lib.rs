//! The `pawl` command: `pawl serve`, and the clients of a server that runs.
//!
//! The clients deliberately know no more than the public contract: what they do, any other program
//! can do too. `pawl test` needs no server: it asks the domain itself. What is done to a database
//! that no server has open, it asks the store.

mod apply;
mod args;
mod backup;
mod board;
mod cases;
#[cfg(test)]
mod catalogue;
mod client;
mod clock;
mod config;
mod context;
mod demo;
mod diff;
mod export;
mod failure;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod history;
mod import;
mod keep;
mod log;
mod manifest;
mod moving;
mod ndjson;
mod offline;
mod output;
mod pages;
mod preview;
mod publish;
mod resource;
mod serve;
mod settings;
mod show;
mod signals;
mod status;
mod table;
mod token;
mod watch;
mod why;
mod yaml;

use std::io;
use std::process::ExitCode;

use clap::CommandFactory;
use pawl_api::pb;

use crate::args::{
    ClientCommand, Command, ConfigCommand, Connection, EntityCommand, EventCommand, MoveCommand,
    Pawl, VerdictCommand,
};
use crate::client::{Target, of_failing};
use crate::failure::Failure;
use crate::table::BAD;

/// Runs the command that the command line names. The exit code says how it went, as `pawl --help`
/// tells; a mistake on the command line ends the process with 2.
pub fn run() -> ExitCode {
    let Pawl { connection, color, command } = Pawl::from_command_line();
    match color {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    let outcome = match command {
        Command::Serve(args) => serve::run(args),
        Command::Token(command) => token::run(command),
        Command::Config(ConfigCommand::Check(args)) => settings::check(args.file.as_deref()),
        Command::Config(ConfigCommand::Example) => settings::example(),
        Command::Client(command) => block_on(be_client(command, connection)),
        Command::Test(args) => cases::run(args),
        Command::Restore(args) => offline::restore(&args),
        Command::Compact(args) => offline::compact(&args),
        Command::Verify(args) => block_on(offline::verify(args)),
        Command::Context(command) => context::run(command, connection),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Pawl::command(), "pawl", &mut io::stdout());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            anstream::eprintln!("{BAD}error:{BAD:#} {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// What a client command does. Each is in a box, since together they would be large.
async fn be_client(command: ClientCommand, connection: Connection) -> Result<(), Failure> {
    let target = &config::target(connection)?;
    let outcome = match command {
        ClientCommand::Apply(args) => Box::pin(apply::run(args, target)).await,
        ClientCommand::Export(args) => Box::pin(export::run(args, target)).await,
        ClientCommand::Pipeline(keep) => {
            Box::pin(keep::run::<pb::Pipeline, _, _>(keep, target)).await
        }
        ClientCommand::Board(args) => Box::pin(board::run(args, target)).await,
        ClientCommand::TriggerType(keep) => {
            Box::pin(keep::run::<pb::TriggerType, _, _>(keep, target)).await
        }
        ClientCommand::Trigger(keep) => {
            Box::pin(keep::run::<pb::Trigger, _, _>(keep, target)).await
        }
        ClientCommand::Verdict(VerdictCommand::List(args)) => {
            Box::pin(history::verdicts(args, target)).await
        }
        ClientCommand::Entity(EntityCommand::Keep(keep)) => {
            Box::pin(keep::run::<pb::Entity, _, _>(keep, target)).await
        }
        ClientCommand::Entity(EntityCommand::Move(args)) => {
            Box::pin(moving::run(args, target)).await
        }
        ClientCommand::Entity(EntityCommand::Import(args)) => {
            Box::pin(import::run(args, target)).await
        }
        ClientCommand::Event(EventCommand::Get(args)) => {
            Box::pin(history::event(args, target)).await
        }
        ClientCommand::Event(EventCommand::Publish(args)) => {
            Box::pin(publish::run(args, target)).await
        }
        ClientCommand::Move(MoveCommand::List(args)) => {
            Box::pin(history::moves(args, target)).await
        }
        ClientCommand::Status(args) => Box::pin(status::run(args, target)).await,
        ClientCommand::Watch(args) => Box::pin(watch::run(args, target)).await,
        ClientCommand::Why(args) => Box::pin(why::run(args, target)).await,
        ClientCommand::Preview(args) => Box::pin(preview::run(args, target)).await,
        ClientCommand::Backup(args) => Box::pin(backup::run(args, target)).await,
    };
    outcome.map_err(|failure| advised(failure, target))
}

/// Adds what to do, where that is clear whatever the command was.
fn advised(failure: Failure, target: &Target) -> Failure {
    match failure.server_error().and_then(|error| of_failing(target, error)) {
        Some(advice) => Failure::Advised { failure: Box::new(failure), advice },
        None => failure,
    }
}

/// A client needs no more than one thread; what it reads is parsed on another.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System { what: "start the runtime", source })?
        .block_on(command)
}
