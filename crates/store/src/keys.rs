//! The keys of the one key space. A tag is never reused, even when its family is gone.

use pawl_domain::{CustomerId, EntityId, PipelineId, TriggerId, TypeCode};

/// What the directory holds: one `Identity`.
pub(crate) const IDENTITY: [u8; 1] = [0x01];
/// Where the log ends: one `Head`.
pub(crate) const HEAD: [u8; 1] = [0x02];
/// Where the log begins: one `Tail`, once it was trimmed.
pub(crate) const TAIL: [u8; 1] = [0x03];

/// First byte of the keys of each family.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Family {
    /// Parts of log chunks.
    Log = 0x10,
    /// Pipelines by id.
    Pipeline = 0x20,
    /// Trigger types by code.
    TriggerType = 0x21,
    /// Revisions of triggers by id and revision.
    Trigger = 0x22,
    /// Statistics of triggers by id.
    TriggerStats = 0x23,
    /// Entities by id.
    Entity = 0x30,
    /// Entities by the customers that they name.
    Link = 0x31,
}

impl Family {
    fn key(self, rest: &[&[u8]]) -> Vec<u8> {
        let mut key = Vec::with_capacity(1 + rest.iter().map(|part| part.len()).sum::<usize>());
        key.push(self as u8);
        for part in rest {
            key.extend_from_slice(part);
        }
        key
    }
}

/// Every key of a family.
pub(crate) fn all(family: Family) -> [u8; 1] {
    [family as u8]
}

/// Part `part` of the chunk that begins with the record `first`.
pub(crate) fn log_part(first: u64, part: u16) -> [u8; 11] {
    let mut key = [0; 11];
    key[0] = Family::Log as u8;
    key[1..9].copy_from_slice(&first.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The sequence of the first record in the chunk to which a log key belongs.
pub(crate) fn first_of_chunk(key: &[u8]) -> Option<u64> {
    let bytes = key.get(1..9)?.try_into().ok()?;
    (key[0] == Family::Log as u8 && key.len() == 11).then(|| u64::from_be_bytes(bytes))
}

pub(crate) fn pipeline(id: &PipelineId) -> Vec<u8> {
    Family::Pipeline.key(&[id.as_str().as_bytes()])
}

pub(crate) fn trigger_type(code: &TypeCode) -> Vec<u8> {
    Family::TriggerType.key(&[code.as_str().as_bytes()])
}

/// All revisions of a trigger. Ids hold no zero byte, so no id's keys begin with another's.
pub(crate) fn trigger_revisions(id: &TriggerId) -> Vec<u8> {
    Family::Trigger.key(&[id.as_str().as_bytes(), &[0]])
}

pub(crate) fn trigger(id: &TriggerId, revision: i64) -> Vec<u8> {
    Family::Trigger.key(&[id.as_str().as_bytes(), &[0], &revision.to_be_bytes()])
}

pub(crate) fn trigger_stats(id: &TriggerId) -> Vec<u8> {
    Family::TriggerStats.key(&[id.as_str().as_bytes()])
}

pub(crate) fn entity(id: &EntityId) -> Vec<u8> {
    Family::Entity.key(&[id.as_str().as_bytes()])
}

/// All entities that name a customer.
pub(crate) fn links(customer: &CustomerId) -> Vec<u8> {
    Family::Link.key(&[customer.as_str().as_bytes(), &[0]])
}

pub(crate) fn link(customer: &CustomerId, entity: &EntityId) -> Vec<u8> {
    Family::Link.key(&[customer.as_str().as_bytes(), &[0], entity.as_str().as_bytes()])
}
