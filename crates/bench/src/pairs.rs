//! What one thing costs: two servers that are both Pawl, of which one has it and the other has not,
//! under the same load, in turns.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use pawl_api::pb;
use pawl_api::pb::watch_moves_request::Start;

use crate::args::{Kind, Pairs, Question, Runtime};
use crate::case::{Case, Mix, Shape};
use crate::events::{Choice, Source};
use crate::measure::{Contestant, Measured, beside_program};
use crate::memory::resident_bytes;
use crate::open_board::OpenBoard;
use crate::spread::Spread;
use crate::watchers::Watchers;
use crate::{Failure, disk, setup};

const SEED: u64 = 1;
/// Entities, unless they are what is asked about.
const ENTITIES: u64 = 100_000;
/// Entities of the server that has few.
const FEW_ENTITIES: u64 = 10_000;
/// Messages in flight on each of four streams: the usual, and all that a disk may be kept busy with.
const IN_FLIGHT: usize = 256;
const MANY_IN_FLIGHT: usize = 1_024;
const WATCHERS: usize = 1_000;

/// One of the two.
#[derive(Debug, Clone)]
struct Server {
    name: &'static str,
    /// The directory in which its database lies.
    dir: PathBuf,
    source: Source,
    watchers: usize,
    /// Whether a board is open.
    is_shown: bool,
}

/// One of the two, under load.
struct Side {
    server: Server,
    contestant: Contestant,
    watchers: Option<Watchers>,
    board: Option<OpenBoard>,
}

/// Answers each of the questions and prints the ratios.
pub(crate) async fn run(plan: &Pairs) -> Result<(), Failure> {
    println!(
        "{} rounds of {} s, Pawl and Pawl in turns\nmedian [least..greatest]\n",
        plan.rounds,
        plan.seconds.as_secs_f64()
    );
    let dir = plan.data.clone().map_or_else(beside_program, Ok)?;
    for question in Question::value_variants() {
        if plan.only.is_empty() || plan.only.contains(question) {
            ask(*question, plan, &dir).await?;
        }
    }
    Ok(())
}

async fn ask(question: Question, plan: &Pairs, dir: &Path) -> Result<(), Failure> {
    let dir = tempfile::Builder::new().prefix("pawl-bench-").tempdir_in(dir)?;
    let memory = tempfile::Builder::new().prefix("pawl-bench-").tempdir_in(&plan.memory)?;
    let (shape, [with, without]) = servers(question, plan, dir.path(), memory.path());
    let with = Side::start(with, shape).await?;
    let without = Side::start(without, shape).await?;
    if matches!(question, Question::Entities | Question::EntitiesUniform) {
        for side in [&with, &without] {
            side.measure(shape, plan.rounds + 1, plan.warm_up).await?;
        }
    }
    let (mut pairs, mut syncs) = (Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        // Who goes first takes turns.
        let pair = if round % 2 == 0 {
            let with = with.measure(shape, round, plan.seconds).await?;
            (with, without.measure(shape, round, plan.seconds).await?)
        } else {
            let without = without.measure(shape, round, plan.seconds).await?;
            (with.measure(shape, round, plan.seconds).await?, without)
        };
        // The first only warms up.
        if round > 0 {
            pairs.push(pair);
            syncs.push(disk::append_and_sync(dir.path())?.as_secs_f64() * 1e6);
        }
        eprint!("\r{question:?}: round {round} of {}", plan.rounds);
    }
    eprint!("\r\x1b[K");
    println!("{:<14} {:>27} {:>27} {:>20}", "", with.server.name, without.server.name, "ratio");
    row("events/s", &pairs, Measured::rate);
    row("CPU µs/event", &pairs, Measured::server_micros);
    let resident = |side: &Side| side.contestant.resident();
    println!("{:<14} {:>27} {:>27}", "MiB resident", resident(&with)?, resident(&without)?);
    let watched = with.watchers.as_ref().map(Watchers::sent);
    if let Some(sent) = watched {
        println!("its watchers were sent {} moves", sent.moves);
    }
    if let Some(board) = &with.board {
        println!("its board was told {} KiB", board.told()?);
    }
    println!("append of 512 bytes and fdatasync, p50 µs: {}\n", Spread::of(syncs));
    Ok(())
}

