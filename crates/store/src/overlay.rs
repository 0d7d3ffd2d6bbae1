//! What was decided and sled does not have yet. Reads look here first.
//!
//! sled takes about as long for a batch of one record as for one of a hundred, so a thread of its own
//! gives it what has come together. Durability does not wait for that: it comes from the journal.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foldhash::HashMap;
use pawl_domain::{CustomerId, EntityId};

use crate::checkpoint::Checkpoints;
use crate::chunk::{self, Segment};
use crate::open::quietly;
use crate::{EntityRow, Record, StoreError, keys};

/// How long what is new waits for more before sled gets it.
const PAUSE: Duration = Duration::from_millis(20);
/// When this much waits it is not kept waiting.
const ENOUGH_BYTES: usize = 1_024 * 1_024;
/// When this much waits nothing more is taken until sled has come after.
const TOO_MUCH_BYTES: usize = 8 * 1_024 * 1_024;
/// How many records are shown together, as if they were a chunk.
const SHOWN: usize = 64;

/// What has come together, as sled will get it: the latest of everything.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) records: Vec<Arc<Record>>,
    pub(crate) segments: Vec<Segment>,
    /// Keys and values of pipelines, trigger types and triggers.
    pub(crate) configuration: Vec<(Vec<u8>, Vec<u8>)>,
    /// Entities with their rows' bytes.
    pub(crate) entities: HashMap<EntityId, (Arc<EntityRow>, Vec<u8>)>,
    pub(crate) links: HashMap<CustomerId, BTreeMap<EntityId, bool>>,
    /// The row that says where the log ends then.
    pub(crate) head: Vec<u8>,
    pub(crate) last: u64,
    pub(crate) bytes: usize,
}

/// Everything that sled does not have, and the thread that gives it to sled, which ends with this.
#[derive(Debug)]
pub(crate) struct Overlay {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    db: sled::Db,
    checkpoints: Arc<Checkpoints>,
    /// Bytes of the log's values in sled.
    logged_bytes: Arc<AtomicU64>,
    layers: RwLock<Layers>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Layers {
    /// What sled is getting now.
    leaving: Arc<Layer>,
    /// What comes together meanwhile.
    coming: Layer,
}

#[derive(Debug, Default)]
struct State {
    /// The last record that is in a layer or was, and the last that sled has.
    taken: u64,
    applied: u64,
    bytes: usize,
    /// Whether somebody waits for it.
    is_urgent: bool,
    /// Whether the thread waits for something to do.
    is_idle: bool,
    is_over: bool,
    /// Why sled did not take something; then nothing more is tried.
    failed: Option<StoreError>,
}

impl Layer {
    fn is_empty(&self) -> bool {
        self.last == 0
    }

    /// Adds what came after it.
    fn extend(&mut self, newer: Self) {
        self.records.extend(newer.records);
        self.segments.extend(newer.segments);
        self.configuration.extend(newer.configuration);
        self.entities.extend(newer.entities);
        for (customer, entities) in newer.links {
            self.links.entry(customer).or_default().extend(entities);
        }
        (self.head, self.last) = (newer.head, newer.last);
        self.bytes += newer.bytes;
    }

    fn record(&self, sequence: u64) -> Option<&[Arc<Record>]> {
        let first = self.records.first()?.sequence;
        let index = usize::try_from(sequence.checked_sub(first)?).ok()?;
        // The same records are together whichever of them is asked for.
        let begin = index - index % SHOWN;
        self.records.get(index)?;
        self.records.get(begin..self.records.len().min(begin + SHOWN))
    }

    fn writes(&self) -> (sled::Batch, u64) {
        let mut batch = sled::Batch::default();
        let mut logged = 0;
        for (key, value) in chunk::pack(&self.segments) {
            logged += value.len() as u64;
            batch.insert(&key[..], value);
        }
        for (key, value) in &self.configuration {
            batch.insert(&key[..], &value[..]);
        }
        // In the order of their keys: what lies together in sled's pages is touched together.
        let mut entities: Vec<_> = self.entities.iter().collect();
        entities.sort_unstable_by_key(|(id, _)| *id);
        for (id, (_, value)) in entities {
            batch.insert(keys::entity(id), &value[..]);
        }
        for (customer, entities) in &self.links {
            for (entity, names) in entities {
                let key = keys::link(customer, entity);
                if *names { batch.insert(key, &[]) } else { batch.remove(key) }
            }
        }
        batch.insert(&keys::HEAD[..], &self.head[..]);
        (batch, logged)
    }
}

impl Overlay {
    /// Begins to take what follows on record `last`.
    pub(crate) fn start(
        db: sled::Db,
        checkpoints: Arc<Checkpoints>,
        logged_bytes: Arc<AtomicU64>,
        last: u64,
    ) -> Self {
        let state = Mutex::new(State { taken: last, applied: last, ..State::default() });
        let (layers, changed) = (RwLock::default(), Condvar::new());
        let shared = Arc::new(Shared { db, checkpoints, logged_bytes, layers, state, changed });
        let applying = Arc::clone(&shared);
        let thread = thread::Builder::new().name("pawl-apply".to_owned());
        // Without threads of its own the process cannot do anything at all.
        let thread = thread.spawn(move || applying.run());
        let thread = thread.unwrap_or_else(|error| panic!("cannot start a thread: {error}"));
        Self { shared, thread: Some(thread) }
    }

