//! What the contract says about requests that cannot be granted: the code, the reason, the field,
//! and a message that tells what to do. A row each.

mod documented;
mod entities;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod errors;
mod events;
mod limits;
mod messages;
mod pages;
mod pipelines;
mod row;
mod streams;
mod triggers;
mod watches;
mod world;

use std::collections::BTreeSet;

use pawl_api::pb::ErrorReason;
use pawl_tests::{Refused, cases, within};
use tonic::Status;

use row::Row;
use world::World;

/// What no request can bring about at will: failures of the server, and what time does to watches
/// (the suite `watch` waits for that). Nor what is not of the request: who calls, and how busy the
/// server is (the suites `access` and `hostile`). For the page of errors `errors::beyond` brings about
/// each of them once.
const BEYOND_REQUESTS: [ErrorReason; 12] = [
    ErrorReason::ShuttingDown,
    ErrorReason::OutcomeUnknown,
    ErrorReason::Internal,
    ErrorReason::ResumeTokenExpired,
    ErrorReason::WatchAged,
    ErrorReason::DiskFull,
    ErrorReason::IdentitiesFull,
    ErrorReason::BackupTooSlow,
    ErrorReason::Unauthenticated,
    ErrorReason::RoleMissing,
    ErrorReason::QueueFull,
    ErrorReason::OutOfScope,
];

fn rows() -> Vec<Row> {
    let tables = [
        pipelines::rows(),
        pipelines::board_rows(),
        triggers::type_rows(),
        triggers::rows(),
        entities::rows(),
        entities::import_rows(),
        events::rows(),
        watches::rows(),
    ];
    tables.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_granted_is_refused_with_its_reason_and_changes_nothing() {
    let world = World::start().await;
    let before = world.snapshot().await;
    let (mut failures, mut count) = (Vec::new(), 0);
    for row in rows() {
        let (expected, call) = row.split();
        let answer = within(30, expected.what, call(world.clone())).await;
        if let Err(problem) = expected.check(answer.as_ref().err().map(Refused::from)) {
            failures.push(format!("{}: {problem}", expected.what));
        }
        count += 1;
    }
    assert!(failures.is_empty(), "{} rows fail:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(world.snapshot().await, before, "a refusal has changed something");
    cases("contract: refused requests", count, 220);
}

#[test]
fn every_reason_is_reached_by_some_row() {
    let reached: BTreeSet<_> = rows().iter().map(|row| row.reason().as_str_name()).collect();
    let known = (1..=99).filter_map(|number| ErrorReason::try_from(number).ok());
    let reachable: BTreeSet<_> = known
        .filter(|reason| !BEYOND_REQUESTS.contains(reason))
        .map(|reason| reason.as_str_name())
        .collect();
    assert_eq!(reached, reachable);
    cases("contract: reasons", reached.len(), 24);
}

/// What the fallible call of a row gives.
type Answer = Result<(), Status>;
