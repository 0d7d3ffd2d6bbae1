//! A whole check of a database: the log against itself, and every row against the log.
//!
//! The log is read once. What it implies is kept small ([`implied`]), then the rows are read once and
//! compared. Nothing is repaired. The check goes on behind a finding, as far as what follows can
//! still be told from what is wrong already.

mod copy;
mod entity;
mod finding;
mod implied;
mod log;
mod resources;
mod rows;
mod stats;

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::directory::{self, Claim, SLED};
use crate::mark::Mark;
use crate::open::{Purpose, quietly, unopened};
use crate::{DatabaseId, Head, OpenError, Store, StoreError, Tail};

use finding::Findings;
pub use finding::{Fault, Finding};
use implied::Implied;
use rows::Rows;
use stats::Tallies;

/// How many findings of a new database are told.
const FINDINGS_MAX: usize = 100;
/// How many of the things of a phase are done before it is told.
const TOLD_EVERY: u64 = 1_024;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Bytes are copied.
    Copy,
    /// Keys are written.
    Write,
    /// Records of the log are read.
    Log,
    /// Rows of entities are compared.
    Entities,
    /// Links of customers to entities are counted.
    Links,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is, if that is known.
    pub total: Option<u64>,
}

/// What there was to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counted {
    pub records: u64,
    pub events: u64,
    pub moves: u64,
    pub pipelines: u64,
    /// Without those that are built in.
    pub trigger_types: u64,
    pub triggers: u64,
    pub trigger_revisions: u64,
    pub entities: u64,
    pub deleted_entities: u64,
    pub links: u64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which database it is.
    pub database_id: DatabaseId,
    /// Where its log begins.
    pub tail: Tail,
    /// Where its log ends.
    pub head: Head,
    /// What was checked.
    pub counted: Counted,
    /// What is wrong; nothing when it is whole.
    pub findings: Vec<Finding>,
    /// Whether there may be more that is wrong: the limit was reached.
    pub cut_off: bool,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Checks the database in `dir`, which must not be in use, and finds at most `limit` things that are
/// wrong. Changes nothing in it and makes nothing: sled writes when it opens, so a copy is opened,
/// which is made in `scratch`, an empty directory of the caller's.
pub fn verify(
    dir: &Path,
    scratch: &Path,
    limit: usize,
    tell: &mut dyn FnMut(Progress),
) -> Result<Report, OpenError> {
    directory::require(dir)?;
    let claim = Claim::of(dir)?;
    // Whoever had it may have renamed something.
    let sled_dir = directory::require(dir)?;
    // When the copy is closed, sled syncs it, and panics when it cannot.
    let checked = quietly(|| check_copy(dir, &sled_dir, scratch, claim, limit, Look::new(tell)));
    checked.unwrap_or_else(|problem| Err(unopened(&scratch.join(SLED), problem)))
}

fn check_copy(
    dir: &Path,
    sled_dir: &Path,
    scratch: &Path,
    claim: Claim,
    limit: usize,
    mut look: Look<'_>,
) -> Result<Report, OpenError> {
    let blobs = copy::database(sled_dir, &scratch.join(SLED), &mut look)?;
    copy::journal(dir, scratch, &mut look)?;
    let elsewhere = |error| copy::of_original(error, &scratch.join(SLED), sled_dir);
    let store = Store::assemble(scratch, Claim::of(scratch)?, Purpose::Passing);
    let store = store.map_err(elsewhere)?;
    let acknowledged = Mark::acknowledged(dir, store.database_id());
    drop(claim);
    let mut findings = Findings::new(limit);
    for name in blobs {
        let problem = "sled put a page into a file of its own";
        findings.add(Fault::Blob, format!("sled/blobs/{name}"), problem);
    }
    let head = store.head().unwrap_or_default();
    match acknowledged {
        Ok(Some(last)) if last > head.sequence => {
            let first = head.sequence + 1;
            let problem = format!("records {first} to {last} were acknowledged and are gone");
            findings.add(Fault::Mark, "mark", problem);
        }
        Ok(_) => {}
        Err(OpenError::Damaged { problem, .. }) => findings.add(Fault::Mark, "mark", problem),
        Err(error) => return Err(error),
    }
    Ok(check(&store, findings, &mut look))
}

