use std::path::{Path, PathBuf};
use std::time::Duration;

use prost::Message;
use tonic::transport::Channel;

use crate::args::{Kind, Plan, Runtime};
use crate::case::{Case, Mix, Shape};
use crate::child::ServerProcess;
use crate::cpu::CpuTime;
use crate::events::Source;
use crate::report::Report;
use crate::tally::Tally;
use crate::{Failure, disk, load, setup};

/// Between two rounds, so that what the last one left behind is done.
const PAUSE: Duration = Duration::from_millis(300);

/// What one server did in one round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) events: u64,
    /// For how long outcomes counted.
    pub(crate) length: Duration,
    pub(crate) server_cpu: CpuTime,
    pub(crate) client_cpu: CpuTime,
}

/// Encoded sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) event: usize,
    pub(crate) stayed: usize,
    pub(crate) moved: usize,
}

/// Both servers, one after the other.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) echo: Measured,
    pub(crate) pawl: Measured,
    pub(crate) append_and_sync: Duration,
}

/// A server under load.
pub(crate) struct Contestant {
    pub(crate) process: ServerProcess,
    pub(crate) channels: Vec<Channel>,
    kind: Kind,
}

/// Measures every case and prints what came of it.
pub(crate) async fn run(plan: &Plan) -> Result<(), Failure> {
    let dir = plan.data.clone().map_or_else(beside_program, Ok)?;
    let mut report = Report::begin(plan);
    for (case, mix) in plan.cases() {
        // Each begins with a database of its own, so that none depends on those before it.
        let dir = tempfile::Builder::new().prefix("pawl-bench-").tempdir_in(&dir)?;
        let (pairs, sizes) = compare(case, mix, plan, dir.path()).await?;
        report.case(case, mix, &pairs, sizes);
        dir.close()?;
    }
    report.footing(plan);
    Ok(())
}

async fn compare(
    case: Case,
    mix: Mix,
    plan: &Plan,
    dir: &Path,
) -> Result<(Vec<Pair>, Sizes), Failure> {
    let source =
        Source { mix, choice: plan.choice, entities: plan.entities, seed: plan.seed, note: 0 };
    let shape = case.shape(plan.in_flight);
    let connections = shape.connections;
    let pawl = Contestant::start(Kind::Pawl, plan.runtime, &dir.join("data"), connections).await?;
    let answers = setup::pawl(&pawl.channels[0], source).await?;

    let path = dir.join("answers");
    answers.write(&path)?;
    let echo = Contestant::start(Kind::Echo, plan.runtime, &path, connections).await?;

    let mut pairs = Vec::new();
    for round in 0..=plan.rounds {
        let pair = Pair {
            echo: echo.measure(shape, source, round, plan.seconds).await?,
            pawl: pawl.measure(shape, source, round, plan.seconds).await?,
            append_and_sync: disk::append_and_sync(dir)?,
        };
        // The first only warms up.
        if round > 0 {
            pairs.push(pair);
        }
        eprint!("\r{case} {mix}: round {round} of {}", plan.rounds);
    }
    // Clears the line for the table.
    eprint!("\r\x1b[K");
    let event = source.events(0, 0).make().encoded_len();
    let (stayed, moved) = (answers.stayed.encoded_len(), answers.moved.encoded_len());
    Ok((pairs, Sizes { event, stayed, moved }))
}

impl Contestant {
    /// Starts a server with so many connections to it.
    pub(crate) async fn start(
        kind: Kind,
        runtime: Runtime,
        path: &Path,
        connections: usize,
    ) -> Result<Self, Failure> {
        let process = ServerProcess::start(kind, runtime, path)?;
        let channels = process.connections(connections).await?;
        Ok(Self { process, channels, kind })
    }

    /// One round, after which the server must have counted what came of it.
    pub(crate) async fn measure(
        &self,
        shape: Shape,
        source: Source,
        round: u32,
        length: Duration,
    ) -> Result<Measured, Failure> {
        tokio::time::sleep(PAUSE).await;
        let counted = self.counted().await?;
        let cpu = || (CpuTime::of(self.process.pid()), CpuTime::of(std::process::id()));
        let (server, client) = cpu();
        let tally = load::round(&self.channels, shape, source, round, length).await?;
        let (server_after, client_after) = cpu();
        let (events, moves) = tally.check()?;
        let expected = counted.map(|(before, moved)| (before + events, moved + moves));
        let found = self.counted().await?;
        if found != expected {
            return Err(format!("the server counts {found:?}, not {expected:?}").into());
        }
        let (server_cpu, client_cpu) = (server_after.since(&server), client_after.since(&client));
        Ok(Measured { tally, events, length, server_cpu, client_cpu })
    }

    /// Events and moves by the server's own count, where it has one.
    async fn counted(&self) -> Result<Option<(u64, u64)>, Failure> {
        match self.kind {
            Kind::Echo | Kind::Bare => Ok(None),
            Kind::Pawl | Kind::Fed => setup::counted(&self.channels[0]).await.map(Some),
        }
    }
}

impl Measured {
    /// Outcomes a second.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    pub(crate) fn rate(&self) -> f64 {
        self.tally.in_time() as f64 / self.length.as_secs_f64()
    }

    /// Microseconds that the server's threads ran for an event.
    pub(crate) fn server_micros(&self) -> f64 {
        self.server_cpu.micros_per(self.events).iter().map(|(_, micros)| micros).sum()
    }
}

/// Where cargo builds is a disk, and nobody minds what is left there.
pub(crate) fn beside_program() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    Ok(program.parent().ok_or("this program lies nowhere")?.to_owned())
}
