//! Syncs sled now and then, on a thread of its own, so that the journal need not reach back far and no
//! caller waits for it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::StoreError;
use crate::flush::flush;

/// How long what is applied waits for others before sled is synced.
const PAUSE: Duration = Duration::from_millis(250);
/// When this much waits it is not kept waiting: what a power loss finds unsynced stays far below one
/// of sled's segments.
const ENOUGH_BYTES: u64 = 4 * 1_024 * 1_024;

/// The thread, which ends with this, after a last sync.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    db: sled::Db,
    /// sled's main file, opened once more so that it can be synced.
    file: File,
    path: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The last record that was applied to sled, and the last that sled is known to have durably.
    applied: u64,
    synced: u64,
    /// What was applied since.
    bytes: u64,
    /// Whether somebody waits for it.
    is_urgent: bool,
    /// Whether the thread waits for something to do.
    is_idle: bool,
    is_over: bool,
    /// Why sled could not be synced; then it is not tried again.
    failed: Option<String>,
}

impl Checkpoints {
    /// Starts to sync what is applied behind `synced`.
    pub(crate) fn start(db: sled::Db, file: File, path: PathBuf, synced: u64) -> Self {
        let state = State { applied: synced, synced, ..State::default() };
        let state = Mutex::new(state);
        let shared = Arc::new(Shared { db, file, path, state, changed: Condvar::new() });
        let syncing = Arc::clone(&shared);
        let thread = thread::Builder::new().name("pawl-checkpoint".to_owned());
        // Without threads of its own the process cannot do anything at all.
        let thread = thread.spawn(move || syncing.run());
        let thread = thread.unwrap_or_else(|error| panic!("cannot start a thread: {error}"));
        Self { shared, thread: Some(thread) }
    }

    /// Notes that everything up to a record was applied.
    pub(crate) fn applied(&self, last: u64, bytes: u64) {
        let mut state = self.shared.state();
        (state.applied, state.bytes) = (last, state.bytes + bytes);
        let wake = state.is_idle || state.bytes >= ENOUGH_BYTES;
        drop(state);
        if wake {
            self.shared.changed.notify_all();
        }
    }

    /// The last record that sled is known to have durably.
    pub(crate) fn synced(&self) -> Result<u64, StoreError> {
        self.shared.unless_failed(&self.shared.state())
    }

    /// Makes durable what sled has now, whatever it is.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let failed = |problem| StoreError::Checkpoint { path: self.shared.path.clone(), problem };
        self.shared.sync().map_err(failed)
    }

    /// Waits until sled has everything durably that is applied now.
    pub(crate) fn wait(&self) -> Result<u64, StoreError> {
        let mut state = self.shared.state();
        let applied = state.applied;
        state.is_urgent = true;
        self.shared.changed.notify_all();
        let waiting = |state: &mut State| state.synced < applied && state.failed.is_none();
        let state = self.shared.changed.wait_while(state, waiting);
        self.shared.unless_failed(&state.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has said what it had to say.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unless_failed(&self, state: &State) -> Result<u64, StoreError> {
        match &state.failed {
            None => Ok(state.synced),
            Some(problem) => {
                Err(StoreError::Checkpoint { path: self.path.clone(), problem: problem.clone() })
            }
        }
    }

    fn run(&self) {
        loop {
            let mut state = self.state();
            state.is_idle = true;
            let nothing = |state: &mut State| state.synced == state.applied && !state.is_over;
            let state = self.changed.wait_while(state, nothing);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            state.is_idle = false;
            let little = |state: &mut State| {
                state.bytes < ENOUGH_BYTES && !state.is_urgent && !state.is_over
            };
            let waited = self.changed.wait_timeout_while(state, PAUSE, little);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let applied = state.applied;
            if state.synced == applied {
                return;
            }
            (state.bytes, state.is_urgent) = (0, false);
            drop(state);
            let synced = self.sync();
            let mut state = self.state();
            match synced {
                Ok(()) => state.synced = applied,
                Err(problem) => state.failed = Some(problem),
            }
            let failed = state.failed.is_some();
            drop(state);
            self.changed.notify_all();
            if failed {
                return;
            }
        }
    }

    /// flush alone hands sled's buffers to the page cache without waiting for the disk, and sync_data
    /// alone does not see sled's buffers: only both, in this order, are power-safe.
    fn sync(&self) -> Result<(), String> {
        let flushed = flush(&self.db).map_err(|error| error.to_string());
        let synced =
            flushed.and_then(|()| self.file.sync_data().map_err(|error| error.to_string()));
        if synced.is_err() {
            self.forget_cached();
        }
        synced
    }

    /// What the disk did not take is in the system's cache as if it were on the disk, and no later
    /// sync fails for it. Whoever opens the database next is to read what there is.
    fn forget_cached(&self) {
        #[cfg(target_os = "linux")]
        {
            use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
            // There is no other way to be told.
            let _ = posix_fadvise(&self.file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        }
    }
}
