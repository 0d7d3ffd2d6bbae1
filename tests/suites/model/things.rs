//! Random pipelines, triggers and entities, some of which fit nowhere.

use std::collections::BTreeMap;

use crate::history::{CURRENCIES, CUSTOMERS, Generator, PEOPLE, PIPELINES, STAGES, TASKS, TYPES};
use crate::words::{
    Entity, EntityPatch, Expected, Filter, Id, Means, Pipeline, Reach, Selection, State, Trigger,
    TriggerPatch, Value,
};

impl Generator {
    pub(crate) fn pipeline(&mut self, id: &str, kind: &str, stages: u32) -> Pipeline {
        let mut names: Vec<u32> = (0..STAGES).collect();
        if self.rng.bool() {
            self.rng.shuffle(&mut names);
        }
        names.truncate(stages as usize);
        let mut stages: Vec<(Id, Means)> = Vec::new();
        for name in names {
            let means = match self.rng.u32(..10) {
                0..7 => Means::Open,
                7..9 => Means::Won,
                _ => Means::Lost,
            };
            stages.push((format!("s{name}"), means));
        }
        if stages.iter().all(|(_, means)| *means != Means::Open) {
            stages[0].1 = Means::Open;
        }
        let selection =
            self.rng.choice([Selection::Earliest, Selection::Next, Selection::Furthest]);
        let reach = self.rng.choice([Reach::Latest, Reach::Latest, Reach::All, Reach::None]);
        Pipeline {
            id: id.to_owned(),
            kind: kind.to_owned(),
            stages,
            selection: selection.unwrap_or(Selection::Next),
            reach: reach.unwrap_or(Reach::All),
            revision: 0,
        }
    }

    pub(crate) fn trigger(&mut self) -> Trigger {
        let code = self.one(&TYPES);
        let pipeline = match (code.as_str(), self.rng.u32(..10)) {
            (_, 0) => self.any_pipeline().0,
            ("chained", _) => "invoices".to_owned(),
            ("invoice.paid" | "payment.received", _) => {
                self.one(&["deals-a", "deals-b", "repairs"])
            }
            _ => self.any_pipeline().0,
        };
        Trigger {
            id: self.trigger_id(),
            pipeline,
            stage: self.stage(),
            parameters: self.parameters(&code),
            code,
            filter: self.filter(),
            move_back: self.rng.bool(),
            reopen: self.rng.bool(),
            state: self.state(),
            revision: 0,
        }
    }

    /// Some of what triggers of this type take.
    fn parameters(&mut self, code: &str) -> BTreeMap<Id, Vec<Value>> {
        let mut wanted = BTreeMap::new();
        let mut want = |name: &str, values: Vec<Value>| wanted.insert(name.to_owned(), values);
        match code {
            "payment.received" => {
                if self.rng.bool() {
                    want("min_amount", vec![Value::Number(self.rng.i64(0..5) * 50)]);
                }
                if self.rng.u32(..3) == 0 {
                    want("currency", vec![self.text(&CURRENCIES)]);
                }
            }
            "task.status_changed" if self.rng.bool() => {
                want("status", (0..2).map(|_| self.text(&TASKS)).collect());
            }
            "responsible.changed" => {
                if self.rng.u32(..4) == 0 {
                    want("from", vec![self.text(&PEOPLE)]);
                }
                if self.rng.u32(..3) == 0 {
                    want("to", vec![self.text(&PEOPLE), self.text(&PEOPLE)]);
                }
            }
            "field.changed" => {
                let mut fields = vec![Value::Text("amount".to_owned())];
                if self.rng.bool() {
                    fields.push(Value::Text("currency".to_owned()));
                }
                want("fields", fields);
                if self.rng.u32(..3) == 0 {
                    want("from", vec![self.amount(), self.amount(), self.text(&CURRENCIES)]);
                }
                if self.rng.u32(..3) == 0 {
                    want("to", vec![self.amount(), self.amount(), self.text(&CURRENCIES)]);
                }
            }
            _ => {}
        }
        wanted
    }

