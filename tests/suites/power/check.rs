//! Whether a database that a power loss has left is whole, and holds what clients were told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use pawl_api::pb;
use pawl_domain::{CustomerId, Entity, EntityId, PipelineId, StageId, TriggerId, TypeCode};
use pawl_store::{Change, EntityRow, Record, Store, StoreError};

use crate::notes::{Note, Told};

/// How many rows are asked for at a time.
const PAGE: usize = 1_000;

/// Everything that is wrong with the database in `data` at the moment of the power loss; `notes` are
/// what clients had been told by then, and younger events than `window` cannot have been trimmed.
pub(crate) fn problems(
    data: &Path,
    notes: &[&Note],
    at: Duration,
    window: Duration,
) -> Vec<String> {
    let store = match Store::open(data) {
        Ok(store) => store,
        Err(error) => return vec![format!("it does not open: {error}")],
    };
    let mut check = Check { store: &store, problems: Vec::new() };
    match check.log_and_rows() {
        Err(error) => check.problems.push(format!("it cannot be read: {error}")),
        Ok(()) => {
            for note in notes {
                let trimmed = note.since + window <= at;
                if let Err(error) = check.holds(&note.told, trimmed) {
                    check.problems.push(format!("{:?} cannot be read: {error}", note.told));
                }
            }
        }
    }
    check.problems
}

struct Check<'s> {
    store: &'s Store,
    problems: Vec<String>,
}

/// What the log says of an entity.
struct Last<'r> {
    stage: &'r StageId,
    revision: i64,
    deleted: bool,
    /// All of it, where the record has that.
    whole: Option<&'r Entity>,
    sequence: u64,
}

impl Check<'_> {
    fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }

    /// Opening has checked that the log is dense from its tail to its head. Here: that the rows are
    /// what its records say.
    fn log_and_rows(&mut self) -> Result<(), StoreError> {
        let (tail, head) = (self.store.tail().sequence, self.store.head()?.sequence);
        let mut records = Vec::new();
        while tail + (records.len() as u64) <= head {
            let next = tail + records.len() as u64;
            let chunk = self.store.chunk_with(next)?.unwrap_or_default();
            if chunk.is_empty() {
                self.problems.push(format!("record {next} is missing"));
                return Ok(());
            }
            records.extend(chunk);
        }
        let mut last = BTreeMap::new();
        for record in &records {
            entities_of(record, &mut last);
        }
        let rows = self.entity_rows()?;
        for (id, last) in &last {
            let row = rows.get(*id);
            self.expect(row.is_some_and(|row| agree(row, last)), || {
                format!(
                    "{id}: record {} of the log is not what its row says: {row:?}",
                    last.sequence
                )
            });
        }
        for (id, row) in &rows {
            let told = last.contains_key(id) || row.last_write < tail;
            self.expect(told, || format!("{id}: the log does not tell of its row: {row:?}"));
        }
        self.links(&rows)?;
        self.configuration(&records)
    }

    fn entity_rows(&self) -> Result<BTreeMap<EntityId, EntityRow>, StoreError> {
        let (mut rows, mut after) = (BTreeMap::new(), String::new());
        loop {
            let page = self.store.entity_rows(&after, PAGE)?;
            rows.extend(page.items.into_iter().map(|row| (row.entity.id.clone(), row)));
            match page.next {
                Some(next) => after = next,
                None => return Ok(rows),
            }
        }
    }

    /// A customer is named by those entities that name it.
    fn links(&mut self, rows: &BTreeMap<EntityId, EntityRow>) -> Result<(), StoreError> {
        let mut named: BTreeMap<&CustomerId, BTreeSet<&EntityId>> = BTreeMap::new();
        for (id, row) in rows {
            for customer in &row.entity.customer_ids {
                let naming = named.entry(customer).or_default();
                if !row.deleted {
                    naming.insert(id);
                }
            }
        }
        for (customer, expected) in named {
            let found = self.store.entities_naming(customer)?;
            self.expect(found.iter().collect::<BTreeSet<_>>() == expected, || {
                format!("{customer} is named by {expected:?}, not by {found:?}")
            });
        }
        Ok(())
    }

    /// The last record about a pipeline, a trigger or a type is its row.
    fn configuration(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let (mut pipelines, mut triggers, mut types) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for record in records {
            match &record.change {
                Change::PipelineWritten(one) => {
                    pipelines.insert(&one.id, (one.clone(), false)).is_some()
                }
                Change::PipelineDeleted(one) => {
                    pipelines.insert(&one.id, (one.clone(), true)).is_some()
                }
                Change::TriggerWritten(one) => {
                    triggers.insert(&one.id, (one.clone(), false)).is_some()
                }
                Change::TriggerDeleted(one) => {
                    triggers.insert(&one.id, (one.clone(), true)).is_some()
                }
                Change::TriggerTypeWritten(one) => {
                    types.insert(&one.code, (one.clone(), false)).is_some()
                }
                Change::TriggerTypeDeleted(one) => {
                    types.insert(&one.code, (one.clone(), true)).is_some()
                }
                _ => false,
            };
        }
        for (id, last) in pipelines {
            let row = self.store.pipeline(id)?;
            self.expect(row.as_ref() == Some(&last), || {
                format!("pipeline {id}: {row:?}, not {last:?}")
            });
        }
        for (id, last) in triggers {
            let row = self.store.trigger(id)?;
            self.expect(row.as_ref() == Some(&last), || {
                format!("trigger {id}: {row:?}, not {last:?}")
            });
        }
        for (code, last) in types {
            let row = self.store.trigger_type(code)?;
            self.expect(row.as_ref() == Some(&last), || {
                format!("type {code}: {row:?}, not {last:?}")
            });
        }
        Ok(())
    }

    /// Whether what was told is there, or something newer. `trimmed` says that the log may have been
    /// trimmed of it, which changes no row.
    fn holds(&mut self, told: &Told, trimmed: bool) -> Result<(), StoreError> {
        let lost = match told {
            Told::Event { event, moves } => {
                let (source, id) = (parsed(&event.source), parsed(&event.event_id));
                // What was forgotten may have been published once more, and done something else.
                let found = self.store.find_event(&source, &id)?;
                !trimmed && !found.is_some_and(|record| same_moves(&record, moves))
            }
            Told::Entity { id, revision, stage } => {
                let row = self.store.entity(&parsed(id))?;
                !row.is_some_and(|row| {
                    let newer = row.entity.version.revision > *revision;
                    let same = row.entity.version.revision == *revision
                        && Some(row.entity.stage_id.as_str()).filter(|_| !row.deleted)
                            == stage.as_deref();
                    newer || same
                })
            }
            Told::Trigger { id, revision, gone } => {
                let row = self.store.trigger_revision(&parsed::<TriggerId>(id), *revision)?;
                row.is_none_or(|(_, deleted)| deleted != *gone)
            }
            Told::Pipeline { id, revision } => {
                let row = self.store.pipeline(&parsed::<PipelineId>(id))?;
                row.is_none_or(|(pipeline, _)| pipeline.version.revision < *revision)
            }
            Told::TriggerType { code, revision } => {
                let row = self.store.trigger_type(&parsed::<TypeCode>(code))?;
                row.is_none_or(|(found, _)| found.version.revision < *revision)
            }
        };
        self.expect(!lost, || format!("told and lost: {told:?}"));
        Ok(())
    }
}

