//! Whom an event reaches and what it does there: E2, E3, T2 to T6, T11 and X2, in plain loops.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::words::{
    Changes, Decision, Entity, Event, Fields, Filter, Id, Means, Move, Pipeline, Reach, Selection,
    State, Trigger, Value, Verdict,
};

/// How many entities one event may reach, and how far a chain goes.
const REACH: usize = 1_000;
const HOPS: u32 = 8;

/// All that stands. Copied for previews, which may do what they like with their copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    pub(crate) now: u64,
    /// Where the next record comes to stand in the log.
    pub(crate) position: u64,
    pub(crate) pipelines: BTreeMap<Id, Pipeline>,
    /// With the position at which it was created.
    pub(crate) triggers: BTreeMap<Id, (Trigger, u64)>,
    /// With the position of the last write.
    pub(crate) entities: BTreeMap<Id, (Entity, u64)>,
}

impl Pipeline {
    pub(crate) fn at(&self, stage: &str) -> Option<usize> {
        self.stages.iter().position(|(id, _)| id == stage)
    }

    pub(crate) fn means(&self, stage: &str) -> Option<Means> {
        self.at(stage).map(|at| self.stages[at].1)
    }
}

/// The event type that a trigger type listens to.
fn listens_to(code: &str) -> &str {
    match code {
        "field.changed" | "responsible.changed" => "entity.updated",
        "chained" => "invoice.paid",
        code => code,
    }
}

impl Board {
    /// Decides an event; `begun` holds the move by hand that it records, if it does.
    pub(crate) fn unfold(
        &mut self,
        event: &Event,
        changes: &Changes,
        begun: Option<Decision>,
    ) -> Result<Vec<Decision>, String> {
        let mut decisions = Vec::new();
        match begun {
            Some(decision) => decisions.push(decision),
            None => {
                for (subject, reached) in self.reach(event)? {
                    let decision =
                        self.consider(event, changes, &subject, reached.as_ref(), 0, &decisions);
                    decisions.push(decision);
                }
            }
        }
        // What follows a move is appended, so that this goes hop by hop.
        let mut next = 0;
        while next < decisions.len() {
            let (moved, hop) = (decisions[next].moved.clone(), decisions[next].hop);
            next += 1;
            let Some(moved) = moved.filter(|moved| self.is_paid(moved)) else { continue };
            let parents = self.entities[&moved.entity].0.parents.clone();
            let paid = Event {
                event_type: "invoice.paid".to_owned(),
                attributes: Fields::new(),
                ..event.clone()
            };
            let mut seen = BTreeSet::new();
            for parent in parents.iter().filter(|parent| seen.insert((*parent).clone())) {
                let nothing = Changes::default();
                let decision =
                    self.consider(&paid, &nothing, parent, Some(parent), hop + 1, &decisions);
                decisions.push(decision);
            }
        }
        Ok(decisions)
    }

    /// X2: whether an invoice entered a WON stage, from one that is not.
    fn is_paid(&self, moved: &Move) -> bool {
        let means = |pipeline: &Id, stage| self.pipelines[pipeline].means(stage);
        let before = moved.from_pipeline.as_ref().unwrap_or(&moved.pipeline);
        moved.entity.starts_with("invoice/")
            && means(&moved.pipeline, &moved.to) == Some(Means::Won)
            && means(before, &moved.from) != Some(Means::Won)
    }

    /// E2, E3: the subjects, each with an entity or none.
    fn reach(&self, event: &Event) -> Result<Vec<(Id, Option<Id>)>, String> {
        let mut reached: Vec<(Id, Option<Id>)> = Vec::new();
        let (mut seen, mut asked) = (BTreeSet::new(), BTreeSet::new());
        for subject in &event.subjects {
            if !subject.starts_with("contact/") && !subject.starts_with("company/") {
                if seen.insert(subject.clone()) {
                    reached.push((subject.clone(), Some(subject.clone())));
                }
                continue;
            }
            if !asked.insert(subject) {
                continue;
            }
            let mut found = Vec::new();
            for pipeline in self.pipelines.values() {
                let mut open: Vec<_> = self
                    .entities
                    .values()
                    .filter(|(entity, _)| {
                        entity.pipeline == pipeline.id
                            && entity.customers.contains(subject)
                            && pipeline.means(&entity.stage) == Some(Means::Open)
                    })
                    .collect();
                match pipeline.reach {
                    Reach::All => {}
                    Reach::None => open.clear(),
                    Reach::Latest => {
                        open.sort_by_key(|(entity, written)| (*written, entity.id.clone()));
                        open = open.pop().into_iter().collect();
                    }
                }
                found.extend(open.into_iter().map(|(entity, _)| entity.id.clone()));
            }
            if found.is_empty() {
                reached.push((subject.clone(), None));
            }
            for id in found {
                if seen.insert(id.clone()) {
                    reached.push((subject.clone(), Some(id)));
                }
            }
        }
        let entities = seen.iter().filter(|id| self.entities.contains_key(*id)).count();
        if entities > REACH { Err("reach too large".to_owned()) } else { Ok(reached) }
    }