    fn filter(&mut self) -> Vec<Filter> {
        let parts = self.rng.usize(..8).saturating_sub(5);
        let part = |_| match self.rng.u32(..5) {
            0 => Filter::AmountOver(self.rng.i64(0..5) * 50),
            1 => Filter::CurrencyIs(self.one(&CURRENCIES)),
            2 => Filter::HasField(self.one(&["amount", "currency"])),
            3 => Filter::ResponsibleIs(self.one(&PEOPLE)),
            _ => Filter::NewAmountOver(self.rng.i64(0..5) * 50),
        };
        (0..parts).map(part).collect()
    }

    /// Its parameters may be those of another type.
    pub(crate) fn trigger_patch(&mut self) -> TriggerPatch {
        let code = self.one(&TYPES);
        TriggerPatch {
            stage: self.rng.bool().then(|| self.stage()),
            parameters: (self.rng.u32(..4) == 0).then(|| self.parameters(&code)),
            filter: self.rng.bool().then(|| self.filter()),
            move_back: self.rng.bool().then(|| self.rng.bool()),
            reopen: self.rng.bool().then(|| self.rng.bool()),
            state: self.rng.bool().then(|| self.state()),
        }
    }

    pub(crate) fn new_entity(&mut self, id: &str) -> Entity {
        let kind = id.split('/').next().unwrap_or_default();
        let fitting: Vec<_> = PIPELINES.iter().filter(|(_, serves)| *serves == kind).collect();
        let pipeline = match self.rng.u32(..20) {
            0 => self.any_pipeline().0,
            _ => self.rng.choice(fitting).map_or(Id::new(), |(id, _)| (*id).to_owned()),
        };
        Entity {
            id: id.to_owned(),
            pipeline,
            stage: if self.rng.bool() { Id::new() } else { self.stage() },
            responsible: self.rng.bool().then(|| self.one(&PEOPLE)),
            customers: self.customers(),
            parents: self.parents(),
            fields: self
                .patch_of_fields()
                .into_iter()
                .filter_map(|(key, to)| Some((key, to?)))
                .collect(),
            revision: 0,
        }
    }

    pub(crate) fn entity_patch(&mut self) -> EntityPatch {
        EntityPatch {
            responsible: (self.rng.u32(..3) == 0)
                .then(|| self.rng.bool().then(|| self.one(&PEOPLE))),
            customers: (self.rng.u32(..6) == 0).then(|| self.customers()),
            parents: (self.rng.u32(..6) == 0).then(|| self.parents()),
            fields: self.patch_of_fields(),
        }
    }

    fn patch_of_fields(&mut self) -> BTreeMap<Id, Option<Value>> {
        let mut patch = BTreeMap::new();
        if self.rng.u32(..3) > 0 {
            let amount = (self.rng.u32(..8) > 0).then(|| self.amount());
            patch.insert("amount".to_owned(), amount);
        }
        if self.rng.bool() {
            let currency = (self.rng.u32(..6) > 0).then(|| self.text(&CURRENCIES));
            patch.insert("currency".to_owned(), currency);
        }
        patch
    }

    fn customers(&mut self) -> Vec<Id> {
        (0..self.rng.usize(..=3)).map(|_| self.one(&CUSTOMERS)).collect()
    }

    fn parents(&mut self) -> Vec<Id> {
        (0..self.rng.usize(..=2)).map(|_| self.entity()).collect()
    }

    /// A number, or now and then a text that spells one.
    pub(crate) fn amount(&mut self) -> Value {
        let amount = self.rng.i64(0..6) * 50;
        match self.rng.u32(..8) {
            0 => Value::Text(amount.to_string()),
            _ => Value::Number(amount),
        }
    }

    pub(crate) fn expected(&mut self) -> Expected {
        match self.rng.u32(..12) {
            0 => Expected::Stale,
            1..4 => Expected::Current,
            _ => Expected::Any,
        }
    }

    fn state(&mut self) -> State {
        match self.rng.u32(..8) {
            0 => State::Paused,
            1 => State::Shadow,
            _ => State::Active,
        }
    }
}
