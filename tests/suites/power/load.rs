//! A bit of everything: events one by one and streamed, moves by hand, entities, triggers, pipelines
//! and trigger types that come, change and go. Each answer is noted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, entity, event, fields, pipeline, trigger, trigger_type};
use tonic::{Code, Response, Status};

use crate::notes::{self, Notes, Told};
use crate::rig::{Rig, wall_clock};

const PIPELINE: &str = "sales";
const STAGES: [&str; 5] = ["a", "b", "c", "won", "lost"];
const EVENT_TYPES: [&str; 4] = ["go", "on", "back", "noise"];
/// What each loader writes by itself, so that it knows the revisions.
const ENTITIES: usize = 12;
const TRIGGERS: usize = 3;
const CUSTOMERS: usize = 5;
/// The most text that an event brings, and an entity.
const LARGE_BYTES: usize = 24 * 1_024;
/// Between calls that are not hurried.
const PAUSE: Duration = Duration::from_millis(20);

/// The server no longer answers, or does not know what became of the call.
#[derive(Debug)]
pub(crate) struct Gone(pub(crate) Box<Status>);

/// Something that is there with a revision, or not there.
type Known = BTreeMap<String, Option<i64>>;

/// When loaders end, and how much they have done.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) enough: AtomicBool,
    pub(crate) answered: AtomicUsize,
    /// After so many calls they take their time.
    pub(crate) hurried: usize,
}

/// One who makes things happen.
#[derive(Debug)]
pub(crate) struct Loader {
    rig: Arc<Rig>,
    notes: Arc<Notes>,
    rng: Rng,
    /// For the ids of what it makes.
    name: usize,
    entities: Known,
    triggers: Known,
    /// Events that were sent and may come again.
    sent: Vec<pb::Event>,
    made: usize,
}

/// What all of them share.
pub(crate) async fn set_up(client: &Client, rig: &Rig, notes: &Notes) {
    let asked = wall_clock();
    let created = client.pipeline(pipeline(PIPELINE, "a b c won:WON lost:LOST")).await;
    let (id, revision) = (created.pipeline_id, created.revision);
    notes.add(rig, asked, [Told::Pipeline { id, revision }]);
    for code in EVENT_TYPES {
        let revision = client.trigger_type(trigger_type(code)).await.revision;
        notes.add(rig, asked, [Told::TriggerType { code: code.to_owned(), revision }]);
    }
    for (id, stage, code) in [("first", "b", "go"), ("second", "c", "on"), ("third", "a", "back")] {
        let back = code == "back";
        let place = format!("{PIPELINE}/{stage}");
        let made =
            pb::Trigger { allow_move_back: back, allow_reopen: back, ..trigger(id, &place, code) };
        let revision = client.trigger(made).await.revision;
        notes.add(rig, asked, [Told::Trigger { id: id.to_owned(), revision, gone: false }]);
    }
}

impl Loader {
    pub(crate) fn new(rig: &Arc<Rig>, notes: &Arc<Notes>, rng: Rng, name: usize) -> Self {
        let entities = (0..ENTITIES).map(|number| (format!("deal/{name}-{number}"), None));
        let triggers = (0..TRIGGERS).map(|number| (format!("t{name}-{number}"), None));
        Self {
            rig: Arc::clone(rig),
            notes: Arc::clone(notes),
            rng,
            name,
            entities: entities.collect(),
            triggers: triggers.collect(),
            sent: Vec::new(),
            made: 0,
        }
    }

