//! How a trigger came to be what it is.

use maud::{Markup, html};
use pawl_domain::{Filter, Pipeline, Timestamp, Trigger};

use pawl_engine::Engine;

use super::filled::name_of_state;
use super::stage_of;
use crate::page::ago;

/// How many revisions are shown.
const REVISIONS_MAX: i64 = 20;

/// One thing that is not as it was.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) old: String,
    pub(super) new: String,
}

/// What is not there.
const NOTHING: &str = "none";

/// How two revisions of a trigger differ.
pub(super) fn differences(old: &Trigger, new: &Trigger, pipeline: &Pipeline) -> Vec<Difference> {
    let yes = |is_on: bool| if is_on { "yes" } else { "no" }.to_owned();
    let facts = |trigger: &Trigger| {
        let filter = trigger.filter.as_ref().map_or(NOTHING, Filter::as_str);
        [
            ("stage", stage_of(pipeline, &trigger.stage_id).to_owned()),
            ("state", name_of_state(trigger.state).to_lowercase()),
            ("name", trigger.display_name.to_string()),
            ("condition", filter.to_owned()),
            ("may move back", yes(trigger.allow_move_back)),
            ("may reopen", yes(trigger.allow_reopen)),
        ]
    };
    let pairs = facts(old).into_iter().zip(facts(new));
    let mut found: Vec<_> = pairs
        .filter(|((_, old), (_, new))| old != new)
        .map(|((what, old), (_, new))| Difference { what: what.to_owned(), old, new })
        .collect();
    let (before, after) = (old.parameters.as_map(), new.parameters.as_map());
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names.filter(|name| before.get(*name) != after.get(*name)) {
        let shown = |value: Option<&pawl_domain::Value>| {
            value.map_or(NOTHING.to_owned(), ToString::to_string)
        };
        let (old, new) = (shown(before.get(name)), shown(after.get(name)));
        found.push(Difference { what: name.clone(), old, new });
    }
    found
}

/// The revisions, newest first, with what each changed.
pub(super) async fn revisions(
    engine: &Engine,
    pipeline: &Pipeline,
    latest: &Trigger,
    now: Timestamp,
) -> Markup {
    let last = latest.version.revision;
    let first = (last - REVISIONS_MAX).max(0);
    let mut known = vec![latest.clone()];
    for revision in (first.max(1)..last).rev() {
        // One that stood elsewhere before it was deleted and made anew is not for everybody to see.
        let Ok((older, _)) = engine.trigger(latest.id.clone(), revision).await else { break };
        known.push(older);
    }
    html! {
        ol.plain.revisions {
            @for (index, trigger) in known.iter().enumerate() {
                li {
                    strong { "Revision " (trigger.version.revision) }
                    " " span.faint { (ago(trigger.version.update_time, now)) " ago" }
                    (told(trigger, known.get(index + 1), pipeline))
                }
            }
        }
        @if first > 0 { p.faint { "There are older ones: " code { "pawl get trigger " (latest.id) " --revision 1" } } }
    }
}

/// What a revision changed of the one before it.
fn told(trigger: &Trigger, before: Option<&Trigger>, pipeline: &Pipeline) -> Markup {
    let version = trigger.version;
    let is_new = version.create_time == version.update_time
        && before.is_none_or(|before| before.version.create_time != version.create_time);
    let Some(before) = before.filter(|_| !is_new) else {
        return html! { @if is_new { p { "Created." } } };
    };
    let found = differences(before, trigger, pipeline);
    html! {
        @if found.is_empty() { p { "Deleted." } }
        @if !found.is_empty() {
            ul { @for Difference { what, old, new } in &found {
                li { (what) ": " del { (old) } " → " ins { (new) } }
            } }
        }
    }
}
