//! What a check must know of records that write nothing.

use std::time::Duration;

use pawl_domain::EntityPatch;
use pawl_engine::{RequestIdentity, Retention};
use tempfile::TempDir;

use crate::support::{Bed, FOREVER, WINDOW, id, noise};

/// A record takes a little more than this.
const BYTES: usize = 30_000;

fn request(name: &str) -> RequestIdentity {
    RequestIdentity { id: id(name), fingerprint: 1 }
}

fn patch() -> EntityPatch {
    EntityPatch { fields: Some(noise(BYTES)), ..EntityPatch::default() }
}

/// A write, and behind it a request that changes nothing, so much later; the log begins with the
/// latter, and the row says that the former wrote it.
async fn only_the_request_is_left(later: Duration) {
    let bed = Bed::new("a b").await;
    bed.entity("deal/1", "a").await;
    let patch = patch();
    bed.update("deal/1", patch.clone(), 0, Some(request("r1"))).await.unwrap();
    let written = bed.engine.head().sequence;
    // What follows lies in a chunk of its own.
    let bed = bed.reopen().await;
    bed.hands.advance(later);
    bed.update("deal/1", patch, 0, Some(request("r2"))).await.unwrap();
    let max_bytes = Some(BYTES as u64 * 3 / 2);
    let bed = bed.reopen_with(Retention { max_bytes, ..FOREVER }).await;
    bed.hands.advance(WINDOW * 2);
    while bed.engine.retained().await.unwrap().bytes > BYTES as u64 * 3 / 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bed.engine.stop().await.unwrap();
    let (data, scratch) = (bed.copied("copy"), TempDir::new().unwrap());
    let report = pawl_store::verify(&data, scratch.path(), 10, &mut |_| ()).unwrap();
    assert_eq!(report.findings, [], "{later:?} later");
    assert_eq!(report.tail.sequence, written + 1, "the request alone is left");
    assert_eq!(report.head.sequence, written + 1);
}

#[tokio::test]
async fn a_request_that_changed_nothing_is_no_write() {
    only_the_request_is_left(Duration::from_secs(1)).await;
}

/// Then the record does not show that it writes nothing: its entity was changed at its very moment.
#[tokio::test]
async fn nor_is_one_at_the_moment_of_the_write() {
    only_the_request_is_left(Duration::ZERO).await;
}
