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
pub(crate) struct Stage {
    began: Instant,
    ledger: Mutex<Ledger>,
    signal: watch::Sender<Signal>,
    /// How many calls of the load were answered.
    progress: watch::Sender<usize>,
}

/// What is going on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signal {
    /// Where the server listens; `None` while there is none, or it is about to stop.
    pub(crate) address: Option<SocketAddr>,
    /// When the last thing happened, by the clock of the machine. A watch that was at the head
    /// later than this has seen everything.
    pub(crate) settled: Option<SystemTime>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let began = Instant::now();
        Self {
            began,
            ledger: Mutex::new(Ledger::new(machine_time())),
            signal: watch::Sender::new(Signal::default()),
            progress: watch::Sender::new(0),
        }
    }

    /// The moment now.
    pub(crate) fn now(&self) -> Moment {
        self.began.elapsed()
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what was written down.
    pub(crate) fn close(&self) -> Ledger {
        std::mem::replace(&mut *self.ledger(), Ledger::new(SystemTime::UNIX_EPOCH))
    }

    pub(crate) fn listens(&self, address: Option<SocketAddr>) {
        self.signal.send_modify(|signal| signal.address = address);
    }

    /// Nothing happens any more.
    pub(crate) fn settle(&self) {
        // Later than any clock that is a little slow.
        let settled = machine_time() + Duration::from_millis(30);
        self.signal.send_modify(|signal| signal.settled = Some(settled));
    }

    pub(crate) fn signal(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    pub(crate) fn settled(&self) -> Option<SystemTime> {
        self.signal.borrow().settled
    }

    /// Waits until there is a server.
    pub(crate) async fn address(&self) -> SocketAddr {
        let mut signal = self.signal();
        let there = signal.wait_for(|signal| signal.address.is_some()).await;
        let there = there.expect("the stage is there");
        there.address.expect("it was waited for")
    }

    pub(crate) fn answered(&self) {
        self.progress.send_modify(|progress| *progress += 1);
    }

    /// Waits until so many calls of the load were answered.
    pub(crate) async fn progressed(&self, calls: usize) {
        let mut progress = self.progress.subscribe();
        progress.wait_for(|progress| *progress >= calls).await.expect("the stage is there");
    }
}

/// What the clock of the machine says.
#[expect(clippy::disallowed_methods, reason = "to compare with the clock of the server")]
pub(crate) fn machine_time() -> SystemTime {
    SystemTime::now()
}
