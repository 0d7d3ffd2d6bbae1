//! Watchers that begin far back: how fast they read the log, and what that costs those who publish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::watch_moves_request::Start;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::Failure;
use crate::args::{CatchUp, Kind, Runtime};
use crate::case::{Case, Mix};
use crate::child::{ServerProcess, connect};
use crate::cpu::CpuTime;
use crate::events::{Choice, Source};
use crate::measure::beside_program;
use crate::spread::Spread;
use crate::tally::Tally;
use crate::watchers::Watchers;
use crate::{block_on, load, raw, setup};

const SOURCE: Source =
    Source { mix: Mix::Real, choice: Choice::Uniform, entities: 10_000, seed: 1, note: 0 };
/// The round in which the greatest rate is found; those that are measured come before.
const FASTEST: u32 = 9_999;
/// Between two rounds, so that what the last one left behind is done.
const PAUSE: Duration = Duration::from_millis(500);

/// Calls of PublishEvent, alone and beside a watcher.
#[derive(Debug)]
struct Round {
    alone: Calls,
    beside: Calls,
    /// Moves a second that the watcher beside them read.
    read: f64,
}

#[derive(Debug)]
struct Calls {
    tally: Tally,
    /// Cores that the server kept busy, and this process.
    busy: [f64; 2],
}

/// Publishes a long log, has it read, and prints what came of it.
pub(crate) async fn run(plan: &CatchUp) -> Result<(), Failure> {
    let dir = tempfile::Builder::new().prefix("pawl-bench-").tempdir_in(beside_program()?)?;
    let process = ServerProcess::start(Kind::Pawl, Runtime::Multi, &dir.path().join("data"))?;
    let channels = process.connections(4).await?;
    setup::pawl(&channels[0], SOURCE).await?;
    let began = Instant::now();
    load::history(&channels[0], SOURCE, 0, plan.moves).await?;
    let (_, moves) = setup::counted(&channels[0]).await?;
    println!("{moves} moves published in {:.1?}\nmedian [least..greatest]\n", began.elapsed());
    for watchers in [1, 10] {
        let mut rates = Vec::new();
        for _ in 0..plan.readings {
            rates.push(read_all(&process, watchers, moves).await?);
        }
        let rates = Spread::of(rates);
        println!("{watchers:>2} from the earliest on, moves/s together: {rates}");
    }
    let fastest = fastest(&channels, plan.seconds).await?;
    let mut rounds = Vec::new();
    for round in 0..=plan.rounds {
        let measured = measure(&process, &channels, round, fastest / 2.0, plan.seconds).await?;
        // The first only warms up.
        if round > 0 {
            rounds.push(measured);
        }
        eprint!("\rround {round} of {}", plan.rounds);
    }
    eprint!("\r\x1b[K");
    report(fastest, &rounds);
    Ok(())
}

pub(crate) fn earliest() -> pb::WatchMovesRequest {
    let start = Some(Start::Earliest(pb::StartEarliest {}));
    pb::WatchMovesRequest { start, ..Default::default() }
}

/// Moves a second that so many are sent together, from the first to the last.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
async fn read_all(process: &ServerProcess, count: usize, moves: u64) -> Result<f64, Failure> {
    let began = Instant::now();
    let mut watchers = Watchers::connect(process, count, |_| earliest()).await?;
    watchers.all_have(moves).await?;
    Ok(watchers.sent().moves as f64 / began.elapsed().as_secs_f64())
}

/// Calls a second when 64 are under way at a time.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
async fn fastest(channels: &[Channel], length: Duration) -> Result<f64, Failure> {
    let shape = Case::Unary64.shape(1);
    let tally = load::round(channels, shape, SOURCE, FASTEST, length).await?;
    tally.check()?;
    Ok(tally.in_time() as f64 / length.as_secs_f64())
}

