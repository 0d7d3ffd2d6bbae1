use std::fmt::Write;

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use pawl_api::pb;
use pawl_api::pb::r#move::Cause;
use pawl_api::sentences::{Actor, Label, Mood, Scene, headline, sentence};
use prost_types::{Struct, Timestamp};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{plain, to_json};
use crate::why::lookup::Lookup;

/// One event and what came of it.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) source: String,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    /// When it was committed, where that is known.
    pub(crate) committed: Option<Timestamp>,
    /// When it happened, by its source's clock.
    pub(crate) happened: Option<Timestamp>,
    /// What a change of the entity changed, which is then the event.
    pub(crate) changes: Option<Struct>,
    pub(crate) mood: Mood,
    pub(crate) decisions: Vec<pb::Decision>,
}

impl Story {
    /// What happened, and below it for each trigger one sentence that says why.
    pub(crate) async fn text(&self, lookup: &mut Lookup) -> Result<String, Failure> {
        let mut text = String::new();
        for change in self.changes.iter().flat_map(changes) {
            let _ = writeln!(text, "  {}.", plain(&change));
        }
        for decision in &self.decisions {
            let Told { headline, sentences } = self.tell(decision, lookup).await?;
            let _ = writeln!(text, "  {}.", plain(&headline));
            for (verdict, sentence) in decision.verdicts.iter().zip(sentences) {
                // The headline says that much already.
                let is_told =
                    verdict.result() == pb::VerdictResult::Moved && decision.r#move.is_some();
                if !is_told {
                    let _ = writeln!(text, "    {}.", plain(&sentence));
                }
                if is_told && !verdict.filter_parts.is_empty() {
                    let _ = writeln!(text, "    The filter of trigger {}:", verdict.trigger_id);
                }
                for part in &verdict.filter_parts {
                    let _ = writeln!(text, "      {}", plain(&filter_part(part)));
                }
            }
        }
        Ok(text)
    }

    /// The same for programs: the decisions as in the contract, each with its sentences.
    pub(crate) async fn json(&self, lookup: &mut Lookup) -> Result<Value, Failure> {
        let mut decisions = Vec::new();
        for decision in &self.decisions {
            let told = self.tell(decision, lookup).await?;
            let mut written = to_json("pawl.v1.Decision", decision);
            written["headline"] = told.headline.into();
            written["sentences"] = told.sentences.into();
            decisions.push(written);
        }
        let time = self.committed.or(self.happened);
        let time = time.and_then(instant).map(|time| time.to_string());
        Ok(json!({
            "source": self.source,
            "event_id": self.event_id,
            "type": self.event_type,
            "time": time,
            "decisions": decisions,
        }))
    }

    async fn tell(&self, decision: &pb::Decision, lookup: &mut Lookup) -> Result<Told, Failure> {
        let scene = self.scene(decision, lookup).await?;
        let mut sentences = Vec::new();
        for verdict in &decision.verdicts {
            let pb::Verdict { trigger_id, trigger_revision, stage_id, .. } = verdict;
            let found = lookup.trigger(trigger_id, *trigger_revision).await?.unwrap_or_default();
            let stage = lookup.stage(&found.pipeline_id, stage_id).await?;
            let label = label(trigger_id, *trigger_revision, lookup).await?;
            let actor = Actor { label, stage, filter: found.filter };
            sentences.push(sentence(verdict, &decision.entity_id, &actor, &scene));
        }
        Ok(Told { headline: headline(decision, &scene), sentences })
    }

    /// On which pipeline and stage an entity stood that did not move here, but at another place of the
    /// chain: it moves at most once.
    fn moved_beside(&self, decision: &pb::Decision) -> Option<(&str, &str)> {
        let place = self.decisions.iter().position(|other| std::ptr::eq(other, decision))?;
        let at = self
            .decisions
            .iter()
            .position(|other| other.entity_id == decision.entity_id && other.r#move.is_some())?;
        let moved = self.decisions[at].r#move.as_ref()?;
        let stage = if at < place { &moved.to_stage_id } else { &moved.from_stage_id };
        Some((&moved.pipeline_id, stage))
    }

    async fn scene(&self, decision: &pb::Decision, lookup: &mut Lookup) -> Result<Scene, Failure> {
        let mut scene = Scene { mood: self.mood, here: None, there: None, winner: None };
        if let Some(moved) = &decision.r#move {
            let (to, other) = (&moved.pipeline_id, &moved.from_pipeline_id);
            let from = if other.is_empty() { to } else { other };
            scene.here = Some(lookup.stage(from, &moved.from_stage_id).await?);
            scene.there = Some(lookup.stage(to, &moved.to_stage_id).await?);
            if let Some(Cause::Trigger(cause)) = &moved.cause {
                let winner = label(&cause.trigger_id, cause.trigger_revision, lookup).await?;
                scene.winner = Some(winner);
            }
            return Ok(scene);
        }
        if decision.outcome() != pb::DecisionOutcome::NotMoved {
            return Ok(scene);
        }
        if let Some((pipeline, stage)) = self.moved_beside(decision) {
            scene.here = Some(lookup.stage(pipeline, stage).await?);
            return Ok(scene);
        }
        let same_stage = |verdict: &&pb::Verdict| verdict.result() == pb::VerdictResult::SameStage;
        if let Some(on) = decision.verdicts.iter().find(same_stage) {
            let found = lookup.trigger(&on.trigger_id, on.trigger_revision).await?;
            let pipeline = found.unwrap_or_default().pipeline_id;
            scene.here = Some(lookup.stage(&pipeline, &on.stage_id).await?);
            return Ok(scene);
        }
        let stood = match (self.mood, self.committed) {
            (Mood::Supposed, _) => {
                let entity = lookup.entity(&decision.entity_id).await?;
                entity.map(|entity| (entity.pipeline_id, entity.stage_id))
            }
            (Mood::Happened, Some(time)) => {
                let event = (self.source.as_str(), self.event_id.as_str());
                lookup.stood(&decision.entity_id, time, event).await?
            }
            (Mood::Happened, None) => None,
        };
        if let Some((pipeline, stage)) = stood {
            scene.here = Some(lookup.stage(&pipeline, &stage).await?);
        }
        Ok(scene)
    }
}