/// What a record says of entities.
fn entities_of<'r>(record: &'r Record, last: &mut BTreeMap<&'r EntityId, Last<'r>>) {
    let sequence = record.sequence;
    let mut is = |entity: &'r Entity, deleted| {
        let (stage, revision) = (&entity.stage_id, entity.version.revision);
        let whole = Some(entity);
        last.insert(&entity.id, Last { stage, revision, deleted, whole, sequence });
    };
    match &record.change {
        Change::EntityWritten(entity)
        | Change::EntityMoved { entity, .. }
        | Change::EntityUpdated { entity, .. } => is(entity, false),
        Change::EntityDeleted(entity) => is(entity, true),
        Change::EntitiesImported { entities, .. } => {
            for entity in entities {
                is(entity, false);
            }
        }
        _ => {}
    }
    for moved in record.moves() {
        let (stage, revision) = (&moved.to_stage_id, moved.entity_revision);
        let known = last.get(&moved.entity_id);
        // The first move of a record of a move by hand is in the entity that it has.
        if known.is_some_and(|known| known.sequence == sequence && known.revision >= revision) {
            continue;
        }
        let whole = None;
        let after = Last { stage, revision, deleted: false, whole, sequence };
        last.insert(&moved.entity_id, after);
    }
}

fn agree(row: &EntityRow, last: &Last<'_>) -> bool {
    let entity = &row.entity;
    (&entity.stage_id, entity.version.revision, row.deleted, row.last_write)
        == (last.stage, last.revision, last.deleted, last.sequence)
        && last.whole.is_none_or(|whole| whole == &**entity)
}

fn same_moves(record: &Record, told: &[pb::Move]) -> bool {
    let found = record.moves().zip(0..).map(|(moved, index)| {
        let id = format!("{}-{index}", record.sequence);
        (id, moved.entity_id.to_string(), moved.to_stage_id.to_string())
    });
    let told = told
        .iter()
        .map(|moved| (moved.move_id.clone(), moved.entity_id.clone(), moved.to_stage_id.clone()));
    found.eq(told)
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?} was accepted: {error}"))
}
