use std::collections::BTreeSet;

use pawl_domain::{CustomerId, EntityId};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::super::Phase;
use super::super::finding::{Fault, key_text};
use super::{Rows, all, read};
use crate::keys::{self, Family};
use crate::read::entity_of;
use crate::{EntityRow, StoreError};

/// Links, as a digest of all of them that does not depend on their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Links {
    count: u64,
    digest: u128,
}

impl Links {
    pub(super) fn add(&mut self, key: &[u8], seed: u64) {
        self.count += 1;
        self.digest = self.digest.wrapping_add(xxh3_128_with_seed(key, seed));
    }
}

impl Rows<'_, '_> {
    /// The links that are there.
    pub(super) fn links(&mut self) -> Result<Links, StoreError> {
        let mut links = Links::default();
        for entry in all(self.store, Family::Link) {
            let (key, value) = entry?;
            self.look.at(Phase::Links, 1);
            links.add(&key, self.seed);
            if !value.is_empty() {
                let problem = format!("it has a value of {} bytes", value.len());
                self.add(Fault::UnknownKey, &key, problem);
            }
        }
        self.counted.links = links.count;
        Ok(links)
    }

    /// Looks up every link from both its ends, which takes longer: there are some that do not fit.
    pub(super) fn name_links(&mut self) -> Result<(), StoreError> {
        for entry in all(self.store, Family::Entity) {
            // Another finding tells when it cannot be read.
            let Ok(row) = read(&entry?.1, entity_of) else { continue };
            if row.deleted || self.findings.is_full() {
                continue;
            }
            for customer in row.entity.customer_ids.iter().collect::<BTreeSet<_>>() {
                let key = keys::link(customer, &row.entity.id);
                if !self.store.db.contains_key(&key)? {
                    let problem =
                        format!("it is missing, though {} names {customer}", row.entity.id);
                    self.add(Fault::LinkMissing, &key, problem);
                }
            }
        }
        for entry in all(self.store, Family::Link) {
            let (key, _) = entry?;
            if self.findings.is_full() {
                break;
            }
            let Some((customer, entity)) = ends(&key) else {
                self.add(Fault::UnknownKey, &key, "it is not a customer and an entity");
                continue;
            };
            let row = self.store.db.get(keys::entity(&entity))?;
            let row: Option<EntityRow> = row.and_then(|value| read(&value, entity_of).ok());
            let problem = match row {
                None => format!("there is no {entity}"),
                Some(row) if row.deleted => format!("{entity} is deleted"),
                Some(row) if !row.entity.customer_ids.contains(&customer) => {
                    format!("{entity} does not name {customer}")
                }
                Some(_) => continue,
            };
            self.findings.add(Fault::LinkExtra, key_text(&key), problem);
        }
        Ok(())
    }
}

/// The customer and the entity that a link is between.
fn ends(key: &[u8]) -> Option<(CustomerId, EntityId)> {
    let text = std::str::from_utf8(key.get(1..)?).ok()?;
    let (customer, entity) = text.split_once('\0')?;
    let customer = CustomerId::parse("customer_ids", customer).ok()?;
    Some((customer, EntityId::parse("entity_id", entity).ok()?))
}
