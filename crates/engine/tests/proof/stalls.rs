//! A writer that does not get on is noticed, and so is that it does again.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use pawl_engine::{FreeSpace, Reserve};

use crate::support::{Bed, viewed};

const STALL_AFTER: Duration = Duration::from_millis(40);
const TICK: Duration = Duration::from_millis(10);

/// Where the writer can be held up: it asks for the room on the disk after each batch.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn shut(&self, shut: bool) {
        *self.0.0.lock().unwrap() = shut;
        self.0.1.notify_all();
    }

    fn reserve(&self) -> Reserve {
        let gate = self.clone();
        let free_space = FreeSpace::new(move |_| {
            if thread::current().name() == Some("pawl-writer") {
                let (shut, opened) = &*gate.0;
                drop(opened.wait_while(shut.lock().unwrap(), |shut| *shut).unwrap());
            }
            Ok(1_000_000)
        });
        Reserve { min_free_bytes: 16, free_space }
    }
}

/// Whether it is a stall within so much time on the clock.
async fn stalls_within(bed: &Bed, span: Duration) -> bool {
    let mut passed = Duration::ZERO;
    while passed < span {
        bed.hands.advance(TICK);
        passed += TICK;
        if tokio::time::timeout(TICK, bed.engine.stalled()).await.is_ok() {
            assert!(passed >= STALL_AFTER, "after {passed:?}");
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_writer_that_is_held_up_is_noticed_until_it_gets_on() {
    let gate = Gate::default();
    let bed = Bed::new("a b").await;
    let bed = bed
        .reopen_as(|options| {
            options.reserve = gate.reserve();
            options.stall_after = STALL_AFTER;
        })
        .await;
    let mut number = 0;
    for round in 0..3 {
        assert!(!stalls_within(&bed, STALL_AFTER * 10).await, "nothing is in hand: round {round}");
        gate.shut(true);
        let mut held = Vec::new();
        // More than once: when somebody else is just looking at the disk, the writer passes.
        while held.is_empty() || !stalls_within(&bed, STALL_AFTER * 10).await {
            number += 1;
            let event = viewed(&format!("e{number}"), "deal/1");
            held.push(bed.engine.publish(vec![event], false).await.unwrap());
        }
        gate.shut(false);
        bed.engine.gets_on().await;
        for publishing in held {
            assert!(publishing.outcomes().await.unwrap()[0].is_ok(), "nothing was given up");
        }
    }
    assert_eq!(bed.reopen().await.engine.head().events, number);
}
