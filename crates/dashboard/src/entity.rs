//! An entity: what is known of it, how it came to where it stands, and why it did not move on.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use pawl_domain::{Cause, Entity, MoveId, Value};
use pawl_engine::{LoggedMove, MoveQuery, MovesPage};
use serde::Deserialize;

use crate::card::name_of;
use crate::door::Visitor;
use crate::moving::{Given, form};
use crate::page::{self, Frame, Sorry, ago, component};
use crate::why::{Story, stories};
use crate::words::Words;
use crate::{Shared, address};

/// How many moves are shown at a time.
const MOVES: usize = 50;
/// How many links are shown of each kind: more would be a list of their own.
const DEPTH_MAX: usize = 3;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Older {
    /// Only moves before this one.
    before: Option<String>,
}

pub(crate) async fn page(
    who: Visitor,
    State(door): State<Shared>,
    Path(parts): Path<(String, String)>,
    Query(older): Query<Older>,
) -> Result<Markup, Sorry> {
    who.reader()?;
    let id = address::entity_in(&parts)?;
    let before = older.before.as_deref().map(str::parse::<MoveId>).transpose()?;
    let entity = who.engine.entity(id.clone()).await?;
    let pipeline = who.engine.pipeline(entity.pipeline_id.clone()).await?;
    let query = MoveQuery { entity_id: Some(id), ..MoveQuery::default() };
    let moves = who.engine.moves(query, before, MOVES).await?;
    let mut words = Words::new(&who);
    let steps = steps(&moves, &mut words).await?;
    // Where it stood when it was considered follows from its latest moves.
    let why = if before.is_none() {
        Some(stories(&who.engine, &entity, &moves, &mut words).await?)
    } else {
        None
    };
    let title = name_of(&entity);
    let now = who.engine.options().clock.now();
    let stage = words.stage(pipeline.id.as_str(), entity.stage_id.as_str()).await?;
    let body = html! {
        main.sheet {
            header {
                h1 { (title) }
                p { span.id { (entity.id) } " stands on " strong { (stage) } " of "
                    a href=(address::board(&pipeline.id)) { (page::name_of(&pipeline)) }
                    " for " (ago(entity.stage_entered_time, now)) }
            }
            div.pair {
                section aria-labelledby="known" {
                    h2 #known { "What is known of it" }
                    (known(&entity, now))
                }
                @if who.may.edit {
                    section aria-labelledby="by-hand" {
                        h2 #by-hand { "Move by hand" }
                        (form(&entity, &pipeline, &Given::new(&entity, &door), ""))
                    }
                }
            }
            section aria-labelledby="moves" {
                h2 #moves { "How it came here" }
                (timeline(&entity, &steps, &moves, before.is_some(), now))
            }
            @if let Some(why) = &why {
                section aria-labelledby="why" {
                    h2 #why { "Why, and why not" }
                    (told(&who, why))
                }
            }
            p.actions { a.button href={ (address::board(&pipeline.id)) "/try?subjects=" (component(entity.id.as_str())) } {
                "Try an event on it" } }
        }
    };
    Ok(Frame::new(title).of(who.name()).within(&pipeline, "-").page(body))
}

fn known(entity: &Entity, now: pawl_domain::Timestamp) -> Markup {
    html! {
        table {
            tbody {
                tr { th scope="row" { "In charge" } td {
                    @match &entity.responsible { Some(name) => (name), None => span.faint { "nobody" } }
                } }
                @if !entity.customer_ids.is_empty() {
                    tr { th scope="row" { "Customers" } td {
                        @for (index, id) in entity.customer_ids.iter().enumerate() { @if index > 0 { ", " } (id) }
                    } }
                }
                @if !entity.parent_ids.is_empty() {
                    tr { th scope="row" { "Belongs to" } td {
                        @for (index, id) in entity.parent_ids.iter().enumerate() {
                            @if index > 0 { ", " } a href=(address::entity(id)) { (id) }
                        }
                    } }
                }
                tr { th scope="row" { "Created" } td { (ago(entity.version.create_time, now)) " ago" } }
                tr { th scope="row" { "Changed" } td { (ago(entity.version.update_time, now)) " ago "
                    span.faint { "(revision " (entity.version.revision) ")" } } }
            }
        }
        @if entity.fields.as_map().is_empty() { p.faint { "It has no fields." } }
        @else {
            table.fields {
                caption.unseen { "Fields" }
                thead { tr { th scope="col" { "Field" } th scope="col" { "Value" } } }
                tbody {
                    @for (name, value) in entity.fields.as_map() {
                        tr { th scope="row" { (name) } td { (shown(value, 0)) } }
                    }
                }
            }
        }
    }
}

