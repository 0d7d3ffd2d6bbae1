use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pawl_domain::{Rejection, Trigger, TriggerStats, TriggerTally};
use pawl_store::{DatabaseId, Head, OpenError, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use tracing::{Span, debug_span, error, info};

use crate::committer::Committer;
use crate::core::{Core, Options, QUEUE_WEIGHT};
use crate::disk::Disk;
use crate::hub::Hub;
use crate::progress;
use crate::retention;
use crate::scope::Touched;
use crate::state::{Standing, State};
use crate::watch::Sight;
use crate::writer::{Intent, Job, Message, Refusal, Writer};
use crate::{Counts, EngineError, Scope, Show, Start, Watch, WatchError};

/// How many requests may wait for the writer; further ones wait outside.
pub const QUEUE_CAPACITY: usize = 1_024;

/// A cheap handle on the engine. It may be limited to some pipelines: see [`Scope`].
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) core: Arc<Core>,
    pub(crate) scope: Scope,
    queue: mpsc::Sender<Message>,
}

impl Engine {
    /// Opens the database in `dir`, or makes one, recovers the state and starts the writer.
    pub fn start(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let mut standing = Standing::default();
        let (store, stats) = Store::open_checked(dir, |row| standing.count(row))?;
        let disk = Disk::new(dir, options.reserve.clone());
        let recovered = Self::recover(Arc::new(store), &standing, stats, disk, options);
        recovered.map_err(|error| OpenError::when_read_first(dir, &error))
    }

    fn recover(
        store: Arc<Store>,
        standing: &Standing,
        stats: TriggerTally,
        disk: Disk,
        options: Options,
    ) -> Result<Self, StoreError> {
        let state = State::recover(&store, standing)?;
        let hub = Hub::recover(&store, state.counts(), stats)?;
        let core = Arc::new(Core::new(Arc::clone(&store), hub, disk, options.clone()));
        let (queue, jobs) = mpsc::channel(QUEUE_CAPACITY);
        let committer = Committer::new(Arc::clone(&store), Arc::clone(&core));
        let (decided, to_commit) = committer.channel();
        let writer = Writer::new(store, state, Arc::clone(&core.disk), options);
        let writer_core = Arc::clone(&core);
        let writing = spawn("pawl-writer", move || writer.run(jobs, &writer_core, &decided));
        let committing = spawn("pawl-commit", move || committer.run(&to_commit));
        let telling_core = Arc::clone(&core);
        let telling = spawn("pawl-tell", move || telling_core.hub.tell());
        let trimming_core = Arc::clone(&core);
        let trimming = spawn("pawl-trim", move || retention::run(&trimming_core));
        let (watched_core, watched) = (Arc::clone(&core), queue.downgrade());
        let watching = spawn("pawl-watchdog", move || progress::watch(&watched_core, &watched));
        let ended = Arc::clone(&core);
        spawn("pawl-end", move || {
            // When syncing failed the writer may still be waiting for work that will never be answered.
            let store = &ended.store;
            let outcome = outcome(committing, store).and_then(|()| outcome(writing, store));
            match &outcome {
                Ok(()) => info!("the engine has stopped"),
                Err(problem) => {
                    error!(%problem, "the engine failed; outcomes in flight are unknown");
                }
            }
            ended.hub.end();
            ended.closing.send_replace(true);
            trimming.thread().unpark();
            watching.thread().unpark();
            // Nothing rests on how these end, but the store is closed with the last of them.
            let _ = (telling.join(), trimming.join(), watching.join());
            if outcome.is_err() {
                // It is not closed any more: sled would wait for what it cannot write, or panic.
                std::mem::forget(Arc::clone(&ended));
            } else if let Err(problem) = ended.store.settle() {
                // The journal has it all the same.
                error!(%problem, "the database could not be synced at the end");
            }
            ended.ended.send_replace(Some(outcome));
        });
        Ok(Self { core, scope: Scope::unlimited(), queue })
    }

    /// A handle that is limited to a scope, and to that of this one.
    #[must_use]
    pub fn within(&self, scope: Scope) -> Self {
        Self { scope: self.scope.intersection(scope), ..self.clone() }
    }

