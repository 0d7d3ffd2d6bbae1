use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use pawl_domain::{
    Pipeline, PipelineId, Rejection, Trigger, TriggerType, TypeCode, built_in_types,
};
use prost::Message;

use super::super::finding::{Fault, key_text};
use super::super::resources::Revisions;
use super::{Found, Rows, all, read};
use crate::keys::{self, Family};
use crate::read::{Row, pipeline_of, trigger_of, type_of};
use crate::{StoreError, pb};

/// What has one row, its latest state.
trait Configured: PartialEq + Sized {
    type Id: Clone + Display + Eq + Hash + Ord;
    type Stored: Message + Default;
    const FAMILY: Family;
    const FAULT: Fault;

    fn read(row: Self::Stored) -> Result<Row<Self>, Rejection>;
    fn id(&self) -> &Self::Id;
    fn key(id: &Self::Id) -> Vec<u8>;
    fn revision(&self) -> i64;
}

impl Configured for Pipeline {
    type Id = PipelineId;
    type Stored = pb::PipelineRow;
    const FAMILY: Family = Family::Pipeline;
    const FAULT: Fault = Fault::PipelineRow;

    fn read(row: pb::PipelineRow) -> Result<Row<Self>, Rejection> {
        pipeline_of(row)
    }

    fn id(&self) -> &PipelineId {
        &self.id
    }

    fn key(id: &PipelineId) -> Vec<u8> {
        keys::pipeline(id)
    }

    fn revision(&self) -> i64 {
        self.version.revision
    }
}

impl Configured for TriggerType {
    type Id = TypeCode;
    type Stored = pb::TriggerTypeRow;
    const FAMILY: Family = Family::TriggerType;
    const FAULT: Fault = Fault::TriggerTypeRow;

    fn read(row: pb::TriggerTypeRow) -> Result<Row<Self>, Rejection> {
        type_of(row)
    }

    fn id(&self) -> &TypeCode {
        &self.code
    }

    fn key(code: &TypeCode) -> Vec<u8> {
        keys::trigger_type(code)
    }

    fn revision(&self) -> i64 {
        self.version.revision
    }
}

impl Rows<'_, '_> {
    pub(super) fn pipelines(&mut self, found: &mut Found) -> Result<(), StoreError> {
        let implied = std::mem::take(&mut self.implied.resources.pipelines);
        let live = self.configured(implied)?;
        self.counted.pipelines = live.len() as u64;
        found.pipelines = live.into_iter().map(|p: Pipeline| (p.id.clone(), p)).collect();
        Ok(())
    }

    pub(super) fn types(&mut self, found: &mut Found) -> Result<(), StoreError> {
        let implied = std::mem::take(&mut self.implied.resources.types);
        let live = self.configured(implied)?;
        self.counted.trigger_types = live.len() as u64;
        let own = live.into_iter().map(|found: TriggerType| found.code);
        found.types = own.chain(built_in_types().keys().cloned()).collect();
        Ok(())
    }

    /// Compares the rows of a family, and gives those that are not deleted.
    fn configured<T: Configured>(
        &mut self,
        mut implied: HashMap<T::Id, (T, bool)>,
    ) -> Result<Vec<T>, StoreError> {
        let mut live = Vec::new();
        for entry in all(self.store, T::FAMILY) {
            let (key, value) = entry?;
            let (found, deleted) = match read(&value, T::read) {
                Ok((found, _)) if T::key(found.id()) != *key => {
                    self.add(T::FAULT, &key, format!("it holds {}", found.id()));
                    continue;
                }
                Ok(row) => row,
                Err(problem) => {
                    self.add(T::FAULT, &key, problem);
                    continue;
                }
            };
            match implied.remove(found.id()) {
                None => self.unexplained(T::FAULT, &key),
                Some((left, left_deleted)) => {
                    if left_deleted != deleted {
                        let (is, was) = (state(deleted), state(left_deleted));
                        self.add(T::FAULT, &key, format!("it is {is}, and the log left it {was}"));
                    }
                    if left != found {
                        let (is, was) = (found.revision(), left.revision());
                        let problem = format!(
                            "it is not as the log left it (revision {is} here, {was} there)"
                        );
                        self.add(T::FAULT, &key, problem);
                    }
                }
            }
            if !deleted {
                live.push(found);
            }
        }
        let mut missing: Vec<_> = implied.into_keys().collect();
        missing.sort_unstable();
        for id in missing {
            self.add(T::FAULT, &T::key(&id), "it is missing, though the log wrote it");
        }
        Ok(live)
    }

