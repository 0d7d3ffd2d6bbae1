//! What a trigger can wait for, by section; and the form of what was chosen.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use pawl_api::sentences::noun_of;
use pawl_domain::{Pipeline, StageId, TriggerType, TypeCode, sections};
use pawl_engine::Engine;
use serde::Deserialize;

use super::filled::Filled;
use super::form::Sheet;
use super::{configurer, pipeline, stage_of, title_of};
use crate::door::Visitor;
use crate::page::{Frame, Sorry, component};
use crate::{Shared, address};

/// How many types are shown; whoever registered more knows theirs by name.
const TYPES_MAX: usize = 1_000;
/// Where types stand that name no section.
const NO_SECTION: &str = "Others";

#[derive(Debug, Default, Deserialize)]
pub(super) struct Chosen {
    stage: Option<String>,
    r#type: Option<String>,
}

pub(super) async fn page(
    who: Visitor,
    State(door): State<Shared>,
    Path(id): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<Markup, Sorry> {
    configurer(&who)?;
    let pipeline = pipeline(&who.engine, &id).await?;
    let first = pipeline.stages.in_order().next().map(|stage| stage.id.clone());
    let stage = match &chosen.stage {
        Some(stage) => StageId::parse("stage", stage)?,
        None => first.ok_or_else(|| Sorry::bad("this pipeline has no stages"))?,
    };
    if !pipeline.stages.in_order().any(|known| known.id == stage) {
        return Err(Sorry::bad(format!(
            "there is no stage {stage} any more; go back to the board"
        )));
    }
    match chosen.r#type.as_deref().filter(|code| !code.is_empty()) {
        None => {
            let by_section = by_section(&who.engine, &pipeline).await?;
            Ok(catalogue(&who, &pipeline, &stage, &by_section))
        }
        Some(code) => {
            let trigger_type = who.engine.trigger_type(TypeCode::parse("type", code)?).await?;
            Ok(adding(
                &who,
                &Sheet {
                    pipeline: &pipeline,
                    trigger_type: &trigger_type,
                    trigger: None,
                    filled: &Filled::new(&stage).anew(&door),
                    problems: &[],
                    result: None,
                },
            ))
        }
    }
}

/// The page on which a trigger of a type is added.
pub(super) fn adding(who: &Visitor, sheet: &Sheet<'_>) -> Markup {
    let Sheet { pipeline, trigger_type, .. } = sheet;
    let stage = sheet.filled.text("stage");
    let body = html! {
        main.sheet {
            h1 { (title_of(trigger_type)) }
            p.faint { (trigger_type.description) " Listens to " code { (trigger_type.event_type) } "." }
            p { a data-dialog href={ (address::board(&pipeline.id)) "/triggers/new?stage=" (component(stage)) } { "Choose another type" } }
            (sheet.form())
        }
    };
    Frame::new("Add a trigger").of(who.name()).within(pipeline, "-").page(body)
}

fn catalogue(
    who: &Visitor,
    pipeline: &Pipeline,
    stage: &StageId,
    by_section: &BTreeMap<String, Vec<TriggerType>>,
) -> Markup {
    let first = sections().filter_map(|section| by_section.get_key_value(section));
    let own = by_section.iter().filter(|(section, _)| sections().all(|known| known != **section));
    let body = html! {
        main.sheet {
            h1 { "Add a trigger to " (stage_of(pipeline, stage)) }
            p { "What shall it wait for? When that happens, it moves the " (noun_of(pipeline.kind.as_str())) " to this stage." }
            label { "Search"
                input type="search" data-filter autofocus autocomplete="off" placeholder="email, payment, form …";
            }
            @for (section, types) in first.chain(own) {
                section {
                    h2 { (section) }
                    ul.plain {
                        @for one in types { (row(pipeline, stage, one)) }
                    }
                }
            }
            @if by_section.is_empty() { p { "No trigger type serves " (pipeline.kind) "." } }
        }
    };
    Frame::new("Add a trigger").of(who.name()).within(pipeline, "-").page(body)
}

fn row(pipeline: &Pipeline, stage: &StageId, one: &TriggerType) -> Markup {
    let code = one.code.as_str();
    let (stage, coded) = (component(stage.as_str()), component(code));
    html! {
        li data-text={ (title_of(one)) " " (one.description) " " (code) " " (one.section) } {
            a.row data-dialog href={ (address::board(&pipeline.id)) "/triggers/new?stage=" (stage) "&type=" (coded) } {
                span { strong { (title_of(one)) } span.faint.detail { (one.description) } }
                code.faint { (code) }
            }
        }
    }
}

/// The types that serve the pipeline's kind.
async fn by_section(
    engine: &Engine,
    pipeline: &Pipeline,
) -> Result<BTreeMap<String, Vec<TriggerType>>, Sorry> {
    let mut by_section: BTreeMap<String, Vec<TriggerType>> = BTreeMap::new();
    let (mut after, mut found) = (Some(String::new()), 0);
    while let Some(from) = after.take().filter(|_| found < TYPES_MAX) {
        let kind = pipeline.kind.clone();
        let keep = move |one: &TriggerType| one.serves(kind.as_str());
        let page = engine.trigger_types(keep, from, TYPES_MAX - found).await?;
        found += page.items.len();
        after = page.next;
        for one in page.items {
            let section = match one.section.as_str() {
                "" => NO_SECTION,
                section => section,
            };
            by_section.entry(section.to_owned()).or_default().push(one);
        }
    }
    Ok(by_section)
}