    /// Takes what comes next. Reads see it from here on.
    pub(crate) fn push(&self, layer: Layer) -> Result<(), StoreError> {
        let full = |state: &mut State| state.bytes >= TOO_MUCH_BYTES && state.failed.is_none();
        let state = self.shared.changed.wait_while(self.shared.state(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        unless_failed(&mut state)?;
        state.bytes += layer.bytes;
        state.taken = layer.last;
        // The thread takes the bytes off together with the layer, so both must be there.
        self.shared.layers.write().unwrap_or_else(PoisonError::into_inner).coming.extend(layer);
        let wake = state.is_idle || state.bytes >= ENOUGH_BYTES;
        drop(state);
        if wake {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Waits until sled has everything that was taken before: for reads that only sled can answer.
    pub(crate) fn drain(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state();
        let taken = state.taken;
        if state.applied < taken {
            state.is_urgent = true;
            self.shared.changed.notify_all();
            let waiting = |state: &mut State| state.applied < taken && state.failed.is_none();
            let waited = self.shared.changed.wait_while(state, waiting);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        unless_failed(&mut state)
    }

    /// How many records there are that sled does not have.
    pub(crate) fn unapplied(&self) -> u64 {
        let state = self.shared.state();
        state.taken - state.applied
    }

    /// The newest state of an entity, if sled may not have it.
    pub(crate) fn entity(&self, id: &EntityId) -> Option<EntityRow> {
        let layers = self.shared.layers();
        let in_layer = |layer: &Layer| layer.entities.get(id).map(|(row, _)| EntityRow::clone(row));
        in_layer(&layers.coming).or_else(|| in_layer(&layers.leaving))
    }

    /// Which entities begin, or cease, to name a customer, as far as sled may not know it.
    pub(crate) fn links(&self, customer: &CustomerId) -> BTreeMap<EntityId, bool> {
        let layers = self.shared.layers();
        let in_layer = |layer: &Layer| layer.links.get(customer).cloned().unwrap_or_default();
        let mut links = in_layer(&layers.leaving);
        links.extend(in_layer(&layers.coming));
        links
    }

    /// A record with those around it, if sled may not have it.
    pub(crate) fn records_with(&self, sequence: u64) -> Option<Vec<Arc<Record>>> {
        let layers = self.shared.layers();
        let found = layers.coming.record(sequence).or_else(|| layers.leaving.record(sequence));
        found.map(<[_]>::to_vec)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has said what it had to say.
            let _ = thread.join();
        }
    }
}

fn unless_failed(state: &mut State) -> Result<(), StoreError> {
    match &state.failed {
        None => Ok(()),
        Some(error) => Err(StoreError::Unapplied { problem: error.to_string() }),
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layers(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let mut state = self.state();
            state.is_idle = true;
            let nothing = |state: &mut State| state.taken == state.applied && !state.is_over;
            let state = self.changed.wait_while(state, nothing);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            state.is_idle = false;
            let little = |state: &mut State| {
                state.bytes < ENOUGH_BYTES && !state.is_urgent && !state.is_over
            };
            let waited = self.changed.wait_timeout_while(state, PAUSE, little);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.taken == state.applied {
                return;
            }
            (state.bytes, state.is_urgent) = (0, false);
            let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
            layers.leaving = Arc::new(mem::take(&mut layers.coming));
            let leaving = Arc::clone(&layers.leaving);
            drop(layers);
            drop(state);
            let applied = self.apply(&leaving);
            // Only now: until sled has it, it is found here.
            self.layers.write().unwrap_or_else(PoisonError::into_inner).leaving = Arc::default();
            let mut state = self.state();
            match applied {
                Ok(()) => state.applied = leaving.last,
                Err(error) => state.failed = Some(error),
            }
            let failed = state.failed.is_some();
            drop(state);
            self.changed.notify_all();
            if failed {
                return;
            }
        }
    }

    fn apply(&self, layer: &Layer) -> Result<(), StoreError> {
        debug_assert!(!layer.is_empty(), "there is something to apply");
        let (writes, logged) = layer.writes();
        // Before a trim can see them, and take them off again.
        self.logged_bytes.fetch_add(logged, Ordering::Relaxed);
        let applied = quietly(|| self.db.apply_batch(writes));
        applied.map_err(|problem| StoreError::Unapplied { problem })??;
        self.checkpoints.applied(layer.last, layer.bytes as u64);
        Ok(())
    }
}
