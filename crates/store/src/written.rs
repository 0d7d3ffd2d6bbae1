//! Whether the rows are those that the log tells of.
//!
//! sled takes damage behind its last snapshot for a write that was torn. It leaves out what it cannot
//! read there, and may go on with what lies behind it: then a row can be older than the log, though the
//! log is whole. Only the log knows.

use std::collections::BTreeSet;

use foldhash::HashMap;
use pawl_domain::{Entity, EntityId, PipelineId, TypeCode, Version};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::keys::{self, Family};
use crate::open::quietly;
use crate::read::{decode, entity_of};
use crate::{Change, EntityRow, Record, Store, StoreError};

/// What the retained log writes last: takes some 20 bytes for each entity that it writes.
#[derive(Debug)]
pub struct Written {
    /// By chance, so that nobody can choose ids that share a hash.
    seed: u64,
    /// Revisions by the hashes of ids. A difference is confirmed in the log.
    entities: HashMap<u64, i64>,
    pipelines: HashMap<PipelineId, (i64, bool)>,
    types: HashMap<TypeCode, (i64, bool)>,
    /// Keys of the rows of triggers.
    triggers: Vec<Vec<u8>>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            entities: HashMap::default(),
            pipelines: HashMap::default(),
            types: HashMap::default(),
            triggers: Vec::new(),
        }
    }
}

impl Written {
    /// Notes what the log's next record writes.
    pub fn note(&mut self, record: &Record) {
        for (id, revision) in revisions(record) {
            self.entities.insert(self.hash(id.as_str().as_bytes()), revision);
        }
        let revision = |version: &Version| version.revision;
        match &record.change {
            Change::PipelineWritten(pipeline) | Change::PipelineDeleted(pipeline) => {
                let deleted = matches!(record.change, Change::PipelineDeleted(_));
                self.pipelines.insert(pipeline.id.clone(), (revision(&pipeline.version), deleted));
            }
            Change::TriggerTypeWritten(one) | Change::TriggerTypeDeleted(one) => {
                let deleted = matches!(record.change, Change::TriggerTypeDeleted(_));
                self.types.insert(one.code.clone(), (revision(&one.version), deleted));
            }
            Change::TriggerWritten(trigger) | Change::TriggerDeleted(trigger) => {
                self.triggers.push(keys::trigger(&trigger.id, revision(&trigger.version)));
            }
            Change::EventDecided { .. }
            | Change::EntityMoved { .. }
            | Change::EntityUpdated { .. }
            | Change::EntityWritten(_)
            | Change::EntityDeleted(_)
            | Change::EntitiesImported { .. } => {}
        }
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed)
    }
}

/// The revisions of entities that a record writes, in order.
fn revisions(record: &Record) -> Vec<(&EntityId, i64)> {
    let of = |entity: &'_ Entity| entity.version.revision;
    let mut revisions = match &record.change {
        Change::EntityUpdated { entity, .. }
        | Change::EntityWritten(entity)
        | Change::EntityDeleted(entity) => vec![(&entity.id, of(entity))],
        Change::EntitiesImported { entities, .. } => {
            entities.iter().map(|entity| (&entity.id, of(entity))).collect()
        }
        // A move by hand is one of its moves.
        _ => Vec::new(),
    };
    revisions.extend(record.moves().map(|moved| (&moved.entity_id, moved.entity_revision)));
    revisions
}

impl Store {
    /// Holds the rows against what the whole retained log has written, and tells of each entity's, also
    /// of those that were deleted. A row whose last write was trimmed is as good as it says.
    pub fn check_rows(
        &self,
        written: Written,
        tell: impl FnMut(&EntityRow),
    ) -> Result<(), StoreError> {
        let checked = quietly(|| {
            self.check_configuration(&written)?;
            self.check_entities(written, tell)
        });
        checked.map_err(|problem| StoreError::damaged("a page of sled's", problem))?
    }

