//! The `pawl` command: `pawl serve`, and the clients of a server that runs.
//!
//! The clients deliberately know no more than the public contract: what they do, any other program
//! can do too.

mod apply;
mod args;
mod client;
mod demo;
mod failure;
mod import;
mod manifest;
mod ndjson;
mod output;
mod publish;
mod resource;
mod serve;
mod signals;
mod watch;

use std::pin::Pin;
use std::process::ExitCode;

use crate::args::{Command, EntityCommand, EventCommand, Pawl};
use crate::failure::Failure;

/// Runs the command that the command line names. The exit code is 0 when all went well, 1 when it
/// failed; a mistake on the command line ends the process with 2.
pub fn run() -> ExitCode {
    let Pawl { address, command } = Pawl::from_command_line();
    let outcome = match command {
        Command::Serve(args) => serve::run(args),
        Command::Apply(args) => block_on(Box::pin(apply::run(args, &address))),
        Command::Entity(EntityCommand::Import(args)) => {
            block_on(Box::pin(import::run(args, &address)))
        }
        Command::Event(EventCommand::Publish(args)) => {
            block_on(Box::pin(publish::run(args, &address)))
        }
        Command::Watch(args) => block_on(Box::pin(watch::run(args, &address))),
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
