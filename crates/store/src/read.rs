use std::collections::BTreeSet;

use pawl_domain::{
    CustomerId, Entity, EntityId, Pipeline, PipelineId, Rejection, Trigger, TriggerId, TriggerType,
    TypeCode,
};
use prost::Message;

use crate::convert::from_nanos_since_epoch;
use crate::keys::{self, Family};
use crate::{EntityRow, Head, Store, StoreError, pb};

/// Some of a list, in the order of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What was asked for.
    pub items: Vec<T>,
    /// The id after which to go on; `None` at the end. A page can end before it is full.
    pub next: Option<String>,
}

/// A stored resource with whether it is deleted.
pub type Row<T> = (T, bool);

/// How many keys one page may look at: bounds how long a list holds back the writer.
const SCAN_MAX: usize = 10_000;
/// How many bytes of rows one page may give: clients refuse messages above 4 MiB.
const PAGE_MAX_BYTES: usize = 1_024 * 1_024;

/// Where the log in a database ends.
pub(crate) fn head_in(db: &sled::Db) -> Result<Head, StoreError> {
    let row: pb::Head = get(db, &keys::HEAD)?.unwrap_or_default();
    Ok(Head {
        sequence: row.sequence,
        time: from_nanos_since_epoch(row.commit_time_nanos),
        moves: row.moves,
        events: row.events,
    })
}

fn get<M: Message + Default>(db: &sled::Db, key: &[u8]) -> Result<Option<M>, StoreError> {
    let value = db.get(key)?;
    value.map(|value| M::decode(&*value)).transpose().map_err(|error| {
        StoreError::damaged(format!("row {}", String::from_utf8_lossy(&key[1..])), error)
    })
}