/// Checks a database that was just made.
pub(crate) fn check_new(store: &Store, look: &mut Look<'_>) -> Report {
    check(store, Findings::new(FINDINGS_MAX), look)
}

fn check(store: &Store, mut findings: Findings, look: &mut Look<'_>) -> Report {
    let mut counted = Counted::default();
    // sled panics on some damage.
    let outcome = quietly(|| check_all(store, &mut counted, &mut findings, look));
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(StoreError::Damaged { what, problem })) => {
            findings.add(Fault::Unreadable, what, problem);
        }
        Ok(Err(error)) => findings.add(Fault::Unreadable, "sled/db", error.to_string()),
        Err(problem) => findings.add(Fault::Unreadable, "sled/db", problem),
    }
    Report {
        database_id: store.database_id(),
        tail: store.tail(),
        head: store.head().unwrap_or_default(),
        counted,
        cut_off: findings.is_full(),
        findings: findings.into_list(),
    }
}

fn check_all(
    store: &Store,
    counted: &mut Counted,
    findings: &mut Findings,
    look: &mut Look<'_>,
) -> Result<(), StoreError> {
    let head = store.head().map_err(|error| findings.add_error(Fault::Head, error)).ok();
    let tail = tail(store, head, findings);
    let begins = tail.map_or_else(|| log::first(store, head), |tail| Ok(tail.sequence))?;
    store.set_tail(Tail { sequence: begins, ..tail.unwrap_or(Tail::BEGINNING) });
    let mut stats = Vec::new();
    for row in store.trigger_stats() {
        match row {
            Ok(row) => stats.push(row),
            Err(error) => findings.add_error(Fault::TriggerStats, error),
        }
    }
    let seed = xxh3_64(store.database_id().as_bytes());
    let mut implied = Implied::new(seed, begins, Tallies::new(stats, begins == 1));
    match tail {
        Some(tail) => implied.count_before(tail.moves_before, tail.events_before),
        None => implied.restart(begins),
    }
    log::walk(store, head, &mut implied, counted, findings, look)?;
    let head = head.map_or(u64::MAX, |head| head.sequence);
    Rows { store, implied: &mut implied, findings, counted, look, seed, head }.check()
}

/// Where the log begins; `None` when its row cannot be right.
fn tail(store: &Store, head: Option<Head>, findings: &mut Findings) -> Option<Tail> {
    let tail = store.stored_tail().map_err(|error| findings.add_error(Fault::Tail, error)).ok()?;
    match head.filter(|head| !(1..=head.sequence + 1).contains(&tail.sequence)) {
        None => Some(tail),
        Some(head) => {
            let (begins, ends) = (tail.sequence, head.sequence);
            let problem = format!("it says the log begins with {begins}, and it ends with {ends}");
            findings.add(Fault::Tail, "key 03", problem);
            None
        }
    }
}

/// Tells how far it is, not too often.
pub(crate) struct Look<'p> {
    tell: &'p mut dyn FnMut(Progress),
    progress: Progress,
}

impl<'p> Look<'p> {
    pub(crate) fn new(tell: &'p mut dyn FnMut(Progress)) -> Self {
        let progress = Progress { phase: Phase::Copy, done: 0, total: None };
        Self { tell, progress }
    }

    /// Begins with something of which there is so much.
    pub(crate) fn begin(&mut self, phase: Phase, total: Option<u64>) {
        self.progress = Progress { phase, done: 0, total };
        (self.tell)(self.progress);
    }

    /// More of it is done.
    pub(crate) fn at(&mut self, phase: Phase, more: u64) {
        if self.progress.phase != phase {
            self.begin(phase, None);
        }
        let before = self.progress.done / TOLD_EVERY;
        self.progress.done += more;
        if self.progress.done / TOLD_EVERY != before {
            (self.tell)(self.progress);
        }
    }
}
