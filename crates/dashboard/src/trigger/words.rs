//! What triggers do, in people's words; what became of them is said by `pawl_api::sentences`.

use maud::{Markup, html};
use pawl_api::sentences::noun_of;
use pawl_domain::{Pipeline, Trigger, TriggerState};

use super::stage_of;
use crate::page::name_of;

/// What a trigger does.
pub(super) fn what_it_does(trigger: &Trigger, pipeline: &Pipeline, sentence: &str) -> Markup {
    let noun = noun_of(pipeline.kind.as_str());
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

/// `1 event`, `2 events`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
