//! Everything that happens: events one by one and streamed, moves by hand, entities that come, change
//! and go. Each answer is written down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, event, fields, is_refusal};
use tonic::Status;

use super::stage::Stage;
use super::world::{World, event_type, person};
use crate::truth::Span;

/// One who makes things happen. Entities are written by one each, and moved by all.
pub(super) struct Load {
    pub(super) stage: Arc<Stage>,
    pub(super) world: Arc<World>,
    pub(super) rng: Rng,
    /// For the ids of events.
    pub(super) name: usize,
    /// Those that it writes, with the newest revision that it knows of; `None` when it is not
    /// there.
    pub(super) own: BTreeMap<String, Option<i64>>,
    client: Option<Client>,
    made: usize,
}

/// An answer, or that nobody knows: the connection broke before there was one.
enum Answer<T> {
    Given(T, Span),
    Refused,
    Lost,
}

impl Load {
    pub(super) fn new(
        stage: Arc<Stage>,
        world: Arc<World>,
        rng: Rng,
        name: usize,
        own: BTreeMap<String, Option<i64>>,
    ) -> Self {
        Self { stage, world, rng, name, own, client: None, made: 0 }
    }

    /// Makes so many calls.
    pub(super) async fn run(mut self, calls: usize) {
        for _ in 0..calls {
            match self.rng.u32(..100) {
                0..38 => {
                    let event = self.event();
                    self.publish(event).await;
                }
                38..52 => self.stream().await,
                52..70 => self.move_by_hand().await,
                70..82 => self.update().await,
                82..97 => self.come_or_go().await,
                _ => {
                    let id = self.one_of_own();
                    self.read(&id).await;
                }
            }
            self.stage.answered();
            // Long enough in all for heartbeats to come in between.
            if self.rng.u32(..3) == 0 {
                tokio::time::sleep(Duration::from_millis(self.rng.u64(1..120))).await;
            }
        }
    }

