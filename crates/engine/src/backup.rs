//! A backup of the database while it serves: rows in steps, then the log up to their end.
//!
//! Whoever takes it feels nothing of the writer and the writer nothing of him: steps take turns with
//! those of watchers, and only a few blocks wait to be taken. Trimming waits for it, so it must end:
//! see [`Patience`].

use std::sync::Arc;
use std::time::Duration;

use pawl_store::{BackupWriter, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::core::Core;
use crate::{Engine, EngineError};

/// How many blocks of at most 64 KiB wait to be taken.
const BLOCKS_AHEAD: usize = 4;
/// How long a backup may take in all. Trimming waits that long, and the log grows by as much.
pub const BACKUP_MAX_TIME: Duration = Duration::from_hours(24);
/// How long nothing may be taken of a backup unless said otherwise.
pub const DEFAULT_BACKUP_PATIENCE: Duration = Duration::from_mins(1);

/// Why a backup ended before it was whole.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// Nothing was taken of it for too long, or it took too long in all.
    #[error(
        "the backup was ended, since nothing was taken of it for {idle:?} or it was not whole after \
         {total:?}: it keeps the log from being trimmed; take it faster"
    )]
    TooSlow {
        /// How long nothing may be taken.
        idle: Duration,
        /// How long it may take in all.
        total: Duration,
    },
    /// The engine stops, or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for BackupFailure {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// A backup on its way. Dropping it ends it.
#[derive(Debug)]
pub struct Backup {
    blocks: mpsc::Receiver<Vec<u8>>,
    end: Option<oneshot::Receiver<Result<(), BackupFailure>>>,
}

impl Backup {
    /// The next block; `None` once it is whole. Ends with an error otherwise.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, BackupFailure>> {
        if let Some(block) = self.blocks.recv().await {
            return Some(Ok(block));
        }
        match self.end.take()?.await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(Err(failure)),
            // The runtime is shutting down.
            Err(_) => Some(Err(EngineError::Stopping.into())),
        }
    }
}

impl Engine {
    /// A backup of everything as it is at one moment, between now and when the rows are read. It is
    /// ended when nothing is taken of it for as long as `patience` says. For a limited handle there
    /// is none.
    pub fn backup(&self, patience: Duration) -> Backup {
        let (blocks, taken) = mpsc::channel(BLOCKS_AHEAD);
        let (ended, end) = oneshot::channel();
        if let Err(rejection) = self.scope.check_all() {
            // The other end is here yet.
            let _ = ended.send(Err(EngineError::from(rejection).into()));
            return Backup { blocks: taken, end: Some(end) };
        }
        let core = Arc::clone(&self.core);
        tokio::spawn(async move {
            let mut closing = core.closing.subscribe();
            let making = Making {
                core: &core,
                blocks,
                idle: patience,
                deadline: Instant::now() + BACKUP_MAX_TIME,
            };
            let outcome = tokio::select! {
                outcome = making.run() => outcome,
                // The sender lives as long as the core.
                _ = closing.wait_for(|closing| *closing) => Err(EngineError::Stopping.into()),
            };
            match &outcome {
                Ok(Sent::All) => info!("a backup is whole"),
                Ok(Sent::Dropped) => info!("a backup was given up by its client"),
                Err(failure) => warn!(%failure, "a backup ended before it was whole"),
            }
            // Fails when nobody waits for it any more.
            let _ = ended.send(outcome.map(|_| ()));
        });
        Backup { blocks: taken, end: Some(end) }
    }
}

/// What became of a backup.
enum Sent {
    All,
    /// Nobody takes it any more.
    Dropped,
}

/// One backup.
struct Making<'a> {
    core: &'a Arc<Core>,
    blocks: mpsc::Sender<Vec<u8>>,
    idle: Duration,
    deadline: Instant,
}

impl Making<'_> {
    async fn run(self) -> Result<Sent, BackupFailure> {
        let core = self.core;
        let store = Arc::clone(&core.store);
        // May wait for a step of a trim, which is no thing to wait for here.
        let pin = core.read(move |_| store.pin()).await?;
        let began = core.hub.durable().head;
        let tail = core.store.tail();
        info!(from = tail.sequence, to = began.sequence, "a backup begins");
        let mut writer = BackupWriter::begin(core.store.database_id(), tail, began.sequence);
        let mut after = Some(Vec::new());
        while let Some(key) = after.take() {
            let read = move |store: &pawl_store::Store| store.rows_step(&key);
            let step = core.catch_up(read, |step| step.entries.len()).await?;
            if !step.is_last {
                after = step.entries.last().map(|(key, _)| key.clone());
            }
            if !self.send(&mut writer, step.entries).await? {
                return Ok(Sent::Dropped);
            }
        }
        // All that the rows may show is in the log up to here, which is the end of a chunk.
        let head = core.read(pawl_store::Store::head).await??;
        core.settled().await;
        let mut next = tail.sequence;
        while next <= head.sequence {
            let read = move |store: &pawl_store::Store| store.log_step(next);
            let step = core.catch_up(read, |step| step.records).await?;
            next = step.last + 1;
            if !self.send(&mut writer, step.entries).await? {
                return Ok(Sent::Dropped);
            }
        }
        drop(pin);
        writer.end(head);
        while let Some(block) = writer.rest() {
            if !self.send_block(block).await? {
                return Ok(Sent::Dropped);
            }
        }
        Ok(Sent::All)
    }

    /// Sends what fills blocks; false when nobody takes them.
    async fn send(
        &self,
        writer: &mut BackupWriter,
        entries: Vec<pawl_store::Entry>,
    ) -> Result<bool, BackupFailure> {
        for (key, value) in entries {
            writer.entry(key, value);
            while let Some(block) = writer.full_block() {
                if !self.send_block(block).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn send_block(&self, block: Vec<u8>) -> Result<bool, BackupFailure> {
        let until = self.deadline.min(Instant::now() + self.idle);
        match timeout_at(until, self.blocks.send(block)).await {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err(BackupFailure::TooSlow { idle: self.idle, total: BACKUP_MAX_TIME }),
        }
    }
}
