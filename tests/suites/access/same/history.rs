//! Random changes of everything, made by somebody without limit.

use std::collections::BTreeMap;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{entity, event, fields, pipeline, trigger, trigger_type};

use super::eye::Eye;

/// Deals in three pipelines, and invoices in two, which have deals for parents.
pub(super) const PIPELINES: [(&str, &str); 5] = [
    ("north", "deal"),
    ("south", "deal"),
    ("west", "deal"),
    ("bills", "invoice"),
    ("fees", "invoice"),
];
const STAGES: [&str; 3] = ["new", "mid", "won"];
/// The last one is what parents of an invoice get.
const TYPES: [&str; 3] = ["bell.one", "bell.two", "invoice.paid"];
const CUSTOMERS: u8 = 4;
const ENTITIES_MAX: usize = 25;
const TRIGGERS_MAX: usize = 20;

/// What was done, as far as it is needed to tell what is inside.
pub(super) struct History {
    pub(super) all: Eye,
    pub(super) rng: Rng,
    /// In which pipeline each entity stands.
    pub(super) places: BTreeMap<String, String>,
    /// In which pipeline each trigger is, or was.
    pub(super) triggers: BTreeMap<String, String>,
    /// Those of them that are there.
    live: Vec<String>,
    /// Every entity that ever was.
    known: Vec<String>,
    /// Events, and where entities stood when they were published.
    events: Vec<(String, BTreeMap<String, String>)>,
    count: usize,
}

impl History {
    pub(super) async fn begin(all: Eye, rng: Rng) -> Self {
        for (id, kind) in PIPELINES {
            let customer_reach = match id {
                "south" => pb::CustomerReach::All,
                "fees" => pb::CustomerReach::None,
                _ => pb::CustomerReach::Latest,
            };
            let made = pb::Pipeline {
                entity_kind: kind.to_owned(),
                customer_reach: customer_reach.into(),
                ..pipeline(id, "new mid won:WON")
            };
            let request = pb::CreatePipelineRequest { pipeline: Some(made), ..Default::default() };
            all.pipelines.clone().create_pipeline(request).await.expect("it is created");
        }
        for code in &TYPES[..2] {
            let trigger_type = Some(trigger_type(code));
            let request = pb::CreateTriggerTypeRequest { trigger_type, ..Default::default() };
            all.triggers.clone().create_trigger_type(request).await.expect("it is registered");
        }
        let mut history = Self {
            all,
            rng,
            places: BTreeMap::new(),
            triggers: BTreeMap::new(),
            live: Vec::new(),
            known: Vec::new(),
            events: Vec::new(),
            count: 0,
        };
        for _ in 0..8 {
            history.create_trigger().await;
            history.create_entity().await;
        }
        history
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    fn any(&mut self, of: &[String]) -> String {
        of[self.rng.usize(0..of.len())].clone()
    }

    pub(super) fn pipeline(&mut self) -> String {
        PIPELINES[self.rng.usize(0..PIPELINES.len())].0.to_owned()
    }

    pub(super) fn maybe_pipeline(&mut self) -> String {
        if self.rng.bool() { self.pipeline() } else { String::new() }
    }

    /// An entity that is or was.
    pub(super) fn entity(&mut self) -> String {
        let known = self.known.clone();
        self.any(&known)
    }

    /// A trigger that is or was.
    pub(super) fn trigger(&mut self) -> String {
        let ids: Vec<_> = self.triggers.keys().cloned().collect();
        self.any(&ids)
    }

    pub(super) fn customer(&mut self) -> String {
        format!("contact/{}", self.rng.u8(0..CUSTOMERS))
    }

    pub(super) fn responsible(&mut self) -> String {
        ["ines", "bob", ""][self.rng.usize(0..3)].to_owned()
    }

    pub(super) fn page_size(&mut self) -> i32 {
        self.rng.i32(1..20)
    }

    pub(super) fn event_type(&mut self) -> &'static str {
        TYPES[self.rng.usize(0..TYPES.len())]
    }

    /// An event that was published, and where entities stood then.
    pub(super) fn event(&mut self) -> Option<(String, BTreeMap<String, String>)> {
        (!self.events.is_empty()).then(|| self.events[self.rng.usize(0..self.events.len())].clone())
    }

