//! Triggers: choosing one out of the catalogue, telling it what to do, seeing what it would have done
//! before it is saved and what it did since, changing it.

mod catalogue;
mod change;
mod check;
mod filled;
mod form;
mod page;
mod revisions;
mod sample;
mod values;
mod words;

use axum::Router;
use axum::routing::{get, post};
use pawl_domain::{Pipeline, StageId, Trigger, TriggerType};
use pawl_engine::Engine;

use crate::Shared;
use crate::address;
use crate::board::stage_label;
use crate::door::{Allowed, Visitor};
use crate::page::Sorry;

/// Where these pages are.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/boards/{pipeline}/triggers/new", get(catalogue::page))
        .route("/boards/{pipeline}/triggers", post(change::create))
        .route("/boards/{pipeline}/triggers/check", post(check::check))
        .route("/triggers/{trigger}", get(page::page).post(change::update))
        .route("/triggers/{trigger}/state", post(change::set_state))
        .route("/triggers/{trigger}/delete", get(page::confirm).post(change::delete))
}

/// Refuses whoever may not change triggers.
fn configurer(who: &Visitor) -> Result<Allowed, Sorry> {
    who.reader()?;
    who.require(who.may.configure, "change triggers")
}

async fn pipeline(engine: &Engine, id: &str) -> Result<Pipeline, Sorry> {
    Ok(engine.pipeline(address::pipeline_in(id)?).await?)
}

/// A trigger with what it belongs to.
struct Known {
    trigger: Trigger,
    pipeline: Pipeline,
    trigger_type: TriggerType,
}

async fn known(engine: &Engine, id: &str) -> Result<Known, Sorry> {
    let (trigger, _) = engine.trigger(address::trigger_in(id)?, 0).await?;
    let pipeline = engine.pipeline(trigger.pipeline_id.clone()).await?;
    let trigger_type = engine.trigger_type(trigger.type_code.clone()).await?;
    Ok(Known { trigger, pipeline, trigger_type })
}

/// What people call a stage, or its id when it is none of this pipeline.
fn stage_of<'a>(pipeline: &'a Pipeline, id: &'a StageId) -> &'a str {
    let stage = pipeline.stages.in_order().find(|stage| stage.id == *id);
    stage.map_or(id.as_str(), stage_label)
}

/// What people call a trigger type.
fn title_of(trigger_type: &TriggerType) -> &str {
    match trigger_type.title.as_str() {
        "" => trigger_type.code.as_str(),
        title => title,
    }
}
