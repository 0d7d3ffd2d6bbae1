//! A pipeline as people look at it: a column for each stage.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use maud::{Markup, html};
use pawl_domain::{Entity, EntityId, Semantics, Stage, StageId, Trigger, TriggerState};
use pawl_engine::{
    Board, BoardStage, Engine, EngineError, EntityQuery, LoggedMove, MoveQuery, ResumeToken,
};
use serde::Deserialize;

use crate::address;
use crate::card::{Chosen, card, name_of as entity_name};
use crate::cause::Names;
use crate::door::Visitor;
use crate::page::{Frame, Sorry, ago, name_of};

/// How many cards a column shows, and how many more at a time.
pub(crate) const CARDS: usize = 50;
/// How many moves stand beside the board.
pub(crate) const FEED: usize = 30;
/// How many cards are brought at once for ids.
const IDS_MAX: usize = 100;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Look {
    /// Which fields cards show, between commas.
    fields: Option<String>,
}

pub(crate) async fn page(
    who: Visitor,
    Path(pipeline): Path<String>,
    Query(look): Query<Look>,
) -> Result<Markup, Sorry> {
    who.reader()?;
    let id = address::pipeline_in(&pipeline)?;
    let board = who.engine.board(id.clone(), CARDS).await?;
    let query = MoveQuery { pipeline_id: Some(id), ..MoveQuery::default() };
    let moves = who.engine.moves(query, None, FEED).await?.moves;
    let chosen = Chosen::read(look.fields.as_deref());
    let now = who.engine.options().clock.now();
    let causes = Names::of(&board);
    let called = called(&who.engine, &moves).await?;
    let title = name_of(&board.pipeline).to_owned();
    let body = html! {
        main #board .board data-path=(address::board(&board.pipeline.id)) data-token=(shown(&board.token))
            data-fields=[chosen.text()] data-edit[who.may.edit] {
            h1.unseen { (title) }
            div.columns role="list" aria-label="Stages" {
                @for (stage, on_it) in board.pipeline.stages.in_order().zip(&board.stages) {
                    (column(&who, &board, stage, on_it, &chosen))
                }
            }
            aside.feed aria-labelledby="feed-title" {
                h2 #feed-title { "Latest moves" }
                details.fields open[look.fields.is_some()] {
                    summary { "Fields on cards" }
                    form method="get" {
                        label { "Names, with commas between them"
                            input name="fields" value=(look.fields.as_deref().unwrap_or_default()) placeholder="amount, city" autocomplete="off";
                        }
                        button { "Show" }
                    }
                }
                ol #feed {
                    @for logged in &moves {
                        @let moved = &logged.moved;
                        li data-move=(logged.id) {
                            @let id = moved.entity_id.as_str();
                            a href=(address::entity(&moved.entity_id)) title=(id) { (called.get(id).map_or(id, String::as_str)) }
                            " " span.way { (stage_name(&board, &moved.from_stage_id)) " → " (stage_name(&board, &moved.to_stage_id)) }
                            " " span.faint { (causes.told(&moved.cause)) " · " (ago(moved.time, now)) " ago" }
                        }
                    }
                }
                @if moves.is_empty() { p.faint #quiet { "Nothing has moved yet." } }
            }
        }
    };
    Ok(Frame::new(&title).of(who.name()).within(&board.pipeline, "").page(body))
}

fn column(
    who: &Visitor,
    board: &Board,
    stage: &Stage,
    on_it: &BoardStage,
    chosen: &Chosen,
) -> Markup {
    let now = who.engine.options().clock.now();
    let id = on_it.stage_id.as_str();
    let shown = on_it.entities.len();
    html! {
        div.column role="listitem" data-stage=(id) aria-labelledby={ "stage-" (id) } {
            (stripe(stage))
            header {
                h2 id={ "stage-" (id) } title=(stage_label(stage)) { (stage_label(stage)) }
                @if let Some((mark, title)) = mark(stage.semantics) { span.mark title=(title) { (mark) } }
                span.count data-count { (on_it.entity_count) }
                @if who.may.configure {
                    a.plus data-dialog href={ (address::board(&board.pipeline.id)) "/triggers/new?stage=" (id) }
                        title="Add a trigger" aria-label={ "Add a trigger to " (stage_label(stage)) } { "+" }
                }
            }
            div.triggers data-triggers { (triggers(who, &on_it.triggers)) }
            ul.cards aria-label={ "On " (stage_label(stage)) } {
                @for entity in &on_it.entities { (card(entity, chosen, now, who.may.edit)) }
            }
            button.more.quiet type="button"
                hidden[on_it.entity_count <= u64::try_from(shown).unwrap_or(u64::MAX)] { "More" }
        }
    }
}

