use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;
use pawl_domain::{
    CustomerId, Decision, Entity, EntityId, EventId, EventType, Listening, Pipeline, PipelineId,
    Rejection, Source, Timestamp, World,
};
use pawl_store::{
    Batch, Change, EntityRow, Head, Link, Record, RequestIdentity, Store, StoreError,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tracing::debug;

use crate::cache::{EntityCache, entity_cache};
use crate::committer::{Answer, HandOver, Pending};
use crate::configure::{Mode, reused};
use crate::core::{Core, Options};
use crate::disk::Disk;
use crate::hub::Hub;
use crate::meters::Drafted;
use crate::progress::Stage;
use crate::scope::Scope;
use crate::state::State;

/// How much one batch takes before it is closed; it never waits for more. A decision, an entity and
/// every 256 bytes that they bring weigh 1, eight verdicts too: about a quarter of a megabyte. While it
/// is synced and answered the next one is decided, so larger ones would leave somebody waiting.
const BATCH_WEIGHT: u32 = 1_024;
/// How much one job of a long request brings.
pub(crate) const JOB_WEIGHT: u32 = 1_024;
/// How many verdicts weigh as much as a decision.
const VERDICTS_PER_WEIGHT: usize = 8;

/// One request for the writer.
pub(crate) struct Job {
    /// How much it brings.
    pub(crate) weight: u32,
    /// Its share of what may wait.
    pub(crate) room: OwnedSemaphorePermit,
    /// Decides it; the answer goes out once everything it rests on is durable.
    pub(crate) run: Operation,
}

/// Decides on the writer's thread; an error ends the engine.
pub(crate) type Operation = Box<dyn FnOnce(&mut Writer) -> Result<Answer, StoreError> + Send>;

/// What travels through the queue.
pub(crate) enum Message {
    /// A request.
    Job(Job),
    /// Take no more, finish what is queued, end.
    Stop,
}

/// Why an operation did not happen: the caller's mistake, or ours.
#[derive(Debug)]
pub(crate) enum Refusal {
    Rejected(Rejection),
    Failed(StoreError),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What an operation is about to do to the disk, and to the memory of identities.
#[derive(Debug)]
pub(crate) enum Intent {
    /// Nothing: it only asks or checks.
    Ask,
    /// To write, unless the request that it names was made before. That is remembered.
    Write(Option<RequestIdentity>),
    /// The same, as an event, which is remembered too.
    WriteEvent(Option<RequestIdentity>),
}

impl Intent {
    pub(crate) fn new(mode: Mode, request: Option<&RequestIdentity>) -> Self {
        match mode {
            Mode::Validate => Self::Ask,
            Mode::Write => Self::Write(request.cloned()),
        }
    }

    pub(crate) fn of_event(mode: Mode, request: Option<&RequestIdentity>) -> Self {
        match mode {
            Mode::Validate => Self::Ask,
            Mode::Write => Self::WriteEvent(request.cloned()),
        }
    }
}

/// The one that decides. It has the newest state, which may be ahead of what is durable; when a
/// commit fails the process ends, so nothing here is ever taken back.
pub(crate) struct Writer {
    pub(crate) store: Arc<Store>,
    pub(crate) state: State,
    pub(crate) options: Options,
    disk: Arc<Disk>,
    /// Of the handle that asks.
    pub(crate) scope: Scope,
    /// Commit time of the batch that is being decided.
    pub(crate) now: Timestamp,
    head: Head,
    cache: EntityCache,
    batch: Draft,
}

/// The batch that is being decided.
#[derive(Debug, Default)]
struct Draft {
    records: Vec<Arc<Record>>,
    /// Rows that changed, so that an entity that moves five times costs one row.
    entities: HashMap<EntityId, Arc<EntityRow>>,
    /// Which entities begin, or cease, to name which customers.
    links: HashMap<CustomerId, BTreeMap<EntityId, bool>>,
    /// What the verdicts of its records weigh.
    verdict_weight: u32,
    /// What came of events that are no records.
    counted: Drafted,
}

impl Writer {
    pub(crate) fn new(store: Arc<Store>, state: State, disk: Arc<Disk>, options: Options) -> Self {
        let head = store.recovered();
        let (cache, batch, now) = (entity_cache(), Draft::default(), head.time);
        let scope = Scope::unlimited();
        Self { store, state, options, disk, scope, now, head, cache, batch }
    }

    /// Decides what is queued, batch by batch, until it is told to stop. While one batch is being
    /// synced the next is decided on the state that the first will leave.
    pub(crate) fn run(
        mut self,
        mut queue: mpsc::Receiver<Message>,
        core: &Core,
        committer: &HandOver,
    ) -> Result<(), StoreError> {
        while let Some(message) = queue.blocking_recv() {
            core.progress.writer(Stage::Deciding);
            let began = Instant::now();
            self.now = self.options.clock.now().max(self.head.time);
            let mut answers = Vec::new();
            let mut weight: u32 = 0;
            let mut next = Some(message);
            while let Some(message) = next.take() {
                match message {
                    Message::Stop => queue.close(),
                    Message::Job(job) => {
                        weight = weight.saturating_add(job.weight);
                        answers.push((job.run)(&mut self)?);
                        drop(job.room);
                        core.progress.step();
                    }
                }
                if weight.saturating_add(self.batch.verdict_weight) < BATCH_WEIGHT {
                    next = queue.try_recv().ok();
                }
            }
            core.progress.writer(Stage::Applying);
            let (records, counted) =
                (self.batch.records.len(), std::mem::take(&mut self.batch.counted));
            let pending = self.apply(answers, &core.hub)?;
            core.meters.decided(records, began.elapsed(), counted);
            if !committer.commit(pending, queue.is_empty())? {
                break;
            }
            core.progress.writer(Stage::Idle);
        }
        Ok(())
    }

    fn apply(&mut self, answers: Vec<Answer>, hub: &Hub) -> Result<Pending, StoreError> {
        let counts = self.state.counts();
        if self.batch.records.is_empty() {
            // Previews weigh too, and leave nothing else.
            self.batch.verdict_weight = 0;
            return Ok(Pending { applied: None, answers, counts });
        }
        let Draft { records, entities, links, .. } = std::mem::take(&mut self.batch);
        let entities: Vec<_> = entities.into_values().collect();
        for row in &entities {
            self.cache.insert(row.entity.id.clone(), Arc::clone(row));
        }
        // Before it can be read: whoever reads it then knows what to wait for.
        hub.set_decided(self.head.sequence);
        debug!(records = records.len(), last = self.head.sequence, "decided a batch");
        let of_customer = |(customer, entities): (CustomerId, BTreeMap<EntityId, bool>)| {
            let link = move |(entity, names)| ((customer.clone(), entity), names);
            entities.into_iter().map(link)
        };
        let links: Vec<(Link, bool)> = links.into_iter().flat_map(of_customer).collect();
        let applied = self.store.apply(Batch { records, entities, links, head: self.head })?;
        self.disk.wrote(applied.bytes());
        Ok(Pending { applied: Some(applied), answers, counts })
    }

    /// Refuses what would write while the disk is full, or be remembered while memory is, before
    /// anything of it is done. What was accepted before needs no room, and is answered as ever.
    pub(crate) fn admit(&self, intent: &Intent) -> Result<(), Refusal> {
        let (request, is_remembered) = match intent {
            Intent::Ask => return Ok(()),
            Intent::Write(request) => (request, request.is_some()),
            Intent::WriteEvent(request) => (request, true),
        };
        let room = self.disk.check().and_then(|()| {
            let remembered = || self.store.identities().count;
            if is_remembered { self.options.retention.check(remembered()) } else { Ok(()) }
        });
        let Err(full) = room else { return Ok(()) };
        match self.seen_request(request.as_ref())? {
            Some(_) => Ok(()),
            None => Err(full.into()),
        }
    }

    /// Appends a record of `change` to the batch.
    pub(crate) fn append(
        &mut self,
        request: Option<RequestIdentity>,
        previous_moves: Vec<u64>,
        change: Change,
    ) -> Arc<Record> {
        let record = Record {
            sequence: self.next_sequence(),
            time: self.now,
            moves_before: self.head.moves,
            request,
            previous_moves,
            change,
        };
        self.head = Head {
            sequence: record.sequence,
            time: record.time,
            moves: self.head.moves + record.moves().count() as u64,
            events: self.head.events + u64::from(record.event().is_some()),
        };
        self.weigh(record.decisions());
        self.store.remember(&record);
        let record = Arc::new(record);
        self.batch.records.push(Arc::clone(&record));
        record
    }

    /// Adds what was decided to what the batch weighs, beyond what its request was taken to weigh:
    /// whom a customer reaches, what follows along a chain, and verdicts are known only now.
    pub(crate) fn weigh(&mut self, decisions: &[Decision]) {
        let verdicts: usize = decisions.iter().map(|decision| decision.verdicts.len()).sum();
        let beyond = decisions.len().saturating_sub(1) + verdicts / VERDICTS_PER_WEIGHT;
        let weight = u32::try_from(beyond).unwrap_or(u32::MAX);
        self.batch.verdict_weight = self.batch.verdict_weight.saturating_add(weight);
    }

    /// Counts an event that left no record.
    pub(crate) fn count(&mut self, count: impl FnOnce(&mut Drafted)) {
        count(&mut self.batch.counted);
    }

    /// Looks for a change that the store does not show yet, newest first.
    pub(crate) fn find_in_batch<T>(&self, pick: impl Fn(&Change) -> Option<T>) -> Option<T> {
        self.batch.records.iter().rev().find_map(|record| pick(&record.change))
    }

    /// Where the next record will stand.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.head.sequence + 1
    }

    /// The newest state of an entity, also of one that was deleted.
    pub(crate) fn row(&mut self, id: &EntityId) -> Result<Option<Arc<EntityRow>>, StoreError> {
        if let Some(row) = self.batch.entities.get(id).or_else(|| self.cache.get(id)) {
            return Ok(Some(Arc::clone(row)));
        }
        let row = self.store.entity(id)?.map(Arc::new);
        if let Some(row) = &row {
            self.cache.insert(id.clone(), Arc::clone(row));
        }
        Ok(row)
    }

    /// The newest state of an entity that is there.
    pub(crate) fn live_row(&mut self, id: &EntityId) -> Result<Option<Arc<EntityRow>>, StoreError> {
        Ok(self.row(id)?.filter(|row| !row.deleted))
    }

    /// Puts a changed row into the batch, before the record that changed it, and keeps the counts
    /// and the links to customers.
    pub(crate) fn put_row(&mut self, before: Option<&EntityRow>, mut after: EntityRow) {
        after.last_write = self.next_sequence();
        for (row, change) in before.map(|row| (row, -1)).into_iter().chain([(&after, 1)]) {
            if !row.deleted {
                let entity = &row.entity;
                self.state.count_entity(&entity.pipeline_id, &entity.stage_id, change);
            }
        }
        let customers = |row: &EntityRow| {
            let ids = row.entity.customer_ids.iter().filter(|_| !row.deleted);
            ids.cloned().collect::<BTreeSet<_>>()
        };
        let (old, new) = (before.map(customers).unwrap_or_default(), customers(&after));
        for customer in old.symmetric_difference(&new) {
            let links = self.batch.links.entry(customer.clone()).or_default();
            links.insert(after.entity.id.clone(), new.contains(customer));
        }
        self.batch.entities.insert(after.entity.id.clone(), Arc::new(after));
    }

    /// The event that had this identity before, within the dedupe window (E4).
    pub(crate) fn seen_event(
        &self,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Arc<Record>>, StoreError> {
        let record = self.store.seen_event(source, id, |sequence| self.in_batch(sequence))?;
        Ok(record.filter(|record| self.remembers(record)))
    }

    /// The record that this request made before, within the dedupe window.
    pub(crate) fn seen_request(
        &self,
        request: Option<&RequestIdentity>,
    ) -> Result<Option<Arc<Record>>, Refusal> {
        let Some(request) = request else { return Ok(None) };
        let record = self.store.seen_request(&request.id, |sequence| self.in_batch(sequence))?;
        let record = record.filter(|record| self.remembers(record));
        match record {
            Some(record) if record.request.as_ref() != Some(request) => Err(reused(&record).into()),
            record => Ok(record),
        }
    }

    /// A record that the store does not have yet.
    fn in_batch(&self, sequence: u64) -> Option<Arc<Record>> {
        let first = self.batch.records.first()?.sequence;
        let index = usize::try_from(sequence.checked_sub(first)?).ok()?;
        self.batch.records.get(index).cloned()
    }

    fn remembers(&self, record: &Record) -> bool {
        self.now.since(record.time) < self.options.dedupe_window
    }
}

/// What events are decided on: the newest state, ahead of what is durable.
impl World for Writer {
    type Error = Refusal;

    fn entity(&mut self, id: &EntityId) -> Result<Option<Arc<Entity>>, Refusal> {
        Ok(self.live_row(id)?.map(|row| Arc::clone(&row.entity)))
    }

    fn pipeline(&mut self, id: &PipelineId) -> Result<Arc<Pipeline>, Refusal> {
        // A pipeline in which entities stand cannot be deleted (P2).
        let gone = |_| {
            let (what, problem) = (format!("pipeline {id}"), "it is gone".to_owned());
            StoreError::Damaged { what, problem }
        };
        Ok(self.state.pipeline(id).map(|place| Arc::clone(&place.pipeline)).map_err(gone)?)
    }

    fn listening(&self, pipeline: &PipelineId, event_type: &EventType) -> &Listening {
        let place = self.state.pipeline(pipeline);
        place.map_or(Listening::nobody(), |place| place.listening(event_type))
    }

    fn entities_of(&mut self, customer: &CustomerId) -> Result<Vec<(Arc<Entity>, u64)>, Refusal> {
        let mut ids = self.store.entities_naming(customer)?;
        for (id, names) in self.batch.links.get(customer).into_iter().flatten() {
            if *names {
                ids.insert(id.clone());
            } else {
                ids.remove(id);
            }
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(row) = self.live_row(&id)? {
                found.push((Arc::clone(&row.entity), row.last_write));
            }
        }
        Ok(found)
    }

    fn is_reachable(&self, entity: &Entity) -> bool {
        self.scope.holds(&entity.pipeline_id)
    }
}
