use std::sync::Arc;

use pawl_domain::EntityId;
use pawl_store::EntityRow;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

/// How much memory the entities that were touched lately may take.
const CAPACITY_BYTES: u64 = 128 * 1_024 * 1_024;
/// What a row takes besides its fields, roughly.
const ROW_BYTES: u64 = 512;

#[derive(Debug, Clone)]
pub(crate) struct RowBytes;

impl Weighter<EntityId, Arc<EntityRow>> for RowBytes {
    fn weight(&self, _: &EntityId, row: &Arc<EntityRow>) -> u64 {
        ROW_BYTES + row.entity.fields.size_bytes() as u64
    }
}

/// The entities that were touched lately: so that memory follows the cache and not the number of
/// entities ever stored.
pub(crate) type EntityCache = Cache<EntityId, Arc<EntityRow>, RowBytes>;

pub(crate) fn entity_cache() -> EntityCache {
    let estimated_items = usize::try_from(CAPACITY_BYTES / ROW_BYTES).unwrap_or(usize::MAX);
    Cache::with_weighter(estimated_items, CAPACITY_BYTES, RowBytes)
}
