//! Entities as they are shown beside the moves: each as it was, in order, of the filter or just out
//! of it; and a client that keeps them ends with what the server has.

use std::collections::BTreeMap;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use super::{Findings, Promise};
use crate::matching::{holds, shows};
use crate::transcript::{End, Path, Place, Session, Start};
use crate::truth::{History, State, Truth, after, brief};

pub(super) fn check(truth: &Truth, path: &Path<'_>, out: &mut Findings) {
    let mut look = Look { truth, boards: Policy::ALL.map(Board::new), shown: BTreeMap::new() };
    for part in &path.parts {
        for (frame, seen) in part.frames.iter().enumerate() {
            let at = Place { session: part.number, frame };
            match seen.what() {
                Some(Frame::Entity(entity)) => {
                    let in_snapshot = part.session.in_snapshot(frame);
                    look.entity(part.session, at, entity, in_snapshot, out);
                }
                Some(Frame::EntityDeleted(gone)) => look.deleted(part.session, at, gone, out),
                Some(Frame::Move(moved)) => look.moved(part.session, moved),
                _ => {}
            }
        }
    }
    let last = path.last();
    let whole = |session: &Session| session.entity_changes && session.filter == last.session.filter;
    if last.session.end == End::Settled && path.parts.iter().all(|part| whole(part.session)) {
        let at = Place { session: last.number, frame: last.frames.len().saturating_sub(1) };
        for board in &look.boards {
            board.compare(truth, path, at, out);
        }
    }
}

/// Goes through what is shown, with boards beside.
struct Look<'a> {
    truth: &'a Truth,
    boards: [Board<'a>; 2],
    /// Up to which revision of an entity its moves were shown.
    shown: BTreeMap<&'a str, i64>,
}

impl<'a> Look<'a> {
    fn entity(
        &mut self,
        session: &Session,
        at: Place,
        entity: &'a pb::Entity,
        in_snapshot: bool,
        out: &mut Findings,
    ) {
        let id = entity.entity_id.as_str();
        if !session.entity_changes && !in_snapshot {
            out.add(Promise::FilterExact, at, format!("nobody asked for entities such as {id}"));
            return;
        }
        match self.truth.revision(id, entity.revision).map(|revision| &revision.state) {
            Some(State::Unknown) => {}
            Some(State::Alive(truth)) if **truth == *entity => {}
            other => {
                let what = format!("{} was {other:?}", brief(entity));
                out.add(Promise::SnapshotConsistent, at, what);
            }
        }
        let matches = holds(&session.filter, entity);
        // While a snapshot is taken changes of what it has shown come too.
        let may_have_left = session.entity_changes && self.left(session, id, entity.revision);
        if !matches && !may_have_left {
            let before = self.truth.entities.get(id).map(|history| {
                let before = history.range(..entity.revision).rev().take(6);
                before.map(|(number, one)| format!("{number} {}", one.state)).collect::<Vec<_>>()
            });
            let what = format!("{} does not match; before: {before:?}", brief(entity));
            out.add(Promise::FilterExact, at, what);
        }
        self.order(at, id, entity.revision, "shown", out);
        for board in &mut self.boards {
            board.put(id, entity.revision, Some(entity.clone()));
        }
    }

    fn deleted(
        &mut self,
        session: &Session,
        at: Place,
        gone: &'a pb::EntityDeleted,
        out: &mut Findings,
    ) {
        let id = gone.entity_id.as_str();
        if !session.entity_changes {
            out.add(Promise::FilterExact, at, format!("nobody asked whether {id} is deleted"));
            return;
        }
        let place =
            State::Gone { pipeline_id: gone.pipeline_id.clone(), stage_id: gone.stage_id.clone() };
        match self.truth.revision(id, gone.revision).map(|revision| &revision.state) {
            Some(State::Unknown) => {}
            Some(truth) if *truth == place => {}
            other => {
                let what = format!("{gone:?} was {other:?}");
                out.add(Promise::SnapshotConsistent, at, what);
            }
        }
        if !self.left(session, id, gone.revision) {
            out.add(Promise::FilterExact, at, format!("it did not match: {gone:?}"));
        }
        self.order(at, id, gone.revision, "deleted", out);
        for board in &mut self.boards {
            board.put(id, gone.revision, None);
        }
    }

    fn moved(&mut self, session: &Session, moved: &'a pb::Move) {
        // Whether the moves come in order is told elsewhere, as is what does not match.
        if session.entity_changes && shows(&session.filter, moved) {
            let shown = self.shown.entry(&moved.entity_id).or_default();
            *shown = moved.entity_revision.max(*shown);
            for board in &mut self.boards {
                board.apply(moved);
            }
        }
    }

