//! Moving an entity by hand: what dragging does, for keyboards, for touch and without a script.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::REFERER;
use http::uri::Uri;
use maud::{Markup, html};
use pawl_domain::{Actor, Entity, EntityPlace, EventId, Pipeline, Prose, Rejection, StageId};
use pawl_engine::{EngineError, MoveByHand, RequestIdentity};
use serde::Deserialize;

use crate::board::stage_label;
use crate::card::name_of;
use crate::door::{Queue, Visitor};
use crate::page::{Frame, Sorry};
use crate::{Shared, address, once};

const WHAT: &str = "move entities by hand";

/// What the form says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Given {
    #[serde(default)]
    stage: String,
    #[serde(default)]
    comment: String,
    /// The move is refused if the entity has changed since; empty for whatever it is.
    #[serde(default)]
    revision: String,
    /// Tells the form from others that ask for the same; one that drags has none.
    #[serde(default)]
    request_id: String,
    /// Where to go afterwards.
    #[serde(default)]
    back: String,
}

impl Given {
    /// As it is before anybody chose.
    pub(crate) fn new(entity: &Entity, door: &Shared) -> Self {
        let revision = entity.version.revision.to_string();
        Self { revision, request_id: door.fresh_id(), ..Self::default() }
    }
}

/// Whether it is a page of here.
pub(crate) fn is_here(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\\')
}

/// The form: stages to choose from, and why. `problem` says what was wrong with the last try.
pub(crate) fn form(entity: &Entity, pipeline: &Pipeline, given: &Given, problem: &str) -> Markup {
    html! {
        form method="post" action={ (address::entity(&entity.id)) "/move" } data-dialog {
            @if !problem.is_empty() { p.problem role="alert" { (problem) } }
            input type="hidden" name="revision" value=(given.revision);
            (once::input(&given.request_id))
            @if is_here(&given.back) { input type="hidden" name="back" value=(given.back); }
            fieldset {
                legend { "To which stage" }
                @for stage in pipeline.stages.in_order() {
                    @let is_here = stage.id == entity.stage_id;
                    label.choice {
                        input type="radio" name="stage" value=(stage.id) required disabled[is_here]
                            checked[stage.id.as_str() == given.stage];
                        span { (stage_label(stage))
                            @if is_here { " " span.mark { "here now" } }
                            @if stage.semantics.is_closed() { " " span.mark { "closed" } } }
                    }
                }
            }
            label { "Why, in a few words" input name="comment" value=(given.comment) autocomplete="off" placeholder="signed today"; }
            p.actions { button.primary { "Move" } }
        }
    }
}

pub(crate) async fn page(
    who: Visitor,
    State(door): State<Shared>,
    Path(parts): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Markup, Sorry> {
    who.reader()?;
    who.require(who.may.edit, WHAT)?;
    let entity = who.engine.entity(address::entity_in(&parts)?).await?;
    let back = came_from(&headers).unwrap_or_default();
    let given = Given { back, ..Given::new(&entity, &door) };
    let pipeline = who.engine.pipeline(entity.pipeline_id.clone()).await?;
    Ok(show(&who, &entity, &pipeline, &given, ""))
}

/// The board from which somebody came, to go back there.
fn came_from(headers: &HeaderMap) -> Option<String> {
    let from: Uri = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let path = from.path_and_query()?.as_str();
    (path.starts_with("/boards/") && is_here(path)).then(|| path.to_owned())
}

fn show(
    who: &Visitor,
    entity: &Entity,
    pipeline: &Pipeline,
    given: &Given,
    problem: &str,
) -> Markup {
    let title = format!("Move {}", name_of(entity));
    let body = html! {
        main.sheet.narrow {
            h1 { (title) }
            p.faint { a href=(address::entity(&entity.id)) { (entity.id) } }
            (form(entity, pipeline, given, problem))
        }
    };
    Frame::new(&title).of(who.name()).within(pipeline, "-").page(body)
}

pub(crate) async fn moved(
    who: Visitor,
    queue: Queue,
    State(door): State<Shared>,
    Path(parts): Path<(String, String)>,
    Form(given): Form<Given>,
) -> Result<Response, Sorry> {
    who.reader()?;
    let allowed = who.require(who.may.edit, WHAT)?;
    let _place = queue.place(&allowed)?;
    let entity = who.engine.entity(address::entity_in(&parts)?).await?;
    let moved = match asked(&who, &door, &entity, &given) {
        Ok((wish, request)) => who.engine.move_entity(wish, request, false).await,
        Err(rejection) => Err(rejection.into()),
    };
    let sorry = match moved {
        Ok(_) => {
            let entity = address::entity(&entity.id);
            let back = if is_here(&given.back) { &given.back } else { &entity };
            return Ok(Redirect::to(back).into_response());
        }
        Err(EngineError::Rejected(Rejection::RevisionMismatch { .. })) => {
            Sorry::conflict(MEANWHILE)
        }
        Err(EngineError::Rejected(Rejection::RequestIdReused { .. })) => Sorry::conflict(AGAIN),
        Err(error) => error.into(),
    };
    let (code, problem) = sorry.told();
    // As it is now: whoever reads the problem may try again.
    let entity = who.engine.entity(entity.id).await?;
    let pipeline = who.engine.pipeline(entity.pipeline_id.clone()).await?;
    let now = Given::new(&entity, &door);
    let given = Given { revision: now.revision, request_id: now.request_id, ..given };
    Ok((code, show(&who, &entity, &pipeline, &given, &problem)).into_response())
}

const MEANWHILE: &str = "Somebody changed it meanwhile, and nothing was moved. Below is where it \
                         stands now, and what you chose: press Move once more if it still holds.";
const AGAIN: &str = "This form was sent before, with another choice, and has moved it. Below is \
                     where it stands now: press Move once more to move it again.";

/// What the form asks for, and as which request.
fn asked(
    who: &Visitor,
    door: &Shared,
    entity: &Entity,
    given: &Given,
) -> Result<(MoveByHand, Option<RequestIdentity>), Rejection> {
    let wish = wish(who, door, entity, given)?;
    let content = [entity.id.as_str(), &given.stage, &given.comment, &given.revision];
    Ok((wish, once::identity(WHAT, &given.request_id, content.into_iter())?))
}

fn wish(
    who: &Visitor,
    door: &Shared,
    entity: &Entity,
    given: &Given,
) -> Result<MoveByHand, Rejection> {
    let expected_revision = match given.revision.trim() {
        "" => 0,
        revision => revision
            .parse()
            .map_err(|_| Rejection::invalid("revision", format!("{revision:?} is no number")))?,
    };
    Ok(MoveByHand {
        id: entity.id.clone(),
        place: EntityPlace { pipeline_id: None, stage_id: StageId::parse("stage", &given.stage)? },
        actor: who.name.as_ref().and_then(|name| Actor::parse("actor", name).ok()),
        comment: Prose::parse("comment", given.comment.trim().to_owned())?,
        event_id: EventId::parse("event_id", &door.fresh_id())?,
        expected_revision,
    })
}
