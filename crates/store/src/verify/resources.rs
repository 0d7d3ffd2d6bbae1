use std::collections::HashMap;

use pawl_domain::{Pipeline, PipelineId, Trigger, TriggerId, TriggerType, TypeCode, Version};
use prost::Message;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::finding::{Fault, Findings};
use super::implied::At;
use crate::pb;

/// A resource as the log leaves it, and whether it is deleted.
type Latest<T> = (T, bool);

/// The revisions of a trigger of which the log tells: they follow each other.
#[derive(Debug)]
pub(super) struct Revisions {
    first: i64,
    /// A digest of each, with whether it is a deletion.
    digests: Vec<u64>,
    deleted: bool,
    created_at: u64,
}

impl Revisions {
    pub(super) fn last(&self) -> i64 {
        self.first + i64::try_from(self.digests.len()).unwrap_or(i64::MAX) - 1
    }

    /// Whether a row is the revision that the log wrote.
    pub(super) fn fits(&self, revision: i64, digest: u64) -> Result<(), String> {
        // Those before were written by what was trimmed.
        let Ok(index) = usize::try_from(revision - self.first) else { return Ok(()) };
        match self.digests.get(index) {
            Some(left) if *left == digest => Ok(()),
            Some(_) => Err("it is not as the log wrote it".to_owned()),
            None => Err("no record wrote it".to_owned()),
        }
    }
}

/// Pipelines, trigger types and triggers, as the log leaves them.
#[derive(Debug)]
pub(super) struct Resources {
    seed: u64,
    pub(super) pipelines: HashMap<PipelineId, Latest<Pipeline>>,
    pub(super) types: HashMap<TypeCode, Latest<TriggerType>>,
    pub(super) triggers: HashMap<TriggerId, Revisions>,
    /// Revisions of triggers that verdicts name, with the first record that does.
    pub(super) named: HashMap<TriggerId, HashMap<i64, u64>>,
}

impl Resources {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            pipelines: HashMap::new(),
            types: HashMap::new(),
            triggers: HashMap::new(),
            named: HashMap::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.pipelines.clear();
        self.types.clear();
        self.triggers.clear();
    }

    pub(super) fn pipeline(
        &mut self,
        pipeline: &Pipeline,
        deleted: bool,
        at: At,
        findings: &mut Findings,
    ) {
        let last = self.pipelines.get(&pipeline.id).map(|(p, deleted)| (p.version, *deleted));
        let what = format!("pipeline {}", pipeline.id);
        check(&what, last, pipeline.version, deleted, at, findings);
        self.pipelines.insert(pipeline.id.clone(), (pipeline.clone(), deleted));
    }

    pub(super) fn trigger_type(
        &mut self,
        found: &TriggerType,
        deleted: bool,
        at: At,
        findings: &mut Findings,
    ) {
        let last = self.types.get(&found.code).map(|(t, deleted)| (t.version, *deleted));
        let what = format!("trigger type {}", found.code);
        check(&what, last, found.version, deleted, at, findings);
        self.types.insert(found.code.clone(), (found.clone(), deleted));
    }

    pub(super) fn trigger(
        &mut self,
        trigger: &Trigger,
        deleted: bool,
        at: At,
        findings: &mut Findings,
    ) {
        let what = format!("trigger {}", trigger.id);
        let digest = self.digest(trigger, deleted);
        let known = self.triggers.get_mut(&trigger.id);
        let last = known.as_ref().map(|known| {
            let revision = known.last();
            (Version { revision, ..Version::default() }, known.deleted)
        });
        check(&what, last, trigger.version, deleted, at, findings);
        let creates = last.map_or(at.begins_with_all(), |(_, was_deleted)| was_deleted);
        let created_at = match &known {
            _ if creates => at.sequence,
            Some(known) => known.created_at,
            None => trigger.created_at,
        };
        if trigger.created_at != created_at {
            let problem =
                format!("it says record {} created it, not {created_at}", trigger.created_at);
            findings.add(Fault::Revision, format!("record {}, {what}", at.sequence), problem);
        }
        match known {
            Some(known) if known.last() + 1 == trigger.version.revision => {
                known.digests.push(digest);
                (known.deleted, known.created_at) = (deleted, trigger.created_at);
            }
            _ => {
                let (first, created_at) = (trigger.version.revision, trigger.created_at);
                let revisions = Revisions { first, digests: vec![digest], deleted, created_at };
                self.triggers.insert(trigger.id.clone(), revisions);
            }
        }
    }

    /// A verdict names a revision of a trigger, which has to be readable (T9).
    pub(super) fn names_trigger(&mut self, id: &TriggerId, revision: i64, sequence: u64) {
        match self.named.get_mut(id) {
            Some(revisions) => {
                revisions.entry(revision).or_insert(sequence);
            }
            None => {
                self.named.insert(id.clone(), HashMap::from([(revision, sequence)]));
            }
        }
    }

    pub(super) fn digest(&self, trigger: &Trigger, deleted: bool) -> u64 {
        let mut bytes = pb::Trigger::from(trigger).encode_to_vec();
        bytes.push(deleted.into());
        xxh3_64_with_seed(&bytes, self.seed)
    }
}

/// Whether a state may follow the one before.
fn check(
    what: &str,
    last: Option<(Version, bool)>,
    version: Version,
    deleted: bool,
    at: At,
    findings: &mut Findings,
) {
    let mut add = |fault, problem: String| {
        findings.add(fault, format!("record {}, {what}", at.sequence), problem);
    };
    let last_revision = match last {
        Some((last, _)) => Some(last.revision),
        None => at.begins_with_all().then_some(0),
    };
    if let Some(last) = last_revision.filter(|last| version.revision != last + 1) {
        add(Fault::Revision, format!("it goes from revision {last} to {}", version.revision));
    }
    let was_gone = last.map_or(at.begins_with_all(), |(_, deleted)| deleted);
    if deleted && was_gone {
        add(Fault::Revision, "it is deleted, but it is not there".to_owned());
    }
    if version.update_time != at.time {
        let problem = format!("it says it was changed at {}, not {}", version.update_time, at.time);
        add(Fault::VersionTime, problem);
    }
}