    /// A connection to the server that is there.
    async fn client(&mut self) -> Client {
        loop {
            if let Some(client) = &self.client {
                return client.clone();
            }
            let address = self.stage.address().await;
            match Client::connect(address).await {
                Ok(client) => self.client = Some(client),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Sorts out what came of a call that was sent at `asked`.
    fn answer<T>(
        &mut self,
        asked: Duration,
        answer: Result<tonic::Response<T>, Status>,
    ) -> Answer<T> {
        let span = Span { asked: Some(asked), answered: Some(self.stage.now()) };
        match answer {
            Ok(answer) => Answer::Given(answer.into_inner(), span),
            Err(status) if is_refusal(&status) => Answer::Refused,
            Err(_) => {
                self.client = None;
                Answer::Lost
            }
        }
    }

    fn one_of_own(&mut self) -> String {
        let at = self.rng.usize(..self.own.len());
        self.own.keys().nth(at).expect("it has some").clone()
    }

    fn event(&mut self) -> pb::Event {
        self.made += 1;
        let subjects = (0..self.rng.usize(1..=5)).map(|_| self.world.entity_id(&mut self.rng));
        let subjects: Vec<_> = subjects.collect();
        let id = format!("{}-{}", self.name, self.made);
        event(&id, event_type(&mut self.rng), &subjects.join(" "))
    }

    /// Publishes until there is an answer: the same again is safe.
    async fn publish(&mut self, event: pb::Event) {
        loop {
            let mut client = self.client().await;
            let asked = self.stage.now();
            let request = pb::PublishEventRequest { event: Some(event.clone()), view: 0 };
            let published = client.events.publish_event(request).await;
            match self.answer(asked, published) {
                Answer::Given(published, span) => {
                    let outcome = published.outcome.expect("it tells");
                    self.stage.ledger().outcome(&outcome, span);
                    return;
                }
                Answer::Refused => return,
                Answer::Lost => {}
            }
        }
    }

    async fn stream(&mut self) {
        let events: Vec<_> = (0..self.rng.usize(3..20)).map(|_| self.event()).collect();
        let mut rest = events.clone();
        let mut client = self.client().await;
        let asked = Some(self.stage.now());
        let message = |event| pb::PublishEventsRequest { events: vec![event], view: 0 };
        let messages = tokio_stream::iter(events.into_iter().map(message));
        if let Ok(answers) = client.events.publish_events(messages).await {
            let mut answers = answers.into_inner();
            while let Ok(Some(answer)) = answers.message().await {
                let span = Span { asked, answered: Some(self.stage.now()) };
                rest.drain(..answer.outcomes.len());
                for outcome in &answer.outcomes {
                    self.stage.ledger().outcome(outcome, span);
                }
            }
        }
        if !rest.is_empty() {
            self.client = None;
        }
        // What was not answered may have happened or not.
        for event in rest {
            self.publish(event).await;
        }
    }

    async fn move_by_hand(&mut self) {
        let id = self.world.entity_id(&mut self.rng);
        let (pipeline_id, stage_id) = self.world.place(&mut self.rng, &id);
        let request = pb::MoveEntityRequest {
            entity_id: id,
            stage_id,
            pipeline_id,
            actor: "someone".to_owned(),
            ..Default::default()
        };
        let mut client = self.client().await;
        let asked = self.stage.now();
        let answer = client.entities.move_entity(request).await;
        // When the answer is lost the log will tell.
        if let Answer::Given(answer, span) = self.answer(asked, answer) {
            self.stage.ledger().moved(&answer, span);
        }
    }

    async fn update(&mut self) {
        let id = self.one_of_own();
        self.made += 1;
        let amount = format!("{}-{}", self.name, self.made);
        let amount = self.rng.u32(..3).gt(&0).then(|| fields([("amount", Some(&amount))]));
        let responsible = match amount {
            Some(_) if self.rng.bool() => String::new(),
            _ => person(&mut self.rng),
        };
        let entity =
            pb::Entity { entity_id: id.clone(), responsible, fields: amount, ..Default::default() };
        let request = pb::UpdateEntityRequest { entity: Some(entity), ..Default::default() };
        let mut client = self.client().await;
        let asked = self.stage.now();
        let answer = client.entities.update_entity(request).await;
        match self.answer(asked, answer) {
            Answer::Given(answer, span) => {
                self.stage.ledger().updated(&answer, span);
                self.own.insert(id, answer.entity.map(|entity| entity.revision));
            }
            Answer::Refused => {}
            Answer::Lost => self.read(&id).await,
        }
    }

    /// Creates one that is not there, or deletes one that is.
    async fn come_or_go(&mut self) {
        let id = self.one_of_own();
        match self.own[&id] {
            None => self.create(id).await,
            Some(revision) => self.delete(id, revision).await,
        }
    }

    pub(super) async fn create(&mut self, id: String) {
        let entity = Some(self.world.entity(&mut self.rng, &id));
        let request = pb::CreateEntityRequest { entity, ..Default::default() };
        let mut client = self.client().await;
        let asked = self.stage.now();
        let answer = client.entities.create_entity(request).await;
        match self.answer(asked, answer) {
            Answer::Given(answer, span) => {
                let entity = answer.entity.expect("it is given");
                self.stage.ledger().created(&entity, span);
                self.own.insert(id, Some(entity.revision));
            }
            Answer::Refused | Answer::Lost => self.read(&id).await,
        }
    }

    /// Deletes an entity as it is known. So the revision of the deletion, which no answer tells, is
    /// known too.
    async fn delete(&mut self, id: String, revision: i64) {
        let request =
            pb::DeleteEntityRequest { entity_id: id.clone(), expected_revision: revision };
        let mut client = self.client().await;
        let asked = self.stage.now();
        let answer = client.entities.delete_entity(request).await;
        match self.answer(asked, answer) {
            Answer::Given(pb::DeleteEntityResponse {}, span) => {
                self.stage.ledger().deleted(&id, revision + 1, span);
                self.own.insert(id, None);
            }
            Answer::Refused | Answer::Lost => self.read(&id).await,
        }
    }

    /// Finds out how an entity is.
    async fn read(&mut self, id: &str) {
        loop {
            let mut client = self.client().await;
            let asked = self.stage.now();
            let request = pb::GetEntityRequest { entity_id: id.to_owned() };
            let answer = client.entities.get_entity(request).await;
            match self.answer(asked, answer) {
                Answer::Given(answer, span) => {
                    let entity = answer.entity.expect("it is given");
                    let answered = span.answered.expect("it was");
                    self.stage.ledger().read(&entity, answered);
                    self.own.insert(id.to_owned(), Some(entity.revision));
                    return;
                }
                Answer::Refused => {
                    self.own.insert(id.to_owned(), None);
                    return;
                }
                Answer::Lost => {}
            }
        }
    }
}
