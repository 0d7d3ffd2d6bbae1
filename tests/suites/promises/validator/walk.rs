//! Which moves a watch showed: each once, none left out, and across its sessions.
//!
//! The walk follows a watch through the log. Where exactly it stands is not told (tokens are opaque),
//! but what it has shown bounds it: behind the last move that it sent, not behind the next that it
//! owes.

use std::collections::{BTreeMap, HashMap, HashSet};

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use super::{Findings, Promise};
use crate::matching::shows;
use crate::transcript::{End, Part, Path, Place, Seen, Session, Start, Transcript};
use crate::truth::Truth;

/// What led past a move that was not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Move,
    Heartbeat,
}

/// A move that was passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skip {
    pub(super) at: Place,
    pub(super) by: By,
    /// Whether a heartbeat came since.
    pub(super) beaten: bool,
    /// What is broken if it never comes.
    pub(super) promise: Promise,
}

/// Where a watch stands in the log.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) truth: &'a Truth,
    pub(super) session: &'a Session,
    /// Moves are known by their place in the log.
    sent: HashSet<usize>,
    pub(super) skipped: BTreeMap<usize, Skip>,
    /// Not behind this...
    pub(super) cursor: usize,
    /// ...and whatever matches from here on is owed.
    owed_from: usize,
    /// Where the cursor was when the session began.
    joint: usize,
    joint_promise: Option<Promise>,
    /// Whether this session has shown a move that no session before it had.
    fresh: bool,
    /// The revision with which the snapshot showed an entity.
    bases: HashMap<&'a str, i64>,
    newest: HashMap<&'a str, i64>,
}

pub(super) fn check(truth: &Truth, transcript: &Transcript, path: &Path<'_>, out: &mut Findings) {
    let mut walk = Walk::new(truth, path.root());
    for (index, part) in path.parts.iter().enumerate() {
        if index > 0 {
            walk.resume(&path.parts[index - 1], part, transcript);
        }
        for (frame, seen) in part.frames.iter().enumerate() {
            walk.step(Place { session: part.number, frame }, seen, out);
        }
    }
    walk.finish(path.last(), out);
}

impl<'a> Walk<'a> {
    fn new(truth: &'a Truth, session: &'a Session) -> Self {
        let (floor, owed_from) = match session.start {
            Start::Earliest => (0, truth.retained_from),
            // More is known once it stands.
            _ => (truth.surely_before(session.asked), truth.moves.len()),
        };
        Self {
            truth,
            session,
            sent: HashSet::new(),
            skipped: BTreeMap::new(),
            cursor: floor,
            owed_from,
            joint: floor,
            joint_promise: None,
            fresh: false,
            bases: HashMap::new(),
            newest: HashMap::new(),
        }
    }

    fn step(&mut self, at: Place, seen: &'a Seen, out: &mut Findings) {
        let in_snapshot = self.session.in_snapshot(at.frame);
        match seen.what() {
            Some(Frame::Started(_)) if self.session.start == Start::Now => {
                self.owed_from = self.truth.surely_after(seen.at);
            }
            Some(Frame::SnapshotComplete(_)) => self.owed_from = self.truth.surely_after(seen.at),
            Some(Frame::Entity(entity)) if in_snapshot => {
                self.bases.entry(&entity.entity_id).or_insert(entity.revision);
            }
            Some(Frame::Move(moved)) => self.moved(at, moved, in_snapshot, out),
            // Before the snapshot is complete the watch stands at no one place.
            Some(Frame::Heartbeat(heartbeat)) if !in_snapshot => {
                self.heartbeat(at, seen, heartbeat, out);
            }
            _ => {}
        }
    }

    /// Goes on in another session, after the last frame of `before`.
    fn resume(&mut self, before: &Part<'a>, part: &Part<'a>, transcript: &'a Transcript) {
        let Some(last) = before.frames.last() else { return };
        let promise =
            if last.is_heartbeat() { Promise::HeartbeatNeverAhead } else { Promise::Resumable };
        // What the session went on to show was still to come at that frame.
        let rest = &transcript.sessions[before.number].frames[before.frames.len()..];
        let later: Vec<_> = rest.iter().filter_map(|seen| self.place_of(seen)).collect();
        let next = later.iter().copied().filter(|place| *place >= self.cursor).min();
        let mut owed_from = self.limit(last.at);
        if let Some(next) = next {
            owed_from = owed_from.min(next);
            let passed = |place: &usize| shows(&self.session.filter, self.move_at(*place));
            if self.bases.is_empty() && self.session.start != Start::Snapshot {
                let passed = (self.cursor..next).rev().find(passed);
                self.cursor = passed.map_or(self.cursor, |passed| passed + 1);
            }
        }
        self.owed_from = owed_from.max(self.cursor);
        for (place, skip) in std::mem::take(&mut self.skipped) {
            let is_ahead = skip.by == By::Heartbeat && last.is_heartbeat();
            if is_ahead || later.contains(&place) {
                let at = Place { session: part.number, frame: 0 };
                self.skipped.insert(place, Skip { at, promise, ..skip });
            } else {
                // Told with the session that passed over it.
                self.sent.insert(place);
            }
        }
        (self.session, self.fresh) = (part.session, false);
        (self.joint, self.joint_promise) = (self.cursor, Some(promise));
    }

