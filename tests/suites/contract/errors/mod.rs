//! docs/errors.md: for each reason what a real server answers, held against what the contract says of
//! it.

mod answer;
mod beyond;
mod elsewhere;
mod page;

use std::collections::BTreeSet;

use pawl_api::pb::ErrorReason;
use pawl_tests::{cases, within};
use tonic::Status;

use crate::documented::Documented;
use crate::rows;
use crate::world::World;
use answer::Answered;

/// What was asked, in a few words, and what was answered.
pub(crate) struct Sample {
    pub(crate) asked: &'static str,
    pub(crate) status: Status,
}

impl Sample {
    pub(crate) fn new(asked: &'static str, status: Status) -> Self {
        Self { asked, status }
    }
}

/// The rows of the table that show their reason best, and how the page says what was asked.
const ROWS: [(&str, &str); 27] = [
    ("a colour by its name", "`CreatePipeline` with a stage whose color is `red`"),
    ("to update the stage", "`UpdateEntity` with another stage"),
    ("of a source like the service's own", "`PublishEvent` from the source `pawl-x`"),
    (
        "a page token with other arguments",
        "`ListPipelines` with a page token and another kind than before",
    ),
    ("half a resume token", "`WatchMoves` with half of a resume token"),
    ("to get a pipeline that does not exist", "`GetPipeline`"),
    ("an entity in an unknown pipeline", "`CreateEntity` in a pipeline that does not exist"),
    ("a trigger on an unknown stage", "`CreateTrigger` on a stage that does not exist"),
    ("to get a trigger type that does not exist", "`GetTriggerType`"),
    ("a trigger of an unknown type", "`CreateTrigger` of a type that does not exist"),
    ("to get a revision that never was", "`GetTrigger` with a revision that never was"),
    ("to move an entity that does not exist", "`MoveEntity`"),
    ("to get an event that does not exist", "`GetEvent`"),
    ("an entity that exists", "`CreateEntity` with an id that is taken"),
    (
        "to remove a stage with an entity",
        "`UpdatePipeline` without a stage on which an entity stands",
    ),
    ("to delete a pipeline in use", "`DeletePipeline`"),
    ("to delete a type in use", "`DeleteTriggerType`"),
    (
        "a trigger of a type for other kinds",
        "`CreateTrigger` of a type for deals in a pipeline of leads",
    ),
    ("to import an entity that exists", "`ImportEntities`, its first message"),
    ("to move another revision of an entity", "`MoveEntity` with an `expected_revision`"),
    ("with the id of another", "`PublishEvent` with the identity of another event"),
    (
        "a request id of another pipeline",
        "`CreatePipeline` with the `request_id` of another create",
    ),
    ("one trigger too many", "`CreateTrigger`, the 1,001st that listens to one event type"),
    ("a filter that names what is not there", "`CreateTrigger` with a filter"),
    ("to update a built-in type", "`UpdateTriggerType` of `email.viewed`"),
    ("about too many", "`PublishEvent` about a customer of 1,001 deals"),
    ("another database's resume token", "`WatchMoves` with a token of another database"),
];

async fn of_rows() -> Vec<Sample> {
    let world = World::start().await;
    let mut samples = Vec::new();
    for row in rows() {
        let (expected, call) = row.split();
        let place = ROWS.iter().position(|(what, _)| *what == expected.what);
        // Some stand in several tables; the first is as good as the others.
        let Some(place) = place.filter(|at| samples.iter().all(|(other, _)| other != at)) else {
            continue;
        };
        let answer = within(30, expected.what, call(world.clone())).await;
        samples.push((place, Sample::new(ROWS[place].1, answer.expect_err("it is refused"))));
    }
    assert_eq!(samples.len(), ROWS.len(), "every row is there");
    samples.sort_by_key(|(place, _)| *place);
    samples.into_iter().map(|(_, sample)| sample).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_errors_has_an_answer_for_each_reason() {
    let (rows, beyond, elsewhere) =
        tokio::join!(of_rows(), beyond::samples(), elsewhere::answers());
    let samples = rows.into_iter().chain(beyond);
    let answers: Vec<_> =
        samples.map(|Sample { asked, status }| (asked, Answered::read(&status))).collect();
    check(&answers);
    page::write_or_compare(&page::text(&answers, &elsewhere));
    cases("contract: answers on the page of errors", answers.len(), 39);
}

/// Each reason has an answer of each code that is documented, with no metadata but what is; and a
/// retry is promised where it is told when.
fn check(answers: &[(&str, Answered)]) {
    let known = (1..=99).filter_map(|number| ErrorReason::try_from(number).ok());
    for reason in known {
        let documented = Documented::of(reason);
        let name = answer::short(reason);
        let of_reason = || answers.iter().filter(|(_, answer)| answer.reason() == name);
        let codes: BTreeSet<_> = of_reason().map(|(_, answer)| answer.code()).collect();
        let wanted: BTreeSet<_> = documented.codes.iter().map(|code| *code as i32).collect();
        assert_eq!(codes, wanted, "{name}: an answer for each code is on the page");
        for (asked, answer) in of_reason() {
            for key in answer.metadata().keys() {
                assert!(documented.metadata.contains(key), "{name}, {asked}: {key}");
            }
            let promised = documented.retry.starts_with("after RetryInfo");
            assert_eq!(answer.retries(), promised, "{name}, {asked}: {}", documented.retry);
        }
    }
}
