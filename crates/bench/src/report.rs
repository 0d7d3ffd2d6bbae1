use std::fmt::Display;
use std::time::Duration;

use crate::args::Plan;
use crate::case::{Case, Mix};
use crate::cpu::CpuTime;
use crate::measure::{Measured, Pair, Sizes};
use crate::spread::Spread;

/// Above this a disk says more about itself than about the server.
const DISK_JUDGED_BELOW: Duration = Duration::from_micros(500);
/// Below this nothing waits for a disk.
const DISK_SUSPECT_BELOW: Duration = Duration::from_micros(20);

/// Prints the table line by line as the cases end, and what belongs below it at the end.
#[derive(Debug, Default)]
pub(crate) struct Report {
    syncs: Vec<f64>,
    cpu: Vec<String>,
    sizes: Option<Sizes>,
}

impl Report {
    pub(crate) fn begin(plan: &Plan) -> Self {
        println!(
            "{} rounds of {} s, {} entities, {:?} choice, seed {}, {} messages in flight on a stream, {:?} runtime\nmedian [least..greatest]\n",
            plan.rounds,
            plan.seconds.as_secs_f64(),
            plan.entities,
            plan.choice,
            plan.seed,
            plan.in_flight,
            plan.runtime
        );
        row("case", "mix", "measure", "echo", "pawl", "pawl / echo");
        Self::default()
    }

    pub(crate) fn case(&mut self, case: Case, mix: Mix, pairs: &[Pair], sizes: Sizes) {
        let compare = |measure: &str, number: &dyn Fn(&Measured) -> f64| {
            let echo = Spread::of(pairs.iter().map(|pair| number(&pair.echo)));
            let pawl = Spread::of(pairs.iter().map(|pair| number(&pair.pawl)));
            let ratio = Spread::of(pairs.iter().map(|p| number(&p.pawl) / number(&p.echo)));
            row(case, mix, measure, echo, pawl, ratio);
        };
        if case == Case::Unary1 {
            compare("p50 µs", &|measured| measured.tally.latency_micros(0.5));
            compare("p99 µs", &|measured| measured.tally.latency_micros(0.99));
            with_disk(case, mix, pairs);
        } else {
            compare("events/s", &|measured| measured.rate());
        }
        self.syncs.extend(pairs.iter().map(|pair| micros(pair.append_and_sync)));
        self.cpu.push(cpu(case, mix, pairs));
        self.sizes = Some(sizes);
    }

    pub(crate) fn footing(&self, plan: &Plan) {
        println!("\nlatency: a ratio above 1 is slower than the echo; events/s: below 1 is slower");
        if let Some(Sizes { event, stayed, moved }) = self.sizes {
            println!(
                "bytes: {event} an event, {stayed} its answer when it stays, {moved} when it moves"
            );
        }
        println!("\nCPU time of an event, µs: the servers' threads, and the client's process");
        for line in &self.cpu {
            println!("{line}");
        }
        let syncs = Spread::of(self.syncs.iter().copied());
        let median = syncs.median();
        let verdict = if median > micros(DISK_JUDGED_BELOW) {
            "above 500: a slow disk, this run is reported, not judged"
        } else if median < micros(DISK_SUSPECT_BELOW) {
            "below 20: this is hardly a disk; see --data"
        } else {
            "a run above 500 is reported, not judged"
        };
        println!("\nappend of 512 bytes and fdatasync, p50 µs: {syncs} ({verdict})");
        if plan.rounds < 5 || plan.seconds < Duration::from_secs(2) {
            println!("a short run: it shows that the bench works, not how fast anything is");
        }
    }
}

/// The echo, if it had to wait for the disk before it answered.
fn with_disk(case: Case, mix: Mix, pairs: &[Pair]) {
    let p50 = |measured: &Measured| measured.tally.latency_micros(0.5);
    let with = |pair: &Pair| p50(&pair.echo) + micros(pair.append_and_sync);
    let echo = Spread::of(pairs.iter().map(with));
    let pawl = Spread::of(pairs.iter().map(|pair| p50(&pair.pawl)));
    let ratio = Spread::of(pairs.iter().map(|pair| p50(&pair.pawl) / with(pair)));
    row(case, mix, "p50 µs +sync", echo, pawl, ratio);
}

fn cpu(case: Case, mix: Mix, pairs: &[Pair]) -> String {
    let threads = |name: &str, of: &dyn Fn(&Pair) -> (&CpuTime, u64)| {
        let mut used = CpuTime::default();
        let mut events = 0;
        for (cpu, more) in pairs.iter().map(of) {
            used.add(cpu);
            events += more;
        }
        let threads = used.micros_per(events);
        let sum: f64 = threads.iter().map(|(_, micros)| micros).sum();
        let each = threads.iter().filter(|(_, micros)| *micros >= 0.005);
        let each: Vec<_> = each.map(|(name, micros)| format!("{name} {micros:.2}")).collect();
        match each.len() {
            0 | 1 => format!("{name} {sum:.2}"),
            _ => format!("{name} {sum:.2} ({})", each.join(", ")),
        }
    };
    let echo = threads("echo", &|pair| (&pair.echo.server_cpu, pair.echo.events));
    let pawl = threads("pawl", &|pair| (&pair.pawl.server_cpu, pair.pawl.events));
    let of_echo = threads("client of echo", &|pair| (&pair.echo.client_cpu, pair.echo.events));
    let of_pawl = threads("client of pawl", &|pair| (&pair.pawl.client_cpu, pair.pawl.events));
    format!("{case:<9} {mix:<7} {echo}; {of_echo}; {of_pawl}\n{:17} {pawl}", "")
}

fn row(
    case: impl Display,
    mix: impl Display,
    measure: impl Display,
    echo: impl Display,
    pawl: impl Display,
    ratio: impl Display,
) {
    println!("{case:<9} {mix:<7} {measure:<12} {echo:>27} {pawl:>27} {ratio:>20}");
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
