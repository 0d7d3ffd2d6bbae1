//! Decisions and verdicts in sentences that people understand: whoever tells them gives the names of
//! stages and triggers, and what is said stands nowhere else.

use crate::pb;
use crate::pb::r#move::Cause;

/// Whether it happened or only would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It did.
    Happened,
    /// It would.
    Supposed,
}

/// A trigger by all that people know it by.
#[derive(Debug, Clone, Default)]
pub struct Label {
    /// Its id.
    pub id: String,
    /// What people call it; may be empty.
    pub name: String,
    /// Which revision was considered; 0 where that is not known.
    pub revision: i64,
    /// It takes part in a preview only.
    pub supposed: bool,
}

impl Label {
    /// `“Email viewed” (trigger read, revision 1)`.
    pub fn told(&self) -> String {
        let Self { id, name, revision, supposed } = self;
        let which = match revision {
            _ if *supposed => format!("trigger {id}, as in the file"),
            0 => format!("trigger {id}"),
            revision => format!("trigger {id}, revision {revision}"),
        };
        if name.is_empty() { which } else { format!("“{name}” ({which})") }
    }
}

/// What one decision is about, in people's words.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Whether it happened.
    pub mood: Mood,
    /// The stage on which the entity stood, where that is known.
    pub here: Option<String>,
    /// The stage to which it moved, if it did.
    pub there: Option<String>,
    /// The trigger that moved it, if one did.
    pub winner: Option<Label>,
}

/// One trigger of a decision, in people's words.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// What it is called.
    pub label: Label,
    /// The stage on which it sits.
    pub stage: String,
    /// Its filter at the revision that was considered.
    pub filter: String,
}

/// What became of an entity or a customer: `deal/57 moved from New to Won by “Paid” (…)`.
pub fn headline(decision: &pb::Decision, scene: &Scene) -> String {
    let pb::Decision { subject, entity_id, event_type, .. } = decision;
    let supposed = scene.mood == Mood::Supposed;
    let who = if entity_id.is_empty() || subject == entity_id {
        subject.clone()
    } else {
        format!("{entity_id} (reached through {subject})")
    };
    let noun = noun(entity_id);
    let sentence = match decision.outcome() {
        pb::DecisionOutcome::Moved => {
            let verb = if supposed { "would move" } else { "moved" };
            let from = scene.here.as_ref().map_or(String::new(), |from| format!(" from {from}"));
            let to = scene.there.as_deref().unwrap_or("another stage");
            format!("{who} {verb}{from} to {to}{}", cause(decision, scene))
        }
        pb::DecisionOutcome::NotMoved => match (&scene.here, supposed) {
            (Some(place), false) => format!("{who} stayed on {place}"),
            (Some(place), true) => format!("{who} would stay on {place}"),
            (None, false) => format!("{who} did not move"),
            (None, true) => format!("{who} would not move"),
        },
        pb::DecisionOutcome::NoTrigger => {
            let verb = if supposed { "would not move" } else { "did not move" };
            format!("{who} {verb}: no trigger of its pipeline listens to {event_type}")
        }
        pb::DecisionOutcome::EntityNotFound => {
            let verb = if supposed { "is" } else { "was" };
            format!("{who} was not considered: there {verb} no such {noun}")
        }
        pb::DecisionOutcome::NotReached => format!(
            "{who} leads to nothing: no open entity names this customer, in any pipeline whose \
             `customer_reach` lets customers in"
        ),
        pb::DecisionOutcome::Unspecified => format!("{who}: the server did not say"),
    };
    match decision.hop {
        0 => sentence,
        hop => format!("then, by {event_type} along the chain (hop {hop}): {sentence}"),
    }
}

fn cause(decision: &pb::Decision, scene: &Scene) -> String {
    if let Some(winner) = &scene.winner {
        return format!(" by {}", winner.told());
    }
    match decision.r#move.as_ref().and_then(|moved| moved.cause.as_ref()) {
        Some(Cause::Trigger(trigger)) => format!(" by trigger {}", trigger.trigger_id),
        Some(Cause::Manual(manual)) => {
            let said = [manual.actor.as_str(), manual.comment.as_str()];
            let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
            let said = said.join(": ");
            if said.is_empty() { " by hand".to_owned() } else { format!(" by hand ({said})") }
        }
        None => String::new(),
    }
}