async fn measure(
    process: &ServerProcess,
    channels: &[Channel],
    round: u32,
    pace: f64,
    length: Duration,
) -> Result<Round, Failure> {
    let calls = async |beside| {
        tokio::time::sleep(PAUSE).await;
        let events = SOURCE.events(2 * round + u32::from(beside), 0);
        let processes = [process.pid(), std::process::id()];
        let (before, began) = (processes.map(CpuTime::of), Instant::now());
        let tally = load::paced(channels, events, pace, length).await?;
        let took = began.elapsed();
        tally.check()?;
        let used = [0, 1].map(|which| CpuTime::of(processes[which]).since(&before[which]));
        Ok::<_, Failure>(Calls { tally, busy: used.map(|cpu| cpu.cores(took)) })
    };
    let beside = async || {
        let reader = Reader::start(process.address());
        let tally = calls(true).await;
        let read = reader.stop()?;
        Ok::<_, Failure>((tally?, read))
    };
    // Who goes first takes turns.
    if round.is_multiple_of(2) {
        let alone = calls(false).await?;
        let (beside, read) = beside().await?;
        Ok(Round { alone, beside, read })
    } else {
        let (beside, read) = beside().await?;
        Ok(Round { alone: calls(false).await?, beside, read })
    }
}

/// A watcher on a thread of its own that reads the log from the earliest move on, again and again.
struct Reader {
    thread: thread::JoinHandle<Result<(), Failure>>,
    stopping: Arc<AtomicBool>,
    read: Arc<AtomicU64>,
    began: Instant,
}

impl Reader {
    fn start(address: SocketAddr) -> Self {
        let (stopping, read) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let reading = read_again(address, Arc::clone(&stopping), Arc::clone(&read));
        let thread = thread::spawn(move || block_on(Runtime::Single, reading));
        Self { thread, stopping, read, began: Instant::now() }
    }

    /// Says how many moves a second it read.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    fn stop(self) -> Result<f64, Failure> {
        let took = self.began.elapsed();
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the thread of the watcher panicked")??;
        Ok(self.read.load(Ordering::Relaxed) as f64 / took.as_secs_f64())
    }
}

async fn read_again(
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    read: Arc<AtomicU64>,
) -> Result<(), Failure> {
    let channel = connect(address).await?;
    while !stopping.load(Ordering::Relaxed) {
        let mut stream = raw::watch(channel.clone(), &earliest()).await?;
        let (_, all) = setup::counted(&channel).await?;
        let mut seen = 0;
        while seen < all && !stopping.load(Ordering::Relaxed) {
            let message = stream.message().await?.ok_or("a watch ended")?;
            let moves = raw::moves(&message).count() as u64;
            seen += moves;
            read.fetch_add(moves, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn report(fastest: f64, rounds: &[Round]) {
    let sent = rounds.first().map_or(0, |round| round.alone.tally.in_time());
    println!("\nPublishEvent, {fastest:.0} a second at most, {sent} calls a round at half of that");
    row(["measure", "alone", "beside", "added"].map(str::to_owned));
    let compare = |measure: &str, number: &dyn Fn(&Calls) -> f64| {
        let alone = Spread::of(rounds.iter().map(|round| number(&round.alone)));
        let beside = Spread::of(rounds.iter().map(|round| number(&round.beside)));
        let added = rounds.iter().map(|round| number(&round.beside) - number(&round.alone));
        let added = Spread::of(added).to_string();
        row([measure.to_owned(), alone.to_string(), beside.to_string(), added]);
    };
    compare("p50 µs", &|calls| calls.tally.latency_micros(0.5));
    compare("p99 µs", &|calls| calls.tally.latency_micros(0.99));
    compare("server", &|calls| calls.busy[0]);
    compare("client", &|calls| calls.busy[1]);
    let read = Spread::of(rounds.iter().map(|round| round.read));
    println!("\nserver, client: cores that they kept busy; the client is this process");
    println!("the watcher beside the calls, moves/s: {read}");
}

fn row([measure, alone, beside, added]: [String; 4]) {
    println!("{measure:<10} {alone:>27} {beside:>27} {added:>27}");
}
