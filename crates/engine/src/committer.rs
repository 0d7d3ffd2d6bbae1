use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use pawl_store::{Applied, Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tracing::debug;

use crate::Counts;
use crate::core::Core;
use crate::progress::Stage;

/// Lets one answer go.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

/// A decided batch on its way to the disk, with the answers that wait for it.
pub(crate) struct Pending {
    /// `None` when the requests wrote nothing: even refusals and duplicates may rest on the batch
    /// before, so they wait here for their turn.
    pub(crate) applied: Option<Applied>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) counts: Counts,
}

/// Makes batches durable in order, announces them, and only then lets their answers go.
#[derive(Clone)]
pub(crate) struct Committer {
    store: Arc<Store>,
    core: Arc<Core>,
    /// Batches that were handed over and are not committed yet.
    handed_over: Arc<AtomicUsize>,
    /// Where answers are let go: among those who wait for them, whom it then costs little to wake.
    answering: Option<UnboundedSender<Vec<Answer>>>,
}

impl Committer {
    pub(crate) fn new(store: Arc<Store>, core: Arc<Core>) -> Self {
        let answering = Handle::try_current().ok().map(|runtime| {
            let (answering, mut answers) = unbounded_channel::<Vec<Answer>>();
            runtime.spawn(async move {
                while let Some(answers) = answers.recv().await {
                    for answer in answers {
                        answer();
                    }
                }
            });
            answering
        });
        Self { store, core, handed_over: Arc::default(), answering }
    }

    /// The way to the thread that commits what was handed over: one batch waits while another is
    /// synced, enough to never let the disk idle.
    pub(crate) fn channel(&self) -> (HandOver, Receiver<Pending>) {
        let (queue, pending) = sync_channel(1);
        (HandOver { committer: self.clone(), queue }, pending)
    }

    /// Commits what is handed over until nothing is any more. Takes all that wait: one sync serves
    /// them together.
    pub(crate) fn run(&self, queue: &Receiver<Pending>) -> Result<(), StoreError> {
        while let Ok(first) = queue.recv() {
            let all: Vec<_> = std::iter::once(first).chain(queue.try_iter()).collect();
            let count = all.len();
            self.commit(all)?;
            self.handed_over.fetch_sub(count, Ordering::Release);
        }
        Ok(())
    }

    fn commit(&self, all: Vec<Pending>) -> Result<(), StoreError> {
        let core = &self.core;
        let (mut batches, mut answers) = (Vec::new(), Vec::new());
        let mut counts = Counts::default();
        for pending in all {
            batches.extend(pending.applied);
            answers.extend(pending.answers);
            counts = pending.counts;
        }
        if !batches.is_empty() {
            core.progress.committer(Stage::Syncing);
            let began = Instant::now();
            let committed = self.store.sync(batches)?;
            core.meters.committed(&committed, began.elapsed());
            core.progress.committer(Stage::Announcing);
            debug!(last = committed.head().map(|head| head.sequence), "committed");
            core.hub.announce(&committed, counts);
        }
        let left = match &self.answering {
            // It ends with its runtime, and then nobody waits there.
            Some(answering) => answering.send(answers).err().map(|unsent| unsent.0),
            None => Some(answers),
        };
        left.into_iter().flatten().for_each(|answer| answer());
        core.progress.committer(Stage::Idle);
        Ok(())
    }
}

/// The writer's end of the way.
pub(crate) struct HandOver {
    committer: Committer,
    queue: SyncSender<Pending>,
}

impl HandOver {
    /// Commits a batch, right here when nothing else is to be done meanwhile: handing it over would
    /// only cost time. Says whether there is a committer still.
    pub(crate) fn commit(&self, pending: Pending, nothing_else: bool) -> Result<bool, StoreError> {
        if nothing_else && self.committer.handed_over.load(Ordering::Acquire) == 0 {
            self.committer.commit(vec![pending])?;
            return Ok(true);
        }
        self.committer.core.progress.writer(Stage::HandingOver);
        self.committer.handed_over.fetch_add(1, Ordering::Relaxed);
        // The committer ends before the writer only when a sync failed.
        Ok(self.queue.send(pending).is_ok())
    }
}
