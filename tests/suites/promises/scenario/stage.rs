//! What everybody in a scenario shares: the clock, where the server is, and what was written down.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use crate::ledger::Ledger;
use crate::truth::Moment;

/// Where a scenario is played.
#[derive(Debug)]
pub(super) struct Stage {
    began: Instant,
    ledger: Mutex<Ledger>,
    signal: watch::Sender<Signal>,
    /// How many calls of the load were answered.
    progress: watch::Sender<usize>,
}

/// What is going on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signal {
    /// Where the server listens; `None` while there is none, or it is about to stop.
    pub(super) address: Option<SocketAddr>,
    /// When the last thing happened, by the clock of the machine. A watch that was at the head
    /// later than this has seen everything.
    pub(super) settled: Option<SystemTime>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let began = Instant::now();
        Self {
            began,
            ledger: Mutex::new(Ledger::new(machine_time())),
            signal: watch::Sender::new(Signal::default()),
            progress: watch::Sender::new(0),
        }
    }

    /// The moment now.
    pub(super) fn now(&self) -> Moment {
        self.began.elapsed()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what was written down.
    pub(super) fn close(&self) -> Ledger {
        std::mem::replace(&mut *self.ledger(), Ledger::new(SystemTime::UNIX_EPOCH))
    }

    pub(super) fn listens(&self, address: Option<SocketAddr>) {
        self.signal.send_modify(|signal| signal.address = address);
    }

    /// Nothing happens any more.
    pub(super) fn settle(&self) {
        // Later than any clock that is a little slow.
        let settled = machine_time() + Duration::from_millis(30);
        self.signal.send_modify(|signal| signal.settled = Some(settled));
    }

    pub(super) fn signal(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    pub(super) fn settled(&self) -> Option<SystemTime> {
        self.signal.borrow().settled
    }

    /// Waits until there is a server.
    pub(super) async fn address(&self) -> SocketAddr {
        let mut signal = self.signal();
        let there = signal.wait_for(|signal| signal.address.is_some()).await;
        let there = there.expect("the stage is there");
        there.address.expect("it was waited for")
    }

    pub(super) fn answered(&self) {
        self.progress.send_modify(|progress| *progress += 1);
    }

    /// Waits until so many calls of the load were answered.
    pub(super) async fn progressed(&self, calls: usize) {
        let mut progress = self.progress.subscribe();
        progress.wait_for(|progress| *progress >= calls).await.expect("the stage is there");
    }
}

#[expect(clippy::disallowed_methods, reason = "to compare with the clock of the server")]
fn machine_time() -> SystemTime {
    SystemTime::now()
}
