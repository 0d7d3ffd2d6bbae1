use std::collections::BTreeMap;
use std::fmt::Display;

use pawl_api::pb;

use super::expect::{Expected, ExpectedDecision};
use super::steps::Came;
use super::world::{State, reason, told};

/// How what came of the last step differs from what was expected, in words; nothing when it does
/// not.
pub(super) fn differences(expected: &Expected, came: &Came, state: &State) -> Vec<String> {
    let mut found = Differences::default();
    match (came, &expected.error) {
        (Err(rejection), Some(error)) if error == reason(rejection) => {}
        (Err(rejection), Some(error)) => found.differ("error", error, &told(rejection)),
        (Err(rejection), None) => found.0.push(format!("refused: {}", told(rejection))),
        (Ok(_), Some(error)) => found.differ("error", error, &"none"),
        (Ok(outcome), None) => found.check_outcome(expected, outcome.as_ref()),
    }
    found.check_state(expected, state);
    found.0
}

#[derive(Debug, Default)]
struct Differences(Vec<String>);

impl Differences {
    fn differ(&mut self, what: &str, expected: &impl Display, got: &impl Display) {
        self.0.push(format!("{what}: expected {expected}, got {got}"));
    }

    fn check<T: Display + PartialEq>(&mut self, what: &str, expected: &T, got: &T) {
        if expected != got {
            self.differ(what, expected, got);
        }
    }

    fn check_outcome(&mut self, expected: &Expected, outcome: Option<&pb::EventOutcome>) {
        let decisions = outcome.map(|o| o.decisions.as_slice()).unwrap_or_default();
        if let Some(no_event) = &expected.no_event {
            self.check("no_event", no_event, &outcome.is_none());
        }
        if let Some(duplicate) = &expected.duplicate {
            self.check("duplicate", duplicate, &outcome.is_some_and(|o| o.duplicate));
        }
        if let Some(moves) = &expected.moves {
            let got = decisions.iter().filter_map(|decision| decision.r#move.as_ref());
            self.check("moves", &list(moves), &list(got.map(move_told)));
        }
        if let Some(only) = &expected.only {
            match decisions {
                [decision] => self.check_decision("", only, decision),
                _ => self.differ("decisions", &"one", &list(decisions.iter().map(decision_told))),
            }
        }
        if let Some(all) = &expected.decisions {
            if all.len() != decisions.len() {
                let got = list(decisions.iter().map(decision_told));
                self.differ("decisions", &all.len(), &format!("{}: {got}", decisions.len()));
            }
            for (index, (expected, decision)) in all.iter().zip(decisions).enumerate() {
                self.check_decision(&format!("decisions[{index}]."), expected, decision);
            }
        }
    }

    fn check_decision(&mut self, place: &str, expected: &ExpectedDecision, got: &pb::Decision) {
        let outcome = outcome_told(got);
        let texts = [
            ("subject", &expected.subject, &got.subject),
            ("entity_id", &expected.entity_id, &got.entity_id),
            ("event_type", &expected.event_type, &got.event_type),
            ("outcome", &expected.outcome, &outcome),
        ];
        for (key, expected, got) in texts {
            if let Some(expected) = expected {
                self.check(&format!("{place}{key}"), expected, got);
            }
        }
        if let Some(hop) = &expected.hop {
            self.check(&format!("{place}hop"), hop, &i64::from(got.hop));
        }
        if let Some(verdicts) = &expected.verdicts {
            let result = |v: &pb::Verdict| (v.trigger_id.clone(), verdict_told(v));
            let results: BTreeMap<_, _> = got.verdicts.iter().map(result).collect();
            if *verdicts != results {
                let expected = list(verdicts.iter().map(|(id, result)| format!("{id} {result}")));
                self.differ(&format!("{place}verdicts"), &expected, &verdicts_told(got));
            }
        }
        for (id, part) in &expected.details {
            let verdict = got.verdicts.iter().find(|verdict| verdict.trigger_id == *id);
            let detail = verdict.map_or("no such verdict", |verdict| &verdict.detail);
            if !detail.contains(part) {
                self.differ(&format!("{place}details of {id}"), part, &format!("{detail:?}"));
            }
        }
    }

    fn check_state(&mut self, expected: &Expected, state: &State) {
        let missing = || "nothing of this id".to_owned();
        for (id, stage) in &expected.stages {
            let entity = state.live_entity(id);
            let got = entity.map_or_else(missing, |entity| entity.stage_id.to_string());
            self.check(&format!("stage of {id}"), stage, &got);
        }
        for (id, revision) in &expected.revisions {
            let entity = state.live_entity(id).map(|entity| entity.version);
            let trigger = || state.triggers.get(id.as_str()).map(|trigger| trigger.version);
            let version = entity.or_else(trigger);
            let got = version.map_or_else(missing, |version| version.revision.to_string());
            self.check(&format!("revision of {id}"), &revision.to_string(), &got);
        }
        for (id, name) in &expected.names {
            let trigger = state.triggers.get(id.as_str());
            let got = trigger.map_or_else(missing, |trigger| trigger.display_name.to_string());
            self.check(&format!("name of {id}"), name, &got);
        }
    }
}

/// As cases write it: `deal/1: new -> won by t1`.
fn move_told(moved: &pb::Move) -> String {
    use pb::r#move::Cause;
    let by = match &moved.cause {
        Some(Cause::Trigger(cause)) => cause.trigger_id.as_str(),
        Some(Cause::Manual(_)) | None => "hand",
    };
    let (from, to) = (&moved.from_stage_id, &moved.to_stage_id);
    let id = &moved.entity_id;
    if moved.from_pipeline_id.is_empty() {
        return format!("{id}: {from} -> {to} by {by}");
    }
    format!("{id}: {}/{from} -> {}/{to} by {by}", moved.from_pipeline_id, moved.pipeline_id)
}

fn decision_told(decision: &pb::Decision) -> String {
    let pb::Decision { subject, entity_id, .. } = decision;
    let via = if subject == entity_id { String::new() } else { format!(" for {entity_id:?}") };
    format!("{subject}{via} {} {}", outcome_told(decision), verdicts_told(decision))
}

fn outcome_told(decision: &pb::Decision) -> String {
    decision.outcome().as_str_name().trim_start_matches("DECISION_OUTCOME_").to_owned()
}

/// With the details, which often say why a verdict is not the expected one.
fn verdicts_told(decision: &pb::Decision) -> String {
    list(decision.verdicts.iter().map(|verdict| {
        let (id, result) = (&verdict.trigger_id, verdict_told(verdict));
        match verdict.detail.as_str() {
            "" => format!("{id} {result}"),
            detail => format!("{id} {result} ({detail})"),
        }
    }))
}

fn verdict_told(verdict: &pb::Verdict) -> String {
    verdict.result().as_str_name().trim_start_matches("VERDICT_RESULT_").to_owned()
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
