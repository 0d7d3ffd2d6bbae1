//! Triggers created, changed, paused and deleted.

use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use pawl_domain::{Pipeline, Rejection, Trigger, TriggerPatch, TypeCode};
use pawl_engine::{Engine, EngineError};

use super::catalogue::adding;
use super::check::{Asked, Checked};
use super::filled::{Filled, Problem, patch};
use super::page::changing;
use super::revisions::differences;
use super::{Known, configurer, known, pipeline};
use crate::door::{Place, Visitor};
use crate::page::Sorry;

pub(super) async fn create(
    who: Visitor,
    _place: Place,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    configurer(&who)?;
    let pipeline = pipeline(&who.engine, &id).await?;
    let filled = Filled(pairs);
    let code = TypeCode::parse("type", filled.text("type"))?;
    let trigger_type = who.engine.trigger_type(code).await?;
    let asked = Asked {
        engine: &who.engine,
        pipeline: &pipeline,
        trigger_type: &trigger_type,
        trigger: None,
        filled: &filled,
    };
    let checked = asked.checked().await?;
    let wish = match &checked {
        Checked::Bad(problems) => {
            return Ok((StatusCode::BAD_REQUEST, adding(&who, &asked.sheet(problems, None)))
                .into_response());
        }
        Checked::Good(_) if filled.text("action") == "check" => {
            let result = asked.told(&checked).await?;
            return Ok(adding(&who, &asked.sheet(&[], Some(result))).into_response());
        }
        Checked::Good(wish) => wish,
    };
    match who.engine.create_trigger(wish.clone(), None, false).await {
        Ok(_) => Ok(back(&pipeline)),
        Err(EngineError::Rejected(rejection)) => {
            let page = adding(&who, &asked.sheet(&[Problem::of(&rejection)], None));
            Ok((code_of(&rejection), page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn update(
    who: Visitor,
    _place: Place,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    configurer(&who)?;
    let Known { trigger, pipeline, trigger_type } = known(&who.engine, &id).await?;
    let filled = Filled(pairs);
    let expected = filled.revision()?;
    let asked = Asked {
        engine: &who.engine,
        pipeline: &pipeline,
        trigger_type: &trigger_type,
        trigger: Some(&trigger),
        filled: &filled,
    };
    let checked = asked.checked().await?;
    let wish = match &checked {
        Checked::Bad(problems) => {
            return Ok((StatusCode::BAD_REQUEST, changing(&who, &asked.sheet(problems, None)))
                .into_response());
        }
        Checked::Good(_) if filled.text("action") == "check" => {
            let result = asked.told(&checked).await?;
            return Ok(changing(&who, &asked.sheet(&[], Some(result))).into_response());
        }
        Checked::Good(wish) => wish,
    };
    let updated =
        who.engine.update_trigger(trigger.id.clone(), patch(wish.clone()), expected, false).await;
    match updated {
        Ok(_) => Ok(back(&pipeline)),
        Err(EngineError::Rejected(rejection @ Rejection::RevisionMismatch { .. })) => {
            // The form goes on from what it is now: whoever saves it once more means it.
            let Known { trigger, .. } = known(&who.engine, &id).await?;
            let text = meanwhile(&who.engine, &pipeline, &trigger, expected).await;
            let problem = Problem { input: String::new(), text };
            let asked = Asked { trigger: Some(&trigger), ..asked };
            Ok((code_of(&rejection), changing(&who, &asked.sheet(&[problem], None)))
                .into_response())
        }
        Err(EngineError::Rejected(rejection)) => {
            let page = changing(&who, &asked.sheet(&[Problem::of(&rejection)], None));
            Ok((code_of(&rejection), page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What somebody else changed since the form was made.
async fn meanwhile(engine: &Engine, pipeline: &Pipeline, now: &Trigger, expected: i64) -> String {
    let then = engine.trigger(now.id.clone(), expected).await;
    let changed = then.map(|(then, _)| differences(&then, now, pipeline)).unwrap_or_default();
    let changed: Vec<_> = changed
        .iter()
        .map(|difference| format!("{}: {} → {}", difference.what, difference.old, difference.new))
        .collect();
    let revision = now.version.revision;
    format!(
        "Somebody changed it meanwhile, from revision {expected} to {revision} ({}). Nothing was \
         saved; to put what stands below in its place, save once more.",
        if changed.is_empty() { "what it was is not known".to_owned() } else { changed.join("; ") }
    )
}

/// Pauses a trigger, or has it work again.
pub(super) async fn set_state(
    who: Visitor,
    _place: Place,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    configurer(&who)?;
    let filled = Filled(pairs);
    let Known { trigger, pipeline, .. } = known(&who.engine, &id).await?;
    let patch = TriggerPatch { state: Some(filled.state()?), ..TriggerPatch::default() };
    let updated = who.engine.update_trigger(trigger.id, patch, filled.revision()?, false).await;
    done(updated.map(drop), &pipeline)
}

pub(super) async fn delete(
    who: Visitor,
    _place: Place,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    configurer(&who)?;
    let expected = Filled(pairs).revision()?;
    let Known { trigger, pipeline, .. } = known(&who.engine, &id).await?;
    done(who.engine.delete_trigger(trigger.id, expected).await, &pipeline)
}

fn done(answer: Result<(), EngineError>, pipeline: &Pipeline) -> Result<Response, Sorry> {
    match answer {
        Ok(()) => Ok(back(pipeline)),
        Err(EngineError::Rejected(Rejection::RevisionMismatch { .. })) => {
            let problem = "Somebody changed the trigger meanwhile, and nothing was done; look at it \
                           again.";
            Err(Sorry::conflict(problem))
        }
        Err(error) => Err(error.into()),
    }
}

fn back(pipeline: &Pipeline) -> Response {
    Redirect::to(&format!("/boards/{}", pipeline.id)).into_response()
}

fn code_of(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::AlreadyExists { .. } | Rejection::RevisionMismatch { .. } => {
            StatusCode::CONFLICT
        }
        Rejection::OutOfScope { .. } => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}
