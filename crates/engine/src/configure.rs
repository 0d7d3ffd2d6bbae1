use std::sync::Arc;

use pawl_domain::{
    NewPipeline, NewTrigger, NewTriggerType, Pipeline, PipelineId, PipelinePatch, Rejection,
    Resource, Trigger, TriggerId, TriggerPatch, TriggerType, TriggerTypePatch, TypeCode, Version,
};
use pawl_store::{Change, Record, RequestIdentity};

use crate::writer::{Refusal, Writer};

/// Whether a change is made or only checked (`validate_only`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Validate,
}

/// Takes the first answer out of the record that a request made before.
macro_rules! first_answer {
    ($writer:expr, $request:expr, $variant:path) => {
        if let Some(record) = $writer.seen_request($request.as_ref())? {
            return match &record.change {
                $variant(first) => Ok(first.clone()),
                _ => Err(reused(&record).into()),
            };
        }
    };
}
pub(crate) use first_answer;

/// The request id of a record that another kind of request made.
pub(crate) fn reused(record: &Record) -> Rejection {
    let request_id = record.request.as_ref().map(|request| request.id.to_string());
    Rejection::RequestIdReused { request_id: request_id.unwrap_or_default() }
}

impl Writer {
    pub(crate) fn create_pipeline(
        &mut self,
        new: NewPipeline,
        request: Option<RequestIdentity>,
        mode: Mode,
    ) -> Result<Pipeline, Refusal> {
        first_answer!(self, request, Change::PipelineWritten);
        if self.state.pipeline(&new.id).is_ok() {
            return Err(Rejection::already_exists(Resource::Pipeline, &new.id).into());
        }
        let deleted_now = self.find_in_batch(|change| match change {
            Change::PipelineDeleted(deleted) if deleted.id == new.id => Some(deleted.version),
            _ => None,
        });
        let deleted_before = self.store.pipeline(&new.id)?.map(|(pipeline, _)| pipeline.version);
        let last_revision = deleted_now.or(deleted_before).map_or(0, |version| version.revision);
        let pipeline = Pipeline::create(new, Version::first(last_revision, self.now))?;
        Ok(self.write_pipeline(pipeline, request, mode))
    }

    pub(crate) fn update_pipeline(
        &mut self,
        id: &PipelineId,
        patch: PipelinePatch,
        expected_revision: i64,
        mode: Mode,
    ) -> Result<Pipeline, Refusal> {
        let place = self.known_pipeline(id)?;
        place.pipeline.version.expect(expected_revision)?;
        let revised = place.pipeline.revised(patch, |stage| place.usage(stage), self.now)?;
        if revised == *place.pipeline {
            return Ok(revised);
        }
        Ok(self.write_pipeline(revised, None, mode))
    }

    pub(crate) fn delete_pipeline(
        &mut self,
        id: &PipelineId,
        expected_revision: i64,
    ) -> Result<(), Refusal> {
        let place = self.known_pipeline(id)?;
        place.pipeline.version.expect(expected_revision)?;
        let (triggers, entities) = place.usage_in_all();
        if triggers + entities > 0 {
            let pipeline_id = id.to_string();
            return Err(Rejection::PipelineInUse { pipeline_id, triggers, entities }.into());
        }
        let mut pipeline = Pipeline::clone(&place.pipeline);
        pipeline.version = pipeline.version.next(self.now);
        self.state.remove_pipeline(id);
        self.append(None, Vec::new(), Change::PipelineDeleted(pipeline));
        Ok(())
    }

    fn known_pipeline(&self, id: &PipelineId) -> Result<&crate::state::PipelineState, Rejection> {
        self.state.pipeline(id).map_err(|_| Rejection::not_found(Resource::Pipeline, id))
    }

    fn write_pipeline(
        &mut self,
        pipeline: Pipeline,
        request: Option<RequestIdentity>,
        mode: Mode,
    ) -> Pipeline {
        if mode == Mode::Write {
            self.state.put_pipeline(Arc::new(pipeline.clone()));
            self.append(request, Vec::new(), Change::PipelineWritten(pipeline.clone()));
        }
        pipeline
    }

    pub(crate) fn create_trigger_type(
        &mut self,
        new: NewTriggerType,
        request: Option<RequestIdentity>,
        mode: Mode,
    ) -> Result<TriggerType, Refusal> {
        first_answer!(self, request, Change::TriggerTypeWritten);
        // Also when it is built in.
        if self.state.trigger_type(&new.code).is_ok() {
            return Err(Rejection::already_exists(Resource::TriggerType, &new.code).into());
        }
        let deleted_now = self.find_in_batch(|change| match change {
            Change::TriggerTypeDeleted(deleted) if deleted.code == new.code => {
                Some(deleted.version)
            }
            _ => None,
        });
        let deleted_before = self.store.trigger_type(&new.code)?.map(|(found, _)| found.version);
        let last_revision = deleted_now.or(deleted_before).map_or(0, |version| version.revision);
        let created = TriggerType::create(new, Version::first(last_revision, self.now))?;
        Ok(self.write_type(created, request, mode))
    }

