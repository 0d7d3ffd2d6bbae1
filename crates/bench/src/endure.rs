//! Millions of events: how memory and the directory grow with the log, how long an answer is ever
//! late, and how long a start takes after a kill.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::args::{Endure, Kind, Runtime};
use crate::case::{Case, Mix};
use crate::events::{Choice, Source};
use crate::measure::{Contestant, beside_program};
use crate::memory::resident_bytes;
use crate::{Failure, setup};

const SOURCE: Source =
    Source { mix: Mix::Real, choice: Choice::Zipf, entities: 100_000, seed: 1, note: 0 };
/// Messages of 64 events in flight on each of four streams: few, so that silence tells of the server.
const IN_FLIGHT: usize = 32;
const MIB: f64 = 1_024.0 * 1_024.0;

/// Publishes, kills, starts again, and prints what was seen.
pub(crate) async fn run(plan: &Endure) -> Result<(), Failure> {
    let source = Source { note: plan.note, ..SOURCE };
    let dir = plan.data.clone().map_or_else(beside_program, Ok)?;
    let dir = tempfile::Builder::new().prefix("pawl-bench-").tempdir_in(dir)?;
    let data = dir.path().join("data");
    let shape = Case::Stream64.shape(IN_FLIGHT);
    let start = || Contestant::start(Kind::Pawl, Runtime::Multi, &data, shape.connections);
    let mut pawl = start().await?;
    setup::pawl(&pawl.channels[0], source).await?;
    row(["events", "events/s", "silent ms", "resident", "identities", "log", "directory"]);
    let mut events = 0;
    for round in 0.. {
        let measured = pawl.measure(shape, source, round, plan.every).await?;
        events = setup::counted(&pawl.channels[0]).await?.0;
        let silence = measured.tally.longest_silence();
        let seen = Seen::of(&pawl, &data).await?;
        seen.show(events, measured.rate(), silence);
        if events >= plan.events {
            println!("the directory has {:.2} times the bytes of the log", seen.dir / seen.log);
            break;
        }
    }
    println!("\nevents, events/s, the longest time in which a stream was answered nothing, MiB");
    for _ in 0..plan.starts {
        drop(pawl);
        let sled = fs::metadata(data.join("sled/db"))?.len();
        let began = Instant::now();
        pawl = start().await?;
        let took = began.elapsed().as_secs_f64();
        if setup::counted(&pawl.channels[0]).await?.0 != events {
            return Err(format!("of {events} events not all are there").into());
        }
        println!(
            "killed and started: {took:.2} s, {:.2} s a GiB of {:.0} MiB, {:.2} µs an event; {:.0} MiB resident",
            took / (mib(sled) / 1_024.0),
            mib(sled),
            took * 1e6 / number(events),
            mib(resident_bytes(pawl.process.pid())?)
        );
    }
    Ok(())
}

/// Sizes in MiB.
#[derive(Debug, Clone, Copy)]
struct Seen {
    resident: f64,
    identities: f64,
    log: f64,
    dir: f64,
}

impl Seen {
    async fn of(pawl: &Contestant, data: &Path) -> Result<Self, Failure> {
        let info = setup::info(&pawl.channels[0]).await?;
        let logged = info.retention.unwrap_or_default().logged_bytes;
        Ok(Self {
            resident: mib(resident_bytes(pawl.process.pid())?),
            identities: mib(info.identity_memory_bytes.try_into()?),
            log: mib(logged.try_into()?),
            dir: mib(size(data)?),
        })
    }

    fn show(self, events: u64, rate: f64, silence: Duration) {
        let Self { resident, identities, log, dir } = self;
        let sizes = [resident, identities, log, dir].map(|mib| format!("{mib:.0}"));
        let [resident, identities, log, dir] = sizes;
        let silence = (silence.as_secs_f64() * 1e3).round().to_string();
        row([
            &events.to_string(),
            &format!("{rate:.0}"),
            &silence,
            &resident,
            &identities,
            &log,
            &dir,
        ]);
    }
}

/// Bytes that the files of a directory have on the disk.
fn size(dir: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // sled takes files away while it runs.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn mib(bytes: u64) -> f64 {
    number(bytes) / MIB
}

fn row(cells: [&str; 7]) {
    let cells = cells.map(|cell| format!("{cell:>10}"));
    println!("{}", cells.join(" "));
}
