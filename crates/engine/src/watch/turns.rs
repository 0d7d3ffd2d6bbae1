use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// How long watchers leave the store alone after each part that they read while there is something
/// to write, in ratio to how long that part took: what they read is locked against the writer, and
/// so they take at most a fifth of its time.
const REST: u32 = 4;

/// How watchers take turns in reading the store: one at a time, and not all the time.
#[derive(Debug)]
pub(crate) struct Turns {
    one: Arc<Semaphore>,
    /// How far the log was decided at the end of the last turn.
    decided: AtomicU64,
}

/// The right to read now.
#[derive(Debug)]
pub(crate) struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    began: Instant,
}

impl Default for Turns {
    fn default() -> Self {
        Self { one: Arc::new(Semaphore::new(1)), decided: AtomicU64::new(0) }
    }
}

impl Turns {
    /// Waits for a turn; who waits first gets it first.
    pub(crate) async fn take(&self) -> Turn {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.one).acquire_owned().await.ok();
        Turn { permit, began: Instant::now() }
    }

    /// Ends a turn in which so many records or rows were read, with the log decided up to `decided`.
    ///
    /// The next one begins after a rest when there is something to write, but at once when the log
    /// grows half as fast as it is read: who rests then would never arrive.
    pub(crate) fn end(&self, turn: Turn, decided: u64, read: usize) {
        let grown = decided.saturating_sub(self.decided.swap(decided, Ordering::Relaxed));
        if (1..=read as u64 / 2).contains(&grown) {
            let rest = turn.began.elapsed() * REST;
            // Whoever asked has it now; who reads next waits.
            tokio::spawn(async move {
                sleep(rest).await;
                drop(turn.permit);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn watchers_leave_the_store_alone_while_there_is_something_to_write() {
        const PART: u32 = 10;
        let turns = Turns::default();
        // How far the log was decided after each turn of 10 ms, how much was read in it, and how
        // long it takes until the next.
        let table = [
            (100, 0, 0, "nothing was there to read"),
            (100, 200, 0, "nothing was written"),
            (101, 200, PART * REST, "something was written"),
            (201, 200, PART * REST, "half as much as was read"),
            (302, 200, 0, "more than that"),
            (302, 200, 0, "nothing more"),
        ];
        for (decided, read, rest_ms, why) in table {
            let turn = turns.take().await;
            sleep(std::time::Duration::from_millis(PART.into())).await;
            turns.end(turn, decided, read);
            let ended = Instant::now();
            drop(turns.take().await);
            assert_eq!(ended.elapsed().as_millis(), u128::from(rest_ms), "{why}");
        }
    }
}
