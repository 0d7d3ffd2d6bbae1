use std::sync::Arc;

use pawl_store::{Record, Store, StoreError};
use quick_cache::sync::Cache;

use super::step::Earliest;
use super::stretch::{Passed, Stretch};
use crate::core::Core;
use crate::token::Position;

/// How many parts of the log are kept for watchers who read the same.
const WINDOWS: usize = 32;

/// Parts of the log that were read lately, by the sequence that was asked for: who was cut off at
/// the same moment comes back to the same place.
pub(crate) type Windows = Cache<u64, Arc<Window>>;

pub(crate) fn windows() -> Windows {
    Cache::new(WINDOWS)
}

/// A part of the log as watchers see it.
#[derive(Debug)]
pub(crate) struct Window {
    stretches: Vec<Arc<Stretch>>,
    last: u64,
    passed: Passed,
}

/// What of a window is yet to be looked at.
#[derive(Debug)]
pub(crate) struct Ahead {
    window: Arc<Window>,
    next: usize,
}

impl Ahead {
    pub(crate) fn new(window: Arc<Window>) -> Self {
        Self { window, next: 0 }
    }

    /// The next stretch that has something behind a position.
    pub(crate) fn next(&mut self, position: Position) -> Option<Arc<Stretch>> {
        loop {
            let stretch = self.window.stretches.get(self.next)?;
            if stretch.end() > position {
                return Some(Arc::clone(stretch));
            }
            self.next += 1;
        }
    }

    /// Its last record, and how far the log goes up to there.
    pub(crate) fn end(&self) -> (u64, Passed) {
        (self.window.last, self.window.passed)
    }
}

/// What became of reading the log.
pub(crate) enum Read {
    Window(Arc<Window>),
    /// It was trimmed; what is left begins there.
    Expired(Earliest),
}

/// Reads the part of the log that holds `sequence`. All its records are durable when that one is:
/// they were written together.
pub(crate) async fn read(core: Arc<Core>, sequence: u64) -> Result<Read, StoreError> {
    let cached = match core.windows.get_value_or_guard_async(&sequence).await {
        Ok(window) => return Ok(Read::Window(window)),
        Err(cached) => cached,
    };
    let read = move |store: &Store| store.chunk_with(sequence);
    let chunk = core.catch_up(read, |chunk| chunk.as_ref().map_or(0, Vec::len)).await?;
    let Some(chunk) = chunk else {
        drop(cached);
        if sequence < core.store.tail().sequence {
            return Ok(Read::Expired(core.earliest().await?));
        }
        let (what, problem) = ("the log".to_owned(), format!("record {sequence} is missing"));
        return Err(StoreError::Damaged { what, problem });
    };
    let chunk: Vec<Arc<Record>> = chunk.into_iter().map(Arc::new).collect();
    let passed = chunk.last().map(|record| Passed {
        moves: record.moves_before + record.moves().count() as u64,
        time: record.time,
    });
    let window = Arc::new(Window {
        stretches: Stretch::cut(core.store.database_id(), &chunk),
        last: chunk.last().map_or(sequence, |record| record.sequence),
        passed: passed.unwrap_or(Passed { moves: 0, time: core.options.clock.now() }),
    });
    // Fails only when it was removed meanwhile.
    let _ = cached.insert(Arc::clone(&window));
    Ok(Read::Window(window))
}
