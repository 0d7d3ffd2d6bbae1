use std::sync::Arc;
use std::sync::mpsc::Receiver;

use pawl_store::{Applied, Store, StoreError};
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

/// Makes batches durable in order, announces them, and only then lets their answers go. Takes
/// all that wait: one sync serves them together.
pub(crate) fn run(
    store: &Arc<Store>,
    core: &Core,
    queue: &Receiver<Pending>,
) -> Result<(), StoreError> {
    while let Ok(first) = queue.recv() {
        let mut batches = Vec::new();
        let mut answers = Vec::new();
        let mut counts = first.counts;
        for pending in std::iter::once(first).chain(queue.try_iter()) {
            batches.extend(pending.applied);
            answers.extend(pending.answers);
            counts = pending.counts;
        }
        if !batches.is_empty() {
            core.progress.committer(Stage::Syncing);
            let committed = store.sync(batches)?;
            core.progress.committer(Stage::Announcing);
            debug!(last = committed.head().map(|head| head.sequence), "committed");
            core.hub.announce(&committed, counts);
        }
        for answer in answers {
            answer();
        }
        core.progress.committer(Stage::Idle);
    }
    Ok(())
}