/// What changed, from what to what.
fn changes(changes: &Struct) -> Vec<String> {
    let mut changes = to_json("google.protobuf.Struct", changes);
    let fields = changes.get_mut("fields").map(Value::take).unwrap_or_default();
    let all = [&changes, &fields].into_iter().filter_map(Value::as_object).flatten();
    let told = |(name, change): (&String, &Value)| {
        let (old, new) = (change.get("old")?, change.get("new")?);
        let told = |value: &Value| {
            if value.is_null() { "nothing".to_owned() } else { value.to_string() }
        };
        Some(format!("{name} changed from {} to {}", told(old), told(new)))
    };
    all.filter_map(told).collect()
}

/// What is said about a decision.
struct Told {
    headline: String,
    /// In the order of the verdicts.
    sentences: Vec<String>,
}

/// A trigger by all that people know it by.
pub(crate) async fn label(id: &str, revision: i64, lookup: &mut Lookup) -> Result<Label, Failure> {
    let name = lookup.trigger(id, revision).await?.unwrap_or_default().display_name;
    Ok(Label { id: id.to_owned(), name, revision, supposed: lookup.is_supposed(id) })
}

/// When it was, by the clock on the wall.
pub(crate) fn local(time: Timestamp) -> Option<String> {
    let time = instant(time)?.to_zoned(TimeZone::system());
    Some(time.strftime("%F %H:%M:%S").to_string())
}

fn instant(time: Timestamp) -> Option<Instant> {
    Instant::new(time.seconds, time.nanos).ok()
}

fn filter_part(part: &pb::FilterPart) -> String {
    let value = match &part.value {
        Some(value) => to_json("google.protobuf.Value", value).to_string(),
        None => format!("no value: {}", part.error),
    };
    format!("{}  is  {value}", part.expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_field_by_field() {
        let written = json!({
            "responsible": {"old": "ines", "new": "ole"},
            "fields": {"amount": {"old": null, "new": 7}}
        });
        let read: Struct = pawl_api::json::from_value("google.protobuf.Struct", written).unwrap();
        let told =
            ["responsible changed from \"ines\" to \"ole\"", "amount changed from nothing to 7"];
        assert_eq!(changes(&read), told);
        assert_eq!(changes(&Struct::default()), [""; 0]);
    }

    #[test]
    fn an_entity_that_moved_along_the_chain_stood_elsewhere_before_and_after() {
        let decision = |entity: &str, moved: Option<pb::Move>| pb::Decision {
            entity_id: entity.to_owned(),
            r#move: moved,
            ..Default::default()
        };
        let moved = pb::Move {
            pipeline_id: "sales".to_owned(),
            from_stage_id: "new".to_owned(),
            to_stage_id: "won".to_owned(),
            ..Default::default()
        };
        let decisions = vec![
            decision("deal/1", None),
            decision("deal/1", Some(moved)),
            decision("deal/1", None),
            decision("deal/2", None),
        ];
        let story = Story {
            source: String::new(),
            event_id: String::new(),
            event_type: String::new(),
            committed: None,
            happened: None,
            changes: None,
            mood: Mood::Happened,
            decisions,
        };
        let stood = |at: usize| story.moved_beside(&story.decisions[at]);
        assert_eq!(stood(0), Some(("sales", "new")));
        assert_eq!(stood(2), Some(("sales", "won")));
        assert_eq!(stood(3), None);
    }

    #[test]
    fn parts_of_a_filter_are_told_with_their_value_or_why_they_have_none() {
        let part = |value, error: &str| pb::FilterPart {
            expression: "entity.fields.a".to_owned(),
            value,
            error: error.to_owned(),
        };
        let text = prost_types::Value {
            kind: Some(prost_types::value::Kind::StringValue("x".to_owned())),
        };
        assert_eq!(filter_part(&part(Some(text), "")), "entity.fields.a  is  \"x\"");
        let number = prost_types::value::Kind::NumberValue(250.0);
        let number = prost_types::Value { kind: Some(number) };
        assert_eq!(filter_part(&part(Some(number), "")), "entity.fields.a  is  250");
        let missing = filter_part(&part(None, "there is no \"a\" here"));
        assert_eq!(missing, "entity.fields.a  is  no value: there is no \"a\" here");
    }
}
