//! Random pipelines, triggers and filters over a few names, so that everything meets everything.

use std::ops::RangeInclusive;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, trigger, trigger_type};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

/// Pipelines and their kinds. Two of one kind, between which a move by hand may go.
const PIPELINES: [(&str, &str); 4] =
    [("sales", "deal"), ("service", "deal"), ("leads", "lead"), ("bills", "invoice")];
/// Stages by the name of which all pipelines are built.
const STAGES: [&str; 6] = ["a", "b", "c", "d", "won", "lost"];
/// Types of events that are published.
const EVENT_TYPES: [&str; 4] = ["go", "back", "push", "noise"];
const PEOPLE: [&str; 3] = ["ann", "bob", "eve"];

/// What a scenario plays with.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pipelines: Vec<pb::Pipeline>,
    triggers: Vec<pb::Trigger>,
    /// Every entity that may ever be there, with the kind of pipeline that it can be in.
    pub(crate) entity_ids: Vec<String>,
}

impl World {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self::of([("deal", 2..=10), ("lead", 2..=5), ("invoice", 2..=4)], rng)
    }

    /// One with so many entities of each kind.
    pub(crate) fn of(sizes: [(&str, RangeInclusive<usize>); 3], rng: &mut Rng) -> Self {
        let pipelines: Vec<_> =
            PIPELINES.iter().map(|(id, kind)| pipeline(rng, id, kind)).collect();
        let triggers = triggers(rng, &pipelines);
        let mut entity_ids = Vec::new();
        for (kind, size) in sizes {
            entity_ids.extend((0..rng.usize(size)).map(|number| format!("{kind}/{number}")));
        }
        Self { pipelines, triggers, entity_ids }
    }

    /// Tells the server of it.
    pub(crate) async fn set_up(&self, client: &Client) {
        for pipeline in &self.pipelines {
            client.pipeline(pipeline.clone()).await;
        }
        for code in EVENT_TYPES {
            client.trigger_type(trigger_type(code)).await;
        }
        for trigger in &self.triggers {
            client.trigger(trigger.clone()).await;
        }
    }

    /// Somewhere for an entity of this id.
    pub(crate) fn place(&self, rng: &mut Rng, entity_id: &str) -> (String, String) {
        let kind = entity_id.split('/').next().unwrap_or_default();
        let of_kind = self.pipelines.iter().filter(|one| one.entity_kind == kind);
        let of_kind: Vec<_> = of_kind.collect();
        let pipeline = of_kind[rng.usize(..of_kind.len())];
        let stage = &pipeline.stages[rng.usize(..pipeline.stages.len())];
        (pipeline.pipeline_id.clone(), stage.stage_id.clone())
    }

    pub(crate) fn entity(&self, rng: &mut Rng, id: &str) -> pb::Entity {
        let (pipeline_id, stage_id) = self.place(rng, id);
        let parent_ids = match id.split('/').next() {
            Some("invoice") => vec![self.entity_id(rng)],
            _ => Vec::new(),
        };
        pb::Entity {
            entity_id: id.to_owned(),
            pipeline_id,
            stage_id,
            responsible: if rng.u32(..5) == 0 { String::new() } else { person(rng) },
            parent_ids,
            ..Default::default()
        }
    }

    pub(crate) fn entity_id(&self, rng: &mut Rng) -> String {
        self.entity_ids[rng.usize(..self.entity_ids.len())].clone()
    }

    /// A filter of none to three lists.
    pub(crate) fn filter(&self, rng: &mut Rng, of_entities: bool) -> pb::MoveFilter {
        let mut filter = pb::MoveFilter::default();
        for _ in 0..[0, 1, 1, 1, 2, 3][rng.usize(..6)] {
            match rng.u32(..if of_entities { 5 } else { 7 }) {
                0 => filter.entity_kinds = some(rng, &["deal", "lead", "invoice"]),
                1 => filter.pipeline_ids = some(rng, &PIPELINES.map(|(id, _)| id)),
                2 => filter.to_stage_ids = some(rng, &STAGES),
                3 => {
                    let ids: Vec<_> = self.entity_ids.iter().map(String::as_str).collect();
                    filter.entity_ids = some(rng, &ids);
                }
                4 => filter.responsibles = some(rng, &PEOPLE),
                5 => filter.from_stage_ids = some(rng, &STAGES),
                _ => {
                    let ids = self.triggers.iter().map(|trigger| trigger.trigger_id.as_str());
                    filter.trigger_ids = some(rng, &ids.collect::<Vec<_>>());
                }
            }
        }
        filter
    }
}

/// Someone to be in charge.
pub(crate) fn person(rng: &mut Rng) -> String {
    PEOPLE[rng.usize(..PEOPLE.len())].to_owned()
}

/// Something to happen.
pub(crate) fn event_type(rng: &mut Rng) -> &'static str {
    EVENT_TYPES[rng.usize(..EVENT_TYPES.len())]
}

/// One, two or half of the values.
fn some(rng: &mut Rng, values: &[&str]) -> Vec<String> {
    let most = [1, 2, values.len().div_ceil(2)][rng.usize(..3)];
    let chosen = rng.choose_multiple(values.iter(), most);
    chosen.into_iter().map(ToString::to_string).collect()
}

fn pipeline(rng: &mut Rng, id: &str, kind: &str) -> pb::Pipeline {
    let open = rng.usize(2..=4);
    let mut text = STAGES[..open].join(" ");
    text.push_str(" won:WON");
    if rng.bool() {
        text.push_str(" lost:LOST");
    }
    let selection = [
        pb::TriggerSelection::EarliestStage,
        pb::TriggerSelection::NextStage,
        pb::TriggerSelection::FurthestStage,
    ];
    pb::Pipeline {
        entity_kind: kind.to_owned(),
        trigger_selection: selection[rng.usize(..3)].into(),
        ..pawl_tests::pipeline(id, &text)
    }
}

fn triggers(rng: &mut Rng, pipelines: &[pb::Pipeline]) -> Vec<pb::Trigger> {
    let mut triggers = Vec::new();
    for pipeline in pipelines {
        let mut types = vec!["go", "go", "back", "push", "responsible.changed", "field.changed"];
        if pipeline.entity_kind == "deal" {
            types.push("invoice.paid");
        }
        for trigger_type in types {
            let stages = &pipeline.stages;
            // A way back, so that things go on moving.
            let stage = if trigger_type == "back" { 0 } else { rng.usize(..stages.len()) };
            let place = format!("{}/{}", pipeline.pipeline_id, stages[stage].stage_id);
            let id = format!("t{}", triggers.len());
            let parameters = (trigger_type == "field.changed").then(amount);
            triggers.push(pb::Trigger {
                allow_move_back: trigger_type == "back" || rng.bool(),
                allow_reopen: trigger_type == "back" || rng.bool(),
                parameters,
                ..trigger(&id, &place, trigger_type)
            });
        }
    }
    triggers
}

/// The field that changes.
fn amount() -> Struct {
    let name = Value { kind: Some(Kind::StringValue("amount".to_owned())) };
    let list = Value { kind: Some(Kind::ListValue(ListValue { values: vec![name] })) };
    Struct { fields: [("fields".to_owned(), list)].into() }
}