    /// Makes calls until there are enough, or the server is gone.
    pub(crate) async fn run(&mut self, client: Client, pace: &Pace) -> Result<(), Gone> {
        for id in self.entities.keys().cloned().collect::<Vec<_>>() {
            self.look(&client, id).await?;
        }
        for id in self.triggers.keys().cloned().collect::<Vec<_>>() {
            self.look_for_trigger(&client, id).await?;
        }
        while !pace.enough.load(Ordering::SeqCst) {
            match self.rng.u32(..100) {
                0..30 => self.publish(&client).await?,
                30..50 => self.stream(&client).await?,
                50..60 => self.move_by_hand(&client).await?,
                60..75 => self.update(&client).await?,
                75..88 => self.come_or_go(&client).await?,
                88..96 => self.trigger(&client).await?,
                96..98 => self.pipeline(&client).await?,
                _ => self.trigger_type(&client).await?,
            }
            if pace.answered.fetch_add(1, Ordering::SeqCst) >= pace.hurried {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    fn note(&self, asked: Duration, told: impl IntoIterator<Item = Told>) {
        self.notes.add(&self.rig, asked, told);
    }

    fn entity_id(&mut self) -> String {
        let at = self.rng.usize(..ENTITIES);
        self.entities.keys().nth(at).expect("it has so many").clone()
    }

    fn text(&mut self) -> String {
        let most = if self.rng.u32(..8) == 0 { LARGE_BYTES } else { 100 };
        let len = self.rng.usize(..most);
        std::iter::repeat_with(|| self.rng.alphanumeric()).take(len).collect()
    }

    /// A new one, or now and then one that was sent before.
    fn event(&mut self) -> pb::Event {
        if !self.sent.is_empty() && self.rng.u32(..8) == 0 {
            return self.sent[self.rng.usize(..self.sent.len())].clone();
        }
        self.made += 1;
        let subjects = match self.rng.u32(..4) {
            0 => format!("contact/{}", self.rng.usize(..CUSTOMERS)),
            _ => format!("{} {}", self.entity_id(), self.entity_id()),
        };
        let event_type = EVENT_TYPES[self.rng.usize(..EVENT_TYPES.len())];
        let text = self.text();
        let attributes = Some(fields([("text", Some(&text))]));
        let id = format!("{}-{}", self.name, self.made);
        let event = pb::Event { attributes, ..event(&id, event_type, &subjects) };
        if self.sent.len() == 64 {
            self.sent.swap_remove(self.rng.usize(..64));
        }
        self.sent.push(event.clone());
        event
    }

    fn outcome(&self, asked: Duration, event: pb::Event, outcome: &pb::EventOutcome) {
        if outcome.refusal.is_some() {
            return;
        }
        // Of one that was accepted before it is not known when.
        let since = if outcome.duplicate { Duration::ZERO } else { asked };
        let moves = notes::moves(outcome);
        let moved: Vec<_> = moves.iter().map(Told::moved).collect();
        self.note(since, moved.into_iter().chain([Told::Event { event, moves }]));
    }

    async fn publish(&mut self, client: &Client) -> Result<(), Gone> {
        let (event, asked) = (self.event(), wall_clock());
        let published = client.try_publish(event.clone()).await.map(Response::new);
        if let Some(outcome) = answer(published)? {
            self.outcome(asked, event, &outcome);
        }
        Ok(())
    }

    async fn stream(&mut self, client: &Client) -> Result<(), Gone> {
        let events: Vec<_> = (0..self.rng.usize(2..24)).map(|_| self.event()).collect();
        let asked = wall_clock();
        let message = |event| pb::PublishEventsRequest { events: vec![event], view: 0 };
        let messages = tokio_stream::iter(events.clone().into_iter().map(message));
        let Some(mut answers) = answer(client.events.clone().publish_events(messages).await)?
        else {
            return Ok(());
        };
        let mut events = events.into_iter();
        while let Some(told) = answers.message().await.map_err(|status| Gone(status.into()))? {
            for outcome in &told.outcomes {
                let event = events.next().expect("one outcome for each event");
                self.outcome(asked, event, outcome);
            }
        }
        assert_eq!(events.len(), 0, "a stream that ends well has answered everything");
        Ok(())
    }

    async fn move_by_hand(&mut self, client: &Client) -> Result<(), Gone> {
        let request = pb::MoveEntityRequest {
            entity_id: self.entity_id(),
            stage_id: STAGES[self.rng.usize(..STAGES.len())].to_owned(),
            ..Default::default()
        };
        let asked = wall_clock();
        if let Some(moved) = answer(client.entities.clone().move_entity(request).await)? {
            let after = moved.entity.expect("it is given");
            self.entities.insert(after.entity_id.clone(), Some(after.revision));
            self.note(asked, moved.r#move.iter().map(Told::moved).chain([notes::entity(&after)]));
        }
        Ok(())
    }

    async fn update(&mut self, client: &Client) -> Result<(), Gone> {
        let (entity_id, text) = (self.entity_id(), self.text());
        let entity = Some(pb::Entity {
            entity_id: entity_id.clone(),
            responsible: format!("r{}", self.rng.u32(..9)),
            fields: Some(fields([("text", Some(&text))])),
            ..Default::default()
        });
        let request = pb::UpdateEntityRequest { entity, ..Default::default() };
        let asked = wall_clock();
        if let Some(updated) = answer(client.entities.clone().update_entity(request).await)? {
            let after = updated.entity.expect("it is given");
            self.entities.insert(entity_id, Some(after.revision));
            self.note(asked, [notes::entity(&after)]);
        }
        Ok(())
    }

    /// Creates an entity that is not there, or deletes one that is.
    async fn come_or_go(&mut self, client: &Client) -> Result<(), Gone> {
        let (id, asked) = (self.entity_id(), wall_clock());
        let Some(revision) = self.entities[&id] else {
            let customer = format!("contact/{}", self.rng.usize(..CUSTOMERS));
            let new = pb::Entity { customer_ids: vec![customer], ..entity(&id, PIPELINE) };
            let request = pb::CreateEntityRequest { entity: Some(new), ..Default::default() };
            return match answer(client.entities.clone().create_entity(request).await)? {
                Some(created) => {
                    let created = created.entity.expect("it is given");
                    self.note(asked, [notes::entity(&created)]);
                    self.entities.insert(id, Some(created.revision));
                    Ok(())
                }
                None => self.look(client, id).await,
            };
        };
        // As it is known, so that the revision of the deletion is known too.
        let request =
            pb::DeleteEntityRequest { entity_id: id.clone(), expected_revision: revision };
        match answer(client.entities.clone().delete_entity(request).await)? {
            Some(_) => {
                let told = Told::Entity { id: id.clone(), revision: revision + 1, stage: None };
                self.note(asked, [told]);
                self.entities.insert(id, None);
                Ok(())
            }
            None => self.look(client, id).await,
        }
    }

    /// Finds out how an entity is.
    async fn look(&mut self, client: &Client, entity_id: String) -> Result<(), Gone> {
        let request = pb::GetEntityRequest { entity_id: entity_id.clone() };
        let asked = wall_clock();
        let found = answer(client.entities.clone().get_entity(request).await)?;
        let found = found.map(|found| found.entity.expect("it is given"));
        // What is read is durable as well.
        self.note(asked, found.as_ref().map(notes::entity));
        self.entities.insert(entity_id, found.map(|found| found.revision));
        Ok(())
    }

    async fn look_for_trigger(&mut self, client: &Client, id: String) -> Result<(), Gone> {
        let request = pb::GetTriggerRequest { trigger_id: id.clone(), revision: 0 };
        let asked = wall_clock();
        let found = answer(client.triggers.clone().get_trigger(request).await)?;
        let revision = found.map(|found| found.trigger.expect("it is given").revision);
        let told = revision.map(|revision| Told::Trigger { id: id.clone(), revision, gone: false });
        self.note(asked, told);
        self.triggers.insert(id, revision);
        Ok(())
    }

    /// A trigger comes, changes or goes.
    async fn trigger(&mut self, client: &Client) -> Result<(), Gone> {
        let at = self.rng.usize(..TRIGGERS);
        let id = self.triggers.keys().nth(at).expect("it has so many").clone();
        let (asked, mut service) = (wall_clock(), client.triggers.clone());
        let Some(revision) = self.triggers[&id] else {
            let place = format!("{PIPELINE}/{}", STAGES[self.rng.usize(..STAGES.len())]);
            let new = trigger(&id, &place, EVENT_TYPES[self.rng.usize(..EVENT_TYPES.len())]);
            let request = pb::CreateTriggerRequest { trigger: Some(new), ..Default::default() };
            let made = answer(service.create_trigger(request).await)?;
            let made = made.map(|made| made.trigger.expect("it is given").revision);
            return {
                self.triggered(asked, id, made, false);
                Ok(())
            };
        };
        if self.rng.u32(..3) == 0 {
            let (trigger_id, expected_revision) = (id.clone(), revision);
            let request = pb::DeleteTriggerRequest { trigger_id, expected_revision };
            let gone = answer(service.delete_trigger(request).await)?.map(|_| revision + 1);
            return {
                self.triggered(asked, id, gone, true);
                Ok(())
            };
        }
        let (trigger_id, display_name) = (id.clone(), format!("name {}", self.rng.u32(..)));
        let changed = Some(pb::Trigger { trigger_id, display_name, ..Default::default() });
        let request = pb::UpdateTriggerRequest { trigger: changed, ..Default::default() };
        let made = answer(service.update_trigger(request).await)?;
        let made = made.map(|made| made.trigger.expect("it is given").revision);
        self.triggered(asked, id, made, false);
        Ok(())
    }

    fn triggered(&mut self, asked: Duration, id: String, revision: Option<i64>, gone: bool) {
        let Some(revision) = revision else { return };
        self.note(asked, [Told::Trigger { id: id.clone(), revision, gone }]);
        self.triggers.insert(id, Some(revision).filter(|_| !gone));
    }

    /// A pipeline of its own comes, or changes.
    async fn pipeline(&mut self, client: &Client) -> Result<(), Gone> {
        let id = format!("p{}", self.name);
        let display_name = format!("name {}", self.rng.u32(..));
        let made = pb::Pipeline { display_name, ..pipeline(&id, "a b won:WON") };
        let request =
            pb::CreatePipelineRequest { pipeline: Some(made.clone()), ..Default::default() };
        let (asked, mut service) = (wall_clock(), client.pipelines.clone());
        let mut after =
            answer(service.create_pipeline(request).await)?.and_then(|made| made.pipeline);
        if after.is_none() {
            let made = Some(pb::Pipeline { stages: Vec::new(), ..made });
            let request = pb::UpdatePipelineRequest { pipeline: made, ..Default::default() };
            let updated = answer(service.update_pipeline(request).await)?;
            after = updated.and_then(|updated| updated.pipeline);
        }
        let told = after.map(|after| after.revision);
        self.note(asked, told.map(|revision| Told::Pipeline { id, revision }));
        Ok(())
    }

    /// A trigger type that nobody uses comes or goes.
    async fn trigger_type(&mut self, client: &Client) -> Result<(), Gone> {
        let code = format!("own.{}", self.name);
        let (asked, mut service) = (wall_clock(), client.triggers.clone());
        let made = Some(trigger_type(&code));
        let request = pb::CreateTriggerTypeRequest { trigger_type: made, ..Default::default() };
        if let Some(made) = answer(service.create_trigger_type(request).await)? {
            let revision = made.trigger_type.expect("it is given").revision;
            self.note(asked, [Told::TriggerType { code, revision }]);
            return Ok(());
        }
        let request = pb::GetTriggerTypeRequest { code: code.clone() };
        let Some(found) = answer(service.get_trigger_type(request).await)? else { return Ok(()) };
        let expected_revision = found.trigger_type.expect("it is given").revision;
        let request = pb::DeleteTriggerTypeRequest { code: code.clone(), expected_revision };
        let gone = answer(service.delete_trigger_type(request).await)?;
        let revision = expected_revision + 1;
        self.note(asked, gone.map(|_| Told::TriggerType { code, revision }));
        Ok(())
    }
}

/// What was answered, or nothing when the server decided against it.
fn answer<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, Gone> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) => match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted => Ok(None),
            _ => Err(Gone(status.into())),
        },
    }
}
