//! How a watch begins, shows that it lives, and ends.

use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use tonic::Code;

use super::{Findings, Promise};
use crate::transcript::{End, Part, Path, Place, Start};
use crate::truth::{Moment, Truth};

/// How much later than it should a heartbeat may come: the machine may be busy with something else.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(10);

pub(super) fn check(truth: &Truth, path: &Path<'_>, out: &mut Findings) {
    let part = path.last();
    begins(part, out);
    lives(part, out);
    ends(truth, part, out);
}

fn begins(part: Part<'_>, out: &mut Findings) {
    for (frame, seen) in part.frames.iter().enumerate() {
        let is_started = matches!(seen.what(), Some(Frame::Started(_)));
        if is_started != (frame == 0) {
            let at = Place { session: part.number, frame };
            out.add(Promise::Complete, at, "`started` is the first frame and no other");
        }
    }
}

fn lives(part: Part<'_>, out: &mut Findings) {
    let allowed = part.session.heartbeat + TOLERANCE;
    let mut last = part.session.asked;
    let mut check = |frame: usize, silent: Duration| {
        if silent > allowed {
            let at = Place { session: part.number, frame };
            let what = format!("no heartbeat for {silent:?}, {allowed:?} are allowed");
            out.add(Promise::HeartbeatWhenIdle, at, what);
        }
    };
    for (frame, seen) in part.frames.iter().enumerate() {
        check(frame, seen.waited);
        if frame == 0 || seen.is_heartbeat() {
            if part.session.eager {
                check(frame, since(last, seen.at));
            }
            last = seen.at;
        }
    }
    if part.session.eager && !part.frames.is_empty() {
        check(part.frames.len() - 1, since(last, part.session.ended));
    }
}

fn since(from: Moment, to: Moment) -> Duration {
    to.saturating_sub(from)
}

fn ends(truth: &Truth, part: Part<'_>, out: &mut Findings) {
    let session = part.session;
    let frame = session.frames.len().saturating_sub(1);
    let at = Place { session: part.number, frame };
    let closing =
        session.frames.iter().position(|seen| matches!(seen.what(), Some(Frame::Closing(_))));
    if closing.is_some_and(|closing| closing != frame) {
        out.add(Promise::EndsOnlyWithReason, at, "a frame after `closing`");
    }
    let why = closing.and_then(|closing| match session.frames[closing].what() {
        Some(Frame::Closing(closing)) => Some(closing.reason()),
        _ => None,
    });
    match &session.end {
        End::Late => {
            let what = "it does not catch up, or does not say so";
            out.add(Promise::Complete, at, what);
        }
        End::Ok => out.add(Promise::EndsOnlyWithReason, at, "it ended with OK"),
        End::Settled | End::Dropped if why.is_none() => {}
        // The client went before it could read the status.
        End::Dropped => {}
        End::Settled => {
            out.add(Promise::EndsOnlyWithReason, at, "`closing`, and then it went on");
        }
        End::Status { code, reason, message } => {
            let stops = truth.stops.iter().filter(|_| session.narrow);
            let mut cuts = truth.kills.iter().chain(stops);
            let cut = cuts.any(|(from, to)| *from <= session.ended && *to >= session.asked);
            let fits = match why {
                Some(pb::ClosingReason::ServerShutdown) => {
                    *code == Code::Unavailable && reason == "SHUTTING_DOWN"
                }
                Some(pb::ClosingReason::Aged) => {
                    *code == Code::Unavailable && reason == "WATCH_AGED"
                }
                Some(pb::ClosingReason::Expired) => {
                    *code == Code::OutOfRange && truth.retained_from > 0
                }
                Some(pb::ClosingReason::Unspecified) => false,
                None => expired_at_once(truth, part, *code),
            };
            // What a connection that breaks looks like; a refusal of the server does not.
            let broke = cut && reason.is_empty();
            if !(fits || broke) {
                let what = format!("after {why:?} it ended with {code:?} {reason} {message:?}");
                out.add(Promise::EndsOnlyWithReason, at, what);
            }
        }
    }
}

/// Whether a watch may be refused: its token is older than what is retained.
fn expired_at_once(truth: &Truth, part: Part<'_>, code: Code) -> bool {
    let resumes = matches!(part.session.start, Start::Resume(_));
    code == Code::OutOfRange && resumes && part.frames.is_empty() && truth.retained_from > 0
}
