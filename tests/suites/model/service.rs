//! The real engine, asked in the words of the model.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use pawl_domain::{EntityPlace, Limits, NewTriggerType, Prose, Rejection, Resource, TypeCode};
use pawl_engine::{
    Clock, DEFAULT_STALL_AFTER, Engine, EngineError, EntityQuery, MoveByHand, MoveQuery, Options,
    Published, Reserve, Retention, Told, TriggerQuery, UpdateByHand, VerdictQuery,
};

use crate::model::WINDOW_SECONDS;
use crate::translate as to;
use crate::words::{Answer, Event, Operation};

/// More than any history makes of anything.
const ALL: usize = 1_000_000;

/// A database in a directory, open.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) engine: Engine,
    seconds: Arc<AtomicU64>,
}

impl Service {
    /// Opens the database, and registers the one type of our own when it is new.
    pub(crate) async fn open(dir: &Path, now: u64) -> Self {
        let seconds = Arc::new(AtomicU64::new(now));
        let read = Arc::clone(&seconds);
        let at = move || SystemTime::UNIX_EPOCH + Duration::from_secs(read.load(Ordering::SeqCst));
        let options = Options {
            clock: Clock::steady(at),
            dedupe_window: Duration::from_secs(WINDOW_SECONDS) + Duration::from_millis(500),
            retention: Retention { max_age: None, ..Retention::default() },
            reserve: Reserve::none(),
            stall_after: DEFAULT_STALL_AFTER,
            limits: Limits::default(),
        };
        let engine = Engine::start(dir, options).expect("the database opens");
        let code: TypeCode = to::id("chained");
        if engine.trigger_type(code.clone()).await.is_err() {
            let name = |text: &str| to::name(text);
            let new = NewTriggerType {
                code,
                section: name("Ours"),
                title: name("Paid in turn"),
                description: Prose::default(),
                event_type: to::id("invoice.paid"),
                parameters: Vec::new(),
                kinds: vec![to::id("invoice")],
            };
            engine.create_trigger_type(new, None, false).await.expect("our type is registered");
        }
        Self { engine, seconds }
    }

    /// Lets time pass for whatever is asked next.
    pub(crate) fn wait_until(&self, now: u64) {
        self.seconds.store(now, Ordering::SeqCst);
    }

    /// Begins an operation; the first poll puts it into the engine's queue.
    pub(crate) fn ask(
        &self,
        operation: Operation,
        made: String,
        expected: i64,
    ) -> impl Future<Output = Answer> + use<> {
        let engine = self.engine.clone();
        async move {
            match answer(&engine, operation, &made, expected).await {
                Ok(answer) => answer,
                Err(EngineError::Rejected(rejection)) => Answer::Refused(refusal(&rejection)),
                Err(error) => Answer::Refused(format!("failed: {error}")),
            }
        }
    }
}

/// How a rejection is called in the model.
fn refusal(rejection: &Rejection) -> String {
    let named = |resource: &Resource| resource.to_string();
    match rejection {
        Rejection::NotFound { resource, .. } => format!("no {}", named(resource)),
        Rejection::EventNotFound { .. } => "no event".to_owned(),
        Rejection::Missing { resource, .. } => format!("missing {}", named(resource)),
        Rejection::AlreadyExists { resource, .. } => format!("{} exists", named(resource)),
        Rejection::StageInUse { stage_id, triggers, entities } => {
            format!("stage {stage_id} in use by {triggers} and {entities}")
        }
        Rejection::PipelineInUse { pipeline_id, triggers, entities } => {
            format!("pipeline {pipeline_id} in use by {triggers} and {entities}")
        }
        Rejection::KindMismatch { .. } => "kind mismatch".to_owned(),
        Rejection::RevisionMismatch { .. } => "revision mismatch".to_owned(),
        Rejection::EventIdReused { .. } => "event id reused".to_owned(),
        Rejection::ReachTooLarge { .. } => "reach too large".to_owned(),
        Rejection::Immutable { field, .. } => format!("immutable {field}"),
        Rejection::Invalid { .. } => "invalid".to_owned(),
        Rejection::BadFilter { .. }
        | Rejection::Reserved { .. }
        | Rejection::TriggerTypeInUse { .. }
        | Rejection::RequestIdReused { .. }
        | Rejection::BuiltInType { .. }
        | Rejection::TriggerLimit { .. }
        | Rejection::StageTriggerLimit { .. }
        | Rejection::DiskFull { .. }
        | Rejection::IdentitiesFull { .. }
        | Rejection::OutOfScope { .. } => format!("unforeseen: {rejection}"),
    }
}

