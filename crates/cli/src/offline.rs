//! What is done to a database that no server has open.

mod bar;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;

use bytesize::ByteSize;
use pawl_store::{CompactError, Counted, OpenError, Phase, Progress, Report, RestoreError};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::args::{CompactArgs, RestoreArgs, VerifyArgs};
use crate::failure::Failure;
use crate::offline::bar::Bar;
use crate::output::print;
use crate::signals::StopSignals;

/// `pawl verify`: checks a database and changes nothing.
pub(crate) async fn verify(args: VerifyArgs) -> Result<(), Failure> {
    // Before anything is made for one that is not there.
    pawl_store::database_bytes(&args.data)?;
    let mut signals = StopSignals::listen()?;
    let scratch = scratch(&args)?;
    let started = Instant::now();
    let (data, copy, limit) = (args.data.clone(), scratch.path().to_owned(), args.limit as usize);
    let checking = spawn_blocking(move || {
        let bar = Bar::new();
        let report = pawl_store::verify(&data, &copy, limit, &mut |progress| bar.show(progress));
        bar.clear();
        report
    });
    let report = tokio::select! {
        report = checking => report,
        () = signals.next() => {
            // The thread goes on until the process ends, which is now; only the copy must not stay.
            let _ = scratch.close();
            process::exit(1);
        }
    };
    let report = report.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let report = report.map_err(|error| match error {
        OpenError::DiskFull { path } if path.starts_with(scratch.path()) => {
            let place = scratch.path().parent().unwrap_or(scratch.path()).to_owned();
            Failure::Scratch { place, source: std::io::ErrorKind::StorageFull.into() }
        }
        error => error.into(),
    })?;
    tell(&args.data, &report, started)
}

/// `pawl restore`: makes a database of a backup.
pub(crate) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let (name, bytes, mut file): (_, _, Box<dyn Read>) = if args.file == Path::new("-") {
        ("standard input".to_owned(), None, Box::new(io::stdin()))
    } else {
        let name = args.file.display().to_string();
        let read = |source| Failure::Read { name: name.clone(), source };
        let file = File::open(&args.file).map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len();
        (name, Some(bytes), Box::new(file))
    };
    let bar = Bar::new();
    // The backup does not say how long it is; the file does.
    let mut show = |progress: Progress| {
        let total = progress.total.or(bytes.filter(|_| progress.phase == Phase::Copy));
        bar.show(Progress { total, ..progress });
    };
    let restored = pawl_store::restore(&mut file, &args.data, &mut show);
    bar.clear();
    let wrong = |problem: String| Failure::Content { name: name.clone(), problem };
    match restored {
        Ok(restored) => print(&format!(
            "{}: {}\ndatabase {}, from a backup of {}\n",
            args.data.display(),
            counted(&restored.report),
            restored.report.database_id,
            restored.origin,
        )),
        Err(RestoreError::NotWhole(report)) => {
            print(&findings(&report))?;
            Err(wrong("what it was taken of was not whole, so nothing was restored".to_owned()))
        }
        Err(RestoreError::Read(source)) => Err(Failure::Read { name, source }),
        Err(RestoreError::Backup(error)) => Err(wrong(error.to_string())),
        Err(RestoreError::Open(error)) => Err(error.into()),
    }
}

/// `pawl compact`: makes the files of a database smaller.
pub(crate) fn compact(args: &CompactArgs) -> Result<(), Failure> {
    let bar = Bar::new();
    let compacted = pawl_store::compact(&args.data, &mut |progress| bar.show(progress));
    bar.clear();
    let data = args.data.display();
    match compacted {
        Ok(compacted) => print(&format!(
            "{data}: {} before, {} now; database {} goes on\n",
            shown(compacted.before),
            shown(compacted.after),
            compacted.report.database_id,
        )),
        Err(CompactError::Open(error)) => Err(error.into()),
        Err(CompactError::NotWhole(report)) => {
            print(&findings(&report))?;
            Err(Failure::Incomplete(format!("{data} was left as it is: it is not whole")))
        }
        Err(error @ CompactError::Differs) => Err(Failure::Incomplete(format!("{data}: {error}"))),
    }
}

/// Bytes for people, and exactly.
pub(crate) fn shown(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", ByteSize(bytes).display().iec())
}

/// A directory that is removed in the end.
fn scratch(args: &VerifyArgs) -> Result<TempDir, Failure> {
    let beside = || {
        let parent = args.data.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
    };
    let place = args.scratch.clone().unwrap_or_else(beside);
    let made = tempfile::Builder::new().prefix(".pawl-verify-").tempdir_in(&place);
    made.map_err(|source| Failure::Scratch { place, source })
}

fn tell(data: &Path, report: &Report, started: Instant) -> Result<(), Failure> {
    let data = data.display();
    if report.is_whole() {
        let took = started.elapsed().as_secs_f64();
        return print(&format!(
            "{data} is whole: {}\ndatabase {}, checked in {took:.1} s\n",
            counted(report),
            report.database_id,
        ));
    }
    print(&findings(report))?;
    let count = report.findings.len();
    let more = if report.cut_off { "; stopped there (--limit)" } else { "" };
    let unit = if count == 1 { "finding" } else { "findings" };
    Err(Failure::Incomplete(format!("{data} is not whole: {count} {unit}{more}")))
}

/// Each with its remedy.
fn findings(report: &Report) -> String {
    let mut lines = String::new();
    for finding in &report.findings {
        let (name, remedy) = (finding.fault.name(), finding.fault.remedy());
        // Writing into a String cannot fail.
        let _ = writeln!(lines, "{name}: {}: {}\n    {remedy}", finding.place, finding.problem);
    }
    lines
}

/// What there was to check.
fn counted(report: &Report) -> String {
    let Counted {
        records,
        events,
        moves,
        pipelines,
        trigger_types,
        triggers,
        trigger_revisions,
        entities,
        deleted_entities,
        links,
    } = report.counted;
    let log = match records {
        0 => format!("no records (the next is {})", report.tail.sequence),
        _ => format!("records {} to {}", report.tail.sequence, report.head.sequence),
    };
    format!(
        "{log} with {events} events and {moves} moves; {entities} entities ({deleted_entities} \
         deleted ones), {links} links of customers, {pipelines} pipelines, {trigger_types} \
         registered trigger types, {triggers} triggers ({trigger_revisions} revisions)"
    )
}
