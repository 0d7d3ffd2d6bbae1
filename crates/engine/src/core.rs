use std::sync::Arc;
use std::time::Duration;

use pawl_store::{Store, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::Clock;
use crate::hub::Hub;

/// How many watchers and lists scan the store at a time: scans share a lock with the writer.
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
}

/// What reads and watches share with the writer.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Hub,
    pub(crate) options: Options,
    scans: Arc<Semaphore>,
    /// What may wait for the writer, by weight.
    pub(crate) room: Arc<Semaphore>,
    /// Turns true when the engine stops: watches say goodbye.
    pub(crate) closing: watch::Sender<bool>,
    /// Turns into how the engine ended.
    pub(crate) ended: watch::Sender<Option<Result<(), String>>>,
}

impl Core {
    pub(crate) fn new(store: Arc<Store>, hub: Hub, options: Options) -> Self {
        Self {
            store,
            hub,
            options,
            scans: Arc::new(Semaphore::new(SCANS)),
            room: Arc::new(Semaphore::new(QUEUE_WEIGHT as usize)),
            closing: watch::Sender::new(false),
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
}