async fn answer(
    engine: &Engine,
    operation: Operation,
    made: &str,
    expected: i64,
) -> Result<Answer, EngineError> {
    Ok(match operation {
        Operation::Publish(event) => {
            let mut outcomes = publish(engine, &[event]).await?;
            outcomes.remove(0)
        }
        Operation::PublishMany(events) => Answer::Many(publish(engine, &events).await?),
        Operation::Preview(event, hypothetical) => {
            let triggers = hypothetical.iter().map(to::new_trigger).collect();
            let previewed = engine.preview(to::event(&event), triggers).await?;
            Answer::Previewed(to::decisions(&previewed.decisions))
        }
        Operation::CreatePipeline(new) => {
            let new = to::new_pipeline(&new);
            Answer::Pipeline(to::pipeline(&engine.create_pipeline(new, None, false).await?))
        }
        Operation::UpdatePipeline(new, _) => {
            let (id, patch) = to::pipeline_patch(&new);
            Answer::Pipeline(to::pipeline(
                &engine.update_pipeline(id, patch, expected, false).await?,
            ))
        }
        Operation::DeletePipeline(id, _) => {
            engine.delete_pipeline(to::id(&id), expected).await?;
            Answer::Done
        }
        Operation::CreateTrigger(new) => {
            let created = engine.create_trigger(to::new_trigger(&new), None, false).await?;
            Answer::Trigger(to::trigger(&created), false)
        }
        Operation::UpdateTrigger(id, patch, _) => {
            let patch = to::trigger_patch(&patch);
            let updated = engine.update_trigger(to::id(&id), patch, expected, false).await?;
            Answer::Trigger(to::trigger(&updated), false)
        }
        Operation::DeleteTrigger(id, _) => {
            engine.delete_trigger(to::id(&id), expected).await?;
            Answer::Done
        }
        Operation::CreateEntity(new) => {
            Answer::Entity(to::entity(&engine.create_entity(to::new_entity(&new), None).await?))
        }
        Operation::UpdateEntity(id, patch, _, dry) => {
            let wish = UpdateByHand {
                id: to::id(&id),
                patch: to::entity_patch(&patch),
                actor: None,
                event_id: to::id(made),
                expected_revision: expected,
            };
            changed(&engine.update_entity(wish, None, dry).await?)
        }
        Operation::MoveEntity(id, pipeline, stage, _, dry) => {
            let pipeline_id = pipeline.as_deref().map(to::id);
            let wish = MoveByHand {
                id: to::id(&id),
                place: EntityPlace { pipeline_id, stage_id: to::id(&stage) },
                actor: None,
                comment: Prose::default(),
                event_id: to::id(made),
                expected_revision: expected,
            };
            changed(&engine.move_entity(wish, None, dry).await?)
        }
        Operation::DeleteEntity(id, _) => {
            engine.delete_entity(to::id(&id), expected).await?;
            Answer::Done
        }
        Operation::GetEvent(..)
        | Operation::GetTrigger(..)
        | Operation::ListVerdicts(..)
        | Operation::ListMoves(..)
        | Operation::ListEntities(..)
        | Operation::Everything => read(engine, operation).await?,
        Operation::Wait(_) | Operation::Reopen => Answer::Done,
    })
}

