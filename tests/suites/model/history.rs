//! Random operations over so few names that they keep meeting.

use fastrand::Rng;

use crate::words::{
    EntityPatch, Event, Expected, Fields, Id, Means, Operation, Pipeline, Selection, State,
    Trigger, Value,
};

pub(crate) const PIPELINES: [(&str, &str); 5] = [
    ("deals-a", "deal"),
    ("deals-b", "deal"),
    ("invoices", "invoice"),
    ("leads", "lead"),
    ("repairs", "smart_process.x"),
];
const ENTITIES: [(&str, u32); 4] =
    [("deal", 7), ("lead", 3), ("invoice", INVOICES), ("smart_process.x", 3)];
/// A pipeline that comes and goes; the others are hardly ever empty.
const ARCHIVE: (&str, &str) = ("archive", "lead");
/// Enough for a chain to become too long.
const INVOICES: u32 = 11;
pub(crate) const CUSTOMERS: [&str; 4] = ["contact/1", "contact/2", "company/1", "company/2"];
pub(crate) const TYPES: [&str; 7] = [
    "email.viewed",
    "payment.received",
    "field.changed",
    "responsible.changed",
    "invoice.paid",
    "task.status_changed",
    "chained",
];
pub(crate) const PEOPLE: [&str; 3] = ["ann", "bob", "eve"];
pub(crate) const CURRENCIES: [&str; 2] = ["EUR", "USD"];
pub(crate) const TASKS: [&str; 3] = ["pending", "completed", "declined"];
pub(crate) const STAGES: u32 = 6;
const TRIGGERS: u32 = 24;
/// The trigger that scenes of paid invoices use.
const LINK: &str = "t23";

/// Makes operations; remembers what it published, to publish it again.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) rng: Rng,
    published: Vec<Event>,
    count: usize,
}

impl Generator {
    /// A history of `length` operations, or a little more.
    pub(crate) fn history(seed: u64, length: usize) -> Vec<Operation> {
        let mut made = Self { rng: Rng::with_seed(seed), published: Vec::new(), count: 0 };
        let mut history = Vec::with_capacity(length + 64);
        for (id, kind) in PIPELINES {
            history.push(Operation::CreatePipeline(made.pipeline(id, kind, STAGES)));
        }
        for _ in 0..TRIGGERS * 2 {
            history.push(Operation::CreateTrigger(made.trigger()));
        }
        for (kind, count) in ENTITIES {
            for number in 1..=count {
                let new = made.new_entity(&format!("{kind}/{number}"));
                history.push(Operation::CreateEntity(new));
            }
        }
        while history.len() < length {
            if made.rng.u32(..1_500) == 0 {
                made.paid_invoices(&mut history);
            } else {
                history.push(made.operation());
            }
        }
        history.push(Operation::ListVerdicts(None, None));
        history.push(Operation::ListMoves(None));
        history.push(Operation::Everything);
        history
    }

    fn operation(&mut self) -> Operation {
        match self.rng.u32(..1_000) {
            0..440 => Operation::Publish(self.publication()),
            440..450 => {
                let count = self.rng.usize(2..12);
                Operation::PublishMany((0..count).map(|_| self.publication()).collect())
            }
            450..500 => {
                let hypothetical = self.rng.bool().then(|| self.trigger());
                let hypothetical =
                    hypothetical.map(|new| Trigger { id: "what-if".to_owned(), ..new });
                Operation::Preview(self.fresh_event(), hypothetical)
            }
            500..630 => {
                let (id, patch, expected) = (self.entity(), self.entity_patch(), self.expected());
                Operation::UpdateEntity(id, patch, expected, self.rng.u32(..10) == 0)
            }
            630..725 => {
                let id = self.entity();
                let pipeline = (self.rng.u32(..3) == 0).then(|| self.any_pipeline().0);
                let (stage, expected) = (self.stage(), self.expected());
                Operation::MoveEntity(id, pipeline, stage, expected, self.rng.u32(..10) == 0)
            }
            725..785 => {
                let id = self.entity();
                Operation::CreateEntity(self.new_entity(&id))
            }
            785..800 => Operation::DeleteEntity(self.entity(), self.expected()),
            800..860 => Operation::CreateTrigger(self.trigger()),
            860..905 => {
                let patch = self.trigger_patch();
                Operation::UpdateTrigger(self.trigger_id(), patch, self.expected())
            }
            905..920 => Operation::DeleteTrigger(self.trigger_id(), self.expected()),
            920..940 => {
                let (id, mut kind) = self.any_pipeline();
                if self.rng.u32(..20) == 0 {
                    kind = self.any_pipeline().1;
                }
                let stages = self.rng.u32(1..=STAGES);
                Operation::UpdatePipeline(self.pipeline(&id, &kind, stages), self.expected())
            }
            940..946 => {
                let id = if self.rng.bool() { ARCHIVE.0.to_owned() } else { self.any_pipeline().0 };
                Operation::DeletePipeline(id, self.expected())
            }
            946..953 => {
                let archive = (ARCHIVE.0.to_owned(), ARCHIVE.1.to_owned());
                let (id, kind) = if self.rng.bool() { archive } else { self.any_pipeline() };
                let stages = self.rng.u32(1..=STAGES);
                Operation::CreatePipeline(self.pipeline(&id, &kind, stages))
            }
            953..967 => match self.rng.u32(..20) {
                0 => Operation::GetEvent("shop".to_owned(), "never".to_owned()),
                // Made by the service, if that operation made one.
                1..=4 => {
                    let made = format!("made-{}", self.rng.usize(..=self.count * 2));
                    Operation::GetEvent("pawl".to_owned(), made)
                }
                _ => {
                    let Event { source, id, .. } = self.earlier_event();
                    Operation::GetEvent(source, id)
                }
            },
            967..971 => {
                let trigger = self.rng.bool().then(|| self.trigger_id());
                Operation::ListVerdicts(trigger, Some(self.entity()))
            }
            971..974 => Operation::ListMoves(Some(self.entity())),
            974..977 => Operation::ListEntities(self.one(&CUSTOMERS)),
            977..981 => Operation::GetTrigger(self.trigger_id(), self.rng.i64(..12)),
            981..989 => Operation::Everything,
            989..999 => Operation::Wait(self.rng.u64(1..200)),
            _ => Operation::Reopen,
        }
    }

