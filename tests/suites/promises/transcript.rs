//! What one watcher saw: its sessions, frame by frame, and how each of them ended.

use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use crate::truth::Moment;

/// Everything that one watcher did and saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    /// For people: what kind of watcher it was.
    pub(crate) name: String,
    pub(crate) sessions: Vec<Session>,
}

/// One call of WatchMoves.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) start: Start,
    pub(crate) filter: pb::MoveFilter,
    pub(crate) entity_changes: bool,
    pub(crate) heartbeat: Duration,
    /// Whether it took each frame as soon as it came. Who does not finds heartbeats late.
    pub(crate) eager: bool,
    /// Whether what was sent may be lost when the server goes: it is read so slowly, through
    /// something in between, that the system gives up on it.
    pub(crate) narrow: bool,
    /// Before the request was sent.
    pub(crate) asked: Moment,
    pub(crate) frames: Vec<Seen>,
    pub(crate) end: End,
    /// When the end was seen.
    pub(crate) ended: Moment,
}

/// Where a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Now,
    Earliest,
    Snapshot,
    /// After a frame of an earlier session.
    Resume(Place),
}

/// A frame of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) session: usize,
    pub(crate) frame: usize,
}

/// A frame, and when it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Moment,
    /// For how long the reader waited for it.
    pub(crate) waited: Duration,
    pub(crate) frame: pb::WatchFrame,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The scenario was over, and the watcher had caught up.
    Settled,
    /// The scenario was over before the watcher had caught up.
    Late,
    /// The client went away.
    Dropped,
    /// The server ended it with OK.
    Ok,
    /// The server, or the network, ended it with a status.
    Status { code: tonic::Code, reason: String, message: String },
}

impl Seen {
    /// What happened; a frame without content is none of the contract.
    pub(crate) fn what(&self) -> Option<&Frame> {
        self.frame.frame.as_ref()
    }

    pub(crate) fn is_heartbeat(&self) -> bool {
        matches!(self.what(), Some(Frame::Heartbeat(_)))
    }
}

impl Session {
    /// When `started` arrived.
    pub(crate) fn stands_since(&self) -> Option<Moment> {
        let started = |seen: &&Seen| matches!(seen.what(), Some(Frame::Started(_)));
        self.frames.iter().find(started).map(|seen| seen.at)
    }

    /// The frame that says that the snapshot is complete.
    pub(crate) fn completed(&self) -> Option<usize> {
        let complete = |seen: &Seen| matches!(seen.what(), Some(Frame::SnapshotComplete(_)));
        self.frames.iter().position(complete)
    }

    /// Whether a frame belongs to the snapshot, or stands between two that do.
    pub(crate) fn in_snapshot(&self, frame: usize) -> bool {
        self.start == Start::Snapshot && self.completed().is_none_or(|complete| frame < complete)
    }
}

/// Sessions joined by tokens: of each but the last the frames up to the one that was resumed from.
#[derive(Debug)]
pub(crate) struct Path<'a> {
    pub(crate) parts: Vec<Part<'a>>,
}

/// A session of a path, or the beginning of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Of the transcript.
    pub(crate) number: usize,
    pub(crate) session: &'a Session,
    pub(crate) frames: &'a [Seen],
}

impl<'a> Path<'a> {
    /// The path that ends with a session.
    pub(crate) fn to(transcript: &'a Transcript, number: usize) -> Self {
        let whole = |number: usize| {
            let session = &transcript.sessions[number];
            Part { number, session, frames: &session.frames }
        };
        let mut parts = vec![whole(number)];
        while let Some(Start::Resume(place)) = parts.last().map(|part| part.session.start) {
            let before = whole(place.session);
            parts.push(Part { frames: &before.frames[..=place.frame], ..before });
        }
        parts.reverse();
        Self { parts }
    }

    /// The session that began it.
    pub(crate) fn root(&self) -> &'a Session {
        self.parts[0].session
    }

    /// The session that it is about.
    pub(crate) fn last(&self) -> Part<'a> {
        self.parts[self.parts.len() - 1]
    }
}