    fn check_configuration(&self, written: &Written) -> Result<(), StoreError> {
        for key in &written.triggers {
            if !self.db.contains_key(key)? {
                let id = String::from_utf8_lossy(&key[1..key.len() - 9]).into_owned();
                return Err(older(
                    format!("trigger {id}"),
                    "a revision that the log has is missing",
                ));
            }
        }
        for (id, wrote) in &written.pipelines {
            let row = self.pipeline(id)?;
            let found = row.map(|(pipeline, deleted)| (pipeline.version.revision, deleted));
            configured(&format!("pipeline {id}"), *wrote, found)?;
        }
        for (code, wrote) in &written.types {
            let row = self.trigger_type(code)?;
            let found = row.map(|(one, deleted)| (one.version.revision, deleted));
            configured(&format!("trigger type {code}"), *wrote, found)?;
        }
        Ok(())
    }

    /// Each entity's row has the revision of its last write, and who names which customers is found by
    /// customer too.
    fn check_entities(
        &self,
        mut written: Written,
        mut tell: impl FnMut(&EntityRow),
    ) -> Result<(), StoreError> {
        let tail = self.tail().sequence;
        let (mut named, mut found) = ((0, 0), (0, 0));
        for entry in self.db.scan_prefix(keys::all(Family::Entity)) {
            let (key, value) = entry?;
            let id = &key[1..];
            let what = || format!("entity {}", String::from_utf8_lossy(id));
            let row = decode(&value).and_then(entity_of);
            let row = row.map_err(|error| StoreError::damaged(what(), error))?;
            let revision = row.entity.version.revision;
            let fits = match written.entities.remove(&written.hash(id)) {
                Some(wrote) => wrote == revision,
                None => row.last_write < tail,
            };
            if !fits {
                // Two ids may share a hash.
                let last = self.last_revision(|other| other.as_str().as_bytes() == id)?;
                let wrote = last.map(|(_, wrote)| wrote);
                if !wrote.map_or(row.last_write < tail, |wrote| wrote == revision) {
                    let wrote = wrote.unwrap_or_default();
                    let problem = format!("it has revision {revision}, and the log {wrote}");
                    return Err(older(what(), &problem));
                }
            }
            if !row.deleted {
                let customers: BTreeSet<_> = row.entity.customer_ids.iter().collect();
                for customer in customers {
                    let link = [customer.as_str().as_bytes(), &[0], id].concat();
                    add(&mut named, written.hash(&link));
                }
            }
            tell(&row);
        }
        if !written.entities.is_empty() {
            let is_left = |id: &EntityId| {
                written.entities.contains_key(&written.hash(id.as_str().as_bytes()))
            };
            if let Some((id, _)) = self.last_revision(is_left)? {
                return Err(older(format!("entity {id}"), "it is missing, and the log has it"));
            }
        }
        for key in self.db.scan_prefix(keys::all(Family::Link)).keys() {
            add(&mut found, written.hash(&key?[1..]));
        }
        if named == found {
            return Ok(());
        }
        let problem = format!("entities name {} customers, and {} are found", named.0, found.0);
        Err(older("what is found by customer".to_owned(), &problem))
    }

    /// The last write of an entity in the retained log: takes as long as the log is.
    fn last_revision(
        &self,
        wanted: impl Fn(&EntityId) -> bool,
    ) -> Result<Option<(EntityId, i64)>, StoreError> {
        let (mut last, mut next) = (None, self.tail().sequence);
        while let Some(chunk) = self.chunk_with(next)? {
            for record in &chunk {
                let revisions = revisions(record).into_iter().filter(|(id, _)| wanted(id));
                last = revisions.last().map(|(id, revision)| (id.clone(), revision)).or(last);
                next = record.sequence + 1;
            }
        }
        Ok(last)
    }
}

/// A sum that does not depend on the order, and how many there are.
fn add(sum: &mut (u64, u64), hash: u64) {
    *sum = (sum.0 + 1, sum.1.wrapping_add(hash));
}

fn configured(
    what: &str,
    wrote: (i64, bool),
    found: Option<(i64, bool)>,
) -> Result<(), StoreError> {
    if found == Some(wrote) {
        return Ok(());
    }
    let told = |(revision, deleted): (i64, bool)| {
        format!("revision {revision}{}", if deleted { ", deleted" } else { "" })
    };
    let found = found.map_or_else(|| "nothing".to_owned(), told);
    Err(older(what.to_owned(), &format!("there is {found}, and in the log {}", told(wrote))))
}

fn older(what: String, problem: &str) -> StoreError {
    StoreError::damaged(what, format!("{problem}; what was acknowledged is gone"))
}
