//! The `pawl` command: `pawl serve`, and the clients of a server that runs.
//!
//! The clients deliberately know no more than the public contract: what they do, any other program
//! can do too. `pawl test` needs no server: it asks the domain itself. What is done to a database
//! that no server has open, it asks the store.

mod apply;
mod args;
mod backup;
mod cases;
mod catalogue;
mod client;
mod demo;
mod diff;
mod export;
mod failure;
mod import;
mod manifest;
mod ndjson;
mod offline;
mod output;
mod preview;
mod publish;
mod resource;
mod serve;
mod settings;
mod signals;
mod token;
mod watch;
mod why;

use std::pin::Pin;
use std::process::ExitCode;

use crate::args::{Command, ConfigCommand, EntityCommand, EventCommand, Pawl, TriggerTypeCommand};
use crate::failure::Failure;

/// Runs the command that the command line names. The exit code is 0 when all went well, 1 when it
/// failed; a mistake on the command line ends the process with 2.
pub fn run() -> ExitCode {
    let Pawl { address, command } = Pawl::from_command_line();
    let outcome = match command {
        Command::Serve(args) => serve::run(args),
        Command::Token(command) => token::run(command),
        Command::Config(ConfigCommand::Check(args)) => settings::check(args.file.as_deref()),
        Command::Config(ConfigCommand::Example) => settings::example(),
        Command::Apply(args) => block_on(Box::pin(apply::run(args, &address))),
        Command::Export(args) => block_on(Box::pin(export::run(args, &address))),
        Command::TriggerType(TriggerTypeCommand::List(args)) => {
            block_on(Box::pin(catalogue::list(args, &address)))
        }
        Command::Entity(EntityCommand::Import(args)) => {
            block_on(Box::pin(import::run(args, &address)))
        }
        Command::Event(EventCommand::Publish(args)) => {
            block_on(Box::pin(publish::run(args, &address)))
        }
        Command::Preview(args) => block_on(Box::pin(preview::run(args, &address))),
        Command::Why(args) => block_on(Box::pin(why::run(args, &address))),
        Command::Test(args) => cases::run(&args),
        Command::Watch(args) => block_on(Box::pin(watch::run(args, &address))),
        Command::Backup(args) => block_on(Box::pin(backup::run(args, &address))),
        Command::Restore(args) => offline::restore(&args),
        Command::Compact(args) => offline::compact(&args),
        Command::Verify(args) => block_on(Box::pin(offline::verify(args))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

type ClientCommand<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// A client needs no more than one thread; what it reads is parsed on another.
fn block_on(command: ClientCommand<'_>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System { what: "start the runtime", source })?
        .block_on(command)
}
