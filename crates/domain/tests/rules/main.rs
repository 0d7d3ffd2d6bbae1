//! The rules of `docs/semantics.md`, one row each: a failing row names the rule that was broken.

mod build;
mod decisions;
mod entities;
mod events;
mod pipelines;
mod triggers;

use pawl_domain::Rejection;

/// One rule: its name, what happened, and what should have.
type Row = (&'static str, Result<String, Rejection>, Expected);

/// What should have happened.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// It worked, and reads like this.
    Reads(&'static str),
    /// It was refused with exactly these words.
    Refused(&'static str),
}
use Expected::{Reads, Refused};

/// Checks every row, reports all that fail, and refuses a table that has shrunk.
fn check(table: &str, minimum: usize, rows: Vec<Row>) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(rule, result, expected)| {
            let fits = match (result, expected) {
                (Ok(text), Reads(expected)) => text == expected,
                (Err(rejection), Refused(expected)) => rejection.to_string() == *expected,
                (Ok(_), Refused(_)) | (Err(_), Reads(_)) => false,
            };
            (!fits).then(|| format!("{rule}: expected {expected:?}, got {result:?}"))
        })
        .collect();
    finish(table, minimum, rows.len(), &wrong);
}

fn finish(table: &str, minimum: usize, cases: usize, wrong: &[String]) {
    println!("{table}: {cases} cases");
    assert!(wrong.is_empty(), "{table}: {} of {cases} fail\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases >= minimum, "{table} has only {cases} cases, {minimum} are expected");
}