/// What became of one trigger, and why: `“Paid” (trigger paid, revision 1) did not move it: …`.
pub fn sentence(verdict: &pb::Verdict, entity_id: &str, who: &Actor, scene: &Scene) -> String {
    format!("{} {}", who.label.told(), became(verdict, entity_id, who, scene))
}

/// The same where it is clear which trigger is told of: `did not move it: …`.
pub fn became(verdict: &pb::Verdict, entity_id: &str, who: &Actor, scene: &Scene) -> String {
    let supposed = scene.mood == Mood::Supposed;
    match because(verdict, entity_id, who, scene) {
        None if supposed => format!("would move it to {}", who.stage),
        None => format!("moved it to {}", who.stage),
        Some(why) if supposed => format!("would not move it: {why}"),
        Some(why) => format!("did not move it: {why}"),
    }
}

/// Why a trigger does not move an entity; `None` where it does. Without details, whatever differs from
/// case to case is left out.
pub fn because(
    verdict: &pb::Verdict,
    entity_id: &str,
    who: &Actor,
    scene: &Scene,
) -> Option<String> {
    use pb::VerdictResult as Result;
    let noun = noun(entity_id);
    let (supposed, stage) = (scene.mood == Mood::Supposed, &who.stage);
    let detail = verdict.detail.as_str();
    Some(match verdict.result() {
        Result::Moved => return None,
        Result::WouldMove => {
            let verb = if supposed { "would move" } else { "would have moved" };
            format!("it is in shadow, to be tried out; active it {verb} the {noun} to {stage}")
        }
        Result::Paused => "it is paused, so it was not considered".to_owned(),
        Result::ParametersDiffer => {
            format!("its parameters do not fit the event{}", after(": ", detail))
        }
        Result::FilterFalse => {
            format!("its filter {}does not hold{}", quoted(&who.filter), after(": ", detail))
        }
        Result::EvaluationError => {
            let error = after(": ", detail);
            format!("its filter {}cannot be evaluated{error}", quoted(&who.filter))
        }
        Result::SameStage => format!("the {noun} stands on its stage {stage} already"),
        Result::EntityClosed => {
            let place = scene.here.as_deref().unwrap_or("a won or lost stage");
            format!(
                "the {noun} stands on {place}, which is closed; “allow reopening” (allow_reopen) \
                 is off"
            )
        }
        Result::WouldMoveBack => {
            let place = scene.here.as_deref().unwrap_or("the stage");
            let where_ = if scene.here.is_some() { ", where" } else { " on which" };
            format!(
                "its stage {stage} lies before {place}{where_} the {noun} stands; “allow moving \
                 back to previous status” (allow_move_back) is off"
            )
        }
        Result::Outranked => match &scene.winner {
            Some(winner) => format!("{} was picked instead", winner.told()),
            None => format!("another was picked{}", after(": ", detail)),
        },
        Result::Loop => format!(
            "the {noun} moved already because of this event, and along a chain it moves only once"
        ),
        Result::HopLimit => {
            format!("the chain that the event began is too long{}", after(": ", detail))
        }
        Result::Unspecified => "the server did not say why".to_owned(),
    })
}

/// What people call an entity.
pub fn noun(entity_id: &str) -> &str {
    entity_id.split_once('/').map_or("entity", |(kind, _)| noun_of(kind))
}

/// What people call an entity of this kind.
pub fn noun_of(kind: &str) -> &str {
    match kind {
        "lead" | "deal" | "estimate" | "invoice" => kind,
        kind if kind.starts_with("smart_process.") => "item",
        _ => "entity",
    }
}

fn quoted(filter: &str) -> String {
    if filter.is_empty() { String::new() } else { format!("`{filter}` ") }
}

fn after(separator: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{separator}{text}") }
}

#[cfg(test)]
mod tests;
