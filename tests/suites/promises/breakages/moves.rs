//! Moves that are left out, shown twice, in the wrong order, or by mistake.

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use super::Breakage;
use super::good::OVER;
use crate::transcript::{Session, Start};
use crate::validator::Promise;

pub(super) const BREAKAGES: &[Breakage] = &[
    Breakage {
        what: "a move is left out",
        of: "all",
        broken: Some(Promise::Complete),
        how: |b| {
            let moves = b.moves(0);
            b.remove(0, moves[7]);
        },
    },
    Breakage {
        what: "the last move is left out",
        of: "all",
        broken: Some(Promise::Complete),
        how: |b| {
            let moves = b.moves(0);
            b.remove(0, moves[moves.len() - 1]);
        },
    },
    Breakage {
        what: "the first move is left out",
        of: "all",
        broken: Some(Promise::Complete),
        how: |b| {
            let moves = b.moves(0);
            b.remove(0, moves[0]);
        },
    },
    Breakage {
        what: "a move is left out in a session that is resumed",
        of: "sales from now",
        broken: Some(Promise::Complete),
        how: |b| {
            let moves = b.moves(0);
            b.remove(0, moves[1]);
        },
    },
    Breakage {
        what: "a move after the joint is left out",
        of: "sales from now",
        broken: Some(Promise::Complete),
        how: |b| {
            let moves = b.moves(1);
            b.remove(1, moves[2]);
        },
    },
    Breakage {
        what: "a move of before the watch",
        of: "sales from now",
        broken: Some(Promise::Complete),
        how: |b| {
            let early = b.truth.moves[0].moved.clone();
            b.insert(0, 1, Frame::Move(early));
        },
    },
    Breakage {
        what: "a move twice in a row",
        of: "all",
        broken: Some(Promise::Unique),
        how: |b| {
            let moves = b.moves(0);
            b.repeat(0, moves[3], moves[3] + 1);
        },
    },
    Breakage {
        what: "a move once more at the end",
        of: "all",
        broken: Some(Promise::Unique),
        how: |b| {
            let moves = b.moves(0);
            b.repeat(0, moves[3], moves[moves.len() - 1]);
        },
    },
    Breakage {
        what: "a move of the first session late in the second",
        of: "sales from now",
        broken: Some(Promise::Unique),
        how: |b| {
            let (first, second) = (b.moves(0), b.moves(1));
            let old = b.move_mut(0, first[0]).clone();
            b.insert(1, second[2] + 1, Frame::Move(old));
        },
    },
    Breakage {
        what: "two moves of one entity in the wrong order",
        of: "all",
        broken: Some(Promise::Ordered),
        how: |b| {
            let moves = b.moves(0);
            let one = moves.iter().position(|at| b.move_mut(0, *at).entity_id == "deal/2");
            let one = moves[one.expect("it moves")];
            let id = |b: &mut super::Broken, at| b.move_mut(0, at).entity_id.clone();
            let other = moves.iter().find(|at| **at > one && id(b, **at) == "deal/2");
            b.swap(0, one, *other.expect("it moves again"));
        },
    },
    Breakage {
        what: "the order of two moves of two entities, which nobody promised",
        of: "all",
        broken: None,
        how: |b| {
            let moves = b.moves(0);
            b.swap(0, moves[0], moves[1]);
        },
    },
    Breakage {
        what: "the first move after the joint is left out",
        of: "sales from now",
        broken: Some(Promise::Resumable),
        how: |b| {
            let moves = b.moves(1);
            b.remove(1, moves[0]);
        },
    },
    Breakage {
        what: "the last move before the joint is shown again",
        of: "sales from now",
        broken: Some(Promise::Resumable),
        how: |b| {
            let moves = b.moves(0);
            let old = b.move_mut(0, moves[moves.len() - 1]).clone();
            b.insert(1, 1, Frame::Move(old));
        },
    },
    Breakage {
        what: "a session begins far too late",
        of: "sales across a stop",
        broken: Some(Promise::Resumable),
        how: |b| {
            for frame in b.moves(1).into_iter().take(3).rev() {
                b.remove(1, frame);
            }
        },
    },
    Breakage {
        what: "a wider filter reaches back before the joint",
        of: "sales from now",
        broken: Some(Promise::Resumable),
        how: |b| {
            b.transcript.sessions[1].filter = pb::MoveFilter::default();
            wide(b, 0);
        },
    },
    Breakage {
        what: "a wider filter from the joint on",
        of: "sales from now",
        broken: None,
        how: |b| {
            b.transcript.sessions[1].filter = pb::MoveFilter::default();
            let frames = b.moves(0);
            let last = b.move_mut(0, frames[frames.len() - 1]).move_id.clone();
            let from = b.truth.place(&last).expect("it is in the log") + 1;
            wide(b, from);
        },
    },
    Breakage {
        what: "a move that does not match",
        of: "sales from now",
        broken: Some(Promise::FilterExact),
        how: |b| {
            let moves = b.moves(0);
            let id = b.move_mut(0, moves[0]).move_id.clone();
            let from = b.truth.place(&id).expect("it is in the log");
            let mut foreign = b.truth.moves[from..].iter().map(|one| &one.moved);
            let foreign = foreign.find(|moved| moved.pipeline_id == "leads").expect("one moves");
            let foreign = foreign.clone();
            b.insert(0, moves[0] + 1, Frame::Move(foreign));
        },
    },
    Breakage {
        what: "a move that never was",
        of: "all",
        broken: Some(Promise::TrueToTheLog),
        how: |b| {
            let moves = b.moves(0);
            let mut made_up = b.move_mut(0, moves[4]).clone();
            "9999-0".clone_into(&mut made_up.move_id);
            b.insert(0, moves[4], Frame::Move(made_up));
        },
    },
    Breakage {
        what: "a move that went elsewhere",
        of: "all",
        broken: Some(Promise::TrueToTheLog),
        how: |b| {
            let moves = b.moves(0);
            "nowhere".clone_into(&mut b.move_mut(0, moves[4]).to_stage_id);
        },
    },
    Breakage {
        what: "a watch of retained moves that begins after the first of them",
        of: "all",
        broken: Some(Promise::Complete),
        how: |b| {
            b.truth.retained_from = 2;
            for frame in b.moves(0).into_iter().take(3).rev() {
                b.remove(0, frame);
            }
        },
    },
    Breakage {
        what: "a watch of retained moves that begins with the first of them",
        of: "all",
        broken: None,
        how: |b| {
            b.truth.retained_from = 2;
            for frame in b.moves(0).into_iter().take(2).rev() {
                b.remove(0, frame);
            }
        },
    },
];

/// Makes the second session one of all moves from a place on.
fn wide(b: &mut super::Broken, from: usize) {
    for frame in b.moves(1).into_iter().rev() {
        b.remove(1, frame);
    }
    let Session { start, .. } = &b.transcript.sessions[1];
    assert!(matches!(start, Start::Resume(_)));
    let all: Vec<_> = b.truth.moves[from..].iter().map(|one| one.moved.clone()).collect();
    // All at once, when they are long over.
    let at = b.frames(1).iter().rposition(|seen| seen.at < OVER).expect("it is long");
    for moved in all.into_iter().rev() {
        b.insert(1, at, Frame::Move(moved));
    }
    // What the heartbeats before that say is not true of this session.
    for frame in b.heartbeats(1).into_iter().filter(|frame| *frame < at).rev() {
        let seen = b.remove(1, frame);
        let next = &mut b.frames(1)[frame];
        next.at = next.at.max(seen.at);
    }
    b.transcript.sessions[1].eager = false;
}
