use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::case::{Case, Mix};
use crate::events::Choice;

#[derive(Debug, Parser)]
#[command(name = "pawl-bench", version, args_conflicts_with_subcommands = true)]
/// Measures Pawl against a bare echo built of the same parts, in turns.
struct Bench {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    plan: Plan,
}

/// What this process is instead of the one that measures against the echo.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// One of the servers; prints its address and runs until its standard input ends.
    #[command(hide = true)]
    Server {
        /// Which.
        kind: Kind,
        /// On which runtime.
        runtime: Runtime,
        /// Pawl's data directory, or the file with what the other one sends.
        path: PathBuf,
    },
    /// What an event costs beside a million triggers of other pipelines, in ratio to what it costs
    /// with its own pipeline alone; and what a trigger takes in memory.
    Crowd(Crowd),
    /// How many moves a second reach 1 to 10,000 watchers, in ratio to a server that sends the same
    /// bytes and knows nothing. Both are fed without a store.
    FanOut(FanOut),
    /// What it costs the writer and the other watchers, and how much memory, that some do not read;
    /// and whether they find everything when they do.
    Stuck(Stuck),
    /// How fast watchers read a long log, and what that costs those who publish.
    CatchUp(CatchUp),
    /// What one thing costs: Pawl against Pawl that lacks it, with the same load, in turns.
    Pairs(Pairs),
    /// Publishes millions of events by streams: how memory and the directory grow, how long an answer
    /// is ever late, and how long a start takes after a kill.
    Endure(Endure),
    /// How long a snapshot of very many entities takes, and what the writer notices of it.
    Snapshot(Snapshot),
    /// Publishes events to a NATS server with JetStream, in an empty directory, and says how many a
    /// second it acknowledged. `crates/bench/peers` compares that with Pawl.
    #[command(name = "jetstream")]
    JetStream(JetStream),
}

/// What to measure of configurations with many triggers.
#[derive(Debug, Args)]
pub(crate) struct Crowd {
    /// Triggers of the large configuration, a hundred on each pipeline.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub(crate) triggers: u64,

    /// How often each configuration is measured.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// Events that each round publishes to each.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub(crate) events: u64,
}

/// What to measure of many watchers.
#[derive(Debug, Args)]
pub(crate) struct FanOut {
    /// How many watchers there are; can be given several times.
    #[arg(long, value_name = "N", default_values_t = [1, 100, 1_000, 10_000])]
    pub(crate) watchers: Vec<usize>,

    /// How often each server is measured with each number of watchers.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// For how long it is measured each time, at least.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// What to measure of watchers that do not read.
#[derive(Debug, Args)]
pub(crate) struct Stuck {
    /// Watchers that read.
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) reading: u64,

    /// Watchers that do not, beside them.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) sleeping: u64,

    /// Moves by which they are behind when their memory is measured.
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub(crate) behind: u64,

    /// How often each server is measured.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// For how long each time: first with all the load that it takes, then with little.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// Events a second of the little load, one in five of which moves its entity.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) pace: u32,
}

/// What to measure of watchers that begin far back.
#[derive(Debug, Args)]
pub(crate) struct CatchUp {
    /// Moves in the log.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) moves: u64,

    /// How often one watcher, and ten at once, read them all.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) readings: u32,

    /// How often PublishEvent is measured, alone and beside a watcher that reads the log.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// For how long each time.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// What to measure of snapshots.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// Entities that there are.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) entities: u64,

    /// How often publishing is measured, alone and beside a watcher that takes snapshots.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// For how long each time.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Pairs {
    /// Compare only this; can be given several times.
    #[arg(long, value_name = "WHAT")]
    pub(crate) only: Vec<Question>,

    /// How often each server is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// For how long each time.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// For how long both are under load before a comparison by entities begins.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) warm_up: Duration,

    /// Entities of the one with many.
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(10_000..=100_000_000))]
    pub(crate) entities: u64,

    /// Where to keep the databases, on the disk that is to be measured.
    ///
    /// [default: the directory of this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// A file system in memory, where a sync does nothing.
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    pub(crate) memory: PathBuf,
}