    pub(super) fn triggers(&mut self, found: &mut Found) -> Result<(), StoreError> {
        let mut current: Option<Reached> = None;
        for entry in all(self.store, Family::Trigger) {
            let (key, value) = entry?;
            let (trigger, deleted) = match read(&value, trigger_of) {
                Ok((trigger, _))
                    if keys::trigger(&trigger.id, trigger.version.revision) != *key =>
                {
                    let (id, revision) = (&trigger.id, trigger.version.revision);
                    self.add(
                        Fault::TriggerRow,
                        &key,
                        format!("it holds revision {revision} of {id}"),
                    );
                    continue;
                }
                Ok(row) => row,
                Err(problem) => {
                    self.add(Fault::TriggerRow, &key, problem);
                    continue;
                }
            };
            self.counted.trigger_revisions += 1;
            if current.as_ref().is_some_and(|reached| reached.trigger.id != trigger.id) {
                self.end_of_trigger(current.take(), found);
            }
            let last = current.as_ref().map_or(0, |reached| reached.trigger.version.revision);
            let revision = trigger.version.revision;
            if revision != last + 1 {
                let problem = format!("revision {} is missing before it", last + 1);
                self.add(Fault::TriggerRow, &key, problem);
            }
            let resources = &self.implied.resources;
            let digest = resources.digest(&trigger, deleted);
            match resources.triggers.get(&trigger.id).map(|known| known.fits(revision, digest)) {
                None => self.unexplained(Fault::TriggerRow, &key),
                Some(Ok(())) => {}
                Some(Err(problem)) => self.add(Fault::TriggerRow, &key, problem),
            }
            if let Some(named) = self.implied.resources.named.get_mut(&trigger.id) {
                named.remove(&revision);
            }
            current = Some(Reached { trigger, deleted });
        }
        self.end_of_trigger(current, found);
        self.missing_revisions(found);
        Ok(())
    }

    /// All rows of a trigger were seen, and this is the last.
    fn end_of_trigger(&mut self, last: Option<Reached>, found: &mut Found) {
        let Some(Reached { trigger, deleted }) = last else { return };
        let revision = trigger.version.revision;
        let key = keys::trigger(&trigger.id, revision);
        let known = self.implied.resources.triggers.get(&trigger.id).map(Revisions::last);
        if let Some(last) = known.filter(|last| *last > revision) {
            let key = keys::trigger(&trigger.id, last);
            self.add(Fault::TriggerRow, &key, "it is missing, though the log wrote it");
        }
        if !deleted {
            self.counted.triggers += 1;
            let stages = found.pipelines.get(&trigger.pipeline_id).map(|p| &p.stages);
            if stages.is_none_or(|stages| stages.position(&trigger.stage_id).is_none()) {
                let place = format!("{}/{}", trigger.pipeline_id, trigger.stage_id);
                self.add(Fault::TriggerRow, &key, format!("there is no stage {place}"));
            }
            if !found.types.contains(&trigger.type_code) {
                let problem = format!("there is no trigger type {}", trigger.type_code);
                self.add(Fault::TriggerRow, &key, problem);
            }
        }
        found.triggers.insert(trigger.id, deleted);
    }

    /// Triggers of which the log tells, and of which there is no row, or not the one that it names.
    fn missing_revisions(&mut self, found: &Found) {
        let resources = &self.implied.resources;
        let unknown = resources.triggers.iter().filter(|(id, _)| !found.triggers.contains_key(*id));
        let mut missing: Vec<_> = unknown
            .map(|(id, known)| {
                (id, known.last(), "it is missing, though the log wrote it".to_owned())
            })
            .collect();
        for (id, revisions) in &resources.named {
            let name = |(revision, record): (&i64, &u64)| {
                (id, *revision, format!("it is missing, though record {record} names it"))
            };
            missing.extend(revisions.iter().map(name));
        }
        missing.sort_unstable();
        for (id, revision, problem) in missing {
            self.findings.add(Fault::TriggerRow, key_text(&keys::trigger(id, revision)), problem);
        }
    }
}

/// The last row of a trigger so far.
struct Reached {
    trigger: Trigger,
    deleted: bool,
}

fn state(deleted: bool) -> &'static str {
    if deleted { "deleted" } else { "there" }
}
