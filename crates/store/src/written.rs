//! Whether the rows are those that the log tells of.
//!
//! sled takes damage behind its last snapshot for a write that was torn. It leaves out what it cannot
//! read there, and may go on with what lies behind it: then a row can be older than the log, though the
//! log is whole. Only the log knows.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use foldhash::HashMap;
use pawl_domain::{PipelineId, TriggerId, TypeCode};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::keys::{self, Family};
use crate::open::quietly;
use crate::outline::{ChangeOutline, Outline};
use crate::read::{decode, entity_of};
use crate::{EntityRow, Store, StoreError, chunk};

/// What the retained log writes last: takes some 20 bytes for each entity that it writes.
#[derive(Debug)]
pub(crate) struct Written {
    /// By chance, so that nobody can choose ids that share a hash.
    seed: u64,
    /// Revisions by the hashes of ids. A difference is confirmed in the log.
    entities: HashMap<u64, i64>,
    pipelines: HashMap<String, (i64, bool)>,
    types: HashMap<String, (i64, bool)>,
    triggers: Vec<(String, i64)>,
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
    pub(crate) fn note(&mut self, record: &Outline) {
        use ChangeOutline::{
            PipelineDeleted, PipelineWritten, TriggerDeleted, TriggerTypeDeleted,
            TriggerTypeWritten, TriggerWritten,
        };
        for (id, revision) in record.entities() {
            self.entities.insert(self.hash(id.as_bytes()), revision);
        }
        match &record.change {
            Some(change @ (PipelineWritten(row) | PipelineDeleted(row))) => {
                let wrote = (row.revision(), matches!(change, PipelineDeleted(_)));
                self.pipelines.insert(row.pipeline_id.clone(), wrote);
            }
            Some(change @ (TriggerTypeWritten(row) | TriggerTypeDeleted(row))) => {
                let wrote = (row.revision(), matches!(change, TriggerTypeDeleted(_)));
                self.types.insert(row.code.clone(), wrote);
            }
            Some(TriggerWritten(row) | TriggerDeleted(row)) => {
                self.triggers.push((row.id.clone(), row.revision()));
            }
            _ => {}
        }
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed)
    }
}

impl Store {
    /// Holds the rows against what the whole retained log has written, and tells of each entity's, also
    /// of those that were deleted. A row whose last write was trimmed is as good as it says.
    pub(crate) fn check_rows(
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
        for (id, wrote) in &written.triggers {
            let key = keys::trigger(&named::<TriggerId>("trigger", id)?, *wrote);
            if !self.db.contains_key(key)? {
                let problem = "a revision that the log has is missing";
                return Err(older(format!("trigger {id}"), problem));
            }
        }
        for (id, wrote) in &written.pipelines {
            let row = self.pipeline(&named::<PipelineId>("pipeline", id)?)?;
            let found = row.map(|(pipeline, deleted)| (pipeline.version.revision, deleted));
            configured(&format!("pipeline {id}"), *wrote, found)?;
        }
        for (code, wrote) in &written.types {
            let row = self.trigger_type(&named::<TypeCode>("trigger type", code)?)?;
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
                let last = self.last_revision(|other| other.as_bytes() == id)?;
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
            let is_left = |id: &str| written.entities.contains_key(&written.hash(id.as_bytes()));
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
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<(String, i64)>, StoreError> {
        let (mut last, mut next) = (None, self.tail().sequence);
        while let Some(chunk) = self.read_chunk(next, chunk::outline)? {
            for record in &chunk {
                let written = record.entities().filter(|(id, _)| wanted(id));
                last = written.last().map(|(id, revision)| (id.to_owned(), revision)).or(last);
                next = record.sequence + 1;
            }
        }
        Ok(last)
    }
}

/// What the log names.
fn named<T: FromStr<Err: Display>>(what: &str, name: &str) -> Result<T, StoreError> {
    name.parse()
        .map_err(|error: T::Err| StoreError::damaged(format!("{what} {name}"), error.to_string()))
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
