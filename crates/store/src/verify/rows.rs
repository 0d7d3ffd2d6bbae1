//! Comparing rows with what the log implies.

mod configuration;
mod entities;
mod links;

use std::collections::{HashMap, HashSet};

use pawl_domain::{Pipeline, PipelineId, Rejection, TriggerId, TypeCode};
use prost::Message;

use super::finding::{Fault, Findings, key_text};
use super::implied::Implied;
use super::{Counted, Look};
use crate::keys::{self, Family};
use crate::{Store, StoreError};

/// Goes through all rows.
pub(super) struct Rows<'a, 'p> {
    pub(super) store: &'a Store,
    pub(super) implied: &'a mut Implied,
    pub(super) findings: &'a mut Findings,
    pub(super) counted: &'a mut Counted,
    pub(super) look: &'a mut Look<'p>,
    pub(super) seed: u64,
    /// Sequence of the log's last record.
    pub(super) head: u64,
}

/// What there is for entities and triggers to stand on.
#[derive(Debug, Default)]
struct Found {
    pipelines: HashMap<PipelineId, Pipeline>,
    types: HashSet<TypeCode>,
    /// Whether the latest revision is a deletion.
    triggers: HashMap<TriggerId, bool>,
}

impl Rows<'_, '_> {
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        let mut found = Found::default();
        self.pipelines(&mut found)?;
        self.types(&mut found)?;
        self.triggers(&mut found)?;
        let is_deleted = |id: &TriggerId| found.triggers.get(id).copied();
        self.implied.tallies.check(self.head, is_deleted, self.findings);
        let named = self.entities(&found)?;
        self.entities_without_row()?;
        if self.links()? != named {
            self.name_links()?;
        }
        self.unknown_keys()
    }

    fn add(&mut self, fault: Fault, key: &[u8], problem: impl Into<String>) {
        self.findings.add(fault, key_text(key), problem);
    }

    /// A row of which the log does not tell: only what was trimmed may have written it.
    fn unexplained(&mut self, fault: Fault, key: &[u8]) {
        if self.implied.begins() == 1 {
            self.add(fault, key, "no record wrote it");
        }
    }

    /// Keys of no family, or too long for theirs.
    fn unknown_keys(&mut self) -> Result<(), StoreError> {
        let known = [0x01, 0x02, 0x03, 0x10, 0x20, 0x21, 0x22, 0x23, 0x30, 0x31];
        let alone = [keys::IDENTITY, keys::HEAD, keys::TAIL];
        let mut begin = Vec::new();
        for tag in known {
            let gaps = self.store.db.range(begin..vec![tag]);
            let longer = if alone.contains(&[tag]) { vec![tag, 0] } else { vec![tag + 1] };
            self.report_unknown(gaps)?;
            begin = longer;
        }
        self.report_unknown(self.store.db.range(begin..))
    }

    fn report_unknown(&mut self, keys: sled::Iter) -> Result<(), StoreError> {
        for key in keys.keys() {
            if self.findings.is_full() {
                break;
            }
            self.add(Fault::UnknownKey, &key?, "it belongs to no family that this Pawl knows");
        }
        Ok(())
    }
}

/// A value as the message that it should be, and what that tells.
fn read<M: Message + Default, T>(
    value: &[u8],
    convert: impl FnOnce(M) -> Result<T, Rejection>,
) -> Result<T, String> {
    let row = M::decode(value).map_err(|error| error.to_string())?;
    convert(row).map_err(|error| error.to_string())
}

/// Everything in a family.
fn all(store: &Store, family: Family) -> sled::Iter {
    store.db.scan_prefix(keys::all(family))
}
