//! What reaches how many watchers: Pawl against a server that sends the same bytes and knows
//! nothing. Both are fed where Pawl's hub is, without a store in the path.

mod bare;
mod feed;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pawl_api::pb;
use tokio::time::Instant;

pub(crate) use self::bare::Reel;
pub(crate) use self::feed::Hub;
use crate::Failure;
use crate::args::{FanOut, Kind, Runtime};
use crate::child::ServerProcess;
use crate::cpu::CpuTime;
use crate::raw;
use crate::spread::Spread;
use crate::watchers::{Sent, Watchers};

/// Moves that are shown at a time, as one commit would. Two stretches, and so one message of Pawl's.
pub(crate) const BATCH: usize = 512;
/// Moves of a run at most: so many fit into the memory of Pawl's hub.
const RUN_MAX: u64 = 118 * BATCH as u64;
/// What a run delivers to all watchers together, when it may have so many moves.
const DELIVERED: u64 = 3_000_000;

/// Shows watchers what was prepared.
pub(crate) trait Feed: Send {
    fn prepare(&mut self, moves: u64) -> Result<(), Failure>;
    fn feed(&mut self);
}

/// What one server did in one round.
#[derive(Debug, Default)]
struct Round {
    took: Duration,
    sent: Sent,
    cpu: CpuTime,
}

/// A server and its watchers.
struct Side {
    process: ServerProcess,
    watchers: Watchers,
    /// What each of them has been sent.
    each: u64,
}

/// Measures each number of watchers and prints what came of it.
pub(crate) async fn run(plan: &FanOut) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let frames = record(dir.path()).await?;
    let bytes_per_move = std::fs::metadata(&frames)?.len() / RUN_MAX;
    println!(
        "{} rounds of at least {} s, {BATCH} moves shown at a time, {bytes_per_move} bytes a move\nmedian [least..greatest]\n",
        plan.rounds,
        plan.seconds.as_secs_f64()
    );
    row(["watchers", "run", "measure", "bare", "pawl", "pawl / bare"].map(str::to_owned));
    for count in &plan.watchers {
        let data = tempfile::tempdir_in(dir.path())?;
        let mut bare = Side::start(Kind::Bare, &frames, *count).await?;
        let mut pawl = Side::start(Kind::Fed, data.path(), *count).await?;
        let moves = run_length(*count);
        let mut rounds = Vec::new();
        for round in 0..=plan.rounds {
            // Who goes first takes turns too.
            let pair = if round % 2 == 0 {
                let bare = bare.round(moves, bytes_per_move, plan.seconds).await?;
                (bare, pawl.round(moves, bytes_per_move, plan.seconds).await?)
            } else {
                let pawl = pawl.round(moves, bytes_per_move, plan.seconds).await?;
                (bare.round(moves, bytes_per_move, plan.seconds).await?, pawl)
            };
            // The first only warms up.
            if round > 0 {
                rounds.push(pair);
            }
            eprint!("\r{count} watchers: round {round} of {}", plan.rounds);
        }
        eprint!("\r\x1b[K");
        report(*count, moves, &rounds);
    }
    println!("\nmoves/s: delivered to all watchers together; below 1 is slower than bare");
    println!("CPU: of the server, nanoseconds for each move delivered; above 1 is more than bare");
    println!("run: moves that are shown before it is waited until all watchers have them");
    Ok(())
}

/// How many moves each of so many watchers is sent in a run.
fn run_length(watchers: usize) -> u64 {
    let batch = BATCH as u64;
    (DELIVERED / watchers as u64 / batch * batch).clamp(batch, RUN_MAX)
}

fn request() -> pb::WatchMovesRequest {
    let heartbeat_interval = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    pb::WatchMovesRequest { heartbeat_interval, ..Default::default() }
}

/// Lets Pawl make the frames of the longest run, and leaves them in a file.
async fn record(dir: &Path) -> Result<PathBuf, Failure> {
    let mut process = ServerProcess::start(Kind::Fed, Runtime::Multi, &dir.join("recorded"))?;
    let mut stream = raw::watch(process.connect().await?, &request()).await?;
    process.ask(&format!("prepare {RUN_MAX}"))?;
    process.tell("feed")?;
    let (mut frames, mut moves) = (Vec::new(), 0);
    while moves < RUN_MAX {
        let message = stream.message().await?.ok_or("the watch ended")?;
        for frame in raw::moves(&message) {
            frames.extend_from_slice(frame.bytes);
            moves += 1;
        }
    }
    // All are equally long, so that each run has the same bytes wherever it stands in the log.
    if moves != RUN_MAX || !(frames.len() as u64).is_multiple_of(RUN_MAX) {
        return Err(format!("{moves} moves have {} bytes", frames.len()).into());
    }
    let path = dir.join("frames");
    std::fs::write(&path, frames)?;
    Ok(path)
}

impl Side {
    async fn start(kind: Kind, path: &Path, watchers: usize) -> Result<Self, Failure> {
        let process = ServerProcess::start(kind, Runtime::Multi, path)?;
        let watchers = Watchers::connect(&process, watchers, |_| request()).await?;
        Ok(Self { process, watchers, each: 0 })
    }

    /// Runs until the time is over; it counts from when a run is shown until all have it.
    async fn round(&mut self, moves: u64, size: u64, length: Duration) -> Result<Round, Failure> {
        let mut round = Round::default();
        let before = self.watchers.sent();
        while round.took < length {
            self.process.ask(&format!("prepare {moves}"))?;
            let cpu = CpuTime::of(self.process.pid());
            let began = Instant::now();
            self.process.tell("feed")?;
            self.each += moves;
            self.watchers.all_have(self.each).await?;
            round.took += began.elapsed();
            round.cpu.add(&CpuTime::of(self.process.pid()).since(&cpu));
        }
        let after = self.watchers.sent();
        round.sent = Sent {
            moves: after.moves - before.moves,
            bytes: after.bytes - before.bytes,
            messages: after.messages - before.messages,
        };
        if round.sent.bytes == round.sent.moves * size {
            Ok(round)
        } else {
            Err(format!("{:?}, of which each move should have {size} bytes", round.sent).into())
        }
    }
}

impl Round {
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    fn rate(&self) -> f64 {
        self.sent.moves as f64 / self.took.as_secs_f64()
    }

    fn cpu_nanos(&self) -> f64 {
        self.cpu.micros_per(self.sent.moves).iter().map(|(_, micros)| micros * 1e3).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    fn moves_per_message(&self) -> f64 {
        self.sent.moves as f64 / self.sent.messages as f64
    }
}

fn report(watchers: usize, moves: u64, rounds: &[(Round, Round)]) {
    let compare = |measure: &str, number: &dyn Fn(&Round) -> f64| {
        let bare = Spread::of(rounds.iter().map(|(bare, _)| number(bare)));
        let pawl = Spread::of(rounds.iter().map(|(_, pawl)| number(pawl)));
        let ratio = Spread::of(rounds.iter().map(|(bare, pawl)| number(pawl) / number(bare)));
        let [bare, pawl, ratio] = [bare, pawl, ratio].map(|spread| spread.to_string());
        row([watchers.to_string(), moves.to_string(), measure.to_owned(), bare, pawl, ratio]);
    };
    compare("moves/s", &Round::rate);
    compare("CPU ns", &Round::cpu_nanos);
    compare("a message", &Round::moves_per_message);
}

fn row([watchers, run, measure, bare, pawl, ratio]: [String; 6]) {
    println!("{watchers:<9} {run:<6} {measure:<10} {bare:>31} {pawl:>31} {ratio:>18}");
}