    /// An entity may be ahead of the moves that follow, never behind those that came.
    fn order(&self, at: Place, id: &str, revision: i64, what: &str, out: &mut Findings) {
        if let Some(shown) = self.shown.get(id)
            && revision < *shown
        {
            out.add(Promise::Ordered, at, format!("{id} {what} with {revision} after {shown}"));
        }
    }

    /// Whether the entity matched at some time before this revision, since the client last heard of
    /// it: it is shown as it stands, which may be later than when it entered or left.
    fn left(&self, session: &Session, id: &str, revision: i64) -> bool {
        let kept = self.boards.iter().any(|board| {
            board
                .kept
                .get(id)
                .and_then(|(_, kept)| kept.as_ref())
                .is_some_and(|kept| holds(&session.filter, kept))
        });
        // An update and the move that it caused are one step, hence two back at least.
        let heard = self.shown.get(id).copied().unwrap_or_default().min(revision - 2);
        let before = (heard..revision).filter_map(|number| self.truth.revision(id, number));
        let mut before = before.map(|revision| &revision.state);
        kept || before.any(|state| match state {
            State::Alive(entity) => holds(&session.filter, entity),
            State::Unknown => true,
            State::Gone { .. } => false,
        })
    }
}

/// How a client keeps entities. Nobody has told it to do it in one way or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// What comes last is right.
    Latest,
    /// The greatest revision is right.
    Greatest,
}

impl Policy {
    const ALL: [Self; 2] = [Self::Latest, Self::Greatest];
}

/// What a client makes of what it sees: a live board.
struct Board<'a> {
    policy: Policy,
    /// By id, with the revision; `None` when it was deleted.
    kept: BTreeMap<&'a str, (i64, Option<pb::Entity>)>,
}

impl<'a> Board<'a> {
    fn new(policy: Policy) -> Self {
        Self { policy, kept: BTreeMap::new() }
    }

    fn put(&mut self, id: &'a str, revision: i64, entity: Option<pb::Entity>) {
        let known = self.kept.get(id).map_or(0, |(known, _)| *known);
        if self.policy == Policy::Latest || revision >= known {
            self.kept.insert(id, (revision, entity));
        }
    }

    fn apply(&mut self, moved: &pb::Move) {
        if let Some((revision, Some(kept))) = self.kept.get_mut(&*moved.entity_id)
            && moved.entity_revision > *revision
        {
            *kept = after(kept, moved);
            kept.responsible.clone_from(&moved.responsible);
            *revision = moved.entity_revision;
        }
    }

    /// The client has what the server has.
    fn compare(&self, truth: &Truth, path: &Path<'_>, at: Place, out: &mut Findings) {
        let filter = &path.last().session.filter;
        let there: BTreeMap<_, _> = truth
            .standing()
            .filter(|entity| holds(filter, entity))
            .map(|entity| (entity.entity_id.as_str(), entity))
            .collect();
        let kept = self.kept.iter().filter_map(|(id, (_, kept))| Some((*id, kept.as_ref()?)));
        let kept: BTreeMap<_, _> = kept.filter(|(_, kept)| holds(filter, kept)).collect();
        let policy = self.policy;
        for (id, kept) in &kept {
            if there.get(id) != Some(kept) {
                let last = truth.entities.get(*id).and_then(History::last_key_value);
                let last = last.map(|(number, one)| format!("{number} {}", one.state));
                let what = format!("in the end ({policy:?}) {} is {last:?}", brief(kept));
                out.add(Promise::SnapshotConsistent, at, what);
            }
        }
        for id in there.keys().filter(|id| !kept.contains_key(*id)) {
            if path.root().start == Start::Snapshot || must_have_come(truth, path, id) {
                let what = format!("in the end ({policy:?}) {id} is missing");
                out.add(Promise::SnapshotConsistent, at, what);
            }
        }
    }
}

/// Whether the entity was written, other than by a move, since the watch stands.
fn must_have_come(truth: &Truth, path: &Path<'_>, id: &str) -> bool {
    let Some(since) = path.root().stands_since() else { return false };
    let is_move = |revision: i64| {
        let mut moves = truth.moves.iter().map(|one| &one.moved);
        moves.any(|moved| moved.entity_id == id && moved.entity_revision == revision)
    };
    let mut history = truth.entities[id].iter();
    history.any(|(number, revision)| revision.span.surely_after(since) && !is_move(*number))
}
