//! What happened, and watchers who saw all that they were promised.

use std::time::Duration;

use pawl_api::pb;
use tonic::Code;

use super::play::{Ask, Play};
use crate::transcript::{End, Place, Seen, Session, Start, Transcript};
use crate::truth::{Moment, Truth};

/// When everything is over; long after the last record, so that only heartbeats come.
pub(super) const OVER: Moment = Duration::from_secs(16);

/// The transcripts, by name.
#[derive(Debug, Clone)]
pub(super) struct Good {
    pub(super) truth: Truth,
    pub(super) transcripts: Vec<Transcript>,
}

impl Good {
    pub(super) fn transcript(&self, name: &str) -> &Transcript {
        let found = self.transcripts.iter().find(|transcript| transcript.name == name);
        found.unwrap_or_else(|| panic!("no transcript {name:?}"))
    }
}

fn history() -> Play {
    let mut play = Play::new();
    play.create("deal/1", "sales", "new", "ann");
    play.create("deal/2", "sales", "new", "bob");
    play.create("deal/3", "sales", "new", "ann");
    play.create("lead/1", "leads", "met", "ann");
    // From here on the watches of now and of snapshots begin, at 450 ms and later.
    for round in 0..3 {
        play.go("deal/1", "sales", "offer");
        play.go("deal/2", "sales", "offer");
        play.go("lead/1", "leads", "known");
        play.go("deal/1", "sales", "new");
        play.update("deal/3", ["bob", "ann", "bob"][round]);
        play.go("deal/2", "service", "open");
        play.go("deal/3", "sales", ["offer", "won", "offer"][round]);
        play.delete("lead/1");
        play.create("lead/1", "leads", "met", "bob");
        play.go("deal/2", "sales", "new");
        play.update("deal/2", ["ann", "bob", "ann"][round]);
    }
    play.create("deal/4", "sales", "offer", "ann");
    play.delete("deal/1");
    play
}

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

fn sales() -> pb::MoveFilter {
    pb::MoveFilter { pipeline_ids: vec!["sales".to_owned()], ..Default::default() }
}

fn anns() -> pb::MoveFilter {
    pb::MoveFilter { responsibles: vec!["ann".to_owned()], ..Default::default() }
}

fn offers() -> pb::MoveFilter {
    pb::MoveFilter { to_stage_ids: vec!["offer".to_owned()], ..Default::default() }
}

pub(super) fn stopped() -> End {
    End::Status {
        code: Code::Unavailable,
        reason: "SHUTTING_DOWN".to_owned(),
        message: "the server is stopping".to_owned(),
    }
}

/// The sessions of one watcher: each but the first resumes after a frame of the one before, the
/// last unless a heartbeat is asked for.
struct Watcher {
    name: &'static str,
    start: Start,
    filter: fn() -> pb::MoveFilter,
    changes: bool,
    /// From when until when, and whether the first of them ends with a heartbeat.
    sessions: &'static [(u64, u64)],
    after_heartbeat: bool,
    end: fn() -> End,
}

const WATCHERS: [Watcher; 7] = [
    Watcher {
        name: "all",
        start: Start::Earliest,
        filter: pb::MoveFilter::default,
        changes: false,
        sessions: &[(60, 16_000)],
        after_heartbeat: false,
        end: || End::Dropped,
    },
    Watcher {
        name: "sales from now",
        start: Start::Now,
        filter: sales,
        changes: false,
        sessions: &[(750, 1_650), (2_050, 16_000)],
        after_heartbeat: false,
        end: || End::Dropped,
    },
    Watcher {
        name: "sales after a heartbeat",
        start: Start::Now,
        filter: sales,
        changes: false,
        sessions: &[(750, 1_950), (2_050, 16_000)],
        after_heartbeat: true,
        end: || End::Dropped,
    },
    Watcher {
        name: "sales across a stop",
        start: Start::Now,
        filter: sales,
        changes: false,
        sessions: &[(450, 2_250), (2_450, 16_000)],
        after_heartbeat: false,
        end: stopped,
    },
    Watcher {
        name: "snapshot of sales",
        start: Start::Snapshot,
        filter: sales,
        changes: false,
        sessions: &[(950, 2_150), (2_350, 16_000)],
        after_heartbeat: false,
        end: || End::Dropped,
    },
    Watcher {
        name: "board of ann's",
        start: Start::Snapshot,
        filter: anns,
        changes: true,
        sessions: &[(950, 2_150), (2_350, 16_000)],
        after_heartbeat: false,
        end: || End::Dropped,
    },
    Watcher {
        name: "board of offers",
        start: Start::Snapshot,
        filter: offers,
        changes: true,
        sessions: &[(1_250, 16_000)],
        after_heartbeat: false,
        end: || End::Dropped,
    },
];

/// A history, and what watchers saw of it.
pub(super) fn good() -> Good {
    let play = history();
    let transcripts = WATCHERS.iter().map(|watcher| watch(&play, watcher)).collect();
    Good { truth: play.truth(), transcripts }
}

fn watch(play: &Play, watcher: &Watcher) -> Transcript {
    let mut sessions: Vec<Session> = Vec::new();
    for (number, (from, until)) in watcher.sessions.iter().enumerate() {
        let is_last = number + 1 == watcher.sessions.len();
        let start = match sessions.last() {
            None => watcher.start,
            Some(before) => resume(before, number - 1, watcher.after_heartbeat),
        };
        let ask = Ask {
            start,
            filter: (watcher.filter)(),
            changes: watcher.changes,
            from: ms(*from),
            until: ms(*until),
            end: if is_last { End::Settled } else { (watcher.end)() },
        };
        sessions.push(play.watch(ask, &sessions));
    }
    Transcript { name: watcher.name.to_owned(), sessions }
}

/// After the last frame of a session, or its last heartbeat.
fn resume(before: &Session, session: usize, after_heartbeat: bool) -> Start {
    let beat = before.frames.iter().rposition(Seen::is_heartbeat);
    let frame = if after_heartbeat { beat.expect("one came") } else { before.frames.len() - 1 };
    Start::Resume(Place { session, frame })
}
