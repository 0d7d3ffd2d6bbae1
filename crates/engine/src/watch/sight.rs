use pawl_domain::{Entity, Move};

use super::filter::{Interest, Standing};
use super::step::Show;
use crate::Scope;

/// What one watch shows: what it was asked for, as far as the scope of its handle goes.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    show: Show,
    scope: Scope,
}

/// How a move concerns those who keep the entities that are in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crossing {
    Enters,
    Leaves,
}

impl Sight {
    pub(crate) fn new(show: Show, scope: Scope) -> Self {
        Self { show, scope }
    }

    pub(crate) fn show(&self) -> &Show {
        &self.show
    }

    pub(crate) fn interest(&self) -> Interest {
        Interest::of(&self.show.filter, self.show.entity_changes, &self.scope)
    }

    /// Whether everything is shown.
    pub(crate) fn is_open(&self) -> bool {
        self.show.filter.is_open() && !self.scope.is_limited()
    }

    /// Whether a move is shown.
    pub(crate) fn matches(&self, moved: &Move) -> bool {
        self.show.filter.matches(moved) && self.scope.shows_move(moved)
    }

    /// Whether an entity that stands there is shown.
    pub(crate) fn holds(&self, standing: Standing<'_>) -> bool {
        self.show.filter.holds(standing) && self.scope.holds(standing.pipeline_id)
    }

    /// Whether an entity came into sight or went out of it by a move.
    pub(crate) fn crossing(&self, moved: &Move) -> Option<Crossing> {
        let [before, after] = Standing::around(moved).map(|standing| self.holds(standing));
        match (before, after) {
            (false, true) => Some(Crossing::Enters),
            (true, false) => Some(Crossing::Leaves),
            _ => None,
        }
    }

    /// Whether an entity may be shown as it stands after a move, and as it stands now.
    pub(crate) fn may_show(&self, moved: &Move, now: &Entity) -> bool {
        self.scope.holds(&moved.pipeline_id) && self.scope.holds(&now.pipeline_id)
    }
}