async fn publish(engine: &Engine, events: &[Event]) -> Result<Vec<Answer>, EngineError> {
    let events = events.iter().map(to::event).collect();
    let outcomes = engine.publish(events, false).await?.outcomes().await?;
    let answer = |outcome: Result<Published, Rejection>| match outcome {
        Ok(Published { record, duplicate, .. }) => {
            Answer::Published { duplicate, decisions: to::decisions(record.decisions()) }
        }
        Err(rejection) => Answer::Refused(refusal(&rejection)),
    };
    Ok(outcomes.into_iter().map(answer).collect())
}

fn changed(changed: &pawl_engine::Changed) -> Answer {
    let decisions = changed.told.as_ref().map(|told| match told {
        Told::Published(published) => to::decisions(published.record.decisions()),
        Told::Previewed(previewed) => to::decisions(&previewed.decisions),
    });
    Answer::Changed(to::entity(&changed.entity), decisions)
}

/// What changes nothing.
async fn read(engine: &Engine, operation: Operation) -> Result<Answer, EngineError> {
    Ok(match operation {
        Operation::GetEvent(source, id) => {
            let record = engine.event(to::id(&source), to::id(&id)).await?.record;
            let event = record.event().expect("it is an event");
            let subjects = event.subjects.iter().map(ToString::to_string).collect();
            let decisions = to::decisions(record.decisions());
            Answer::Event(event.event_type.to_string(), subjects, decisions)
        }
        Operation::GetTrigger(id, revision) => {
            let (trigger, deleted) = engine.trigger(to::id(&id), revision).await?;
            Answer::Trigger(to::trigger(&trigger), deleted)
        }
        Operation::ListVerdicts(trigger, entity) => {
            let trigger_id = trigger.as_deref().map(to::id);
            let entity_id = entity.as_deref().map(to::id);
            let query = VerdictQuery { trigger_id, entity_id };
            let mut found = Vec::new();
            let mut before = None;
            loop {
                // Small pages, so that going on is tried as well.
                let page = engine.verdicts(query.clone(), before, 50).await?;
                found.extend(page.verdicts.iter().map(to::logged_verdict));
                before = page.next;
                if before.is_none() {
                    break Answer::Verdicts(found);
                }
            }
        }
        Operation::ListMoves(entity) => {
            let entity_id = entity.as_deref().map(to::id);
            let query = MoveQuery { entity_id, ..MoveQuery::default() };
            let mut found = Vec::new();
            let mut before = None;
            loop {
                let page = engine.moves(query.clone(), before, 50).await?;
                found.extend(page.moves.iter().map(|logged| to::moved(&logged.moved)));
                before = page.next;
                if before.is_none() {
                    break Answer::Moves(found);
                }
            }
        }
        Operation::ListEntities(customer) => {
            let customer_id = Some(to::id(&customer));
            let query = EntityQuery { customer_id, ..EntityQuery::default() };
            let found = engine.entities(query, String::new(), ALL).await?.items;
            Answer::Entities(found.iter().map(to::entity).collect())
        }
        _ => {
            let pipelines = engine.pipelines(None, String::new(), ALL).await?.items;
            let query = TriggerQuery::default();
            let triggers = engine.triggers(query, String::new(), ALL).await?.items;
            let query = EntityQuery::default();
            let entities = engine.entities(query, String::new(), ALL).await?.items;
            let counted = engine.counts();
            let found = [pipelines.len(), triggers.len(), entities.len()].map(|len| len as u64);
            if found != [counted.pipelines, counted.triggers, counted.entities] {
                return Ok(Answer::Refused(format!("there are {found:?}, but {counted:?}")));
            }
            let with_statistics = |trigger: &pawl_domain::Trigger| {
                (to::trigger(trigger), to::statistics(&engine.stats_of(trigger)))
            };
            Answer::Everything(
                pipelines.iter().map(to::pipeline).collect(),
                triggers.iter().map(with_statistics).collect(),
                entities.iter().map(to::entity).collect(),
            )
        }
    })
}
