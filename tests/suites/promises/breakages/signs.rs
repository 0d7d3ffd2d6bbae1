//! Heartbeats that say too much or do not come, and watches that end without a word.

use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use tonic::Code;

use super::Breakage;
use super::good::OVER;
use crate::transcript::End;
use crate::validator::Promise;

/// A connection that breaks.
fn cut() -> End {
    let message = "connection reset".to_owned();
    End::Status { code: Code::Unknown, reason: String::new(), message }
}

pub(super) const BREAKAGES: &[Breakage] = &[
    Breakage {
        what: "a heartbeat before a move that it knows of",
        of: "all",
        broken: Some(Promise::HeartbeatNeverAhead),
        how: |b| {
            let beat = b.heartbeats(0)[0];
            b.swap(0, beat - 1, beat);
        },
    },
    Breakage {
        what: "the token of a heartbeat leads past a move",
        of: "sales after a heartbeat",
        broken: Some(Promise::HeartbeatNeverAhead),
        how: |b| {
            let moves = b.moves(1);
            b.remove(1, moves[0]);
        },
    },
    Breakage {
        what: "a heartbeat says that it is at the head, and the client goes",
        of: "sales after a heartbeat",
        broken: Some(Promise::HeartbeatNeverAhead),
        how: |b| {
            let (moves, beat) = (b.moves(0), b.heartbeats(0)[0]);
            let last = moves.into_iter().rfind(|frame| *frame < beat).expect("one came");
            for frame in (beat..b.frames(0).len()).rev().filter(|frame| *frame != beat) {
                b.frames(0).remove(frame);
            }
            b.transcript.sessions.truncate(1);
            b.remove(0, last);
        },
    },
    Breakage {
        what: "a heartbeat lags behind moves that never came",
        of: "all",
        broken: Some(Promise::HeartbeatNeverAhead),
        how: |b| {
            let beat = b.heartbeats(0)[3];
            let heartbeat = b.heartbeat_mut(0, beat);
            (heartbeat.lag_moves, heartbeat.head_token) = (3, b"9999".to_vec().into());
        },
    },
    Breakage {
        what: "a heartbeat is at the head and lags behind it",
        of: "all",
        broken: Some(Promise::HeartbeatNeverAhead),
        how: |b| {
            let beat = b.heartbeats(0)[3];
            b.heartbeat_mut(0, beat).lag = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        },
    },
    Breakage {
        what: "a heartbeat without the time",
        of: "all",
        broken: Some(Promise::HeartbeatNeverAhead),
        how: |b| {
            let beat = b.heartbeats(0)[3];
            b.heartbeat_mut(0, beat).server_time = None;
        },
    },
    Breakage {
        what: "no heartbeats where nothing happens",
        of: "all",
        broken: Some(Promise::HeartbeatWhenIdle),
        how: |b| {
            for frame in b.heartbeats(0).into_iter().skip(1).rev().skip(1) {
                b.remove(0, frame);
            }
        },
    },
    Breakage {
        what: "no heartbeats while moves come",
        of: "all",
        broken: Some(Promise::HeartbeatWhenIdle),
        how: |b| {
            for frame in b.heartbeats(0).into_iter().rev().skip(1) {
                b.remove(0, frame);
            }
        },
    },
    Breakage {
        what: "no heartbeats in the end",
        of: "sales from now",
        broken: Some(Promise::HeartbeatWhenIdle),
        how: |b| {
            for frame in b.heartbeats(1).into_iter().skip(2).rev() {
                b.remove(1, frame);
            }
        },
    },
    Breakage {
        what: "a slow reader waits for ever",
        of: "all",
        broken: Some(Promise::HeartbeatWhenIdle),
        how: |b| {
            b.transcript.sessions[0].eager = false;
            b.frames(0)[5].waited = Duration::from_secs(20);
        },
    },
    Breakage {
        what: "heartbeats that a slow reader reads late",
        of: "all",
        broken: None,
        how: |b| {
            b.transcript.sessions[0].eager = false;
            for seen in b.frames(0).iter_mut().skip(1) {
                seen.at += OVER;
            }
            b.transcript.sessions[0].ended += OVER;
        },
    },
    Breakage {
        what: "an end with OK",
        of: "sales from now",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| b.transcript.sessions[0].end = End::Ok,
    },
    Breakage {
        what: "an end without `closing`",
        of: "sales across a stop",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| {
            let last = b.frames(0).len() - 1;
            b.remove(0, last);
        },
    },
    Breakage {
        what: "a frame after `closing`",
        of: "sales across a stop",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| {
            let beat = b.heartbeats(0)[0];
            let closing = b.frames(0).len() - 1;
            b.swap(0, beat, closing);
        },
    },
    Breakage {
        what: "`closing` that tells another reason than the status",
        of: "sales across a stop",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| {
            let closing = b.frames(0).len() - 1;
            let reason = pb::ClosingReason::Aged.into();
            b.frames(0)[closing].frame.frame = Some(Frame::Closing(pb::Closing { reason }));
        },
    },
    Breakage {
        what: "a connection that breaks though nobody killed the server",
        of: "sales from now",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| b.transcript.sessions[0].end = cut(),
    },
    Breakage {
        what: "a connection that breaks because the server was killed",
        of: "sales from now",
        broken: None,
        how: |b| {
            let session = &mut b.transcript.sessions[0];
            session.end = cut();
            b.truth.kills.push((session.ended, session.ended + Duration::from_millis(10)));
        },
    },
    Breakage {
        what: "a narrow line that breaks because the server stopped",
        of: "sales across a stop",
        broken: None,
        how: |b| {
            let session = &mut b.transcript.sessions[0];
            (session.end, session.narrow) = (cut(), true);
            b.truth.stops.push((session.ended, session.ended + Duration::from_millis(10)));
        },
    },
    Breakage {
        what: "a good line that breaks because the server stopped",
        of: "sales across a stop",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| {
            let session = &mut b.transcript.sessions[0];
            session.end = cut();
            b.truth.stops.push((session.ended, session.ended + Duration::from_millis(10)));
        },
    },
    Breakage {
        what: "a token of its own that the server does not want any more",
        of: "sales from now",
        broken: Some(Promise::EndsOnlyWithReason),
        how: |b| {
            let session = &mut b.transcript.sessions[1];
            session.frames.clear();
            let reason = "RESUME_TOKEN_FOREIGN".to_owned();
            let message = "it is ahead of the head".to_owned();
            session.end = End::Status { code: Code::FailedPrecondition, reason, message };
        },
    },
    Breakage {
        what: "a watch that does not say that it stands",
        of: "all",
        broken: Some(Promise::Complete),
        how: |b| {
            b.remove(0, 0);
        },
    },
    Breakage {
        what: "a watch that never catches up",
        of: "all",
        broken: Some(Promise::Complete),
        how: |b| b.transcript.sessions[0].end = End::Late,
    },
    Breakage {
        what: "a move without a token",
        of: "all",
        broken: Some(Promise::Resumable),
        how: |b| {
            let frame = b.moves(0)[2];
            b.frames(0)[frame].frame.resume_token.clear();
        },
    },
];
