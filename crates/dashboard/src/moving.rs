//! Moving an entity by hand: what dragging does, for keyboards, for touch and without a script.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::REFERER;
use http::uri::Uri;
use maud::{Markup, html};
use pawl_domain::{Actor, Entity, EntityPlace, EventId, Pipeline, Prose, StageId};
use pawl_engine::MoveByHand;
use serde::Deserialize;

use crate::Shared;
use crate::board::stage_label;
use crate::card::name_of;
use crate::door::{Place, Visitor};
use crate::entity::id_of;
use crate::page::{Frame, Sorry};

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
    /// Where to go afterwards.
    #[serde(default)]
    back: String,
}

impl Given {
    /// As it is before anybody chose.
    pub(crate) fn new(entity: &Entity) -> Self {
        Self { revision: entity.version.revision.to_string(), ..Self::default() }
    }
}

/// Whether it is a page of here.
pub(crate) fn is_here(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\\')
}

/// The form: stages to choose from, and why. `problem` says what was wrong with the last try.
pub(crate) fn form(entity: &Entity, pipeline: &Pipeline, given: &Given, problem: &str) -> Markup {
    html! {
        form method="post" action={ "/entities/" (entity.id) "/move" } data-dialog {
            @if !problem.is_empty() { p.problem role="alert" { (problem) } }
            input type="hidden" name="revision" value=(given.revision);
            @if is_here(&given.back) { input type="hidden" name="back" value=(given.back); }
            fieldset {
                legend { "To which stage" }
                @for stage in pipeline.stages.in_order() {
                    @let is_here = stage.id == entity.stage_id;
                    label {
                        input type="radio" name="stage" value=(stage.id) required disabled[is_here]
                            checked[stage.id.as_str() == given.stage];
                        (stage_label(stage))
                        @if is_here { " " span.mark { "here now" } }
                        @if stage.semantics.is_closed() { " " span.mark { "closed" } }
                    }
                }
            }
            label { "Why" input name="comment" value=(given.comment) autocomplete="off" placeholder="signed today"; }
            p.actions { button.primary { "Move" } }
        }
    }
}

pub(crate) async fn page(
    who: Visitor,
    Path(parts): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Markup, Sorry> {
    who.reader()?;
    who.require(who.may.edit, WHAT)?;
    let entity = who.engine.entity(id_of(&parts)?).await?;
    let back = came_from(&headers).unwrap_or_default();
    let given = Given { back, ..Given::new(&entity) };
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
            p.faint { a href={ "/entities/" (entity.id) } { (entity.id) } }
            (form(entity, pipeline, given, problem))
        }
    };
    Frame::new(&title).of(who).within(pipeline, "-").page(body)
}

pub(crate) async fn moved(
    who: Visitor,
    _place: Place,
    State(door): State<Shared>,
    Path(parts): Path<(String, String)>,
    Form(given): Form<Given>,
) -> Result<Response, Sorry> {
    who.reader()?;
    who.require(who.may.edit, WHAT)?;
    let id = id_of(&parts)?;
    let entity = who.engine.entity(id).await?;
    let moved = match wish(&who, &door, &entity, &given) {
        Ok(wish) => who.engine.move_entity(wish, None, false).await.map(drop).map_err(Sorry::from),
        Err(sorry) => Err(sorry),
    };
    match moved {
        Ok(()) => {
            let entity = format!("/entities/{}", entity.id);
            let back = if is_here(&given.back) { &given.back } else { &entity };
            Ok(Redirect::to(back).into_response())
        }
        Err(sorry) => {
            let (code, problem) = sorry.told();
            // With its revision as it is now: whoever reads the problem may try again.
            let revision = entity.version.revision.to_string();
            let pipeline = who.engine.pipeline(entity.pipeline_id.clone()).await?;
            let page = show(&who, &entity, &pipeline, &Given { revision, ..given }, &problem);
            Ok((code, page).into_response())
        }
    }
}

fn wish(who: &Visitor, door: &Shared, entity: &Entity, given: &Given) -> Result<MoveByHand, Sorry> {
    let expected_revision = match given.revision.trim() {
        "" => 0,
        revision => revision
            .parse()
            .map_err(|_| Sorry::bad(format!("revision: {revision:?} is no number")))?,
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
