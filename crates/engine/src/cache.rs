use std::sync::Arc;

use foldhash::fast::RandomState;
use pawl_domain::{CustomerId, Entity, EntityId};
use pawl_store::EntityRow;
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};

/// How much memory the entities that were touched lately may take.
const CAPACITY_BYTES: u64 = 128 * 1_024 * 1_024;
/// What a row takes besides its fields, roughly.
const ROW_BYTES: u64 = 512;
const LINK_BYTES: usize = 32;
const OVERHEAD: u64 = 4;

#[derive(Debug, Clone)]
pub(crate) struct RowBytes;

impl Weighter<EntityId, Arc<EntityRow>> for RowBytes {
    fn weight(&self, _: &EntityId, row: &Arc<EntityRow>) -> u64 {
        let Entity { fields, customer_ids, parent_ids, .. } = &*row.entity;
        let links = customer_ids.iter().map(CustomerId::as_str);
        let links = links.chain(parent_ids.iter().map(EntityId::as_str));
        // Maps and shared texts take several times what they hold.
        let held = fields.size_bytes() + links.map(|id| LINK_BYTES + id.len()).sum::<usize>();
        ROW_BYTES + OVERHEAD * held as u64
    }
}

/// The entities that were touched lately: so that memory follows the cache and not the number of
/// entities ever stored.
pub(crate) type EntityCache = Cache<EntityId, Arc<EntityRow>, RowBytes, RandomState>;

pub(crate) fn entity_cache() -> EntityCache {
    let estimated_items = usize::try_from(CAPACITY_BYTES / ROW_BYTES).unwrap_or(usize::MAX);
    let (hasher, lifecycle) = (RandomState::default(), DefaultLifecycle::default());
    Cache::with(estimated_items, CAPACITY_BYTES, RowBytes, hasher, lifecycle)
}
