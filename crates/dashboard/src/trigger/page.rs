//! A trigger: what it does, what it did, and the form that changes it.

use axum::extract::Path;
use maud::{Markup, html};
use pawl_domain::{Timestamp, Trigger, TriggerState, TriggerType};
use pawl_engine::{LoggedVerdict, VerdictQuery};

use super::filled::{Filled, name_of_state};
use super::form::Sheet;
use super::revisions::revisions;
use super::words::what_it_does;
use super::{Known, configurer, known, title_of};
use crate::address;
use crate::door::Visitor;
use crate::page::{Frame, Sorry, ago, name_of};
use crate::words::Words;

/// How many verdicts are told.
const VERDICTS: usize = 20;

pub(super) async fn page(who: Visitor, Path(id): Path<String>) -> Result<Markup, Sorry> {
    who.reader()?;
    let Known { trigger, pipeline, trigger_type } = known(&who.engine, &id).await?;
    let now = who.engine.options().clock.now();
    let query = VerdictQuery { trigger_id: Some(trigger.id.clone()), ..VerdictQuery::default() };
    let verdicts = who.engine.verdicts(query, None, VERDICTS).await?;
    let mut words = Words::new(&who);
    let mut told = Vec::new();
    for verdict in &verdicts.verdicts {
        told.push((verdict, words.became(verdict).await?));
    }
    let revisions = revisions(&who.engine, &pipeline, &trigger, now).await;
    let filled = Filled::of(&trigger, &trigger_type);
    let sheet = Sheet {
        pipeline: &pipeline,
        trigger_type: &trigger_type,
        trigger: Some(&trigger),
        filled: &filled,
        problems: &[],
        result: None,
    };
    let title = trigger.display_name.as_str();
    let body = html! {
        main.sheet {
            h1 { (title) }
            p.faint { (title_of(&trigger_type)) " · " code { (trigger.id) } " · "
                a href=(address::board(&pipeline.id)) { (name_of(&pipeline)) } }
            (what_it_does(&trigger, &pipeline, &waits_for(&trigger, &trigger_type)))
            (numbers(&who, &trigger, now))
            @if who.may.configure { (buttons(&trigger)) }
            section {
                h2 { "What it did lately" }
                (did(&told, now))
                @if verdicts.next.is_some() { p.faint { "There may be older ones; they are not looked for here." } }
            }
            @if who.may.configure { section { h2 { "Change it" } (sheet.form()) } }
            section { h2 { "Revisions" } (revisions) }
        }
    };
    Ok(Frame::new(title).of(who.name()).within(&pipeline, "-").page(body))
}

/// The page on which a trigger is changed, alone: when what was sent did not do.
pub(super) fn changing(who: &Visitor, sheet: &Sheet<'_>) -> Markup {
    let title = sheet.trigger.map_or("", |trigger| trigger.display_name.as_str());
    let body = html! { main.sheet { h1 { "Change " (title) } (sheet.form()) } };
    Frame::new("Change a trigger").of(who.name()).within(sheet.pipeline, "-").page(body)
}

/// What a trigger waits for: its own sentence, unless somebody named it.
fn waits_for(trigger: &Trigger, trigger_type: &TriggerType) -> String {
    if !trigger.is_named {
        return trigger.display_name.to_string();
    }
    let given = trigger.parameters.as_map().iter();
    let given: Vec<_> = given.map(|(name, value)| format!("{name} {value}")).collect();
    let title = match trigger_type.built_in {
        Some(built_in) => built_in.sentence,
        None => title_of(trigger_type),
    };
    if given.is_empty() { title.to_owned() } else { format!("{title}: {}", given.join(", ")) }
}

fn numbers(who: &Visitor, trigger: &Trigger, now: Timestamp) -> Markup {
    let stats = who.engine.stats_of(trigger);
    let last = |time: Option<Timestamp>| {
        html! { @match time { Some(time) => { (ago(time, now)) " ago" }, None => "never" } }
    };
    html! {
        dl.facts {
            div { dt { "Considered" } dd { (stats.considered) } }
            div { dt { "Matched" } dd { (stats.matched) } }
            div { dt { "Moved" } dd { (stats.moved) } }
            div { dt { "Last considered" } dd { (last(stats.last_considered_time)) } }
            div { dt { "Last moved" } dd { (last(stats.last_moved_time)) } }
        }
    }
}

/// What can be done at once.
fn buttons(trigger: &Trigger) -> Markup {
    let choices: &[(TriggerState, &str)] = match trigger.state {
        TriggerState::Active => &[(TriggerState::Paused, "Pause")],
        TriggerState::Paused => &[(TriggerState::Active, "Activate")],
        TriggerState::Shadow => {
            &[(TriggerState::Active, "Activate"), (TriggerState::Paused, "Pause")]
        }
    };
    html! {
        div.actions {
            @for (state, title) in choices {
                form data-dialog method="post" action={ (address::trigger(&trigger.id)) "/state" } {
                    input type="hidden" name="revision" value=(trigger.version.revision);
                    input type="hidden" name="state" value=(name_of_state(*state));
                    button { (title) }
                }
            }
            a.button.danger data-dialog href={ (address::trigger(&trigger.id)) "/delete" } { "Delete" }
        }
    }
}

fn did(verdicts: &[(&LoggedVerdict, String)], now: Timestamp) -> Markup {
    html! {
        @if verdicts.is_empty() { p.faint { "Nothing yet: no event that it listens to has reached anything here." } }
        ol.plain.verdicts {
            @for (one, became) in verdicts {
                li {
                    a href=(address::entity(&one.entity_id)) { (one.entity_id) } ": "
                    (became) "."
                    @if let Some(winner) = &one.winner {
                        " " a href=(address::trigger(winner)) { "Look at " (winner) }
                    }
                    span.faint.detail { "event " code { (one.event_id) } " from " code { (one.event_source) } " · " (ago(one.time, now)) " ago" }
                }
            }
        }
    }
}

/// Asks once more before a trigger is deleted.
pub(super) async fn confirm(who: Visitor, Path(id): Path<String>) -> Result<Markup, Sorry> {
    configurer(&who)?;
    let Known { trigger, pipeline, .. } = known(&who.engine, &id).await?;
    let moved = who.engine.stats_of(&trigger).moved;
    let body = html! {
        main.sheet.narrow {
            h1 { "Delete " (trigger.display_name) "?" }
            p { "It moves nothing any more from then on. It moved " (moved) " so far; what it did and its "
                "revisions stay readable. To stop it for a while, pause it." }
            form data-dialog method="post" action={ (address::trigger(&trigger.id)) "/delete" } {
                input type="hidden" name="revision" value=(trigger.version.revision);
                p.actions {
                    button.danger { "Delete" }
                    a.button.quiet data-dialog href=(address::trigger(&trigger.id)) { "Keep it" }
                }
            }
        }
    };
    Ok(Frame::new("Delete a trigger").of(who.name()).within(&pipeline, "-").page(body))
}