impl Store {
    /// Where the log ends.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.overlay.drain()?;
        head_in(&self.db)
    }

    /// A pipeline, also one that was deleted.
    pub fn pipeline(&self, id: &PipelineId) -> Result<Option<Row<Pipeline>>, StoreError> {
        self.get(&keys::pipeline(id))?.map(pipeline_of).transpose().map_err(damage(id))
    }

    /// A trigger type, also one that was deleted.
    pub fn trigger_type(&self, code: &TypeCode) -> Result<Option<Row<TriggerType>>, StoreError> {
        self.get(&keys::trigger_type(code))?.map(type_of).transpose().map_err(damage(code))
    }

    /// The latest revision of a trigger, also of one that was deleted (T9).
    pub fn trigger(&self, id: &TriggerId) -> Result<Option<Row<Trigger>>, StoreError> {
        self.overlay.drain()?;
        match self.db.scan_prefix(keys::trigger_revisions(id)).next_back() {
            None => Ok(None),
            Some(entry) => decode(&entry?.1).and_then(trigger_of).map(Some).map_err(damage(id)),
        }
    }

    /// One revision of a trigger (T9).
    pub fn trigger_revision(
        &self,
        id: &TriggerId,
        revision: i64,
    ) -> Result<Option<Row<Trigger>>, StoreError> {
        self.get(&keys::trigger(id, revision))?.map(trigger_of).transpose().map_err(damage(id))
    }

    /// An entity, also one that was deleted.
    pub fn entity(&self, id: &EntityId) -> Result<Option<EntityRow>, StoreError> {
        if let Some(row) = self.overlay.entity(id) {
            return Ok(Some(row));
        }
        get(&self.db, &keys::entity(id))?.map(entity_of).transpose().map_err(damage(id))
    }

    /// Pipelines in the order of their ids.
    pub fn pipelines(
        &self,
        after: &str,
        limit: usize,
        keep: impl Fn(&Pipeline) -> bool,
    ) -> Result<Page<Pipeline>, StoreError> {
        let live = |(pipeline, deleted): Row<Pipeline>| {
            (pipeline.id.to_string(), (!deleted && keep(&pipeline)).then_some(pipeline))
        };
        self.page(Family::Pipeline, after, limit, |row| pipeline_of(row).map(live))
    }

    /// Trigger types in the order of their codes.
    pub fn trigger_types(
        &self,
        after: &str,
        limit: usize,
        keep: impl Fn(&TriggerType) -> bool,
    ) -> Result<Page<TriggerType>, StoreError> {
        let live = |(found, deleted): Row<TriggerType>| {
            (found.code.to_string(), (!deleted && keep(&found)).then_some(found))
        };
        self.page(Family::TriggerType, after, limit, |row| type_of(row).map(live))
    }

    /// Entities in the order of their ids.
    pub fn entities(
        &self,
        after: &str,
        limit: usize,
        keep: impl Fn(&Entity) -> bool,
    ) -> Result<Page<Entity>, StoreError> {
        let live = |row: EntityRow| {
            let keep = !row.deleted && keep(&row.entity);
            (row.entity.id.to_string(), keep.then(|| Entity::clone(&row.entity)))
        };
        self.page(Family::Entity, after, limit, |row| entity_of(row).map(live))
    }

    /// The latest states of entities in the order of their ids, also of those that were deleted.
    pub fn entity_rows(&self, after: &str, limit: usize) -> Result<Page<EntityRow>, StoreError> {
        let all = |row: EntityRow| (row.entity.id.to_string(), Some(row));
        self.page(Family::Entity, after, limit, |row| entity_of(row).map(all))
    }

    /// The entities that name a customer, in the order of their ids.
    pub fn entities_naming(&self, customer: &CustomerId) -> Result<BTreeSet<EntityId>, StoreError> {
        let prefix = keys::links(customer);
        let id = |key: sled::Result<sled::IVec>| {
            let key = key?;
            let id = std::str::from_utf8(&key[prefix.len()..]).unwrap_or_default();
            EntityId::parse("entity_id", id).map_err(damage(customer))
        };
        // First, or what sled gets meanwhile would be in neither.
        let newer = self.overlay.links(customer);
        let naming: Result<BTreeSet<EntityId>, _> =
            self.db.scan_prefix(&prefix).keys().map(id).collect();
        let mut naming = naming?;
        for (entity, names) in newer {
            if names {
                naming.insert(entity)
            } else {
                naming.remove(&entity)
            };
        }
        Ok(naming)
    }

    /// The latest revisions of triggers in the order of their ids.
    pub fn triggers(
        &self,
        after: &str,
        limit: usize,
        keep: impl Fn(&Trigger) -> bool,
    ) -> Result<Page<Trigger>, StoreError> {
        let mut items: Vec<Trigger> = Vec::new();
        // The revisions of one trigger follow each other: the last of them is the latest.
        let mut latest: Option<Row<Trigger>> = None;
        let mut settle = |latest: Option<Row<Trigger>>| match latest {
            Some((trigger, false)) if keep(&trigger) => {
                items.push(trigger);
                items.len() >= limit
            }
            _ => false,
        };
        self.overlay.drain()?;
        let start =
            [&keys::all(Family::Trigger)[..], after.as_bytes(), &[u8::from(!after.is_empty())]];
        let end = [Family::Trigger as u8 + 1];
        let mut next = None;
        for (scanned, entry) in self.db.range(start.concat()..end.to_vec()).enumerate() {
            let row = decode(&entry?.1).and_then(trigger_of).map_err(damage("a trigger"))?;
            if latest.as_ref().is_some_and(|(trigger, _)| trigger.id != row.0.id) {
                let id = latest.as_ref().map(|(trigger, _)| trigger.id.to_string());
                if settle(latest.take()) || scanned >= SCAN_MAX {
                    next = id;
                    break;
                }
            }
            latest = Some(row);
        }
        if next.is_none() {
            settle(latest);
        }
        Ok(Page { items, next })
    }

    /// A row that sled must have.
    pub(crate) fn get<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>, StoreError> {
        self.overlay.drain()?;
        get(&self.db, key)
    }

    fn page<M: Message + Default, T>(
        &self,
        family: Family,
        after: &str,
        limit: usize,
        read: impl Fn(M) -> Result<(String, Option<T>), Rejection>,
    ) -> Result<Page<T>, StoreError> {
        self.overlay.drain()?;
        // A zero byte lies between an id and every longer one.
        let start =
            [&keys::all(family)[..], after.as_bytes(), &[0; 1][..usize::from(!after.is_empty())]];
        let end = [family as u8 + 1];
        let (mut items, mut bytes) = (Vec::new(), 0);
        for (scanned, entry) in self.db.range(start.concat()..end.to_vec()).enumerate() {
            let (_, value) = entry?;
            let (id, item) = decode(&value).and_then(&read).map_err(damage("a row"))?;
            bytes += item.as_ref().map_or(0, |_| value.len());
            items.extend(item);
            if items.len() >= limit || scanned >= SCAN_MAX || bytes >= PAGE_MAX_BYTES {
                return Ok(Page { items, next: Some(id) });
            }
        }
        Ok(Page { items, next: None })
    }
}

pub(crate) fn decode<M: Message + Default>(value: &[u8]) -> Result<M, Rejection> {
    M::decode(value).map_err(|error| Rejection::invalid("row", error.to_string()))
}

fn damage(id: impl ToString) -> impl FnOnce(Rejection) -> StoreError {
    let id = id.to_string();
    move |rejection| StoreError::damaged(id, rejection)
}

fn lost() -> Rejection {
    Rejection::invalid("row", "holds nothing")
}

pub(crate) fn pipeline_of(row: pb::PipelineRow) -> Result<Row<Pipeline>, Rejection> {
    Ok((row.pipeline.ok_or_else(lost)?.try_into()?, row.deleted))
}

pub(crate) fn type_of(row: pb::TriggerTypeRow) -> Result<Row<TriggerType>, Rejection> {
    Ok((row.trigger_type.ok_or_else(lost)?.try_into()?, row.deleted))
}

pub(crate) fn trigger_of(row: pb::TriggerRow) -> Result<Row<Trigger>, Rejection> {
    Ok((row.trigger.ok_or_else(lost)?.try_into()?, row.deleted))
}

pub(crate) fn entity_of(row: pb::EntityRow) -> Result<EntityRow, Rejection> {
    let entity: Entity = row.entity.ok_or_else(lost)?.try_into()?;
    let pb::EntityRow { deleted, last_move, last_write, .. } = row;
    Ok(EntityRow { entity: entity.into(), deleted, last_move, last_write })
}
