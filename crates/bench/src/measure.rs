use std::path::{Path, PathBuf};
use std::time::Duration;

use prost::Message;
use tonic::transport::Channel;

use crate::args::{Kind, Plan};
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
struct Contestant {
    process: ServerProcess,
    channels: Vec<Channel>,
    kind: Kind,
}

/// Measures every case and prints what came of it.
pub(crate) async fn run(plan: &Plan) -> Result<(), Failure> {
    let dir = match &plan.data {
        Some(dir) => dir.clone(),
        None => beside_program()?,
    };
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
    let source = Source { mix, choice: plan.choice, entities: plan.entities, seed: plan.seed };
    let shape = case.shape(plan.in_flight);
    let connections = shape.connections;
    let process = ServerProcess::start(Kind::Pawl, plan.runtime, &dir.join("data"))?;
    let channels = process.connections(connections).await?;
    let answers = setup::pawl(&channels[0], source).await?;
    let pawl = Contestant { process, channels, kind: Kind::Pawl };

    let path = dir.join("answers");
    answers.write(&path)?;
    let process = ServerProcess::start(Kind::Echo, plan.runtime, &path)?;
    let channels = process.connections(connections).await?;
    let echo = Contestant { process, channels, kind: Kind::Echo };

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
    async fn measure(
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

/// Where cargo builds is a disk, and nobody minds what is left there.
pub(crate) fn beside_program() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    Ok(program.parent().ok_or("this program lies nowhere")?.to_owned())
}