    /// So many different subjects at most.
    pub(super) fn subjects(&mut self, most: usize) -> Vec<String> {
        let mut subjects = Vec::new();
        for _ in 0..self.rng.usize(1..=most) {
            let subject = match self.rng.u8(0..6) {
                0 | 1 => self.customer(),
                2 => "deal/never".to_owned(),
                _ => self.entity(),
            };
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        subjects
    }

    /// Something happens.
    pub(super) async fn step(&mut self) {
        match self.rng.u8(0..12) {
            0 | 1 => self.create_entity().await,
            2 => self.delete_entity().await,
            3..=5 => self.move_entity().await,
            6 => self.update_entity().await,
            7 => self.create_trigger().await,
            8 => self.change_trigger().await,
            _ => self.publish().await,
        }
    }

    async fn create_entity(&mut self) {
        if self.places.len() >= ENTITIES_MAX {
            return self.delete_entity().await;
        }
        let (pipeline, kind) = PIPELINES[self.rng.usize(0..PIPELINES.len())];
        let id = self.fresh(&format!("{kind}/"));
        let mut made = entity(&id, pipeline);
        made.responsible = self.responsible();
        made.customer_ids = (0..self.rng.u8(0..2)).map(|_| self.customer()).collect();
        if kind == "invoice" {
            let deals = self.places.keys().filter(|id| id.starts_with("deal/")).cloned();
            let deals: Vec<_> = deals.collect();
            let count = self.rng.usize(0..3).min(deals.len());
            made.parent_ids = self.rng.choose_multiple(deals, count);
            if self.rng.u8(0..4) == 0 {
                made.parent_ids.push("deal/gone".to_owned());
            }
        }
        let request = pb::CreateEntityRequest { entity: Some(made), ..Default::default() };
        self.all.entities.clone().create_entity(request).await.expect("it is created");
        self.places.insert(id.clone(), pipeline.to_owned());
        self.known.push(id);
    }

    /// One that is there, if any is.
    fn live_entity(&mut self) -> Option<(String, String)> {
        let at = self.rng.usize(0..self.places.len().max(1));
        self.places.iter().nth(at).map(|(id, place)| (id.clone(), place.clone()))
    }

    async fn delete_entity(&mut self) {
        let Some((id, _)) = self.live_entity() else { return };
        let request = pb::DeleteEntityRequest { entity_id: id.clone(), ..Default::default() };
        self.all.entities.clone().delete_entity(request).await.expect("it is deleted");
        self.places.remove(&id);
    }

    async fn move_entity(&mut self) {
        let Some((id, mut place)) = self.live_entity() else { return };
        let (kind, _) = id.split_once('/').expect("a kind");
        if self.rng.bool() {
            let others: Vec<_> = PIPELINES.iter().filter(|(_, of)| *of == kind).collect();
            others[self.rng.usize(0..others.len())].0.clone_into(&mut place);
        }
        let request = pb::MoveEntityRequest {
            entity_id: id.clone(),
            pipeline_id: place.clone(),
            stage_id: STAGES[self.rng.usize(0..STAGES.len())].to_owned(),
            actor: "ines".to_owned(),
            ..Default::default()
        };
        self.all.entities.clone().move_entity(request).await.expect("it is moved");
        self.places.insert(id, place);
    }

    async fn update_entity(&mut self) {
        let Some((id, _)) = self.live_entity() else { return };
        let updated = pb::Entity {
            entity_id: id,
            responsible: self.responsible(),
            fields: Some(fields([("note", Some(["a", "b"][self.rng.usize(0..2)]))])),
            ..Default::default()
        };
        let request = pb::UpdateEntityRequest { entity: Some(updated), ..Default::default() };
        self.all.entities.clone().update_entity(request).await.expect("it is updated");
    }

    async fn create_trigger(&mut self) {
        if self.live.len() >= TRIGGERS_MAX {
            return self.change_trigger().await;
        }
        let (pipeline, kind) = PIPELINES[self.rng.usize(0..PIPELINES.len())];
        // What is paid is news for deals alone.
        let types = if kind == "deal" { TYPES.len() } else { TYPES.len() - 1 };
        let id = self.fresh("t");
        let place = format!("{pipeline}/{}", STAGES[self.rng.usize(0..STAGES.len())]);
        let made = pb::Trigger {
            allow_move_back: self.rng.bool(),
            allow_reopen: self.rng.bool(),
            ..trigger(&id, &place, TYPES[self.rng.usize(0..types)])
        };
        let request = pb::CreateTriggerRequest { trigger: Some(made), ..Default::default() };
        self.all.triggers.clone().create_trigger(request).await.expect("it is created");
        self.triggers.insert(id.clone(), pipeline.to_owned());
        self.live.push(id);
    }

    /// Another state, or none.
    async fn change_trigger(&mut self) {
        let at = self.rng.usize(0..self.live.len());
        if self.rng.u8(0..3) == 0 && self.live.len() > 4 {
            let trigger_id = self.live.swap_remove(at);
            let request = pb::DeleteTriggerRequest { trigger_id, ..Default::default() };
            self.all.triggers.clone().delete_trigger(request).await.expect("it is deleted");
            return;
        }
        let states = [pb::TriggerState::Active, pb::TriggerState::Paused, pb::TriggerState::Shadow];
        let changed = pb::Trigger {
            trigger_id: self.live[at].clone(),
            state: states[self.rng.usize(0..states.len())].into(),
            ..Default::default()
        };
        let request = pb::UpdateTriggerRequest { trigger: Some(changed), ..Default::default() };
        self.all.triggers.clone().update_trigger(request).await.expect("it is changed");
    }

    async fn publish(&mut self) {
        let id = self.fresh("e");
        let (kind, subjects) = (self.event_type(), self.subjects(3));
        let published = pb::Event {
            attributes: Some(fields([("tone", Some("a"))])),
            actor: "ines".to_owned(),
            ..event(&id, kind, &subjects.join(" "))
        };
        let request = pb::PublishEventRequest { event: Some(published), ..Default::default() };
        self.all.events.clone().publish_event(request).await.expect("it is accepted");
        // No trigger takes an entity to another pipeline.
        self.events.push((id, self.places.clone()));
    }

    /// What was noted of where entities stand is so.
    pub(super) async fn check_places(&self) {
        let all = self.all.entities(pb::ListEntitiesRequest::default()).await;
        let places: BTreeMap<_, _> =
            all.into_iter().map(|it| (it.entity_id, it.pipeline_id)).collect();
        assert_eq!(places, self.places);
    }
}
