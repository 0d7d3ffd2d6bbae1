use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use pawl_domain::{
    Entity, EntityId, EntityPatch, Event, NewEntity, NewPipeline, NewTrigger, NewTriggerType,
    Pipeline, PipelineId, PipelinePatch, Rejection, Trigger, TriggerId, TriggerPatch, TriggerType,
    TriggerTypePatch, TypeCode,
};
use pawl_store::{DatabaseId, Head, RequestIdentity, Store, StoreError};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tracing::{Span, error, info};

use crate::committer;
use crate::configure::Mode;
use crate::hub::Hub;
use crate::state::State;
use crate::watch::log_readers;
use crate::writer::{Job, Message, Refusal, Writer};
use crate::{
    Clock, Counts, EngineError, ImportSummary, MoveByHand, MoveFilter, MovedByHand, OnExisting,
    Published, Start, Watch, WatchError,
};

/// How many requests may wait for the writer; further ones wait outside.
pub const QUEUE_CAPACITY: usize = 1_024;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where commit times come from.
    pub clock: Clock,
    /// For how long event and request identities are remembered (E4).
    pub dedupe_window: Duration,
}

/// A cheap handle on the engine.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Arc<Core>,
    queue: mpsc::Sender<Message>,
}

/// What reads and watches share with the writer.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Hub,
    pub(crate) options: Options,
    pub(crate) log_readers: Semaphore,
    /// Turns true when the engine stops: watches say goodbye.
    pub(crate) closing: watch::Sender<bool>,
    /// Turns into how the engine ended.
    ended: watch::Sender<Option<Result<(), String>>>,
}

impl Engine {
    /// Recovers the state from an open store and starts the writer.
    pub fn start(store: Store, options: Options) -> Result<Self, StoreError> {
        let store = Arc::new(store);
        let state = State::recover(&store)?;
        let core = Arc::new(Core {
            hub: Hub::recover(&store, state.counts())?,
            store: Arc::clone(&store),
            options: options.clone(),
            log_readers: log_readers(),
            closing: watch::Sender::new(false),
            ended: watch::Sender::new(None),
        });
        let (queue, jobs) = mpsc::channel(QUEUE_CAPACITY);
        // One batch waits while another is synced: enough to never let the disk idle.
        let (decided, to_commit) = sync_channel(1);
        let writer = Writer::new(Arc::clone(&store), state, options);
        let writer_core = Arc::clone(&core);
        let writing = spawn("pawl-writer", move || writer.run(jobs, &writer_core.hub, &decided));
        let committer_core = Arc::clone(&core);
        let committing =
            spawn("pawl-commit", move || committer::run(&store, &committer_core.hub, &to_commit));
        let ended = Arc::clone(&core);
        spawn("pawl-end", move || {
            // When syncing failed the writer may still be waiting for work that will never be answered.
            let outcome = outcome(committing).and_then(|()| outcome(writing));
            match &outcome {
                Ok(()) => info!("the engine has stopped"),
                Err(problem) => {
                    error!(%problem, "the engine failed; outcomes in flight are unknown");
                }
            }
            ended.closing.send_replace(true);
            ended.ended.send_replace(Some(outcome));
        });
        Ok(Self { core, queue })
    }

    /// Takes no more changes, finishes what is queued, and lets watches say goodbye.
    pub async fn stop(&self) -> Result<(), String> {
        self.core.closing.send_replace(true);
        // Fails only when the engine has ended already.
        let _ = self.queue.send(Message::Stop).await;
        self.ended().await
    }

