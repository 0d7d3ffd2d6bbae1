use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use pawl_domain::{CustomerId, Entity, EntityId, Timestamp};
use prost::Message;

use crate::convert::nanos_since_epoch;
use crate::{Change, Record, Store, StoreError, chunk, keys, pb};

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Sequence of the last record; 0 while there is none.
    pub sequence: u64,
    /// Its commit time.
    pub time: Timestamp,
    /// Moves ever made, those that were trimmed among them.
    pub moves: u64,
    /// Events ever recorded, those that were trimmed among them.
    pub events: u64,
}

/// The latest state of an entity, also of one that was deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityRow {
    /// The entity, or what it was when it was deleted.
    pub entity: Arc<Entity>,
    /// Kept so that the id, created again, continues its revisions (X6).
    pub deleted: bool,
    /// Sequence of the record with its last move, or 0.
    pub last_move: u64,
    /// Sequence of the record that wrote it last (E3).
    pub last_write: u64,
}

/// A customer with an entity that names it, or no longer does.
pub type Link = (CustomerId, EntityId);

/// What changes together.
#[derive(Debug)]
pub struct Batch {
    /// The log's next records, dense.
    pub records: Vec<Arc<Record>>,
    /// The entities that they changed, each once, as they are after the last of them.
    pub entities: Vec<Arc<EntityRow>>,
    /// Which entities begin, or cease, to name which customers.
    pub links: Vec<(Link, bool)>,
    /// Where the log ends then.
    pub head: Head,
}

/// A batch that can be read, but is not yet certain to survive a crash.
#[derive(Debug)]
#[must_use = "a batch is durable only once it is synced"]
pub struct Applied {
    batch: Batch,
    bytes: u64,
}

impl Applied {
    /// How many bytes of keys and values it gave sled.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Batches that survive a crash. Only what is in here may be announced or acknowledged.
#[derive(Debug)]
pub struct Committed(Vec<Batch>);

impl Committed {
    /// The records that became durable, in order.
    pub fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.0.iter().flat_map(|batch| &batch.records)
    }

    /// Where the log ends now, unless nothing was written.
    pub fn head(&self) -> Option<Head> {
        self.0.last().map(|batch| batch.head)
    }
}

impl Store {
    /// Applies a batch: all of it or nothing, visible to reads at once, durable after
    /// [`sync`](Self::sync).
    pub fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        let mut writes = Writes::default();
        let records: Vec<&Record> = batch.records.iter().map(AsRef::as_ref).collect();
        let mut logged = 0;
        for (key, value) in chunk::pack(&records) {
            logged += value.len() as u64;
            writes.insert(&key[..], value);
        }
        // Before a trim can see them, and take them off again.
        self.logged_bytes.fetch_add(logged, Ordering::Relaxed);
        for record in &records {
            if let Some((key, row)) = configuration_row(&record.change) {
                writes.insert(&key, row);
            }
        }
        for row in &batch.entities {
            writes
                .insert(&keys::entity(&row.entity.id), pb::EntityRow::from(&**row).encode_to_vec());
        }
        for ((customer, entity), names) in &batch.links {
            let key = keys::link(customer, entity);
            if *names { writes.insert(&key, Vec::new()) } else { writes.remove(&key) }
        }
        writes.insert(&keys::HEAD[..], pb::Head::from(batch.head).encode_to_vec());
        let Writes { batch: writes, bytes } = writes;
        self.db.apply_batch(writes)?;
        let mut identities = self.identities.write().unwrap_or_else(PoisonError::into_inner);
        for record in &records {
            identities.insert(record);
        }
        drop(identities);
        Ok(Applied { batch, bytes })
    }

    /// Makes batches durable, in the order in which they were applied. When this fails it is not
    /// known what a crash would leave: nothing may be answered, and the process should stop.
    pub fn sync(&self, applied: Vec<Applied>) -> Result<Committed, StoreError> {
        // flush alone hands sled's buffers to the page cache without waiting for the disk, and
        // sync_data alone does not see sled's buffers: only both, in this order, are power-safe.
        self.db.flush()?;
        self.file
            .sync_data()
            .map_err(|source| StoreError::Sync { path: self.file_path.clone(), source })?;
        let committed = Committed(applied.into_iter().map(|applied| applied.batch).collect());
        if let Some(head) = committed.head() {
            self.mark
                .set(head.sequence)
                .map_err(|source| StoreError::Mark { path: self.mark.path().to_owned(), source })?;
        }
        Ok(committed)
    }
}

/// What a batch gives sled, and how much that is.
#[derive(Debug, Default)]
struct Writes {
    batch: sled::Batch,
    bytes: u64,
}

impl Writes {
    fn insert(&mut self, key: &[u8], value: Vec<u8>) {
        self.bytes += (key.len() + value.len()) as u64;
        self.batch.insert(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.bytes += key.len() as u64;
        self.batch.remove(key);
    }
}

/// The row that a change of pipelines, trigger types or triggers writes beside its record.
fn configuration_row(change: &Change) -> Option<(Vec<u8>, Vec<u8>)> {
    Some(match change {
        Change::PipelineWritten(pipeline) | Change::PipelineDeleted(pipeline) => {
            let deleted = matches!(change, Change::PipelineDeleted(_));
            let row = pb::PipelineRow { pipeline: Some(pipeline.into()), deleted };
            (keys::pipeline(&pipeline.id), row.encode_to_vec())
        }
        Change::TriggerTypeWritten(trigger_type) | Change::TriggerTypeDeleted(trigger_type) => {
            let deleted = matches!(change, Change::TriggerTypeDeleted(_));
            let row = pb::TriggerTypeRow { trigger_type: Some(trigger_type.into()), deleted };
            (keys::trigger_type(&trigger_type.code), row.encode_to_vec())
        }
        Change::TriggerWritten(trigger) | Change::TriggerDeleted(trigger) => {
            let deleted = matches!(change, Change::TriggerDeleted(_));
            let row = pb::TriggerRow { trigger: Some(trigger.into()), deleted };
            (keys::trigger(&trigger.id, trigger.version.revision), row.encode_to_vec())
        }
        Change::EventDecided { .. }
        | Change::EntityMoved { .. }
        | Change::EntityUpdated { .. }
        | Change::EntityWritten(_)
        | Change::EntityDeleted(_)
        | Change::EntitiesImported { .. } => return None,
    })
}

impl From<&EntityRow> for pb::EntityRow {
    fn from(row: &EntityRow) -> Self {
        Self {
            entity: Some((&*row.entity).into()),
            deleted: row.deleted,
            last_move: row.last_move,
            last_write: row.last_write,
        }
    }
}

impl From<Head> for pb::Head {
    fn from(head: Head) -> Self {
        Self {
            sequence: head.sequence,
            commit_time_nanos: nanos_since_epoch(head.time),
            moves: head.moves,
            events: head.events,
        }
    }
}
