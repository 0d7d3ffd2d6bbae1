//! What the service promises its users, rule by rule, from end to end: each rule of docs/semantics.md
//! that is built has a case of its number here. The crates try the details.

mod decisions;
mod entities;
mod events;
mod pipelines;
mod questions;
mod stories;
mod triggers;

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use pawl_tests::{Client, Server, cases, within};

/// The rules that are tried from end to end; those of watching have a suite of their own.
const RULES: [&str; 29] = [
    "P1", "P2", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "E1", "E2",
    "E3", "E4", "E5", "E6", "E7", "X1", "X2", "X3", "X4", "X5", "X6", "Q1", "Q2", "Q3",
];

/// A rule, what of it is tried, and the trial.
struct Case {
    rule: &'static str,
    what: &'static str,
    trial: Trial,
}

/// Tries a rule on a server that other cases use too; the number makes its ids its own.
type Trial = Box<dyn FnOnce(Client, usize) -> BoxFuture<'static, ()>>;

fn case<F>(
    rule: &'static str,
    what: &'static str,
    trial: impl FnOnce(Client, usize) -> F + 'static,
) -> Case
where
    F: Future<Output = ()> + Send + 'static,
{
    Case { rule, what, trial: Box::new(move |client, number| Box::pin(trial(client, number))) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_holds_from_end_to_end() {
    let server = Server::start().await;
    let client = server.client().await;
    decisions::register_types(&client).await;
    let all = [
        decisions::cases(),
        pipelines::cases(),
        triggers::cases(),
        events::cases(),
        entities::cases(),
        stories::cases(),
        questions::cases(),
    ];
    let (mut tried, mut failures) = (BTreeSet::new(), Vec::new());
    let mut count = 0;
    for Case { rule, what, trial } in all.into_iter().flatten() {
        // A case of its own task, so that one which fails does not hide the others.
        let trial = tokio::spawn(within(60, what, trial(client.clone(), count)));
        if trial.await.is_err() {
            failures.push(format!("{rule}: {what}"));
        }
        tried.insert(rule);
        count += 1;
    }
    assert!(
        failures.is_empty(),
        "{} cases fail; see above:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(tried, BTreeSet::from(RULES), "each rule has a case, and each case a rule");
    cases("rules", count, 70);
}
