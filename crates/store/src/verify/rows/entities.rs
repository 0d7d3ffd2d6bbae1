use std::collections::BTreeSet;

use pawl_domain::{Entity, EntityId};

use super::super::Phase;
use super::super::finding::Fault;
use super::links::Links;
use super::{Found, Rows, all, read};
use crate::keys::{self, Family};
use crate::read::entity_of;
use crate::{Change, EntityRow, Record, StoreError};

impl Rows<'_, '_> {
    /// Compares the rows of entities, and gives the links that they imply.
    pub(super) fn entities(&mut self, found: &Found) -> Result<Links, StoreError> {
        let mut named = Links::default();
        for entry in all(self.store, Family::Entity) {
            let (key, value) = entry?;
            self.look.at(Phase::Entities, 1);
            if self.findings.is_full() {
                break;
            }
            let row = match read(&value, entity_of) {
                Ok(row) if keys::entity(&row.entity.id) == *key => row,
                outcome => {
                    let problem = outcome.map(|row| format!("it holds {}", row.entity.id));
                    self.add(Fault::EntityRow, &key, problem.unwrap_or_else(|problem| problem));
                    self.implied.entities.saw_row(&key[1..]);
                    continue;
                }
            };
            self.entity(&key, &row, found);
            if row.deleted {
                self.counted.deleted_entities += 1;
                continue;
            }
            self.counted.entities += 1;
            for customer in row.entity.customer_ids.iter().collect::<BTreeSet<_>>() {
                named.add(&keys::link(customer, &row.entity.id), self.seed);
            }
        }
        Ok(named)
    }

    fn entity(&mut self, key: &[u8], row: &EntityRow, found: &Found) {
        let entity = &row.entity;
        let begins = self.implied.begins();
        for problem in self.implied.entities.compare(row, begins) {
            self.add(Fault::EntityRow, key, problem);
        }
        if !self.implied.entities.knows(&entity.id) {
            if row.last_write >= begins {
                let problem = format!("it says record {} wrote it, which did not", row.last_write);
                self.add(Fault::EntityUnexplained, key, problem);
            } else if row.last_move >= begins {
                let problem = format!("it says record {} moved it, which did not", row.last_move);
                self.add(Fault::EntityUnexplained, key, problem);
            } else {
                self.unexplained(Fault::EntityUnexplained, key);
            }
        }
        if !row.deleted {
            self.place(key, entity, found);
        }
    }

    /// What is there must stand somewhere.
    fn place(&mut self, key: &[u8], entity: &Entity, found: &Found) {
        let problem = match found.pipelines.get(&entity.pipeline_id) {
            None => format!("there is no pipeline {}", entity.pipeline_id),
            Some(pipeline) if pipeline.kind.as_str() != entity.id.kind() => {
                format!("pipeline {} is of kind {}", pipeline.id, pipeline.kind)
            }
            Some(pipeline) if pipeline.stages.position(&entity.stage_id).is_none() => {
                format!("there is no stage {}/{}", pipeline.id, entity.stage_id)
            }
            Some(_) => return,
        };
        self.add(Fault::EntityPlace, key, problem);
    }

    /// Names the entities of which the log tells and which have no row.
    pub(super) fn entities_without_row(&mut self) -> Result<(), StoreError> {
        if self.findings.is_full() {
            return Ok(());
        }
        let mut missing: Vec<_> = self.implied.entities.without_row().collect();
        missing.sort_unstable();
        for (sequence, digest) in missing {
            if self.findings.is_full() {
                break;
            }
            // The log is the only place where its id still stands.
            let record = self.store.record(sequence)?;
            let ids = record.iter().flat_map(written);
            let mut ids = ids.filter(|id| self.implied.entities.is(id, digest));
            if let Some(id) = ids.next() {
                let problem = format!("it is missing, though record {sequence} tells of it");
                self.findings.add(
                    Fault::EntityMissing,
                    super::key_text(&keys::entity(id)),
                    problem,
                );
            }
        }
        Ok(())
    }
}

/// The entities that a record wrote.
fn written(record: &Record) -> Vec<&EntityId> {
    let whole: Vec<&EntityId> = match &record.change {
        Change::EntityMoved { entity, .. }
        | Change::EntityUpdated { entity, .. }
        | Change::EntityWritten(entity)
        | Change::EntityDeleted(entity) => vec![&entity.id],
        Change::EntitiesImported { entities, .. } => entities.iter().map(|e| &e.id).collect(),
        _ => Vec::new(),
    };
    whole.into_iter().chain(record.moves().map(|moved| &moved.entity_id)).collect()
}
