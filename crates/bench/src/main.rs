//! Paired measurements of Pawl against a bare echo built of the same parts: how much of what the
//! network stack can do is left when every event is decided and made durable.
//!
//! Both servers are child processes of this one and get the same load from the same client code, in
//! turns. `docs/performance.md` describes the method. This crate deliberately measures only through
//! the public contract, but for what the network would drown ([`crowd`]).
//!
//! Start reading at [`measure::run`].

mod args;
mod case;
mod catch_up;
mod child;
mod cpu;
mod crowd;
mod disk;
mod echo;
mod endure;
mod events;
mod fan_out;
mod jetstream;
mod load;
mod measure;
mod memory;
mod open_board;
mod pairs;
mod raw;
mod report;
mod serve;
mod setup;
mod snapshot;
mod spread;
mod stuck;
mod tally;
mod watchers;

use std::process::ExitCode;

use crate::args::{Role, Runtime};

/// The same for both servers and the client, and the one that `pawl` uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever goes wrong ends the run: a measurement that is not sound is not reported.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let (role, plan) = args::from_command_line();
    let outcome = match role {
        Some(Role::Server { kind, runtime, path }) => block_on(runtime, serve::run(kind, path)),
        Some(Role::Crowd(crowd)) => block_on(Runtime::Multi, crowd::run(&crowd)),
        Some(Role::FanOut(plan)) => block_on(Runtime::Single, fan_out::run(&plan)),
        Some(Role::Stuck(plan)) => block_on(Runtime::Single, stuck::run(&plan)),
        Some(Role::CatchUp(plan)) => block_on(Runtime::Single, catch_up::run(&plan)),
        Some(Role::Pairs(plan)) => block_on(Runtime::Single, pairs::run(&plan)),
        Some(Role::Endure(plan)) => block_on(Runtime::Single, endure::run(&plan)),
        Some(Role::Snapshot(plan)) => block_on(Runtime::Multi, snapshot::run(&plan)),
        Some(Role::JetStream(plan)) => block_on(Runtime::Single, jetstream::run(&plan)),
        None => block_on(Runtime::Single, measure::run(&plan)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(
    runtime: Runtime,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let mut builder = match runtime {
        Runtime::Multi => tokio::runtime::Builder::new_multi_thread(),
        Runtime::Single => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()?.block_on(work)
}
