use crate::{
    DisplayName, Fields, Filter, Pipeline, PipelineId, Rejection, StageId, Timestamp, TriggerId,
    TriggerType, TypeCode, Version,
};

/// Sits on one stage of one pipeline and moves entities of that pipeline to that stage (T1).
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its id.
    pub id: TriggerId,
    /// The pipeline it serves; never changes (T1).
    pub pipeline_id: PipelineId,
    /// The stage it sits on and moves to; may change.
    pub stage_id: StageId,
    /// What people call it; its condition as a sentence where nobody named it (T8).
    pub display_name: DisplayName,
    /// Whether somebody named it.
    pub is_named: bool,
    /// The type it is of; never changes (T1).
    pub type_code: TypeCode,
    /// What of the event it wants (T2).
    pub parameters: Fields,
    /// What else must hold (T3).
    pub filter: Option<Filter>,
    /// "Allow moving back to previous status" (T5).
    pub allow_move_back: bool,
    /// Whether it may take an entity out of a closed stage (T5).
    pub allow_reopen: bool,
    /// Whether it is considered at all (T4).
    pub state: TriggerState,
    /// Where in the log it was created: of two on one stage, the smaller wins (T6).
    pub created_at: u64,
    /// Revision and times (T9).
    pub version: Version,
}

/// Whether a trigger is considered (T4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TriggerState {
    /// Considered.
    #[default]
    Active,
    /// Never considered, still listed, with verdict PAUSED.
    Paused,
    /// Considered and recorded, never moves anything.
    Shadow,
}

/// What a new trigger is made of.
#[derive(Debug, Clone)]
pub struct NewTrigger {
    /// Its id.
    pub id: TriggerId,
    /// The pipeline it serves.
    pub pipeline_id: PipelineId,
    /// The stage it sits on.
    pub stage_id: StageId,
    /// What people call it.
    pub display_name: DisplayName,
    /// The type it is of.
    pub type_code: TypeCode,
    /// What of the event it wants.
    pub parameters: Fields,
    /// What else must hold.
    pub filter: Option<Filter>,
    /// "Allow moving back to previous status".
    pub allow_move_back: bool,
    /// Whether it may take an entity out of a closed stage.
    pub allow_reopen: bool,
    /// Whether it is considered at all.
    pub state: TriggerState,
}

/// What an update may change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct TriggerPatch {
    /// The pipeline that the caller believes it serves: any other is refused (T1).
    pub pipeline_id: Option<PipelineId>,
    /// The type that the caller believes it is of: any other is refused (T1).
    pub type_code: Option<TypeCode>,
    /// Another stage of the same pipeline.
    pub stage_id: Option<StageId>,
    /// A new display name; an empty one stands for the sentence.
    pub display_name: Option<DisplayName>,
    /// All parameters anew.
    pub parameters: Option<Fields>,
    /// Another filter, or none.
    pub filter: Option<Option<Filter>>,
    /// "Allow moving back to previous status".
    pub allow_move_back: Option<bool>,
    /// Whether it may take an entity out of a closed stage.
    pub allow_reopen: Option<bool>,
    /// Another state.
    pub state: Option<TriggerState>,
}

impl Trigger {
    /// A new trigger on a stage of `pipeline`; `created_at` is its position in the log.
    pub fn create(
        new: NewTrigger,
        pipeline: &Pipeline,
        trigger_type: &TriggerType,
        created_at: u64,
        version: Version,
    ) -> Result<Self, Rejection> {
        pipeline.require_stage("stage_id", &new.stage_id)?;
        if !trigger_type.serves(pipeline.kind.as_str()) {
            let kinds: Vec<_> = trigger_type.kinds.iter().map(ToString::to_string).collect();
            return Err(Rejection::KindMismatch {
                field: "trigger_type".to_owned(),
                expected: kinds.join(", "),
                actual: pipeline.kind.to_string(),
            });
        }
        let NewTrigger {
            id,
            pipeline_id,
            stage_id,
            display_name,
            type_code,
            parameters,
            filter,
            allow_move_back,
            allow_reopen,
            state,
        } = new;
        Self {
            id,
            pipeline_id,
            stage_id,
            display_name,
            is_named: false,
            type_code,
            parameters,
            filter,
            allow_move_back,
            allow_reopen,
            state,
            created_at,
            version,
        }
        .checked(trigger_type)
    }

    /// This trigger after `patch`; the same revision when nothing changes (T9).
    pub fn revised(
        &self,
        patch: TriggerPatch,
        pipeline: &Pipeline,
        trigger_type: &TriggerType,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let TriggerPatch {
            pipeline_id,
            type_code,
            stage_id,
            display_name,
            parameters,
            filter,
            allow_move_back,
            allow_reopen,
            state,
        } = patch;
        let immutable = |field: &str| Rejection::Immutable {
            field: field.to_owned(),
            remedy: "delete the trigger and create another",
        };
        if pipeline_id.is_some_and(|id| id != self.pipeline_id) {
            return Err(immutable("pipeline_id"));
        }
        if type_code.is_some_and(|code| code != self.type_code) {
            return Err(immutable("trigger_type"));
        }
        if let Some(stage_id) = &stage_id {
            pipeline.require_stage("stage_id", stage_id)?;
        }
        let named = if self.is_named { self.display_name.clone() } else { DisplayName::default() };
        let mut revised = Self {
            stage_id: stage_id.unwrap_or_else(|| self.stage_id.clone()),
            // What was read and is sent back unchanged does not become a name.
            display_name: display_name
                .filter(|name| self.is_named || *name != self.display_name)
                .unwrap_or(named),
            parameters: parameters.unwrap_or_else(|| self.parameters.clone()),
            filter: filter.unwrap_or_else(|| self.filter.clone()),
            allow_move_back: allow_move_back.unwrap_or(self.allow_move_back),
            allow_reopen: allow_reopen.unwrap_or(self.allow_reopen),
            state: state.unwrap_or(self.state),
            ..self.clone()
        }
        .checked(trigger_type)?;
        if revised != *self {
            revised.version = self.version.next(now);
        }
        Ok(revised)
    }

    /// Checks the parameters against the type, and gives a trigger without a name its sentence (T8).
    fn checked(mut self, trigger_type: &TriggerType) -> Result<Self, Rejection> {
        trigger_type.check(&self.parameters)?;
        let sentence = DisplayName::clipped(&trigger_type.sentence(&self.parameters));
        self.is_named = !self.display_name.as_str().is_empty() && self.display_name != sentence;
        if !self.is_named {
            self.display_name = sentence;
        }
        Ok(self)
    }
}