/// The colour of a stage, as what a strict policy lets through: no style of its own.
fn stripe(stage: &Stage) -> Markup {
    let color = stage.color.as_str();
    html! {
        svg.stripe aria-hidden="true" width="100%" height="4" {
            rect width="100%" height="4" rx="2" fill=[(!color.is_empty()).then_some(color)] {}
        }
    }
}

fn mark(semantics: Semantics) -> Option<(&'static str, &'static str)> {
    match semantics {
        Semantics::Open => None,
        Semantics::Won => Some(("won", "Entities end here when they are won")),
        Semantics::Lost => Some(("lost", "Entities end here when they are lost")),
    }
}

/// What people call a stage.
pub(crate) fn stage_label(stage: &Stage) -> &str {
    match stage.display_name.as_str() {
        "" => stage.id.as_str(),
        name => name,
    }
}

/// What people call a stage of this pipeline, or its id when it is none any more.
pub(crate) fn stage_name<'b>(board: &'b Board, id: &'b StageId) -> &'b str {
    let stage = board.pipeline.stages.in_order().find(|stage| stage.id == *id);
    stage.map_or(id.as_str(), stage_label)
}

/// The triggers of a stage, with what they did.
pub(crate) fn triggers(who: &Visitor, triggers: &[Arc<Trigger>]) -> Markup {
    let now = who.engine.options().clock.now();
    html! {
        @for trigger in triggers {
            @let stats = who.engine.stats_of(trigger);
            a.trigger data-dialog data-trigger=(trigger.id) .off[trigger.state != TriggerState::Active]
                href=(address::trigger(&trigger.id)) {
                span.title { (trigger.display_name) }
                @match trigger.state {
                    TriggerState::Active => {},
                    TriggerState::Paused => span.mark { "paused" },
                    TriggerState::Shadow => span.mark title="Only tells what it would do" { "shadow" },
                }
                @if trigger.allow_move_back { span.mark title="May move back to a previous status" { "back" } }
                @if trigger.allow_reopen { span.mark title="May reopen what is closed" { "reopen" } }
                span.did {
                    @match stats.last_moved_time {
                        Some(last) => { "moved " (stats.moved) ", last " (ago(last, now)) " ago" },
                        None => "moved none yet",
                    }
                }
            }
        }
    }
}

/// What entities that moved are called, as far as they are there.
async fn called(
    engine: &Engine,
    moves: &[LoggedMove],
) -> Result<HashMap<String, String>, EngineError> {
    let ids = moves.iter().map(|logged| logged.moved.entity_id.clone()).collect();
    let entities = engine.entities_by_id(ids).await?;
    let called = |entity: &Arc<Entity>| (entity.id.to_string(), entity_name(entity).to_owned());
    Ok(entities.iter().map(called).collect())
}

/// A token as it travels in addresses and as the id of what is sent.
pub(crate) fn shown(token: &ResumeToken) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(token.as_bytes())
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    fields: Option<String>,
    /// These entities, between commas …
    ids: Option<String>,
    /// … or those on this stage, after this id.
    stage: Option<String>,
    #[serde(default)]
    after: String,
}

/// Cards alone: those behind "more", and those that the script knows by their ids only.
pub(crate) async fn cards(
    who: Visitor,
    Path(pipeline): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Sorry> {
    who.reader()?;
    let pipeline = address::pipeline_in(&pipeline)?;
    let chosen = Chosen::read(wanted.fields.as_deref());
    let now = who.engine.options().clock.now();
    let mut entities = Vec::new();
    let mut next = None;
    if let Some(ids) = &wanted.ids {
        let ids = ids.split(',').take(IDS_MAX).map(|id| EntityId::parse("ids", id));
        // Who has gone meanwhile has no card.
        let found = who.engine.entities_by_id(ids.collect::<Result<_, _>>()?).await?;
        entities.extend(found.into_iter().filter(|entity| entity.pipeline_id == pipeline));
    } else {
        let stage = wanted.stage.as_deref().unwrap_or_default();
        let query = EntityQuery {
            pipeline_id: Some(pipeline.clone()),
            stage_id: Some(StageId::parse("stage", stage)?),
            ..EntityQuery::default()
        };
        let page = who.engine.entities(query, wanted.after, CARDS).await?;
        entities.extend(page.items.into_iter().map(Arc::new));
        next = page.next;
    }
    Ok(html! {
        @for entity in &entities { (card(entity, &chosen, now, who.may.edit)) }
        @if let Some(next) = next {
            li.next hidden data-after=(next) {}
        }
    })
}
