//! Watchers that do not read: what they cost the writer, the watchers that do, and the server's
//! memory; and whether they find everything when they read again.

mod readers;
mod sleepers;

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::Channel;

use self::readers::{Lags, Readers};
use self::sleepers::Sleepers;
use crate::args::{Kind, Runtime, Stuck};
use crate::case::{Case, Mix};
use crate::child::ServerProcess;
use crate::events::{Choice, Source};
use crate::measure::beside_program;
use crate::memory::resident_bytes;
use crate::spread::Spread;
use crate::{Failure, load, setup};

const SOURCE: Source =
    Source { mix: Mix::Real, choice: Choice::Uniform, entities: 10_000, seed: 1, note: 0 };
/// Moves before anything is measured: more than the hub and the store keep in memory.
const WARM_UP: u64 = 250_000;
/// Between two rounds, so that what the last one left behind is done.
const PAUSE: Duration = Duration::from_millis(300);

/// A server with watchers that read, each for entities of its own.
struct Side {
    process: ServerProcess,
    channels: Vec<Channel>,
    readers: Readers,
    /// The number of the next event that moves many entities.
    wide: u64,
}

/// What one server did in one round.
#[derive(Debug)]
struct Round {
    /// Events a second that it took.
    rate: f64,
    /// Of moves under little load.
    lags: Lags,
}

/// Measures a server all of whose watchers read, and one with some more that do not, in turns.
pub(crate) async fn run(plan: &Stuck) -> Result<(), Failure> {
    let dir = tempfile::Builder::new().prefix("pawl-bench-").tempdir_in(beside_program()?)?;
    let mut alone = Side::start(&dir.path().join("alone"), plan.reading).await?;
    let mut beside = Side::start(&dir.path().join("beside"), plan.reading).await?;
    let (_, before) = setup::counted(&beside.channels[0]).await?;
    let sleepers = Sleepers::connect(&beside.process, plan.sleeping).await?;
    println!(
        "{} watchers that read, each for entities of its own; the same with {} for all moves that \
         do not\n{} rounds of {} s\nmedian [least..greatest]\n",
        plan.reading,
        plan.sleeping,
        plan.rounds,
        plan.seconds.as_secs_f64()
    );
    let grown = [alone.grow(plan.behind).await?, beside.grow(plan.behind).await?];
    let mut rounds = Vec::new();
    for round in 0..=plan.rounds {
        // Who goes first takes turns.
        let pair = if round % 2 == 0 {
            (alone.measure(plan, round).await?, beside.measure(plan, round).await?)
        } else {
            let beside = beside.measure(plan, round).await?;
            (alone.measure(plan, round).await?, beside)
        };
        // The first only warms up.
        if round > 0 {
            rounds.push(pair);
        }
        eprint!("\rround {round} of {}", plan.rounds);
    }
    eprint!("\r\x1b[K");
    report(plan, &rounds, grown);
    for side in [&mut alone, &mut beside] {
        side.check().await?;
    }
    let (_, after) = setup::counted(&beside.channels[0]).await?;
    let began = Instant::now();
    sleepers.read_all(after - before).await?;
    println!(
        "the {} that did not read then read {} moves each in {:.1?}: every one once, in order",
        plan.sleeping,
        after - before,
        began.elapsed()
    );
    Ok(())
}

impl Side {
    async fn start(dir: &Path, reading: u64) -> Result<Self, Failure> {
        let process = ServerProcess::start(Kind::Pawl, Runtime::Multi, dir)?;
        let channels = process.connections(Case::Stream64.shape(1).connections).await?;
        setup::pawl(&channels[0], SOURCE).await?;
        let wide = load::history(&channels[0], SOURCE, 0, WARM_UP).await?;
        let (_, moves) = setup::counted(&channels[0]).await?;
        let readers = Readers::connect(&process, reading, SOURCE.entities, moves).await?;
        Ok(Self { process, channels, readers, wide })
    }

    /// By how many bytes the server grows while so many moves come about.
    async fn grow(&mut self, moves: u64) -> Result<u64, Failure> {
        let before = resident_bytes(self.process.pid())?;
        self.wide += load::history(&self.channels[0], SOURCE, self.wide, moves).await?;
        self.check().await?;
        Ok(resident_bytes(self.process.pid())?.saturating_sub(before))
    }

    /// Waits until the watchers that read have every move.
    async fn check(&mut self) -> Result<(), Failure> {
        let (_, moves) = setup::counted(&self.channels[0]).await?;
        self.readers.have(moves).await
    }

    async fn measure(&mut self, plan: &Stuck, round: u32) -> Result<Round, Failure> {
        tokio::time::sleep(PAUSE).await;
        let shape = Case::Stream64.shape(16);
        let all = load::round(&self.channels, shape, SOURCE, 2 * round, plan.seconds).await?;
        all.check()?;
        self.check().await?;
        self.readers.take_lags();
        let events = SOURCE.events(2 * round + 1, 0);
        let pace = f64::from(plan.pace);
        load::paced(&self.channels, events, pace, plan.seconds).await?.check()?;
        self.check().await?;
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
        let rate = all.in_time() as f64 / plan.seconds.as_secs_f64();
        Ok(Round { rate, lags: self.readers.take_lags() })
    }
}

fn report(plan: &Stuck, rounds: &[(Round, Round)], grown: [u64; 2]) {
    row(["measure", "all read", "some do not", "ratio"].map(str::to_owned));
    let compare = |measure: &str, number: &dyn Fn(&Round) -> f64| {
        let alone = Spread::of(rounds.iter().map(|(alone, _)| number(alone)));
        let beside = Spread::of(rounds.iter().map(|(_, beside)| number(beside)));
        let ratio = Spread::of(rounds.iter().map(|(alone, beside)| number(beside) / number(alone)));
        let [alone, beside, ratio] = [alone, beside, ratio].map(|spread| spread.to_string());
        row([measure.to_owned(), alone, beside, ratio]);
    };
    compare("events/s", &|round| round.rate);
    compare("lag p50 µs", &|round| round.lags.micros(0.5));
    compare("lag p99 µs", &|round| round.lags.micros(0.99));
    let sample = rounds.first().map_or(0, |(alone, _)| alone.lags.count());
    println!(
        "\nevents/s: all that four streams can publish, one event in five moves its entity\n\
         lag: of {sample} moves a round, from their commit time until they arrive, at {} events a \
         second",
        plan.pace
    );
    let [alone, beside] = grown;
    println!(
        "memory: while {} moves came about the servers grew by {} and {} KiB: {} KiB for each that \
         does not read",
        plan.behind,
        alone / 1_024,
        beside / 1_024,
        beside.saturating_sub(alone) / 1_024 / plan.sleeping
    );
}

fn row([measure, alone, beside, ratio]: [String; 4]) {
    println!("{measure:<11} {alone:>27} {beside:>27} {ratio:>20}");
}
