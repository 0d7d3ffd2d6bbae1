//! Whether the writer gets on. A disk that hangs answers nothing and fails nothing: somebody has to
//! notice that work is in hand and nothing becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::WeakSender;
use tracing::{error, info};

use crate::Engine;
use crate::core::Core;
use crate::writer::Message;

/// How long the writer may be stuck before it is said so, unless said otherwise.
pub const DEFAULT_STALL_AFTER: Duration = Duration::from_secs(10);
/// How often it is looked, at the least and at the most; else four times in the span after which it
/// is a stall.
const PAUSE_MAX: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// What a thread has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Nothing: it waits for work.
    Idle,
    Deciding,
    Applying,
    /// It waits until the committer takes what was applied.
    HandingOver,
    Syncing,
    Announcing,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Idle,
        Self::Deciding,
        Self::Applying,
        Self::HandingOver,
        Self::Syncing,
        Self::Announcing,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Idle => "taking work",
            Self::Deciding => "deciding",
            Self::Applying => "applying",
            Self::HandingOver => "handing over",
            Self::Syncing => "syncing",
            Self::Announcing => "announcing",
        }
    }
}

/// Where writer and committer stand. They note it without asking for the time: who looks has a clock.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: AtomicU64,
    writer: AtomicU8,
    committer: AtomicU8,
}

impl Progress {
    pub(crate) fn writer(&self, stage: Stage) {
        self.writer.store(stage as u8, Ordering::Relaxed);
        self.step();
    }

    pub(crate) fn committer(&self, stage: Stage) {
        self.committer.store(stage as u8, Ordering::Relaxed);
        self.step();
    }

    /// Something was done, and the stage is still the same.
    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// What holds up everything else, when nothing gets on: the committer before the writer, which
    /// waits for it.
    fn stage(&self) -> Stage {
        let stage = |noted: &AtomicU8| {
            Stage::ALL
                .get(usize::from(noted.load(Ordering::Relaxed)))
                .copied()
                .unwrap_or(Stage::Idle)
        };
        match stage(&self.committer) {
            Stage::Idle => stage(&self.writer),
            stage => stage,
        }
    }
}

impl Engine {
    /// Waits until work has been in hand for [`stall_after`](crate::Options::stall_after) and nothing
    /// became of it.
    pub async fn stalled(&self) {
        // The sender lives as long as this handle.
        let _ = self.core.stalled.subscribe().wait_for(|stalled| *stalled).await;
    }

    /// Waits until that is over.
    pub async fn gets_on(&self) {
        let _ = self.core.stalled.subscribe().wait_for(|stalled| !*stalled).await;
    }
}

/// Looks until the engine stops. It tells and does nothing else: what hangs may yet go on.
pub(crate) fn watch(core: &Arc<Core>, queue: &WeakSender<Message>) {
    let closing = core.closing.subscribe();
    let (clock, limit) = (&core.options.clock, core.options.stall_after);
    let pause = (limit / 4).clamp(PAUSE_MIN, PAUSE_MAX);
    let (mut steps, mut since) = (0, clock.elapsed());
    while !*closing.borrow() {
        let (stage, queued) = (core.progress.stage(), queued(queue));
        let idle = stage == Stage::Idle && queued == 0;
        let before = std::mem::replace(&mut steps, core.progress.steps.load(Ordering::Relaxed));
        // After what it is compared with, so that nothing seems to have been stuck for longer than it was.
        let now = clock.elapsed();
        let was_stalled = *core.stalled.borrow();
        let stuck = now.saturating_sub(since);
        if idle || steps != before {
            since = now;
            if was_stalled {
                info!(stuck_for = ?stuck, "the writer gets on again");
                core.stalled.send_replace(false);
            }
        } else if !was_stalled && stuck >= limit {
            error!(stage = stage.name(), stuck_for = ?stuck, queued, "the writer is stuck");
            core.stalled.send_replace(true);
        }
        thread::park_timeout(pause);
    }
}

/// How many requests wait for the writer.
fn queued(queue: &WeakSender<Message>) -> usize {
    queue.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity())
}
