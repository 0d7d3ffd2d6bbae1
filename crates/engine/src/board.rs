use std::collections::HashMap;
use std::sync::Arc;

use pawl_domain::{Entity, Pipeline, PipelineId, Rejection, Resource, StageId, Trigger};

use crate::scope::Touched;
use crate::token::Position;
use crate::writer::Intent;
use crate::{Engine, EngineError, EntityQuery, ResumeToken};

/// How many entities one step of the scan asks for, and how many a board shows at most.
const ENTITIES_MAX: usize = 1_000;
/// How many bytes of fields a board shows: clients refuse messages above 4 MiB.
const FIELDS_MAX_BYTES: usize = 1_024 * 1_024;

/// A pipeline as people look at it.
#[derive(Debug)]
pub struct Board {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Its stages, in order.
    pub stages: Vec<BoardStage>,
    /// Resumes a watch behind all that is shown here.
    pub token: ResumeToken,
}

/// A stage with what is on it.
#[derive(Debug)]
pub struct BoardStage {
    /// The stage.
    pub stage_id: StageId,
    /// The triggers on it, by their ids.
    pub triggers: Vec<Arc<Trigger>>,
    /// How many entities stand on it.
    pub entity_count: u64,
    /// The first of them, by their ids.
    pub entities: Vec<Entity>,
}

impl Engine {
    /// A pipeline with its triggers and, per stage, its first `per_stage` entities.
    ///
    /// Counts and triggers are as of the token. Entities are read after it: moves that are made
    /// meanwhile may be shown and come once more, but none is missed.
    pub async fn board(&self, id: PipelineId, per_stage: usize) -> Result<Board, EngineError> {
        self.scope.check(&id)?;
        let pipeline_id = id.clone();
        let (pipeline, mut stages, written) = self
            .write(1, Touched::Nothing, Intent::Ask, move |writer| {
                let not_found = |_| Rejection::not_found(Resource::Pipeline, &id);
                let place = writer.state.pipeline(&id).map_err(not_found)?;
                let mut triggers: HashMap<&StageId, Vec<Arc<Trigger>>> = HashMap::new();
                for trigger in place.triggers() {
                    triggers.entry(&trigger.stage_id).or_default().push(Arc::clone(trigger));
                }
                let stage = |stage: &pawl_domain::Stage| BoardStage {
                    stage_id: stage.id.clone(),
                    triggers: triggers.remove(&stage.id).unwrap_or_default(),
                    entity_count: place.entities_on(&stage.id),
                    entities: Vec::new(),
                };
                let stages: Vec<_> = place.pipeline.stages.in_order().map(stage).collect();
                Ok((Pipeline::clone(&place.pipeline), stages, writer.next_sequence() - 1))
            })
            .await?;
        for stage in &mut stages {
            stage.triggers.sort_by(|one, other| one.id.cmp(&other.id));
        }
        let token = ResumeToken::new(self.core.store.database_id(), Position::after(written));
        let per_stage = per_stage.min(ENTITIES_MAX / stages.len().max(1));
        let mut bytes = 0;
        let wanted = |stage: &BoardStage| {
            per_stage.min(usize::try_from(stage.entity_count).unwrap_or(usize::MAX))
        };
        let mut missing: usize = stages.iter().map(wanted).sum();
        let places: HashMap<StageId, usize> =
            stages.iter().enumerate().map(|(at, stage)| (stage.stage_id.clone(), at)).collect();
        let mut after = Some(String::new());
        while let Some(from) = after.take().filter(|_| missing > 0) {
            let query =
                EntityQuery { pipeline_id: Some(pipeline_id.clone()), ..EntityQuery::default() };
            let page = self.entities(query, from, ENTITIES_MAX).await?;
            for entity in page.items {
                let Some(at) = places.get(&entity.stage_id) else { continue };
                let entities = &mut stages[*at].entities;
                if entities.len() < per_stage && bytes < FIELDS_MAX_BYTES {
                    bytes += entity.fields.size_bytes();
                    entities.push(entity);
                    missing = missing.saturating_sub(1);
                }
            }
            after = page.next.filter(|_| bytes < FIELDS_MAX_BYTES);
        }
        Ok(Board { pipeline, stages, token })
    }
}
