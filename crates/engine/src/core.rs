use std::sync::Arc;
use std::time::Duration;

use pawl_domain::{Limits, Timestamp};
use pawl_store::{Head, Store, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::disk::Disk;
use crate::hub::Hub;
use crate::meters::Meters;
use crate::progress::Progress;
use crate::token::Position;
use crate::watch::{Passed, Turns, Windows, windows};
use crate::{Clock, Earliest, Reserve, ResumeToken, Retention};

/// How many lists scan the store at a time: scans share a lock with the writer.
const SCANS: usize = 2;
/// How much may wait for the writer, by weight: bounds the memory that requests take.
pub(crate) const QUEUE_WEIGHT: u32 = 65_536;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where commit times come from.
    pub clock: Clock,
    /// For how long event and request identities are remembered (E4).
    pub dedupe_window: Duration,
    /// How far back events, decisions, moves and watches reach (Q4).
    pub retention: Retention,
    /// What stays free on the disk.
    pub reserve: Reserve,
    /// After how long it is a stall when work is in hand and nothing becomes of it.
    pub stall_after: Duration,
    /// How much may come in.
    pub limits: Limits,
}

/// What reads and watches share with the writer.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Hub,
    pub(crate) options: Options,
    pub(crate) disk: Arc<Disk>,
    pub(crate) progress: Progress,
    pub(crate) meters: Meters,
    scans: Arc<Semaphore>,
    /// How watchers take turns in reading the store; so lists do not wait for a thousand of them.
    turns: Turns,
    /// Parts of the log that watchers read lately.
    pub(crate) windows: Windows,
    /// What may wait for the writer, by weight.
    pub(crate) room: Arc<Semaphore>,
    /// Turns true when the engine stops: watches say goodbye.
    pub(crate) closing: watch::Sender<bool>,
    /// True while the writer does not get on.
    pub(crate) stalled: watch::Sender<bool>,
    /// Turns into how the engine ended.
    pub(crate) ended: watch::Sender<Option<Result<(), String>>>,
}

impl Core {
    pub(crate) fn new(store: Arc<Store>, hub: Hub, disk: Disk, options: Options) -> Self {
        Self {
            store,
            hub,
            options,
            disk: Arc::new(disk),
            progress: Progress::default(),
            meters: Meters::default(),
            scans: Arc::new(Semaphore::new(SCANS)),
            turns: Turns::default(),
            windows: windows(),
            room: Arc::new(Semaphore::new(QUEUE_WEIGHT as usize)),
            closing: watch::Sender::new(false),
            stalled: watch::Sender::new(false),
            ended: watch::Sender::new(None),
        }
    }

    /// Reads the store off the I/O threads.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let core = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || query(&core.store)).await;
        read.map_err(|panic| StoreError::Unfinished { problem: panic.to_string() })
    }

    /// Reads many keys of the store: only a few such reads run at a time, also when nobody waits for
    /// them any more.
    pub(crate) async fn scan<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.scans).acquire_owned().await;
        self.read(move |store| {
            let _permit = permit;
            query(store)
        })
        .await
    }

    /// The same for watchers, who take turns; `count` says how much came of it.
    pub(crate) async fn catch_up<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
        count: impl FnOnce(&T) -> usize,
    ) -> Result<T, StoreError> {
        let turn = self.turns.take().await;
        // The turn goes with the read, also when nobody waits for it any more.
        let (found, turn) = self.read(move |store| (query(store), turn)).await?;
        let found = found?;
        self.turns.end(turn, self.hub.decided(), count(&found));
        Ok(found)
    }

    /// Waits until everything is durable that a read which has ended may have seen, and says up to
    /// where that is. Waits for ever when the engine fails.
    pub(crate) async fn settled(&self) -> u64 {
        // Noted after reading: everything that was seen is at or before it.
        let seen = self.hub.decided();
        let mut head = self.hub.subscribe();
        // The sender lives as long as this.
        let _ = head.wait_for(|durable| durable.head.sequence >= seen).await;
        seen
    }

    /// Where the retained log begins.
    pub(crate) async fn earliest(self: &Arc<Self>) -> Result<Earliest, StoreError> {
        let time = self.read(Store::oldest_time).await??;
        let position = Position::before(self.store.tail().sequence);
        Ok(Earliest { token: ResumeToken::new(self.store.database_id(), position), time })
    }

    /// How far the log goes up to a position.
    pub(crate) async fn passed_before(
        self: &Arc<Self>,
        position: Position,
        head: Head,
    ) -> Result<Passed, StoreError> {
        if position.sequence > head.sequence {
            return Ok(head.into());
        }
        let record = self.read(move |store| store.record(position.sequence)).await??;
        // One that was trimmed just now will be noticed by the watch itself.
        Ok(record.map_or(Passed { moves: 0, time: Timestamp::default() }, |record| Passed {
            moves: record.moves_before,
            time: record.time,
        }))
    }
}
