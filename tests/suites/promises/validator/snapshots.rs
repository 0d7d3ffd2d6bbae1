//! A snapshot shows each matching entity once, in order, as it stood at one committed point.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use super::{Findings, Promise};
use crate::matching::holds;
use crate::transcript::{Part, Place, Session, Start};
use crate::truth::{History, Moment, State, Truth};

pub(super) fn check(truth: &Truth, part: Part<'_>, out: &mut Findings) {
    tokens(part, out);
    if part.session.start != Start::Snapshot {
        return;
    }
    shown(truth, part, out);
    if let Some(complete) = part.session.completed() {
        counted(part, complete, out);
        missing(truth, part, complete, out);
    }
}

/// What can be resumed from, and what cannot.
fn tokens(part: Part<'_>, out: &mut Findings) {
    for (frame, seen) in part.frames.iter().enumerate() {
        let at = Place { session: part.number, frame };
        let has_token = !seen.frame.resume_token.is_empty();
        if part.session.in_snapshot(frame) {
            if has_token {
                out.add(Promise::SnapshotConsistent, at, "a token before the snapshot is complete");
            }
        } else if !has_token {
            out.add(Promise::Resumable, at, "a frame without a token");
        }
        let complete = matches!(seen.what(), Some(Frame::SnapshotComplete(_)));
        if complete && part.session.completed() != Some(frame) {
            out.add(Promise::SnapshotConsistent, at, "complete once more");
        } else if complete && part.session.start != Start::Snapshot {
            out.add(Promise::SnapshotConsistent, at, "nobody asked for a snapshot");
        }
    }
}

/// The entity frames of the snapshot, with their places.
fn entities(part: Part<'_>) -> impl Iterator<Item = (usize, &pb::Entity)> {
    let frames = part.frames.iter().enumerate();
    frames.take_while(move |(frame, _)| part.session.in_snapshot(*frame)).filter_map(
        |(frame, seen)| match seen.what() {
            Some(Frame::Entity(entity)) => Some((frame, entity)),
            _ => None,
        },
    )
}

/// Each entity once, by id, and as it was.
fn shown(truth: &Truth, part: Part<'_>, out: &mut Findings) {
    let mut known: BTreeMap<&str, i64> = BTreeMap::new();
    let mut last = "";
    for (frame, entity) in entities(part) {
        let at = Place { session: part.number, frame };
        let id = entity.entity_id.as_str();
        let before = known.insert(id, entity.revision);
        // With entity changes one that was shown may be shown again, changed.
        let again = part.session.entity_changes && (before.is_some() || id < last);
        if let Some(before) = before
            && !(again && entity.revision >= before)
        {
            out.add(Promise::SnapshotConsistent, at, format!("{id} is shown twice"));
        } else if id < last && !again {
            out.add(Promise::SnapshotConsistent, at, format!("{id} after {last}"));
        }
        if id > last {
            last = id;
        }
        let revision = truth.revision(id, entity.revision);
        if revision.is_none_or(|revision| revision.inner && !again) {
            let what = format!("{id} was never committed with revision {}", entity.revision);
            out.add(Promise::SnapshotConsistent, at, what);
        }
        let Some(history) = truth.entities.get(id) else { continue };
        let current = current(history, part.session.asked, part.frames[frame].at);
        if !current.contains(&entity.revision) {
            let what = format!("{id} is shown with revision {}, not {current:?}", entity.revision);
            out.add(Promise::SnapshotConsistent, at, what);
        }
    }
}

/// The revisions that may have been the newest at some moment of a span of time.
fn current(history: &History, from: Moment, to: Moment) -> RangeInclusive<i64> {
    let oldest = history.iter().rev().find(|(_, revision)| revision.span.surely_before(from));
    let newest = history.iter().find(|(_, revision)| revision.span.surely_after(to));
    let end = history.keys().next_back().copied().unwrap_or_default();
    oldest.map_or(0, |(number, _)| *number)..=newest.map_or(end, |(number, _)| *number - 1)
}

/// What `snapshot_complete` says of how many there were.
fn counted(part: Part<'_>, complete: usize, out: &mut Findings) {
    let Some(Frame::SnapshotComplete(told)) = part.frames[complete].what() else { return };
    let ids: Vec<_> = entities(part).map(|(_, entity)| entity.entity_id.as_str()).collect();
    let told = usize::try_from(told.entity_count).unwrap_or(usize::MAX);
    // With entity changes some of them may be none of the snapshot.
    let right =
        if part.session.entity_changes { told <= ascending(&ids) } else { told == ids.len() };
    if !right {
        let at = Place { session: part.number, frame: complete };
        let what = format!("{told} entities are told of, {} were shown", ids.len());
        out.add(Promise::SnapshotConsistent, at, what);
    }
}

/// The most of these ids, in this order, that ascend.
fn ascending(ids: &[&str]) -> usize {
    let mut lengths: Vec<usize> = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let before = ids[..index].iter().zip(&lengths).filter(|(other, _)| *other < id);
        lengths.push(before.map(|(_, length)| *length).max().unwrap_or_default() + 1);
    }
    lengths.into_iter().max().unwrap_or_default()
}

/// What matched for as long as the snapshot took must be in it.
fn missing(truth: &Truth, part: Part<'_>, complete: usize, out: &mut Findings) {
    let at = Place { session: part.number, frame: complete };
    let Session { asked, filter, .. } = part.session;
    let until = part.frames[complete].at;
    for (id, history) in &truth.entities {
        let current = current(history, *asked, until);
        // Known of each of them, or it cannot be told.
        let mut matched =
            current.clone().map(|number| match history.get(&number).map(|r| &r.state) {
                Some(State::Alive(entity)) => Some(holds(filter, entity)),
                Some(State::Unknown) => None,
                Some(State::Gone { .. }) | None => Some(false),
            });
        let is_shown = entities(part).any(|(_, entity)| entity.entity_id == *id);
        if !is_shown && matched.all(|matched| matched == Some(true)) {
            out.add(Promise::SnapshotConsistent, at, format!("{id} is not in the snapshot"));
        }
    }
}
