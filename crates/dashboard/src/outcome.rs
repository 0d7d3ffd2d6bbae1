//! What came of an event, or would: every decision in a sentence, and below it one for each trigger.

use maud::{Markup, html};
use pawl_api::convert::{self, Became};
use pawl_api::pb;
use pawl_api::sentences::Mood;
use pawl_engine::{EngineError, Previewed, Published};
use serde_json::json;

use crate::words::{Told, Words};

/// An outcome as it is shown.
#[derive(Debug)]
pub(crate) struct Outcome {
    mood: Mood,
    came: pb::EventOutcome,
    told: Vec<Told>,
}

impl Outcome {
    pub(crate) async fn published(
        published: &Published,
        words: &mut Words,
    ) -> Result<Self, EngineError> {
        let Published { record, duplicate, explanations, move_numbers } = published;
        let Some(event) = record.event() else { return Err(EngineError::OutcomeUnknown) };
        let became = Became {
            event,
            sequence: Some(record.sequence),
            decisions: record.decisions(),
            explanations,
            duplicate: *duplicate,
            move_numbers,
        };
        Self::of(&became, Mood::Happened, words).await
    }

    pub(crate) async fn previewed(
        previewed: &Previewed,
        words: &mut Words,
    ) -> Result<Self, EngineError> {
        let Previewed { event, decisions, explanations } = previewed;
        let became = Became {
            event,
            sequence: None,
            decisions,
            explanations,
            duplicate: false,
            move_numbers: &[],
        };
        Self::of(&became, Mood::Supposed, words).await
    }

    async fn of(became: &Became<'_>, mood: Mood, words: &mut Words) -> Result<Self, EngineError> {
        let outcome = convert::event_outcome(became, pb::DecisionView::Full);
        let told = words.tell(&outcome.decisions, mood, outcome.duplicate).await?;
        Ok(Self { mood, came: outcome, told })
    }

    /// For the script, to mark on a board what the event does.
    fn marks(&self) -> String {
        let of_decision = |decision: &pb::Decision| {
            let entity = decision.entity_id.clone();
            let mark = move |verdict: &pb::Verdict| {
                let result = verdict.result().as_str_name();
                let result = result.strip_prefix("VERDICT_RESULT_").unwrap_or(result);
                json!({
                    "entity": entity,
                    "trigger": verdict.trigger_id,
                    "result": result,
                    "to": verdict.stage_id,
                })
            };
            decision.verdicts.iter().map(mark).collect::<Vec<_>>()
        };
        json!(self.came.decisions.iter().flat_map(of_decision).collect::<Vec<_>>()).to_string()
    }

    pub(crate) fn shown(&self) -> Markup {
        let pb::EventOutcome { event_id, source, duplicate, decisions, .. } = &self.came;
        html! {
            div.outcome data-marks=(self.marks()) data-event=(event_id) role="status" {
                h2 { @match self.mood {
                    Mood::Supposed => "What it would do",
                    Mood::Happened if *duplicate => "It was published before: this came of it then",
                    Mood::Happened => "What came of it",
                } }
                p.faint { "Event " code { (event_id) } " from " code { (source) }
                    @if self.mood == Mood::Supposed { "; nothing was done" } "." }
                @for (decision, told) in decisions.iter().zip(&self.told) { (decided(decision, told)) }
            }
        }
    }
}

fn decided(decision: &pb::Decision, told: &Told) -> Markup {
    html! {
        section.decision data-entity=(decision.entity_id) {
            h3 { (told.headline) "." }
            @if !told.sentences.is_empty() {
                ul.plain {
                    @for (verdict, sentence) in decision.verdicts.iter().zip(&told.sentences) {
                        li .(colour(verdict.result())) data-trigger=(verdict.trigger_id) {
                            (sentence) "."
                            @if !verdict.filter_parts.is_empty() { (parts(verdict)) }
                        }
                    }
                }
            }
        }
    }
}

/// The words say it, too.
fn colour(result: pb::VerdictResult) -> &'static str {
    match result {
        pb::VerdictResult::Moved => "good",
        pb::VerdictResult::WouldMove | pb::VerdictResult::Outranked => "care",
        pb::VerdictResult::EvaluationError => "bad",
        _ => "faint",
    }
}

/// What the parts of a filter were worth.
fn parts(verdict: &pb::Verdict) -> Markup {
    html! {
        details {
            summary { "Its filter, part by part" }
            table {
                thead { tr { th scope="col" { "Part" } th scope="col" { "Value" } } }
                tbody {
                    @for part in &verdict.filter_parts {
                        tr { td { code { (part.expression) } } td { (worth(part)) } }
                    }
                }
            }
        }
    }
}

fn worth(part: &pb::FilterPart) -> String {
    let Some(value) = &part.value else { return format!("no value: {}", part.error) };
    match pawl_api::json::to_json("google.protobuf.Value", value) {
        Ok(value) => value.to_string(),
        Err(problem) => problem.to_string(),
    }
}