/// A value, whole: lists as lists, further ones below in a table of their own.
fn shown(value: &Value, depth: usize) -> Markup {
    html! {
        @match value {
            Value::Text(text) => (text),
            Value::List(items) if depth < DEPTH_MAX && !items.is_empty() => {
                ol { @for item in items { li { (shown(item, depth + 1)) } } }
            },
            Value::Map(map) if depth < DEPTH_MAX && !map.is_empty() => {
                dl { @for (name, value) in map { dt { (name) } dd { (shown(value, depth + 1)) } } }
            },
            value => code { (value) },
        }
    }
}

/// A move in words.
struct Step {
    from: String,
    to: String,
    cause: Markup,
}

async fn steps(moves: &MovesPage, words: &mut Words) -> Result<Vec<Step>, Sorry> {
    let mut steps = Vec::new();
    for LoggedMove { moved, .. } in &moves.moves {
        let to_pipeline = moved.pipeline_id.as_str();
        let from_pipeline = moved.from_pipeline_id.as_ref().map_or(to_pipeline, |id| id.as_str());
        let cause = match &moved.cause {
            Cause::Trigger { trigger_id, trigger_revision, event_source, event_id } => {
                let label = words.label(trigger_id.as_str(), *trigger_revision).await?;
                html! {
                    "by " a href=(address::trigger(trigger_id)) { (label.told()) }
                    span.faint.detail { "event " code { (event_id) } " from " code { (event_source) }
                        @if moved.hop > 0 { ", along its chain (hop " (moved.hop) ")" } }
                }
            }
            Cause::Manual { actor, comment, .. } => html! {
                "by hand"
                @if let Some(actor) = actor { " (" (actor) ")" }
                @if !comment.as_str().is_empty() { ": " q { (comment) } }
            },
        };
        steps.push(Step {
            from: words.stage(from_pipeline, moved.from_stage_id.as_str()).await?,
            to: words.stage(to_pipeline, moved.to_stage_id.as_str()).await?,
            cause,
        });
    }
    Ok(steps)
}

fn timeline(
    entity: &Entity,
    steps: &[Step],
    moves: &MovesPage,
    is_older: bool,
    now: pawl_domain::Timestamp,
) -> Markup {
    html! {
        @if steps.is_empty() {
            p.faint { @if is_older { "There are no older moves." } @else { "It has not moved yet." } }
        } @else {
            ol.timeline reversed {
                @for (step, LoggedMove { id, moved }) in steps.iter().zip(&moves.moves) {
                    li data-move=(id) {
                        strong { (step.from) " → " (step.to) } " "
                        @if let Some(from) = &moved.from_pipeline_id {
                            "(from pipeline " (from) ") "
                        }
                        span.faint { (page::ago(moved.time, now)) " ago" }
                        span.detail { (step.cause) }
                    }
                }
            }
        }
        @if let Some(next) = moves.next {
            p { a href={ (address::entity(&entity.id)) "?before=" (next) } { "Older moves" } }
        }
        @if is_older { p { a href=(address::entity(&entity.id)) { "The latest" } } }
    }
}

fn told(who: &Visitor, (stories, is_all): &(Vec<Story>, bool)) -> Markup {
    let now = who.engine.options().clock.now();
    html! {
        @if stories.is_empty() {
            p.faint { "No trigger considered it lately: no event reached it to which a trigger of its pipeline listens." }
        }
        ol.plain.stories {
            @for story in stories {
                li data-event=(story.event_id) {
                    p { strong { (story.headline) } "."
                        br; span.faint { (story.event_type) " · event " code { (story.event_id) }
                            " from " code { (story.source) } " · " (ago(story.time, now)) " ago" } }
                    @if !story.held.is_empty() { ul { @for sentence in &story.held { li { (sentence) "." } } } }
                }
            }
        }
        @if !is_all { p.faint { "Older ones are told by the command " code { "pawl why" } "." } }
    }
}
