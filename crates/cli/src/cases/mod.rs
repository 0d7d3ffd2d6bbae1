//! `pawl test`: runs rule cases from files, without a server.
//!
//! A file says what is given, what happens step by step, and what should have come of the last
//! step. Messages are read, converted and refused as the server does it, and the domain decides, so
//! that a case shows what a server would do; only what the rules rest on is kept in memory here.

mod check;
mod configure;
mod expect;
mod file;
mod node;
mod steps;
#[cfg(test)]
mod tests;
mod world;

use std::fs;

use pawl_domain::Limits;

use crate::args::TestArgs;
use crate::failure::Failure;
use crate::output::{plain, print};
use file::Case;
use world::State;

/// What a file looks like, for the command's help.
pub(crate) const EXAMPLE: &str = r#"A file looks like this:
  given:                 # as in `pawl apply`, and entities; a case can add its own
    pipelines:
    - pipeline_id: sales
      entity_kind: deal
      stages: [{ stage_id: new }, { stage_id: won, semantics: WON }]
    triggers:
    - { trigger_id: paid, pipeline_id: sales, stage_id: won, trigger_type: order.paid }
    entities:
    - { entity_id: deal/1, pipeline_id: sales }
  cases:
  - name: an order that is paid wins the deal
    when:                # event, preview, create, update, move, delete, apply
    - event: { type: order.paid, subjects: [deal/1] }
    expect:              # of the last step; what is not named is not compared
      moves: ["deal/1: new -> won by paid"]
      verdicts: { paid: MOVED }
      stages: { deal/1: won }
  - name: nothing moves it to a stage that is not there
    when:
    - move: { entity_id: deal/1, stage_id: nowhere, actor: ines }
    expect: { error: STAGE_NOT_FOUND }
expect also takes outcome, details, decisions, duplicate, no_event, names and revisions."#;

/// How many cases a text has.
#[cfg(feature = "fuzz")]
pub(crate) fn count(text: &str) -> Result<usize, String> {
    file::parse(text).map(|cases| cases.len())
}

/// Runs the cases of all files. One line for each that fails, in which lines of a name or value
/// are joined.
pub(crate) fn run(args: TestArgs) -> Result<(), Failure> {
    let limits = args.limits.into();
    let (mut all, mut all_failed) = (0, 0);
    for file in &args.files {
        let name = file.display().to_string();
        let text = fs::read_to_string(file)
            .map_err(|source| Failure::Read { name: name.clone(), source })?;
        let cases = file::parse(&text)
            .map_err(|problem| Failure::Content { name: name.clone(), problem })?;
        let is_meant = |case: &Case| args.name.as_ref().is_none_or(|part| case.name.contains(part));
        let (mut count, mut failed) = (0, 0);
        for case in cases.into_iter().filter(is_meant) {
            count += 1;
            let case_name = case.name.clone();
            let differences = play(case, limits);
            if !differences.is_empty() {
                failed += 1;
                let differences = plain(&differences.join("; "));
                print(&format!("{name}: {}: {differences}\n", plain(&case_name)))?;
            }
        }
        if count > 0 && !args.quiet {
            print(&format!("{name}: {}\n", summary(count, failed)))?;
        }
        all += count;
        all_failed += failed;
    }
    if all == 0 {
        return Err(Failure::Incomplete("there is no such case in the files".to_owned()));
    }
    if all_failed > 0 {
        return Err(Failure::Incomplete(summary(all, all_failed)));
    }
    if args.quiet { Ok(()) } else { print(&format!("{}\n", summary(all, 0))) }
}

fn summary(count: u64, failed: u64) -> String {
    format!("{count} cases, {failed} failed")
}

/// Takes the steps of a case one after the other, also when one is refused, and compares what came
/// of the last.
fn play(case: Case, limits: Limits) -> Vec<String> {
    let Case { given, steps, expected, .. } = case;
    let mut state = match State::begin(given, limits) {
        Ok(state) => state,
        Err(mistake) => return vec![mistake],
    };
    let mut last = Ok(None);
    for (number, step) in (1..).zip(steps) {
        last = state.take(number, step);
    }
    check::differences(&expected, &last, &state)
}