    pub(crate) fn update_trigger_type(
        &mut self,
        code: &TypeCode,
        patch: TriggerTypePatch,
        expected_revision: i64,
        mode: Mode,
    ) -> Result<TriggerType, Refusal> {
        let known = self.own_type(code)?;
        known.version.expect(expected_revision)?;
        let served = self.state.triggers_of(code).filter_map(|trigger| {
            self.state.pipeline(&trigger.pipeline_id).ok().map(|place| &place.pipeline.kind)
        });
        let revised = known.revised(patch, served, self.now)?;
        if revised == **known {
            return Ok(revised);
        }
        Ok(self.write_type(revised, None, mode))
    }

    pub(crate) fn delete_trigger_type(
        &mut self,
        code: &TypeCode,
        expected_revision: i64,
    ) -> Result<(), Refusal> {
        let known = self.own_type(code)?;
        known.version.expect(expected_revision)?;
        let triggers = self.state.triggers_of(code).count() as u64;
        if triggers > 0 {
            return Err(Rejection::TriggerTypeInUse { code: code.to_string(), triggers }.into());
        }
        let mut deleted = TriggerType::clone(known);
        deleted.version = deleted.version.next(self.now);
        self.state.remove_type(code);
        self.append(None, Vec::new(), Change::TriggerTypeDeleted(deleted));
        Ok(())
    }

    /// A type that is there and that users may change.
    fn own_type(&self, code: &TypeCode) -> Result<&Arc<TriggerType>, Rejection> {
        let not_found = |_| Rejection::not_found(Resource::TriggerType, code);
        let known = self.state.trigger_type(code).map_err(not_found)?;
        match known.built_in {
            None => Ok(known),
            Some(_) => Err(Rejection::BuiltInType { code: code.to_string() }),
        }
    }

    fn write_type(
        &mut self,
        written: TriggerType,
        request: Option<RequestIdentity>,
        mode: Mode,
    ) -> TriggerType {
        if mode == Mode::Write {
            self.state.put_type(Arc::new(written.clone()));
            self.append(request, Vec::new(), Change::TriggerTypeWritten(written.clone()));
        }
        written
    }

    pub(crate) fn create_trigger(
        &mut self,
        new: NewTrigger,
        request: Option<RequestIdentity>,
        mode: Mode,
    ) -> Result<Trigger, Refusal> {
        first_answer!(self, request, Change::TriggerWritten);
        if self.state.trigger(&new.id).is_some() {
            return Err(Rejection::already_exists(Resource::Trigger, &new.id).into());
        }
        let deleted_now = self.find_in_batch(|change| match change {
            Change::TriggerDeleted(deleted) if deleted.id == new.id => Some(deleted.version),
            _ => None,
        });
        let deleted_before = self.store.trigger(&new.id)?.map(|(trigger, _)| trigger.version);
        let last_revision = deleted_now.or(deleted_before).map_or(0, |version| version.revision);
        let place = self.state.pipeline(&new.pipeline_id)?;
        let trigger_type = self.state.trigger_type(&new.type_code)?;
        place.check_listening(&trigger_type.event_type, &self.options.limits)?;
        place.check_stage(&new.stage_id, &self.options.limits)?;
        let version = Version::first(last_revision, self.now);
        let created =
            Trigger::create(new, &place.pipeline, trigger_type, self.next_sequence(), version)?;
        self.options.limits.check_trigger(None, &created)?;
        Ok(self.write_trigger(created, request, mode))
    }

    pub(crate) fn update_trigger(
        &mut self,
        id: &TriggerId,
        patch: TriggerPatch,
        expected_revision: i64,
        mode: Mode,
    ) -> Result<Trigger, Refusal> {
        let known = self.known_trigger(id)?;
        known.version.expect(expected_revision)?;
        let place = self.state.pipeline(&known.pipeline_id)?;
        let trigger_type = self.state.trigger_type(&known.type_code)?;
        let revised = known.revised(patch, &place.pipeline, trigger_type, self.now)?;
        if revised == **known {
            return Ok(revised);
        }
        self.options.limits.check_trigger(Some(known), &revised)?;
        if revised.stage_id != known.stage_id {
            place.check_stage(&revised.stage_id, &self.options.limits)?;
        }
        Ok(self.write_trigger(revised, None, mode))
    }

    pub(crate) fn delete_trigger(
        &mut self,
        id: &TriggerId,
        expected_revision: i64,
    ) -> Result<(), Refusal> {
        let known = self.known_trigger(id)?;
        known.version.expect(expected_revision)?;
        let mut deleted = Trigger::clone(known);
        deleted.version = deleted.version.next(self.now);
        self.state.remove_trigger(id);
        self.append(None, Vec::new(), Change::TriggerDeleted(deleted));
        Ok(())
    }

    fn known_trigger(&self, id: &TriggerId) -> Result<&Arc<Trigger>, Rejection> {
        self.state.trigger(id).ok_or_else(|| Rejection::not_found(Resource::Trigger, id))
    }

    fn write_trigger(
        &mut self,
        written: Trigger,
        request: Option<RequestIdentity>,
        mode: Mode,
    ) -> Trigger {
        if mode == Mode::Write {
            self.state.put_trigger(Arc::new(written.clone()));
            self.append(request, Vec::new(), Change::TriggerWritten(written.clone()));
        }
        written
    }
}
