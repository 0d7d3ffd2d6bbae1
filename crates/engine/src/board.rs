use std::collections::HashMap;

use pawl_domain::{Entity, Pipeline, PipelineId, Rejection, Resource, StageId, Trigger};

use crate::token::Position;
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
    pub triggers: Vec<Trigger>,
    /// How many entities stand on it.
    pub entity_count: u64,
    /// The first of them, by their ids.
    pub entities: Vec<Entity>,
}

impl Engine {
    /// A pipeline with its triggers and, per stage, its first `per_stage` entities.
    ///
    /// The token is taken first: moves that are made while the entities are read may be shown and
    /// come once more, but none is missed.
    pub async fn board(&self, id: PipelineId, per_stage: usize) -> Result<Board, EngineError> {
        let token = ResumeToken::new(&self.core.store, Position::after(self.head().sequence));
        let pipeline_id = id.clone();
        let (pipeline, mut stages) = self
            .write(1, move |writer| {
                let not_found = |_| Rejection::not_found(Resource::Pipeline, &id);
                let place = writer.state.pipeline(&id).map_err(not_found)?;
                let stage = |stage: &pawl_domain::Stage| {
                    let on_stage = place.triggers().filter(|trigger| trigger.stage_id == stage.id);
                    let mut triggers: Vec<Trigger> =
                        on_stage.map(|trigger| Trigger::clone(trigger)).collect();
                    triggers.sort_by(|one, other| one.id.cmp(&other.id));
                    let entity_count = place.entities_on(&stage.id);
                    let stage_id = stage.id.clone();
                    BoardStage { stage_id, triggers, entity_count, entities: Vec::new() }
                };
                let stages: Vec<_> = place.pipeline.stages.in_order().map(stage).collect();
                Ok((Pipeline::clone(&place.pipeline), stages))
            })
            .await?;
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