    /// Waits until the engine takes no more changes.
    pub async fn stopping(&self) {
        // The sender lives as long as this handle.
        let _ = self.core.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Waits until the engine has ended, and says why if it failed.
    pub async fn ended(&self) -> Result<(), String> {
        let mut ended = self.core.ended.subscribe();
        let outcome = ended.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        outcome.ok().flatten().unwrap_or(Ok(()))
    }

    /// Which database this is.
    pub fn database_id(&self) -> DatabaseId {
        self.core.store.database_id()
    }

    /// Where the durable log ends.
    pub fn head(&self) -> Head {
        self.core.hub.durable().head
    }

    /// How many of each thing there are.
    pub fn counts(&self) -> Counts {
        self.core.hub.durable().counts
    }

    /// How the engine is set up.
    pub fn options(&self) -> &Options {
        &self.core.options
    }

    /// Commit time of the oldest record that is retained.
    pub async fn oldest_retained(&self) -> Result<Option<pawl_domain::Timestamp>, EngineError> {
        self.read(|store| Ok(store.record(1)?.map(|record| record.time))).await
    }

    /// Watches moves (W1 to W6).
    pub fn watch(
        &self,
        start: &Start,
        filter: MoveFilter,
        heartbeat: Duration,
    ) -> Result<Watch, WatchError> {
        Watch::start(Arc::clone(&self.core), start, filter, heartbeat)
    }

    /// Publishes events, in order; each is answered for itself (E1 to E7). Returns once they have
    /// their place behind everything that was published before; the outcomes follow.
    pub async fn publish(&self, events: Vec<Event>) -> Result<Publishing, EngineError> {
        let queued = self.enqueue(events.len(), move |writer| {
            let each = |event| match writer.publish(event) {
                Ok(published) => Ok(Ok(published)),
                Err(Refusal::Rejected(rejection)) => Ok(Err(rejection)),
                Err(Refusal::Failed(error)) => Err(Refusal::Failed(error)),
            };
            events.into_iter().map(each).collect()
        });
        Ok(Publishing { engine: self.clone(), answered: queued.await? })
    }

    /// Creates a pipeline, or only checks it.
    pub async fn create_pipeline(
        &self,
        new: NewPipeline,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<Pipeline, EngineError> {
        self.write(1, move |w| w.create_pipeline(new, request, mode(validate_only))).await
    }

    /// Updates a pipeline, or only checks the update.
    pub async fn update_pipeline(
        &self,
        id: PipelineId,
        patch: PipelinePatch,
        expected_revision: i64,
        validate_only: bool,
    ) -> Result<Pipeline, EngineError> {
        let mode = mode(validate_only);
        self.write(1, move |w| w.update_pipeline(&id, patch, expected_revision, mode)).await
    }

    /// Deletes a pipeline in which nothing stands.
    pub async fn delete_pipeline(
        &self,
        id: PipelineId,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        self.write(1, move |w| w.delete_pipeline(&id, expected_revision)).await
    }

    /// Registers a trigger type, or only checks it.
    pub async fn create_trigger_type(
        &self,
        new: NewTriggerType,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<TriggerType, EngineError> {
        self.write(1, move |w| w.create_trigger_type(new, request, mode(validate_only))).await
    }

    /// Updates a trigger type, or only checks the update.
    pub async fn update_trigger_type(
        &self,
        code: TypeCode,
        patch: TriggerTypePatch,
        expected_revision: i64,
        validate_only: bool,
    ) -> Result<TriggerType, EngineError> {
        let mode = mode(validate_only);
        self.write(1, move |w| w.update_trigger_type(&code, patch, expected_revision, mode)).await
    }

    /// Deletes a trigger type of which there are no triggers.
    pub async fn delete_trigger_type(
        &self,
        code: TypeCode,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        self.write(1, move |w| w.delete_trigger_type(&code, expected_revision)).await
    }

    /// Creates a trigger, or only checks it.
    pub async fn create_trigger(
        &self,
        new: NewTrigger,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<Trigger, EngineError> {
        self.write(1, move |w| w.create_trigger(new, request, mode(validate_only))).await
    }

    /// Updates a trigger, or only checks the update.
    pub async fn update_trigger(
        &self,
        id: TriggerId,
        patch: TriggerPatch,
        expected_revision: i64,
        validate_only: bool,
    ) -> Result<Trigger, EngineError> {
        let mode = mode(validate_only);
        self.write(1, move |w| w.update_trigger(&id, patch, expected_revision, mode)).await
    }

    /// Deletes a trigger; its revisions stay readable (T9).
    pub async fn delete_trigger(
        &self,
        id: TriggerId,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        self.write(1, move |w| w.delete_trigger(&id, expected_revision)).await
    }

    /// Creates an entity.
    pub async fn create_entity(
        &self,
        new: NewEntity,
        request: Option<RequestIdentity>,
    ) -> Result<Entity, EngineError> {
        self.write(1, move |w| w.create_entity(new, request)).await
    }

    /// Creates entities, all or none of them.
    pub async fn import_entities(
        &self,
        news: Vec<NewEntity>,
        on_existing: OnExisting,
        request: Option<RequestIdentity>,
    ) -> Result<ImportSummary, EngineError> {
        self.write(news.len(), move |w| w.import(news, on_existing, request)).await
    }

    /// Updates an entity; never its pipeline or stage (X5).
    pub async fn update_entity(
        &self,
        id: EntityId,
        patch: EntityPatch,
        expected_revision: i64,
        request: Option<RequestIdentity>,
    ) -> Result<Entity, EngineError> {
        self.write(1, move |w| w.update_entity(&id, patch, expected_revision, request)).await
    }

    /// Moves an entity by hand, to any stage (X3, X5).
    pub async fn move_entity(
        &self,
        wish: MoveByHand,
        request: Option<RequestIdentity>,
    ) -> Result<MovedByHand, EngineError> {
        self.write(1, move |w| w.move_entity(wish, request)).await
    }

    /// Deletes an entity; its history is kept (X6).
    pub async fn delete_entity(
        &self,
        id: EntityId,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        self.write(1, move |w| w.delete_entity(&id, expected_revision)).await
    }

    /// Sends an operation to the writer and waits until its answer is durable.
    async fn write<T: Send + 'static>(
        &self,
        weight: usize,
        operation: impl FnOnce(&mut Writer) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, EngineError> {
        let answered = self.enqueue(weight, operation).await?;
        Ok(self.answer(answered).await??)
    }

    /// Gives an operation its place in the writer's queue.
    async fn enqueue<T: Send + 'static>(
        &self,
        weight: usize,
        operation: impl FnOnce(&mut Writer) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, Rejection>>, EngineError> {
        let (answer, answered) = oneshot::channel();
        let span = Span::current();
        let job = Job {
            weight,
            run: Box::new(move |writer| {
                let result = match span.in_scope(|| operation(writer)) {
                    Ok(done) => Ok(done),
                    Err(Refusal::Rejected(rejection)) => Err(rejection),
                    Err(Refusal::Failed(error)) => return Err(error),
                };
                // The caller may have gone away; the change stands all the same.
                Ok(Box::new(move || drop(answer.send(result))))
            }),
        };
        self.queue.send(Message::Job(job)).await.map_err(|_| EngineError::Stopping)?;
        Ok(answered)
    }

    async fn answer<T>(&self, answered: oneshot::Receiver<T>) -> Result<T, EngineError> {
        match answered.await {
            Ok(result) => Ok(result),
            // The job was dropped: unread because the engine stopped, or with a failed batch.
            Err(_) => match self.ended().await {
                Ok(()) => Err(EngineError::Stopping),
                Err(_) => Err(EngineError::OutcomeUnknown),
            },
        }
    }

    /// Reads the store off the I/O threads and answers once all that was seen is durable.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let core = Arc::clone(&self.core);
        let read = tokio::task::spawn_blocking(move || {
            let result = query(&core.store);
            // Noted after reading: everything that was seen is at or before it.
            (result, core.hub.decided())
        });
        let (result, seen) = read.await.map_err(|panic| StoreError::Damaged {
            what: "the store".to_owned(),
            problem: panic.to_string(),
        })?;
        let mut head = self.core.hub.subscribe();
        tokio::select! {
            _ = head.wait_for(|durable| durable.head.sequence >= seen) => result,
            // What was seen may never have become durable.
            failed = self.ended() => if failed.is_ok() { result } else { Err(EngineError::OutcomeUnknown) },
        }
    }
}

/// Events that have their place in the order of all.
#[derive(Debug)]
pub struct Publishing {
    engine: Engine,
    answered: oneshot::Receiver<Result<Vec<Result<Published, Rejection>>, Rejection>>,
}

impl Publishing {
    /// What became of each event, once that is durable. Dropping this takes nothing back.
    pub async fn outcomes(self) -> Result<Vec<Result<Published, Rejection>>, EngineError> {
        Ok(self.engine.answer(self.answered).await??)
    }
}

fn mode(validate_only: bool) -> Mode {
    if validate_only { Mode::Validate } else { Mode::Write }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let thread = thread::Builder::new().name(name.to_owned());
    // Without threads of its own the process cannot do anything at all.
    thread.spawn(run).unwrap_or_else(|error| panic!("cannot start thread {name}: {error}"))
}

fn outcome(thread: thread::JoinHandle<Result<(), StoreError>>) -> Result<(), String> {
    match thread.join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("a thread of the engine panicked; its message stands above".to_owned()),
    }
}
