use std::time::Duration;

use tokio::time::{Instant, timeout};

/// How much longer is waited for something.
///
/// Only time in which somebody waits counts. Who does other things for an hour, or writes to a
/// terminal that does not scroll, has not seen an hour of silence: what came meanwhile lies there
/// to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    left: Duration,
}

impl Patience {
    pub(super) fn new(left: Duration) -> Self {
        Self { left }
    }

    /// Waits for a future; `None` when patience has run out first. When it is dropped before, the
    /// time that it waited is used up.
    pub(super) async fn wait<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let waiting = Waiting { patience: self, began: Instant::now() };
        timeout(waiting.patience.left, future).await.ok()
    }
}

struct Waiting<'a> {
    patience: &'a mut Patience,
    began: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.patience.left = self.patience.left.saturating_sub(self.began.elapsed());
    }
}
