use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pawl_domain::{Entity, EntityId};
use pawl_store::{EntityRow, Page, Store, StoreError};

use super::item::{Item, Shown};
use crate::core::Core;

/// How many entities one part of a snapshot has at most.
const PART: usize = 500;

/// A scan of all entities beside a log that goes on: parts of the scan and stretches of the log take
/// turns, so that each entity is shown as of one committed point and exactly its later moves follow
/// (W1).
///
/// A part is read and waits until all that it may have seen is durable. Its entities are shown. Then
/// the log is looked at up to there: what a row of the part holds already is skipped; so is what
/// happens to entities that are yet to be scanned, since their rows will hold it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Everything up to this id was scanned; `None` when everything was.
    scanned: Option<String>,
    /// The last record that wrote each row of the latest part.
    rows: HashMap<EntityId, u64>,
    /// The latest part holds nothing that is younger.
    reached: u64,
    /// Only these, when the filter names them.
    ids: Arc<[EntityId]>,
    shown: u64,
}

/// What to scan next.
pub(crate) struct Part {
    after: String,
    ids: Arc<[EntityId]>,
}

/// A part of the scan.
pub(crate) struct Scanned {
    page: Page<EntityRow>,
    /// It saw nothing that is younger than this record, which is durable.
    reached: u64,
}

impl Snapshot {
    pub(crate) fn begin(ids: &HashSet<EntityId>) -> Self {
        let mut ids: Vec<EntityId> = ids.iter().cloned().collect();
        ids.sort_unstable();
        let (scanned, rows) = (Some(String::new()), HashMap::new());
        Self { scanned, rows, reached: 0, ids: ids.into(), shown: 0 }
    }

    /// Up to here the log has to be looked at before the scan goes on.
    pub(crate) fn reached(&self) -> u64 {
        self.reached
    }

    pub(crate) fn is_done(&self) -> bool {
        self.scanned.is_none()
    }

    /// How many entities were shown.
    pub(crate) fn shown(&self) -> u64 {
        self.shown
    }

    pub(crate) fn next_part(&self) -> Part {
        Part { after: self.scanned.clone().unwrap_or_default(), ids: Arc::clone(&self.ids) }
    }

    /// Takes a part, and gives those of its entities that are to be shown.
    pub(crate) fn take(
        &mut self,
        scanned: Scanned,
        is_shown: impl Fn(&Entity) -> bool,
    ) -> Vec<Arc<Entity>> {
        let Scanned { page: Page { items, next }, reached } = scanned;
        self.scanned = next;
        self.reached = reached;
        self.rows = items.iter().map(|row| (row.entity.id.clone(), row.last_write)).collect();
        let shown = items.into_iter().filter(|row| !row.deleted && is_shown(&row.entity));
        let shown: Vec<_> = shown.map(|row| row.entity).collect();
        self.shown += shown.len() as u64;
        shown
    }

    /// Whether what happened to an entity is part of the row that was scanned, or will be.
    pub(crate) fn hides(&self, item: &Item) -> bool {
        let id = match item.shown() {
            Shown::Move(_, moved) => &moved.entity_id,
            Shown::Entity(entity) | Shown::Deleted(entity) => &entity.id,
        };
        match (self.rows.get(id), &self.scanned) {
            (Some(last_write), _) => item.at.sequence <= *last_write,
            (None, Some(scanned)) => id.as_str() > scanned.as_str(),
            (None, None) => false,
        }
    }
}

impl Part {
    pub(crate) async fn scan(self, core: &Arc<Core>) -> Result<Scanned, StoreError> {
        let Self { after, ids } = self;
        let read = move |store: &Store| {
            if ids.is_empty() {
                return store.entity_rows(&after, PART);
            }
            let rows: Result<Vec<_>, _> = ids.iter().map(|id| store.entity(id)).collect();
            Ok(Page { items: rows?.into_iter().flatten().collect(), next: None })
        };
        let page = core.catch_up(read, |page| page.items.len()).await?;
        let reached = core.settled().await;
        Ok(Scanned { page, reached })
    }
}