    /// A ring of invoices, each of which is the next one's parent; the first is won by hand.
    fn paid_invoices(&mut self, history: &mut Vec<Operation>) {
        let any = Expected::Any;
        let stage = |number: u32| {
            (format!("s{number}"), if number + 1 == STAGES { Means::Won } else { Means::Open })
        };
        let all = Pipeline {
            stages: (0..STAGES).map(stage).collect(),
            selection: Selection::Furthest,
            ..self.pipeline("invoices", "invoice", STAGES)
        };
        let (first, won) = (stage(0).0, stage(STAGES - 1).0);
        history.push(Operation::UpdatePipeline(all, any));
        let link = Trigger {
            id: LINK.to_owned(),
            pipeline: "invoices".to_owned(),
            stage: won.clone(),
            code: "chained".to_owned(),
            parameters: [].into(),
            filter: Vec::new(),
            state: State::Active,
            ..self.trigger()
        };
        history.push(Operation::DeleteTrigger(LINK.to_owned(), any));
        history.push(Operation::CreateTrigger(link));
        for number in 1..=INVOICES {
            let id = format!("invoice/{number}");
            let next = format!("invoice/{}", number % INVOICES + 1);
            let parents = if self.rng.bool() { vec![next] } else { vec![next, self.entity()] };
            let patch = EntityPatch { parents: Some(parents), ..EntityPatch::default() };
            history.push(Operation::CreateEntity(self.new_entity(&id)));
            history.push(Operation::UpdateEntity(id.clone(), patch, any, false));
            history.push(Operation::MoveEntity(id, None, first.clone(), any, false));
        }
        history.push(Operation::MoveEntity("invoice/1".to_owned(), None, won, any, false));
    }

    fn publication(&mut self) -> Event {
        let event = match self.rng.u32(..100) {
            0..8 => return self.earlier_event(),
            8..12 => {
                let mut event = self.earlier_event();
                match self.rng.u32(..3) {
                    0 => event.event_type = self.one(&["email.viewed", "visit.recorded"]),
                    1 => event.subjects = vec![self.entity()],
                    _ => event.attributes = self.attributes(),
                }
                return event;
            }
            _ => self.fresh_event(),
        };
        self.published.push(event.clone());
        event
    }

    /// Mostly one of the last few, whose identity is still remembered.
    fn earlier_event(&mut self) -> Event {
        let length = self.published.len();
        if length == 0 {
            return self.fresh_event();
        }
        let back = if self.rng.bool() { length.min(40) } else { length };
        self.published[length - 1 - self.rng.usize(..back)].clone()
    }

    fn fresh_event(&mut self) -> Event {
        self.count += 1;
        let types = ["email.viewed", "payment.received", "payment.received", "invoice.paid"];
        let more = ["task.status_changed", "task.status_changed", "visit.recorded"];
        let event_type = if self.rng.bool() { self.one(&types) } else { self.one(&more) };
        let subjects = (0..self.rng.usize(1..=3)).map(|_| match self.rng.u32(..10) {
            0..4 => self.one(&CUSTOMERS),
            _ => self.entity(),
        });
        let subjects = subjects.collect();
        let attributes = self.attributes();
        let source = self.one(&["shop", "crm"]);
        Event { source, id: format!("e{}", self.count), event_type, subjects, attributes }
    }

    fn attributes(&mut self) -> Fields {
        let mut attributes = Fields::new();
        if self.rng.u32(..4) > 0 {
            attributes.insert("amount".to_owned(), self.amount());
        }
        if self.rng.u32(..4) > 0 {
            attributes.insert("currency".to_owned(), self.text(&CURRENCIES));
        }
        if self.rng.u32(..4) > 0 {
            attributes.insert("status".to_owned(), self.text(&TASKS));
        }
        attributes
    }

    pub(crate) fn any_pipeline(&mut self) -> (Id, Id) {
        let (id, kind) = match self.rng.u32(..40) {
            0 => ARCHIVE,
            _ => PIPELINES[self.rng.usize(..PIPELINES.len())],
        };
        (id.to_owned(), kind.to_owned())
    }

    pub(crate) fn entity(&mut self) -> Id {
        let (kind, count) = ENTITIES[self.rng.usize(..ENTITIES.len())];
        format!("{kind}/{}", self.rng.u32(1..=count))
    }

    pub(crate) fn trigger_id(&mut self) -> Id {
        format!("t{}", self.rng.u32(..TRIGGERS))
    }

    pub(crate) fn stage(&mut self) -> Id {
        format!("s{}", self.rng.u32(..STAGES))
    }

    pub(crate) fn one(&mut self, of: &[&str]) -> Id {
        of[self.rng.usize(..of.len())].to_owned()
    }

    pub(crate) fn text(&mut self, of: &[&str]) -> Value {
        Value::Text(self.one(of))
    }
}
