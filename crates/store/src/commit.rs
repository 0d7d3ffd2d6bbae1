use std::sync::{Arc, PoisonError};

use pawl_domain::{CustomerId, Entity, EntityId, Timestamp};
use prost::Message;

use crate::convert::nanos_since_epoch;
use crate::journal::Frame;
use crate::overlay::Layer;
use crate::{Change, Record, Store, StoreError, chunk, keys, pb};

/// How many buffers are kept for the next batches, and how large ones: fresh memory costs more than
/// what is written into it.
const SPARE_BUFFERS: usize = 4;
const SPARE_BYTES: usize = 4 * 1_024 * 1_024;

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
    frame: Frame,
}

impl Applied {
    /// How many bytes of keys and values it gave sled.
    pub fn bytes(&self) -> u64 {
        self.frame.len() as u64
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
    /// [`sync`](Self::sync). A batch has at least one record, and all are [remembered](Self::remember).
    pub fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        let last = batch.head.sequence;
        let first = batch.records.first().map_or(last, |record| record.sequence);
        let mut frame = Frame::new(first, last, self.spare_buffer());
        let mut layer = Layer { records: batch.records.clone(), last, ..Layer::default() };
        layer.segments = chunk::encode(&batch.records);
        layer.segments.iter().for_each(|segment| frame.push_segment(segment));
        for record in &batch.records {
            if let Some((key, row)) = configuration_row(&record.change) {
                frame.push_key(&key, Some(&row));
                layer.configuration.push((key, row));
            }
        }
        for row in &batch.entities {
            let bytes = pb::EntityRow::from(&**row).encode_to_vec();
            frame.push_key(&keys::entity(&row.entity.id), Some(&bytes));
            layer.entities.insert(row.entity.id.clone(), (Arc::clone(row), bytes));
        }
        for ((customer, entity), names) in &batch.links {
            frame.push_key(&keys::link(customer, entity), names.then_some(&[][..]));
            let links = layer.links.entry(customer.clone()).or_default();
            links.insert(entity.clone(), *names);
        }
        layer.head = pb::Head::from(batch.head).encode_to_vec();
        frame.push_key(&keys::HEAD, Some(&layer.head));
        layer.bytes = frame.len();
        self.overlay.push(layer)?;
        Ok(Applied { batch, frame })
    }

    /// Remembers by which names a record is found, which is applied later.
    pub fn remember(&self, record: &Record) {
        self.identities.write().unwrap_or_else(PoisonError::into_inner).insert(record);
    }

    /// Makes batches durable, in the order in which they were applied. When this fails it is not
    /// known what a crash would leave: nothing may be answered, and the process should stop.
    pub fn sync(&self, mut applied: Vec<Applied>) -> Result<Committed, StoreError> {
        let Some(last) = applied.last().map(|applied| applied.frame.last) else {
            return Ok(Committed(Vec::new()));
        };
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut synced = self.checkpoints.synced()?;
        if journal.is_overfull(synced) {
            synced = self.checkpoints.wait()?;
        }
        let frames = applied.iter_mut().map(|applied| &mut applied.frame);
        journal
            .append(frames, synced)
            .map_err(|source| StoreError::Sync { path: journal.path().to_owned(), source })?;
        drop(journal);
        self.mark
            .set(last)
            .map_err(|source| StoreError::Mark { path: self.mark.path().to_owned(), source })?;
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = |applied: Applied| {
            let buffer = applied.frame.into_buffer();
            if spare.len() < SPARE_BUFFERS && buffer.capacity() <= SPARE_BYTES {
                spare.push(buffer);
            }
            applied.batch
        };
        Ok(Committed(applied.into_iter().map(batch).collect()))
    }

    /// How many records were applied that sled does not have yet: the journal has them, and reads
    /// find them in memory.
    pub fn unapplied(&self) -> u64 {
        self.overlay.unapplied()
    }

    /// Makes durable in sled whatever there is, trims and statistics too, which wait for nothing
    /// otherwise: before a process ends.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.overlay.drain()?;
        self.checkpoints.sync()
    }

    fn spare_buffer(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

/// The row that a change of pipelines, trigger types or triggers writes beside its record.
pub(crate) fn configuration_row(change: &Change) -> Option<(Vec<u8>, Vec<u8>)> {
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