    /// Whether this handle is limited to some pipelines.
    pub fn is_limited(&self) -> bool {
        self.scope.is_limited()
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

    /// How many requests wait for the writer.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Which database this is.
    pub fn database_id(&self) -> DatabaseId {
        self.core.store.database_id()
    }

    /// Where the durable log ends.
    pub fn head(&self) -> Head {
        self.core.hub.durable().head
    }

    /// How many of each thing there are, in all pipelines.
    pub fn counts(&self) -> Counts {
        self.core.hub.durable().counts
    }

    /// How alive a trigger is (Q3).
    pub fn stats_of(&self, trigger: &Trigger) -> TriggerStats {
        if self.scope.holds(&trigger.pipeline_id) {
            self.core.hub.stats_of(&trigger.id)
        } else {
            TriggerStats::default()
        }
    }

    /// Bytes that are free on the disk of the database, if that is known.
    pub fn free_bytes(&self) -> Option<u64> {
        self.core.disk.free_bytes()
    }

    /// How the engine is set up.
    pub fn options(&self) -> &Options {
        &self.core.options
    }

    /// Watches moves (W1 to W6).
    pub async fn watch(
        &self,
        start: &Start,
        show: impl Into<Show>,
        heartbeat: Duration,
    ) -> Result<Watch, WatchError> {
        let sight = Sight::new(show.into(), self.scope.clone());
        Watch::start(Arc::clone(&self.core), start, sight, heartbeat).await
    }

    /// Sends an operation to the writer and waits until its answer is durable. Nothing of it is done
    /// when the caller cannot reach what it touches, or its intent is not admitted.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        weight: u32,
        touched: Touched,
        intent: Intent,
        operation: impl FnOnce(&mut Writer) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, EngineError> {
        let admitted = move |writer: &mut Writer| {
            writer.check_scope(&touched)?;
            writer.admit(&intent)?;
            operation(writer)
        };
        let answered = self.enqueue(weight, admitted).await?;
        Ok(self.answer(answered).await??)
    }

    /// Gives an operation its place in the writer's queue.
    pub(crate) async fn enqueue<T: Send + 'static>(
        &self,
        weight: u32,
        operation: impl FnOnce(&mut Writer) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, Rejection>>, EngineError> {
        let (answer, answered) = oneshot::channel();
        // Waiting for room, and then for the writer.
        let queued = debug_span!("queue");
        let (span, scope) = (Span::current(), self.scope.clone());
        let weight = weight.clamp(1, QUEUE_WEIGHT);
        // The semaphore is never closed; who waits first gets in first.
        let room = Arc::clone(&self.core.room).acquire_many_owned(weight).await;
        let job = Job {
            weight,
            room: room.map_err(|_| EngineError::Stopping)?,
            run: Box::new(move |writer| {
                drop(queued);
                writer.scope = scope;
                let _in = span.enter();
                let result = match debug_span!("decide").in_scope(|| operation(writer)) {
                    Ok(done) => Ok(done),
                    Err(Refusal::Rejected(rejection)) => Err(rejection),
                    Err(Refusal::Failed(error)) => return Err(error),
                };
                let commit = debug_span!("commit");
                Ok(Box::new(move || {
                    drop(commit);
                    // The caller may have gone away; the change stands all the same.
                    drop(answer.send(result));
                }))
            }),
        };
        self.queue.send(Message::Job(job)).await.map_err(|_| EngineError::Stopping)?;
        Ok(answered)
    }

    pub(crate) async fn answer<T>(&self, answered: oneshot::Receiver<T>) -> Result<T, EngineError> {
        match answered.await {
            Ok(result) => Ok(result),
            // The job was dropped: unread because the engine stopped, or with a failed batch.
            Err(_) => match self.ended().await {
                Ok(()) => Err(EngineError::Stopping),
                Err(_) => Err(EngineError::OutcomeUnknown),
            },
        }
    }

    /// Reads many keys, and answers once all that was seen is durable.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let result = self.core.scan(query).await?;
        self.settle(result).await
    }

    /// Reads a few keys, and answers once all that was seen is durable.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let result = self.core.read(query).await?;
        self.settle(result).await
    }

    async fn settle<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        tokio::select! {
            _ = self.core.settled() => result,
            // What was seen may never have become durable.
            failed = self.ended() => if failed.is_ok() { result } else { Err(EngineError::OutcomeUnknown) },
        }
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let thread = thread::Builder::new().name(name.to_owned());
    // Without threads of its own the process cannot do anything at all.
    thread.spawn(run).unwrap_or_else(|error| panic!("cannot start thread {name}: {error}"))
}

fn outcome(
    thread: thread::JoinHandle<Result<(), StoreError>>,
    store: &Store,
) -> Result<(), String> {
    match thread.join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(store.explain(&error)),
        Err(_) => Err("a thread of the engine panicked; its message stands above".to_owned()),
    }
}
