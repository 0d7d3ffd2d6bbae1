use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use pawl_domain::{CustomerId, Entity, EntityId};
use prost::Message;

use crate::commit::configuration_row;
use crate::read::entity_of;
use crate::{Change, EntityRow, Record, StoreError, keys, pb};

/// Does once more what a record did to rows, unless they hold it already.
pub(super) fn replay(db: &sled::Db, record: &Record) -> Result<(), StoreError> {
    if let Some((key, row)) = configuration_row(&record.change) {
        db.insert(key, row)?;
    }
    let mut replay = Replay { db, record, rows: HashMap::new() };
    match &record.change {
        Change::EntityWritten(entity) => replay.write(entity, false)?,
        Change::EntityDeleted(entity) => replay.write(entity, true)?,
        Change::EntitiesImported { entities, .. } => {
            for entity in entities {
                replay.write(entity, false)?;
            }
        }
        Change::EntityUpdated { entity, .. } => {
            replay.write(entity, false)?;
            replay.moves()?;
        }
        // Its first move is the one by hand, of which the entity is the outcome.
        Change::EntityMoved { .. } | Change::EventDecided { .. } => replay.moves()?,
        _ => {}
    }
    replay.finish()
}

/// The state of an entity before a record, and the newest one so far.
type Before = (Option<EntityRow>, Option<EntityRow>);

/// The rows that one record wrote.
struct Replay<'a> {
    db: &'a sled::Db,
    record: &'a Record,
    /// As they were before it, and as they are so far; `None` for those that hold it already.
    rows: HashMap<EntityId, Option<(Option<EntityRow>, EntityRow)>>,
}

impl Replay<'_> {
    fn stored(&self, id: &EntityId) -> Result<Option<EntityRow>, StoreError> {
        let Some(value) = self.db.get(keys::entity(id))? else { return Ok(None) };
        let damaged = |problem: String| StoreError::damaged(format!("entity {id}"), problem);
        let row = pb::EntityRow::decode(&*value).map_err(|error| damaged(error.to_string()))?;
        entity_of(row).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// The newest state of an entity, and the one before the record; `None` when its row is of this
    /// record or a later one.
    fn before(&self, id: &EntityId) -> Result<Option<Before>, StoreError> {
        match self.rows.get(id) {
            Some(None) => Ok(None),
            Some(Some((before, now))) => Ok(Some((before.clone(), Some(now.clone())))),
            None => {
                let row = self.stored(id)?;
                let is_behind = |row: &EntityRow| row.last_write < self.record.sequence;
                Ok(row.as_ref().is_none_or(is_behind).then(|| (row.clone(), row)))
            }
        }
    }

    /// A state that the record holds whole.
    fn write(&mut self, entity: &Entity, deleted: bool) -> Result<(), StoreError> {
        let Some((before, now)) = self.before(&entity.id)? else {
            self.rows.insert(entity.id.clone(), None);
            return Ok(());
        };
        let revision = |row: &EntityRow| row.entity.version.revision;
        if !deleted && now.as_ref().is_some_and(|now| revision(now) == entity.version.revision) {
            // It only remembers a request.
            return Ok(());
        }
        let row = EntityRow {
            entity: Arc::new(entity.clone()),
            deleted,
            last_move: now.map_or(0, |now| now.last_move),
            last_write: self.record.sequence,
        };
        self.rows.insert(entity.id.clone(), Some((before, row)));
        Ok(())
    }

    fn moves(&mut self) -> Result<(), StoreError> {
        for moved in self.record.moves() {
            let id = &moved.entity_id;
            let Some((before, now)) = self.before(id)? else {
                self.rows.insert(id.clone(), None);
                continue;
            };
            let Some(now) = now else {
                let place = format!("record {}", self.record.sequence);
                return Err(StoreError::damaged(
                    place,
                    format!("it moves {id}, which is not there"),
                ));
            };
            let row = EntityRow {
                entity: Arc::new(now.entity.moved(moved)),
                deleted: now.deleted,
                last_move: self.record.sequence,
                last_write: self.record.sequence,
            };
            self.rows.insert(id.clone(), Some((before, row)));
        }
        Ok(())
    }

    /// Writes the rows, and the links that they begin or cease to imply.
    fn finish(self) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (before, after) in self.rows.into_values().flatten() {
            let id = &after.entity.id;
            batch.insert(keys::entity(id), pb::EntityRow::from(&after).encode_to_vec());
            let (old, new) =
                (before.as_ref().map(customers).unwrap_or_default(), customers(&after));
            for customer in old.difference(&new) {
                batch.remove(keys::link(customer, id));
            }
            for customer in new {
                batch.insert(keys::link(&customer, id), Vec::new());
            }
        }
        Ok(self.db.apply_batch(batch)?)
    }
}

fn customers(row: &EntityRow) -> BTreeSet<CustomerId> {
    let ids = row.entity.customer_ids.iter().filter(|_| !row.deleted);
    ids.cloned().collect()
}