    /// One event for one entity: the verdicts, and the move, which is made.
    fn consider(
        &mut self,
        event: &Event,
        changes: &Changes,
        subject: &Id,
        reached: Option<&Id>,
        hop: u32,
        before: &[Decision],
    ) -> Decision {
        let mut decision = Decision {
            subject: subject.clone(),
            entity: reached.cloned(),
            event_type: event.event_type.clone(),
            hop,
            outcome: "NOT_REACHED",
            moved: None,
            verdicts: Vec::new(),
        };
        let Some(id) = reached else { return decision };
        decision.outcome = "ENTITY_NOT_FOUND";
        let Some((entity, _)) = self.entities.get(id).cloned() else { return decision };
        let has_moved = before.iter().any(|d| d.moved.is_some() && d.entity.as_ref() == Some(id));
        let pipeline = self.pipelines[&entity.pipeline].clone();
        let here = pipeline.at(&entity.stage).unwrap_or(usize::MAX);
        let listening: Vec<(Trigger, u64)> = self
            .triggers
            .values()
            .filter(|(trigger, _)| {
                trigger.pipeline == pipeline.id && listens_to(&trigger.code) == event.event_type
            })
            .cloned()
            .collect();
        decision.outcome = if listening.is_empty() { "NO_TRIGGER" } else { "NOT_MOVED" };
        // T5 and T11: who could move it.
        let mut eligible = Vec::new();
        for (trigger, created) in &listening {
            let there = pipeline.at(&trigger.stage).unwrap_or(usize::MAX);
            let (result, note) = match why_not(trigger, &entity, event, changes) {
                Some(reason) => reason,
                None if has_moved => ("LOOP", Id::new()),
                None if hop > HOPS => ("HOP_LIMIT", Id::new()),
                None if there == here => ("SAME_STAGE", Id::new()),
                None if pipeline.stages[here].1 != Means::Open && !trigger.reopen => {
                    ("ENTITY_CLOSED", Id::new())
                }
                None if there < here && !trigger.move_back => ("WOULD_MOVE_BACK", Id::new()),
                None => {
                    eligible.push((there, *created, trigger.clone()));
                    ("", Id::new())
                }
            };
            decision.verdicts.push(Verdict {
                trigger: trigger.id.clone(),
                revision: trigger.revision,
                stage: trigger.stage.clone(),
                result,
                note,
            });
        }
        // T6 and T4: who does.
        let active = |one: &&(usize, u64, Trigger)| one.2.state == State::Active;
        let winner = pick(pipeline.selection, here, eligible.iter().filter(active));
        for verdict in decision.verdicts.iter_mut().filter(|verdict| verdict.result.is_empty()) {
            let mine = |one: &&(usize, u64, Trigger)| one.2.id == verdict.trigger;
            let with_me = eligible.iter().filter(|one| active(one) || mine(one));
            let alone = pick(pipeline.selection, here, with_me);
            let wins = alone.is_some_and(|one| one.2.id == verdict.trigger);
            verdict.result = match eligible.iter().find(mine).map(|one| one.2.state) {
                Some(State::Shadow) if wins => "WOULD_MOVE",
                Some(State::Active) if wins => "MOVED",
                _ => {
                    verdict.note = winner.map_or(Id::new(), |one| one.2.id.clone());
                    "OUTRANKED"
                }
            };
        }
        if let Some((there, _, trigger)) = winner {
            decision.outcome = "MOVED";
            decision.moved = Some(Move {
                entity: id.clone(),
                pipeline: pipeline.id.clone(),
                from_pipeline: None,
                from: entity.stage.clone(),
                to: trigger.stage.clone(),
                direction: if *there > here { "forward" } else { "backward" },
                cause: format!("{}@{} {}/{}", trigger.id, trigger.revision, event.source, event.id),
                hop,
                time: self.now,
                responsible: entity.responsible.clone(),
                revision: entity.revision + 1,
            });
            let moved =
                Entity { stage: trigger.stage.clone(), revision: entity.revision + 1, ..entity };
            self.entities.insert(id.clone(), (moved, self.position));
        }
        decision
    }
}

