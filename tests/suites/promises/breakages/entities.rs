//! Snapshots and boards that show what is not so.

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use super::{Breakage, Broken};
use crate::truth::State;
use crate::validator::Promise;

const WRONG: Option<Promise> = Some(Promise::SnapshotConsistent);

/// Says another number of entities in the snapshot.
fn count(b: &mut Broken, by: i64) {
    let complete = b.transcript.sessions[0].completed().expect("it is a snapshot");
    match &mut b.frames(0)[complete].frame.frame {
        Some(Frame::SnapshotComplete(told)) => told.entity_count += by,
        other => panic!("not complete: {other:?}"),
    }
}

/// An entity as it was with a revision.
fn once(b: &Broken, id: &str, revision: i64) -> pb::Entity {
    match &b.truth.revision(id, revision).expect("it had that revision").state {
        State::Alive(entity) => pb::Entity::clone(entity),
        other => panic!("it was {other:?}"),
    }
}

pub(super) const BREAKAGES: &[Breakage] = &[
    Breakage {
        what: "an entity with another's name",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let first = b.entities(0)[0];
            "another".clone_into(&mut b.entity_mut(0, first).display_name);
        },
    },
    Breakage {
        what: "an entity as it was long ago",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let first = b.entities(0)[0];
            let id = b.entity_mut(0, first).entity_id.clone();
            *b.entity_mut(0, first) = once(b, &id, 1);
        },
    },
    Breakage {
        what: "an entity as it will be",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let first = b.entities(0)[0];
            let id = b.entity_mut(0, first).entity_id.clone();
            *b.entity_mut(0, first) = once(b, &id, 6);
        },
    },
    Breakage {
        what: "an entity twice",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let first = b.entities(0)[0];
            b.repeat(0, first, first + 1);
            count(b, 1);
        },
    },
    Breakage {
        what: "entities in the wrong order",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let entities = b.entities(0);
            b.swap(0, entities[0], entities[1]);
        },
    },
    Breakage {
        what: "an entity is left out",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let first = b.entities(0)[0];
            b.remove(0, first);
            count(b, -1);
        },
    },
    Breakage {
        what: "one entity too many is told of",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| count(b, 1),
    },
    Breakage {
        what: "an entity that never matched",
        of: "snapshot of sales",
        broken: Some(Promise::FilterExact),
        how: |b| {
            let entities = b.entities(0);
            let lead = once(b, "lead/1", 2);
            b.insert(0, entities[entities.len() - 1] + 1, Frame::Entity(lead));
            count(b, 1);
        },
    },
    Breakage {
        what: "a token before the snapshot is complete",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let first = b.entities(0)[0];
            b.frames(0)[first].frame.resume_token = b"5".to_vec().into();
        },
    },
    Breakage {
        what: "complete twice",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let complete = b.transcript.sessions[0].completed().expect("it is a snapshot");
            b.repeat(0, complete, complete + 1);
        },
    },
    Breakage {
        what: "complete where nobody asked for a snapshot",
        of: "all",
        broken: WRONG,
        how: |b| {
            let complete = pb::SnapshotComplete { entity_count: 0 };
            b.insert(0, 1, Frame::SnapshotComplete(complete));
        },
    },
    Breakage {
        what: "a move that the snapshot holds already",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let complete = b.transcript.sessions[0].completed().expect("it is a snapshot");
            let early = b.truth.moves[0].moved.clone();
            b.insert(0, complete + 1, Frame::Move(early));
        },
    },
    Breakage {
        what: "the first move after the snapshot is left out",
        of: "snapshot of sales",
        broken: WRONG,
        how: |b| {
            let moves = b.moves(0);
            b.remove(0, moves[0]);
        },
    },
    Breakage {
        what: "a change to a board is left out",
        of: "board of ann's",
        broken: WRONG,
        how: |b| {
            let entities = b.entities(1);
            b.remove(1, entities[entities.len() - 1]);
        },
    },
    Breakage {
        what: "a deletion is left out",
        of: "board of ann's",
        broken: WRONG,
        how: |b| {
            let gone = b.find(1, |frame| matches!(frame, Frame::EntityDeleted(_)));
            b.remove(1, gone[gone.len() - 1]);
        },
    },
    Breakage {
        what: "one that left the board is not told of",
        of: "board of offers",
        broken: WRONG,
        how: |b| {
            let left = |frame: &Frame| {
                let Frame::Entity(entity) = frame else { return false };
                entity.entity_id == "deal/2" && entity.stage_id != "offer"
            };
            let left = b.find(0, left);
            b.remove(0, left[left.len() - 1]);
        },
    },
    Breakage {
        what: "a deletion of what stood elsewhere",
        of: "board of ann's",
        broken: WRONG,
        how: |b| {
            let gone = b.find(1, |frame| matches!(frame, Frame::EntityDeleted(_)));
            match &mut b.frames(1)[gone[0]].frame.frame {
                Some(Frame::EntityDeleted(gone)) => "nowhere".clone_into(&mut gone.stage_id),
                other => panic!("not deleted: {other:?}"),
            }
        },
    },
    Breakage {
        what: "an old state of an entity after a newer one",
        of: "board of ann's",
        broken: Some(Promise::Ordered),
        how: |b| {
            let old = once(b, "deal/1", 1);
            let deleted = b.find(1, |frame| matches!(frame, Frame::EntityDeleted(_)));
            // It is deleted in the end, whatever is shown before.
            b.insert(1, deleted[deleted.len() - 1], Frame::Entity(old));
        },
    },
    Breakage {
        what: "an entity that does not belong to the board",
        of: "board of offers",
        broken: Some(Promise::FilterExact),
        how: |b| {
            let lead = once(b, "lead/1", 1);
            let complete = b.transcript.sessions[0].completed().expect("it is a snapshot");
            b.insert(0, complete + 1, Frame::Entity(lead));
        },
    },
    Breakage {
        what: "an entity where only moves are asked for",
        of: "snapshot of sales",
        broken: Some(Promise::FilterExact),
        how: |b| {
            let deal = once(b, "deal/1", 1);
            let complete = b.transcript.sessions[0].completed().expect("it is a snapshot");
            b.insert(0, complete + 1, Frame::Entity(deal));
        },
    },
];
