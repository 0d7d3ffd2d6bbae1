//! The validator on trial: what is right passes, and what is broken on purpose is found, under the
//! name of the promise that was broken and no other.

mod entities;
mod good;
mod moves;
mod play;
mod signs;

use std::collections::BTreeSet;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::cases;

use crate::transcript::{Place, Seen, Start, Transcript};
use crate::truth::Truth;
use crate::validator::{Promise, validate};
use good::good;

/// One way to break one promise.
#[derive(Clone)]
struct Breakage {
    what: &'static str,
    /// Whose transcript.
    of: &'static str,
    /// What must be found; `None`: nothing, it is allowed.
    broken: Option<Promise>,
    how: fn(&mut Broken),
}

/// A transcript to be broken.
struct Broken {
    truth: Truth,
    transcript: Transcript,
}

impl Broken {
    fn frames(&mut self, session: usize) -> &mut Vec<Seen> {
        &mut self.transcript.sessions[session].frames
    }

    /// Where the frames of a session are that `is` picks.
    fn find(&self, session: usize, is: impl Fn(&Frame) -> bool) -> Vec<usize> {
        let frames = self.transcript.sessions[session].frames.iter().enumerate();
        let picked = frames.filter(|(_, seen)| seen.what().is_some_and(&is));
        picked.map(|(frame, _)| frame).collect()
    }

    fn moves(&self, session: usize) -> Vec<usize> {
        self.find(session, |frame| matches!(frame, Frame::Move(_)))
    }

    fn heartbeats(&self, session: usize) -> Vec<usize> {
        self.find(session, |frame| matches!(frame, Frame::Heartbeat(_)))
    }

    fn entities(&self, session: usize) -> Vec<usize> {
        self.find(session, |frame| matches!(frame, Frame::Entity(_)))
    }

    fn move_mut(&mut self, session: usize, frame: usize) -> &mut pb::Move {
        match &mut self.frames(session)[frame].frame.frame {
            Some(Frame::Move(moved)) => moved,
            other => panic!("no move: {other:?}"),
        }
    }

    fn entity_mut(&mut self, session: usize, frame: usize) -> &mut pb::Entity {
        match &mut self.frames(session)[frame].frame.frame {
            Some(Frame::Entity(entity)) => entity,
            other => panic!("no entity: {other:?}"),
        }
    }

    fn heartbeat_mut(&mut self, session: usize, frame: usize) -> &mut pb::Heartbeat {
        match &mut self.frames(session)[frame].frame.frame {
            Some(Frame::Heartbeat(heartbeat)) => heartbeat,
            other => panic!("no heartbeat: {other:?}"),
        }
    }

    /// Takes a frame out; who resumed after a later one still does.
    fn remove(&mut self, session: usize, frame: usize) -> Seen {
        self.shift(session, frame, -1);
        self.frames(session).remove(frame)
    }

    /// Puts a frame in, as if it had come together with the one before.
    fn insert(&mut self, session: usize, frame: usize, what: Frame) {
        let before = self.frames(session)[frame - 1].clone();
        let frame_of = pb::WatchFrame { frame: Some(what), ..before.frame };
        self.shift(session, frame, 1);
        self.frames(session).insert(frame, Seen { frame: frame_of, ..before });
    }

    /// The same as a frame that is there.
    fn repeat(&mut self, session: usize, frame: usize, at: usize) {
        let what = self.frames(session)[frame].frame.frame.clone().expect("it says something");
        self.insert(session, at, what);
    }

    fn shift(&mut self, changed: usize, from: usize, by: isize) {
        for session in &mut self.transcript.sessions {
            if let Start::Resume(Place { session, frame }) = &mut session.start
                && *session == changed
                && *frame >= from
            {
                *frame = frame.checked_add_signed(by).expect("it resumes after a frame");
            }
        }
    }

    /// Exchanges what two frames say; tokens and times stay where they are.
    fn swap(&mut self, session: usize, one: usize, other: usize) {
        let frames = self.frames(session);
        let first = frames[one].frame.frame.take();
        frames[one].frame.frame = frames[other].frame.frame.take();
        frames[other].frame.frame = first;
    }
}

#[test]
fn a_watch_that_keeps_its_promises_passes() {
    let good = good();
    let mut frames = 0;
    for transcript in &good.transcripts {
        let violations = validate(&good.truth, transcript);
        assert!(violations.is_empty(), "{}: {violations:#?}", transcript.name);
        frames += transcript.sessions.iter().map(|session| session.frames.len()).sum::<usize>();
    }
    cases("promises: frames that are right", frames, 200);
}

#[test]
fn each_breakage_is_found_under_the_name_of_its_promise() {
    let good = good();
    let table = [moves::BREAKAGES, signs::BREAKAGES, entities::BREAKAGES].concat();
    let (mut promises, mut wrong) = (BTreeSet::new(), Vec::new());
    for breakage in &table {
        let transcript = good.transcript(breakage.of).clone();
        let mut broken = Broken { truth: good.truth.clone(), transcript };
        (breakage.how)(&mut broken);
        let found = validate(&broken.truth, &broken.transcript);
        let names: BTreeSet<_> = found.iter().map(|violation| violation.promise).collect();
        let expected = breakage.broken.into_iter().collect();
        if names != expected {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            wrong.push((breakage.what, breakage.broken, found));
        }
        promises.extend(names);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(promises.len(), 10, "each promise is broken at least once: {promises:?}");
    cases("promises: breakages", table.len(), 40);
}