    fn moved(&mut self, at: Place, moved: &'a pb::Move, in_snapshot: bool, out: &mut Findings) {
        let id = &moved.move_id;
        let Some(place) = self.truth.place(id) else {
            out.add(Promise::TrueToTheLog, at, format!("{moved:?} is not in the log"));
            return;
        };
        if *moved != self.truth.moves[place].moved {
            let truth = &self.truth.moves[place].moved;
            out.add(Promise::TrueToTheLog, at, format!("{moved:?} is {truth:?} in the log"));
        }
        if !shows(&self.session.filter, moved) {
            out.add(Promise::FilterExact, at, format!("move {id} does not match: {moved:?}"));
            return;
        }
        if self.sent.contains(&place) {
            let joint = matches!(self.session.start, Start::Resume(_)) && !self.fresh;
            let promise = if joint { Promise::Resumable } else { Promise::Unique };
            out.add(promise, at, format!("move {id} was shown before"));
            return;
        }
        if let Some(promise) = self.too_early(place, moved) {
            out.add(promise, at, format!("move {id} lies before what was asked for"));
            return;
        }
        let newest = self.newest.entry(&moved.entity_id).or_default();
        if *newest > moved.entity_revision {
            let what = format!("move {id}, revision {}, after {newest}", moved.entity_revision);
            out.add(Promise::Ordered, at, what);
        } else {
            *newest = moved.entity_revision;
        }
        match self.skipped.remove(&place) {
            Some(skip) if skip.beaten => {
                let what = format!("move {id} comes after a heartbeat that had passed it");
                out.add(Promise::HeartbeatNeverAhead, at, what);
            }
            None if !in_snapshot => self.pass(place, at, By::Move),
            Some(_) | None => {}
        }
        self.sent.insert(place);
        self.fresh = true;
    }

    /// What is broken when a move is shown that lies before the start, if it does.
    fn too_early(&self, place: usize, moved: &pb::Move) -> Option<Promise> {
        if self.bases.get(&*moved.entity_id).is_some_and(|base| self.is_part(moved, *base)) {
            return Some(Promise::SnapshotConsistent);
        }
        if place >= self.joint || self.skipped.contains_key(&place) {
            return None;
        }
        Some(match self.session.start {
            Start::Now | Start::Earliest => Promise::Complete,
            Start::Snapshot => Promise::SnapshotConsistent,
            Start::Resume(_) => Promise::Resumable,
        })
    }

    /// Whether an entity that was shown with revision `base` holds a move already. With entity
    /// changes it may have been shown not by the snapshot, but because it came into the filter
    /// meanwhile, and then ahead of its moves.
    fn is_part(&self, moved: &pb::Move, base: i64) -> bool {
        !self.session.entity_changes && moved.entity_revision <= base
    }

    /// The watch is behind `place` now: what it owed before that and did not show, it skipped.
    pub(super) fn pass(&mut self, place: usize, at: Place, by: By) {
        for owed in self.cursor..place {
            if self.owes(owed) {
                let promise = self.promise_of(owed);
                self.skipped.insert(owed, Skip { at, by, beaten: by == By::Heartbeat, promise });
            }
        }
        if by == By::Heartbeat {
            self.cursor = self.cursor.max(place);
        } else if place >= self.cursor {
            self.cursor = place + 1;
            self.owed_from = self.owed_from.min(self.cursor);
        }
    }

    fn promise_of(&self, owed: usize) -> Promise {
        match self.joint_promise {
            Some(promise) if !self.fresh => promise,
            None if self.bases.contains_key(&*self.move_at(owed).entity_id) => {
                Promise::SnapshotConsistent
            }
            Some(_) | None => Promise::Complete,
        }
    }

    /// Whether a move has to be shown, by and by.
    fn owes(&self, place: usize) -> bool {
        let moved = self.move_at(place);
        if self.sent.contains(&place) || !shows(&self.session.filter, moved) {
            return false;
        }
        match self.bases.get(&*moved.entity_id) {
            Some(base) if moved.entity_revision <= *base => false,
            // Where a snapshot is taken, each entity's moves follow from where it was shown.
            Some(_) if self.session.start == Start::Snapshot => true,
            _ => place >= self.owed_from,
        }
    }

    /// The watch was not behind this when a frame arrived.
    pub(super) fn limit(&self, arrived: std::time::Duration) -> usize {
        let end = self.truth.surely_after(arrived).max(self.cursor);
        (self.cursor..end).find(|place| self.owes(*place)).unwrap_or(end)
    }

    fn finish(&self, last: Part<'_>, out: &mut Findings) {
        let goes_on = matches!(last.session.end, End::Settled | End::Late);
        for (place, skip) in &self.skipped {
            let moved = self.move_at(*place);
            let (promise, what) = match skip.by {
                By::Heartbeat if !goes_on => {
                    (Promise::HeartbeatNeverAhead, "passed by a heartbeat")
                }
                _ => (skip.promise, "left out"),
            };
            out.add(promise, skip.at, format!("move {} was {what}: {moved:?}", moved.move_id));
        }
    }

    fn place_of(&self, seen: &Seen) -> Option<usize> {
        match seen.what() {
            Some(Frame::Move(moved)) => self.truth.place(&moved.move_id),
            _ => None,
        }
    }

    pub(super) fn move_at(&self, place: usize) -> &'a pb::Move {
        &self.truth.moves[place].moved
    }
}
