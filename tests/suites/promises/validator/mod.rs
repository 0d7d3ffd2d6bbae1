//! Holds what a watcher saw against what happened, promise by promise.
//!
//! It knows the contract and nothing of how the server keeps it; its filter is its own.

mod ends;
mod entities;
mod heartbeats;
mod snapshots;
mod walk;

use std::collections::BTreeMap;
use std::fmt;

use crate::transcript::{Path, Place, Transcript};
use crate::truth::Truth;

/// What a watch promises (W1 to W7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// What happens to one entity is shown in the order in which it happened.
    Ordered,
    /// Each move is shown once.
    Unique,
    /// Every matching move between the start and the position that was reached is shown.
    Complete,
    /// A watch that resumes goes on right after the frame whose token it used.
    Resumable,
    /// The token of a heartbeat never passes a move that was not sent, and its lag is right.
    HeartbeatNeverAhead,
    /// A heartbeat comes in every interval.
    HeartbeatWhenIdle,
    /// Entities are shown as they were, and together with the moves they are what the server has.
    SnapshotConsistent,
    /// A watch ends with a reason, and never with OK.
    EndsOnlyWithReason,
    /// What is shown matches the filter.
    FilterExact,
    /// Each move that is shown is one of the log, word for word.
    TrueToTheLog,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordered => "ordered",
            Self::Unique => "unique",
            Self::Complete => "complete",
            Self::Resumable => "resumable",
            Self::HeartbeatNeverAhead => "heartbeat-never-ahead",
            Self::HeartbeatWhenIdle => "heartbeat-when-idle",
            Self::SnapshotConsistent => "snapshot-consistent",
            Self::EndsOnlyWithReason => "ends-only-with-reason",
            Self::FilterExact => "filter-exact",
            Self::TrueToTheLog => "true-to-the-log",
        })
    }
}

/// A promise that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) promise: Promise,
    pub(crate) at: Place,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promise, at: Place { session, frame }, what } = self;
        write!(f, "{promise}: session {session}, frame {frame}: {what}")
    }
}

/// How many violations of one promise in one session are told: where one thing is wrong, all that
/// follows may be.
const TOLD: usize = 3;

/// What was found in one session. What came out of the sessions before it, which are gone through
/// again to get there, was told with them.
#[derive(Debug)]
struct Findings {
    session: usize,
    found: Vec<Violation>,
    counts: BTreeMap<Promise, usize>,
}

impl Findings {
    fn add(&mut self, promise: Promise, at: Place, what: impl Into<String>) {
        let count = self.counts.entry(promise).or_default();
        if at.session == self.session && *count < TOLD {
            *count += 1;
            self.found.push(Violation { promise, at, what: what.into() });
        }
    }
}

/// All promises that a watcher saw broken.
pub(crate) fn validate(truth: &Truth, transcript: &Transcript) -> Vec<Violation> {
    let mut all = Vec::new();
    for session in 0..transcript.sessions.len() {
        let mut findings = Findings { session, found: Vec::new(), counts: BTreeMap::new() };
        let path = Path::to(transcript, session);
        ends::check(truth, &path, &mut findings);
        walk::check(truth, transcript, &path, &mut findings);
        snapshots::check(truth, path.last(), &mut findings);
        entities::check(truth, &path, &mut findings);
        all.append(&mut findings.found);
    }
    all
}
