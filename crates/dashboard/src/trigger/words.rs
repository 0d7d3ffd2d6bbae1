//! Triggers and what became of them, in people's words.

use maud::{Markup, html};
use pawl_domain::{EntityKind, Pipeline, StageId, Trigger, TriggerState, VerdictResult};

use super::stage_of;
use crate::page::name_of;

/// What people call an entity of this kind.
pub(super) fn noun(kind: &EntityKind) -> &str {
    match kind.as_str() {
        kind if kind.starts_with("smart_process.") => "item",
        kind => kind,
    }
}

/// What a trigger does.
pub(super) fn what_it_does(trigger: &Trigger, pipeline: &Pipeline, sentence: &str) -> Markup {
    let noun = noun(&pipeline.kind);
    html! {
        p {
            @match trigger.state {
                TriggerState::Active => "Moves",
                TriggerState::Shadow => strong { "In shadow: it only tells that it would move" },
                TriggerState::Paused => strong { "Paused; when it is active it moves" },
            }
            " a " (noun) " of " (name_of(pipeline)) " to " strong { (stage_of(pipeline, &trigger.stage_id)) }
            " when this happens: " (sentence)
            @if let Some(filter) = &trigger.filter { ", and " code { (filter.as_str()) } " holds" }
            ". "
            @match (trigger.allow_move_back, trigger.allow_reopen) {
                (false, false) => "It moves nothing back and reopens nothing.",
                (true, false) => "It may move back to a previous status, and reopens nothing.",
                (false, true) => "It may reopen what is closed, and moves nothing back.",
                (true, true) => "It may move back to a previous status, and reopen what is closed.",
            }
        }
    }
}

/// What became of a trigger for one entity: `moved it to Offer`, `did not move it: …`.
pub(super) fn verdict(result: &VerdictResult, pipeline: &Pipeline, stage: &StageId) -> String {
    let stage = stage_of(pipeline, stage);
    match result {
        VerdictResult::Moved => format!("moved it to {stage}"),
        VerdictResult::WouldMove => format!("would have moved it to {stage}, but is in shadow"),
        VerdictResult::Paused => "was paused".to_owned(),
        other => format!("did not move it: {}", because(other, stage)),
    }
}

/// Why an entity is not moved.
pub(super) fn because(result: &VerdictResult, stage: &str) -> String {
    match result {
        VerdictResult::ParametersDiffer(detail) => format!("the event is another, {detail}"),
        VerdictResult::FilterFalse(detail) => format!("the condition does not hold, {detail}"),
        VerdictResult::EvaluationError(detail) => {
            format!("the condition cannot be evaluated, {detail}")
        }
        VerdictResult::SameStage => format!("it stands on {stage} already"),
        VerdictResult::EntityClosed => "it is closed, and reopening is not allowed".to_owned(),
        VerdictResult::WouldMoveBack => {
            format!("{stage} lies behind it, and moving back is not allowed")
        }
        VerdictResult::Outranked => "another trigger comes first".to_owned(),
        VerdictResult::Loop => "it moved already in the same chain of events".to_owned(),
        VerdictResult::HopLimit => "the chain that the event began is too long".to_owned(),
        VerdictResult::Paused => "the trigger is paused".to_owned(),
        VerdictResult::Moved | VerdictResult::WouldMove => "it moves".to_owned(),
    }
}

/// Why entities are not moved, one word for all of a kind.
pub(super) fn held_by(result: &VerdictResult) -> &'static str {
    match result {
        VerdictResult::ParametersDiffer(_) => "another event: parameters differ",
        VerdictResult::FilterFalse(_) => "the condition does not hold",
        VerdictResult::EvaluationError(_) => "the condition cannot be evaluated",
        VerdictResult::SameStage => "on that stage already",
        VerdictResult::EntityClosed => "closed, and reopening is not allowed",
        VerdictResult::WouldMoveBack => "would move back, which is not allowed",
        VerdictResult::Outranked => "another trigger comes first",
        VerdictResult::Loop => "moved already in the same chain of events",
        VerdictResult::HopLimit => "the chain of events is too long",
        VerdictResult::Paused => "paused",
        VerdictResult::Moved | VerdictResult::WouldMove => "would move",
    }
}

/// `1 event`, `2 events`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
