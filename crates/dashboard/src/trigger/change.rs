//! Triggers created, changed, paused and deleted.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::Markup;
use pawl_domain::{NewTrigger, Pipeline, Rejection, Trigger, TriggerPatch, TypeCode};
use pawl_engine::{Engine, EngineError};

use super::catalogue::adding;
use super::check::{Asked, Checked};
use super::filled::{Filled, Problem, patch};
use super::form::Sheet;
use super::page::changing;
use super::revisions::differences;
use super::{Known, configurer, known, pipeline};
use crate::door::{Queue, Visitor};
use crate::page::Sorry;
use crate::{Shared, address};

/// The page that shows a form.
type Page = fn(&Visitor, &Sheet<'_>) -> Markup;

/// A form that is shown once more: nothing was done.
struct Again {
    code: StatusCode,
    problems: Vec<Problem>,
    /// What came of trying it.
    result: Option<Markup>,
}

impl Again {
    fn refused(rejection: &Rejection, problem: Problem) -> Self {
        Self { code: code_of(rejection), problems: vec![problem], result: None }
    }

    fn shown(self, who: &Visitor, asked: &Asked<'_>, page: Page) -> Response {
        (self.code, page(who, &asked.sheet(&self.problems, self.result))).into_response()
    }
}

/// What the form asks for; or the form again, when it cannot be done or is only to be tried.
async fn wish(asked: &Asked<'_>) -> Result<Result<NewTrigger, Again>, Sorry> {
    let is_trial = asked.filled.text("action") == "check";
    let checked = if is_trial { asked.checked().await? } else { asked.read().await? };
    let result = if is_trial { Some(asked.told(&checked).await?) } else { None };
    Ok(match checked {
        Checked::Bad(problems) => {
            Err(Again { code: StatusCode::BAD_REQUEST, problems, result: None })
        }
        Checked::Good(_) if is_trial => {
            Err(Again { code: StatusCode::OK, problems: Vec::new(), result })
        }
        Checked::Good(wish) => Ok(wish),
    })
}

pub(super) async fn create(
    who: Visitor,
    queue: Queue,
    State(door): State<Shared>,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    let allowed = configurer(&who)?;
    let _place = queue.place(&allowed)?;
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
    let wish = match wish(&asked).await? {
        Ok(wish) => wish,
        Err(again) => return Ok(again.shown(&who, &asked, adding)),
    };
    let request = filled.identity(&format!("create a trigger of {}", pipeline.id))?;
    match who.engine.create_trigger(wish, request, false).await {
        Ok(_) => Ok(back(&pipeline)),
        Err(EngineError::Rejected(rejection @ Rejection::RequestIdReused { .. })) => {
            let anew = filled.anew(&door);
            let asked = Asked { filled: &anew, ..asked };
            let again = Again::refused(&rejection, Problem::whole(SENT_BEFORE));
            Ok(again.shown(&who, &asked, adding))
        }
        Err(EngineError::Rejected(rejection)) => {
            let again = Again::refused(&rejection, Problem::of(&rejection));
            Ok(again.shown(&who, &asked, adding))
        }
        Err(error) => Err(error.into()),
    }
}

const SENT_BEFORE: &str = "This form was sent before, filled in differently, and made a trigger; \
                           nothing was added now. To add one like this as well, press Add trigger \
                           once more; to change the first one, open it on the board.";

pub(super) async fn update(
    who: Visitor,
    queue: Queue,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    let allowed = configurer(&who)?;
    let _place = queue.place(&allowed)?;
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
    let wish = match wish(&asked).await? {
        Ok(wish) => wish,
        Err(again) => return Ok(again.shown(&who, &asked, changing)),
    };
    match who.engine.update_trigger(trigger.id.clone(), patch(wish), expected, false).await {
        Ok(_) => Ok(back(&pipeline)),
        Err(EngineError::Rejected(rejection @ Rejection::RevisionMismatch { .. })) => {
            // The form goes on from what it is now: whoever saves it once more means it.
            let Known { trigger, .. } = known(&who.engine, &id).await?;
            let text = meanwhile(&who.engine, &pipeline, &trigger, expected).await;
            let asked = Asked { trigger: Some(&trigger), ..asked };
            let again = Again::refused(&rejection, Problem::whole(text));
            Ok(again.shown(&who, &asked, changing))
        }
        Err(EngineError::Rejected(rejection)) => {
            let again = Again::refused(&rejection, Problem::of(&rejection));
            Ok(again.shown(&who, &asked, changing))
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
    queue: Queue,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    let allowed = configurer(&who)?;
    let _place = queue.place(&allowed)?;
    let filled = Filled(pairs);
    let Known { trigger, pipeline, .. } = known(&who.engine, &id).await?;
    let patch = TriggerPatch { state: Some(filled.state()?), ..TriggerPatch::default() };
    let updated = who.engine.update_trigger(trigger.id, patch, filled.revision()?, false).await;
    done(updated.map(drop), &pipeline)
}

pub(super) async fn delete(
    who: Visitor,
    queue: Queue,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Sorry> {
    let allowed = configurer(&who)?;
    let _place = queue.place(&allowed)?;
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
    Redirect::to(&address::board(&pipeline.id)).into_response()
}

fn code_of(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::AlreadyExists { .. }
        | Rejection::RevisionMismatch { .. }
        | Rejection::RequestIdReused { .. } => StatusCode::CONFLICT,
        Rejection::OutOfScope { .. } => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}