/// T6 among triggers that could, each with its stage's place and the position of its creation.
fn pick<'a>(
    selection: Selection,
    here: usize,
    eligible: impl Iterator<Item = &'a (usize, u64, Trigger)>,
) -> Option<&'a (usize, u64, Trigger)> {
    let all: Vec<_> = eligible.collect();
    match selection {
        Selection::Earliest => all.into_iter().min_by_key(|(there, created, _)| (*there, *created)),
        Selection::Furthest => {
            all.into_iter().min_by_key(|(there, created, _)| (Reverse(*there), *created))
        }
        Selection::Next => all
            .into_iter()
            .min_by_key(|(there, created, _)| (*there < here, there.abs_diff(here), *created)),
    }
}

/// T2 to T4, in the order of T11: why a trigger does not match, with the parameter that differs.
fn why_not(
    trigger: &Trigger,
    entity: &Entity,
    event: &Event,
    changes: &Changes,
) -> Option<(&'static str, Id)> {
    if trigger.state == State::Paused {
        return Some(("PAUSED", Id::new()));
    }
    if let Some(name) = differs(trigger, event, changes) {
        return Some(("PARAMETERS_DIFFER", name.to_owned()));
    }
    let parts: Vec<Option<bool>> =
        trigger.filter.iter().map(|part| holds(part, entity, changes)).collect();
    if parts.contains(&Some(false)) {
        return Some(("FILTER_FALSE", Id::new()));
    }
    parts.contains(&None).then(|| ("EVALUATION_ERROR", Id::new()))
}

/// The first parameter that differs, by name where it is about an attribute.
fn differs(trigger: &Trigger, event: &Event, changes: &Changes) -> Option<&'static str> {
    let wanted = |name: &str| trigger.parameters.get(name);
    let one_of = |name: &str, came: Option<&Value>| match wanted(name) {
        None => true,
        Some(values) => values.iter().any(|value| came.is_some_and(|came| same(value, came))),
    };
    let attribute = |name: &str| event.attributes.get(name);
    match trigger.code.as_str() {
        "payment.received" => {
            let least = wanted("min_amount").map(|values| number(&values[0]));
            let amount = attribute("amount").and_then(number);
            if least.is_some_and(|least| amount.is_none() || amount < least) {
                return Some("min_amount");
            }
            (!one_of("currency", attribute("currency"))).then_some("currency")
        }
        "task.status_changed" => (!one_of("status", attribute("status"))).then_some("status"),
        "responsible.changed" => {
            let Some((old, new)) = &changes.responsible else { return Some("") };
            let text = |name: &Option<Id>| name.clone().map(Value::Text);
            let (old, new) = (text(old), text(new));
            if !one_of("from", old.as_ref()) {
                return Some("");
            }
            (!one_of("to", new.as_ref())).then_some("")
        }
        "field.changed" => {
            let named = wanted("fields").into_iter().flatten();
            let changed: Vec<_> = named
                .filter_map(|name| match name {
                    Value::Text(name) => changes.fields.get(name),
                    Value::Number(_) => None,
                })
                .collect();
            if changed.is_empty() {
                return Some("");
            }
            // One and the same field has to satisfy both.
            let both = |(old, new): &&(Option<Value>, Option<Value>)| {
                one_of("from", old.as_ref()) && one_of("to", new.as_ref())
            };
            (!changed.iter().any(both)).then_some("")
        }
        _ => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
    }
}

/// A number and its decimal text are the same.
fn same(one: &Value, other: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    };
    text(one) == text(other)
}

/// T3: `None` is an evaluation that failed.
fn holds(part: &Filter, entity: &Entity, changes: &Changes) -> Option<bool> {
    let over = |value: Option<&Value>, least: i64| match value {
        Some(Value::Number(number)) => Some(*number > least),
        _ => None,
    };
    match part {
        Filter::AmountOver(least) => over(entity.fields.get("amount"), *least),
        Filter::CurrencyIs(name) => {
            entity.fields.get("currency").map(|came| *came == Value::Text(name.clone()))
        }
        Filter::HasField(name) => Some(entity.fields.contains_key(name)),
        Filter::ResponsibleIs(name) => Some(entity.responsible.as_ref() == Some(name)),
        Filter::NewAmountOver(least) => {
            over(changes.fields.get("amount").and_then(|(_, new)| new.as_ref()), *least)
        }
    }
}
