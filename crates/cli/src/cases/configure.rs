use std::sync::Arc;

use pawl_api::{convert, pb};
use pawl_domain::{
    Pipeline, PipelineId, Rejection, Resource, Trigger, TriggerId, TriggerType, TypeCode,
};

use super::file::Deleted;
use super::world::State;
use crate::manifest::Manifest;
use crate::resource::Configured as _;

/// Configuration as files ask for it: what is missing is created, what is there is changed.
impl State {
    pub(super) fn apply(&mut self, wanted: Manifest) -> Result<(), Rejection> {
        let Manifest { pipelines, trigger_types, triggers } = wanted;
        pipelines.into_iter().try_for_each(|pipeline| self.apply_pipeline(pipeline))?;
        trigger_types.into_iter().try_for_each(|wanted| self.apply_type(wanted))?;
        triggers.into_iter().try_for_each(|trigger| self.apply_trigger(trigger))
    }

    pub(super) fn apply_pipeline(&mut self, wanted: pb::Pipeline) -> Result<(), Rejection> {
        let pipeline = if let Some(known) = self.pipelines.get(wanted.pipeline_id.as_str()) {
            let mask = wanted.update_mask();
            let (id, patch) = convert::pipeline_patch(wanted, Some(mask))?;
            known.revised(patch, |stage| self.usage(&id, Some(stage)), self.now)?
        } else {
            let new = convert::new_pipeline(wanted)?;
            let version = self.first_version(Resource::Pipeline, &new.id);
            Pipeline::create(new, version)?
        };
        self.position += 1;
        self.pipelines.insert(pipeline.id.clone(), Arc::new(pipeline));
        Ok(())
    }

    pub(super) fn apply_type(&mut self, wanted: pb::TriggerType) -> Result<(), Rejection> {
        let code = TypeCode::parse("trigger_type.code", &wanted.code)?;
        let trigger_type = if self.trigger_type(&code).is_ok() {
            let known = self.own_type(&code)?;
            let mask = wanted.update_mask();
            let (_, patch) = convert::trigger_type_patch(wanted, Some(mask))?;
            let of_type = self.triggers.values().filter(|trigger| trigger.type_code == code);
            let served = of_type.filter_map(|t| Some(&self.pipelines.get(&t.pipeline_id)?.kind));
            known.revised(patch, served, self.now)?
        } else {
            let new = convert::new_trigger_type(wanted)?;
            TriggerType::create(new, self.first_version(Resource::TriggerType, &code))?
        };
        self.position += 1;
        self.types.insert(code, Arc::new(trigger_type));
        Ok(())
    }

    pub(super) fn apply_trigger(&mut self, wanted: pb::Trigger) -> Result<(), Rejection> {
        let trigger = if let Some(known) = self.triggers.get(wanted.trigger_id.as_str()) {
            let mask = wanted.update_mask();
            let (_, patch) = convert::trigger_patch(wanted, Some(mask))?;
            let pipeline = self.pipeline_of(&known.pipeline_id)?;
            let trigger_type = self.trigger_type(&known.type_code)?;
            let revised = known.revised(patch, pipeline, trigger_type, self.now)?;
            self.check_trigger(Some(known), &revised)?;
            if revised.stage_id != known.stage_id {
                self.check_stage(&revised.pipeline_id, &revised.stage_id)?;
            }
            revised
        } else {
            let new = convert::new_trigger("trigger", wanted)?;
            let pipeline = self.pipeline_of(&new.pipeline_id)?;
            let trigger_type = self.trigger_type(&new.type_code)?;
            self.check_listening(&new.pipeline_id, &trigger_type.event_type)?;
            self.check_stage(&new.pipeline_id, &new.stage_id)?;
            let version = self.first_version(Resource::Trigger, &new.id);
            let position = self.position + 1;
            let created = Trigger::create(new, pipeline, trigger_type, position, version)?;
            self.check_trigger(None, &created)?;
            created
        };
        self.position += 1;
        self.put_trigger(trigger);
        Ok(())
    }

    fn check_trigger(&self, before: Option<&Trigger>, after: &Trigger) -> Result<(), Rejection> {
        let checked = self.limits.check_trigger(before, after);
        checked.map_err(|rejection| rejection.within("trigger"))
    }

    pub(super) fn delete(&mut self, deleted: Deleted) -> Result<(), Rejection> {
        match deleted {
            Deleted::Entity(id) => self.delete_entity(&id),
            Deleted::Trigger(id) => {
                let id = TriggerId::parse("trigger_id", &id)?;
                let known = self.triggers.get(&id);
                let known = known.ok_or_else(|| Rejection::not_found(Resource::Trigger, &id))?;
                self.forget(Resource::Trigger, &id, known.version);
                self.remove_trigger(&id);
                Ok(())
            }
            Deleted::Pipeline(id) => {
                let id = PipelineId::parse("pipeline_id", &id)?;
                let known = self.pipelines.get(&id);
                let known = known.ok_or_else(|| Rejection::not_found(Resource::Pipeline, &id))?;
                let (triggers, entities) = self.usage(&id, None);
                if triggers + entities > 0 {
                    let pipeline_id = id.to_string();
                    return Err(Rejection::PipelineInUse { pipeline_id, triggers, entities });
                }
                self.forget(Resource::Pipeline, &id, known.version);
                self.pipelines.remove(&id);
                Ok(())
            }
            Deleted::TriggerType(code) => {
                let code = TypeCode::parse("code", &code)?;
                let version = self.own_type(&code)?.version;
                let of_type = self.triggers.values().filter(|trigger| trigger.type_code == code);
                let triggers = of_type.count() as u64;
                if triggers > 0 {
                    let code = code.to_string();
                    return Err(Rejection::TriggerTypeInUse { code, triggers });
                }
                self.forget(Resource::TriggerType, &code, version);
                self.types.remove(&code);
                Ok(())
            }
        }
    }

    /// A type that is there and that users may change.
    fn own_type(&self, code: &TypeCode) -> Result<&Arc<TriggerType>, Rejection> {
        let not_found = |_| Rejection::not_found(Resource::TriggerType, code);
        let known = self.trigger_type(code).map_err(not_found)?;
        match known.built_in {
            None => Ok(known),
            Some(_) => Err(Rejection::BuiltInType { code: code.to_string() }),
        }
    }
}