/// What one of two servers has and the other has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Question {
    /// A disk that is synced, with 4,096 events in flight.
    Sync,
    /// Moves by every event.
    Moves,
    /// Ten million entities in place of ten thousand, chosen by Zipf.
    Entities,
    /// The same, chosen uniformly.
    EntitiesUniform,
    /// A thousand watchers, each of a hundredth of the moves, beside 64 calls.
    Watchers,
    /// A board that is open in a browser, beside all that four streams can publish.
    Board,
}

/// How much to publish.
#[derive(Debug, Args)]
pub(crate) struct Endure {
    /// Events to publish, at least.
    #[arg(long, value_name = "N", default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub(crate) events: u64,

    /// Characters of one more attribute of each event, chosen by chance, so that they cannot be
    /// compressed.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = characters)]
    pub(crate) note: usize,

    /// How often it is looked what has become of memory and directory.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) every: Duration,

    /// How often the server is killed and started again in the end.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) starts: u32,

    /// Where to keep the database.
    ///
    /// [default: the directory of this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What to publish to somebody else's server.
#[derive(Debug, Args)]
pub(crate) struct JetStream {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: SocketAddr,

    /// Connections, as many as Pawl gets.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) connections: u16,

    /// Events on each connection that are not yet acknowledged.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = in_flight)]
    pub(crate) in_flight: usize,

    /// For how long to warm up, and then to measure.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Echo,
    Pawl,
    /// Pawl, whose watchers are shown what nobody committed.
    Fed,
    /// Sends watchers what lies ready.
    Bare,
}

/// What the servers run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// A thread for each core, as `pawl serve` has it.
    Multi,
    /// One thread for all input and output.
    Single,
}

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// How often each server is measured in each case.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// For how long it is measured each time.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// Measure only this case; can be given several times.
    #[arg(long, value_name = "CASE")]
    pub(crate) only: Vec<Case>,

    /// Measure only this mix of events.
    #[arg(long, value_name = "MIX")]
    pub(crate) mix: Option<Mix>,

    /// Entities that there are.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) entities: u64,

    /// How the events choose among them.
    #[arg(long, value_name = "CHOICE", default_value = "zipf")]
    pub(crate) choice: Choice,

    /// Makes the events; the same seed makes the same ones.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Messages in flight on each stream of `PublishEvents`.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = in_flight)]
    pub(crate) in_flight: usize,

    /// What both servers run on; the client always has one thread.
    #[arg(long, value_name = "RUNTIME", default_value = "multi")]
    pub(crate) runtime: Runtime,

    /// Where to keep the databases, on the disk that is to be measured; what is made there is
    /// removed at the end.
    ///
    /// [default: the directory of this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl Plan {
    /// What is measured, in order.
    pub(crate) fn cases(&self) -> impl Iterator<Item = (Case, Mix)> {
        let wanted = |case: &&Case| self.only.is_empty() || self.only.contains(case);
        let mixes = move || self.mix.map_or(Mix::USUAL.to_vec(), |mix| vec![mix]);
        let cases = Case::value_variants().iter().filter(wanted);
        cases.flat_map(move |case| mixes().into_iter().map(|mix| (*case, mix)))
    }
}

/// Reads the command line; a mistake on it ends the process with 2.
pub(crate) fn from_command_line() -> (Option<Role>, Plan) {
    let Bench { role, plan } = Bench::parse();
    (role, plan)
}

fn characters(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(characters) if characters <= 30_000 => Ok(characters),
        _ => Err("is no number from 0 to 30000".to_owned()),
    }
}

fn in_flight(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(messages) if (1..=65_536).contains(&messages) => Ok(messages),
        _ => Err("is no number from 1 to 65536".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "is no number of seconds".to_owned())?;
    if (0.1..=3_600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("lies outside 0.1 to 3600".to_owned())
    }
}