/// What differs.
fn servers(question: Question, plan: &Pairs, dir: &Path, memory: &Path) -> (Shape, [Server; 2]) {
    let source =
        Source { mix: Mix::Real, choice: Choice::Zipf, entities: ENTITIES, seed: SEED, note: 0 };
    let server = |name, source| {
        let dir = dir.join(str::replace(name, " ", "-"));
        Server { name, dir, source, watchers: 0, is_shown: false }
    };
    let entities = |choice| {
        let of = |entities| Source { choice, entities, ..source };
        [server("many entities", of(plan.entities)), server("few", of(FEW_ENTITIES))]
    };
    match question {
        Question::Sync => {
            let without = Server { dir: memory.join("data"), ..server("in memory", source) };
            (Case::Stream1.shape(MANY_IN_FLIGHT), [server("durable", source), without])
        }
        Question::Moves => {
            let of = |mix| Source { mix, ..source };
            let sides = [server("all move", of(Mix::AllMove)), server("none", of(Mix::NoMove))];
            (Case::Stream64.shape(IN_FLIGHT), sides)
        }
        Question::Entities => (Case::Stream64.shape(IN_FLIGHT), entities(Choice::Zipf)),
        Question::EntitiesUniform => (Case::Stream64.shape(IN_FLIGHT), entities(Choice::Uniform)),
        Question::Watchers => {
            let with = Server { watchers: WATCHERS, ..server("watched", source) };
            (Case::Unary64.shape(1), [with, server("unwatched", source)])
        }
        Question::Board => {
            let with = Server { is_shown: true, ..server("shown", source) };
            (Case::Stream64.shape(IN_FLIGHT), [with, server("not shown", source)])
        }
    }
}

impl Side {
    async fn start(server: Server, shape: Shape) -> Result<Self, Failure> {
        let contestant =
            Contestant::start(Kind::Pawl, Runtime::Multi, &server.dir, shape.connections).await?;
        setup::pawl(&contestant.channels[0], server.source).await?;
        let watchers = match server.watchers {
            0 => None,
            count => Some(Watchers::connect(&contestant.process, count, of_one_person).await?),
        };
        let board = if server.is_shown {
            Some(OpenBoard::at(contestant.process.address()).await?)
        } else {
            None
        };
        Ok(Self { server, contestant, watchers, board })
    }

    async fn measure(
        &self,
        shape: Shape,
        round: u32,
        length: Duration,
    ) -> Result<Measured, Failure> {
        self.contestant.measure(shape, self.server.source, round, length).await
    }
}

impl Contestant {
    /// MiB that it has in memory.
    fn resident(&self) -> Result<u64, Failure> {
        Ok(resident_bytes(self.process.pid())? / (1_024 * 1_024))
    }
}

/// A watch of the moves of one person's entities, a hundredth of all.
fn of_one_person(number: usize) -> pb::WatchMovesRequest {
    let responsibles = vec![setup::responsible(number as u64)];
    pb::WatchMovesRequest {
        filter: Some(pb::MoveFilter { responsibles, ..pb::MoveFilter::default() }),
        start: Some(Start::Now(pb::StartNow {})),
        ..pb::WatchMovesRequest::default()
    }
}

fn row(measure: &str, pairs: &[(Measured, Measured)], number: impl Fn(&Measured) -> f64) {
    let with = Spread::of(pairs.iter().map(|(with, _)| number(with)));
    let without = Spread::of(pairs.iter().map(|(_, without)| number(without)));
    let ratio = Spread::of(pairs.iter().map(|(with, without)| number(with) / number(without)));
    println!("{measure:<14} {with:>27} {without:>27} {ratio:>20}");
}
