use std::sync::Arc;

use pawl_domain::{DisplayName, Entity, Fields, Move, Version};
use pawl_store::{EntityRow, StoreError};

use super::filter::{Interest, Standing};
use super::item::{Item, Shown};
use super::sight::{Crossing, Sight};
use super::snapshot::Snapshot;
use super::step::Pick;
use super::stretch::Stretch;
use crate::core::Core;
use crate::token::Position;

/// How one watch looks at stretches.
pub(crate) struct View<'w> {
    pub(crate) sight: &'w Sight,
    pub(crate) interest: &'w Interest,
    /// Nothing before it is shown.
    pub(crate) position: Position,
    pub(crate) snapshot: Option<&'w Snapshot>,
}

/// What of a stretch is shown.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) picks: Vec<Pick>,
    /// The moves before which an entity is to be shown that enters or leaves the filter.
    pub(crate) crossings: Vec<(usize, Crossing)>,
}

impl View<'_> {
    pub(crate) fn choose(&self, stretch: &Stretch) -> Chosen {
        let items = stretch.items();
        let first = items.partition_point(|item| item.at < self.position);
        let mut chosen = Chosen::default();
        if self.shows_all(stretch) {
            // Nothing enters or leaves a filter that shows everything.
            chosen.picks.extend((first < items.len()).then_some(Pick::Items(first..items.len())));
            return chosen;
        }
        let mut look_at = |index: usize| {
            let item = &items[index];
            chosen.crossings.extend(self.crossing(item).map(|crossing| (index, crossing)));
            if self.shows(item) {
                match chosen.picks.last_mut() {
                    Some(Pick::Items(range)) if range.end == index => range.end += 1,
                    _ => chosen.picks.push(Pick::Items(index..index + 1)),
                }
            }
        };
        let named = match self.interest {
            Interest::All => None,
            Interest::Some(key, values) => stretch.with(*key, values),
        };
        match named {
            Some(named) => {
                let named = named.into_iter().map(|index| index as usize);
                named.filter(|index| *index >= first).for_each(look_at);
            }
            None => (first..items.len()).for_each(&mut look_at),
        }
        chosen
    }

    fn shows_all(&self, stretch: &Stretch) -> bool {
        self.sight.is_open()
            && self.snapshot.is_none()
            && (self.sight.show().entity_changes || stretch.is_moves_only())
    }

    fn shows(&self, item: &Item) -> bool {
        let shows = match item.shown() {
            Shown::Move(_, moved) => self.sight.matches(moved),
            Shown::Entity(entity) | Shown::Deleted(entity) => {
                self.sight.show().entity_changes
                    && (self.sight.holds(Standing::of(entity))
                        || item.before().is_some_and(|before| self.sight.holds(before)))
            }
        };
        shows && !self.is_hidden(item)
    }

    fn crossing(&self, item: &Item) -> Option<Crossing> {
        let crossing = self.sight.crossing(item.moved()?)?;
        let shows = self.sight.show().entity_changes
            && item.place_before() >= self.position
            && !self.is_hidden(item);
        shows.then_some(crossing)
    }

    /// Whether the snapshot has shown it already, or will.
    fn is_hidden(&self, item: &Item) -> bool {
        self.snapshot.is_some_and(|snapshot| snapshot.hides(item))
    }
}

impl Chosen {
    /// Reads the entities that enter or leave the filter, and puts each before its move. They may
    /// have changed since; their revision says so. One that is gone by now and leaves is shown as
    /// gone, since outside of the filter nothing more is told of it; one that enters is not shown,
    /// since inside it will be told. So it is with one that is outside of the scope by now; and one
    /// that leaves the scope is gone in any case.
    pub(crate) async fn with_crossings(
        self,
        core: &Arc<Core>,
        sight: &Sight,
        stretch: &Stretch,
    ) -> Result<Vec<Pick>, StoreError> {
        let Self { picks, crossings } = self;
        let moves = crossings.iter().filter_map(|(at, _)| stretch.items()[*at].moved());
        let ids: Vec<_> = moves.map(|moved| moved.entity_id.clone()).collect();
        let rows = core
            .read(move |store| ids.iter().map(|id| store.entity(id)).collect::<Result<Vec<_>, _>>())
            .await??;
        core.settled().await;
        let entities = crossings.iter().zip(rows).filter_map(|((at, crossing), row)| {
            let (row, token) = (row?, stretch.token_before(*at));
            let moved = stretch.items()[*at].moved()?;
            let may_show = sight.may_show(moved, &row.entity);
            let pick = match crossing {
                _ if may_show && !row.deleted => Pick::Entity { token, entity: row.entity },
                Crossing::Enters => return None,
                Crossing::Leaves if may_show => Pick::Deleted { token, entity: row.entity },
                Crossing::Leaves => Pick::Deleted { token, entity: Arc::new(left(moved, &row)) },
            };
            Some((*at, pick))
        });
        let mut entities = entities.peekable();
        let mut merged = Vec::new();
        for pick in picks {
            let Pick::Items(mut range) = pick else { continue };
            while let Some((at, entity)) = entities.next_if(|(at, _)| *at < range.end) {
                if at > range.start {
                    merged.push(Pick::Items(range.start..at));
                    range.start = at;
                }
                merged.push(entity);
            }
            merged.push(Pick::Items(range));
        }
        merged.extend(entities.map(|(_, entity)| entity));
        Ok(merged)
    }
}

/// An entity that a move took out of sight: where it stood, with the move's revision and time, and
/// nothing of what became of it.
fn left(moved: &Move, row: &EntityRow) -> Entity {
    let [before, _] = Standing::around(moved);
    Entity {
        id: moved.entity_id.clone(),
        pipeline_id: before.pipeline_id.clone(),
        stage_id: before.stage_id.clone(),
        display_name: DisplayName::default(),
        responsible: moved.responsible.clone(),
        customer_ids: Vec::new(),
        parent_ids: Vec::new(),
        fields: Fields::default(),
        stage_entered_time: moved.time,
        version: Version {
            revision: moved.entity_revision,
            create_time: row.entity.version.create_time,
            update_time: moved.time,
        },
    }
}
