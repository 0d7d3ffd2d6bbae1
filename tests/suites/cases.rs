//! The rules as a table that anyone can read: `pawl test` on the files of `cases/`, and proof that
//! they leave no rule, verdict or outcome out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pawl_api::pb;
use pawl_tests::{binary, cases, workspace_root};

const CASES: usize = 400;
/// The rules that can be shown without a server: all but what an acknowledgement promises (E5).
const RULES: [&str; 26] = [
    "P1", "P2", "P3", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "E1",
    "E2", "E3", "E4", "E6", "E7", "X1", "X2", "X3", "X4", "X5", "X6",
];

fn files() -> Vec<PathBuf> {
    let directory = workspace_root().join("tests/cases");
    let entries = fs::read_dir(directory).expect("it is a directory");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort_unstable();
    files
}

fn pawl_test<'a>(files: impl IntoIterator<Item = &'a Path>, options: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("test").arg("-f").args(files).args(options);
    command.output().expect("pawl runs")
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).expect("it is text")
}

#[test]
fn every_case_holds() {
    let files = files();
    let output = pawl_test(files.iter().map(PathBuf::as_path), &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    let last = told.lines().last().expect("there is a summary");
    let count = last.strip_suffix(" cases, 0 failed").expect("none failed");
    assert_eq!(told.lines().count(), files.len() + 1, "a line for each file: {told}");
    cases("cases: rule cases", count.parse().expect("it is a number"), CASES);
}

#[test]
fn no_rule_verdict_or_outcome_is_left_out() {
    let texts: Vec<_> =
        files().iter().map(|file| fs::read_to_string(file).expect("it is text")).collect();
    let lines = || texts.iter().flat_map(|text| text.lines());
    let names = lines().filter_map(|line| line.trim_start().strip_prefix("- name: \""));
    // The names begin with the rules that they are about.
    let rules: BTreeSet<&str> = names.flat_map(|name| name.split(' ')).collect();
    for rule in RULES {
        assert!(rules.contains(rule), "no case is about {rule}");
    }
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let said = lines().filter(|line| !line.trim_start().starts_with('#'));
    let said: BTreeSet<&str> =
        said.flat_map(|line| line.split(|letter| !is_part(letter))).collect();
    let verdicts = (1..).map_while(|number| pb::VerdictResult::try_from(number).ok());
    let verdicts = verdicts.map(|verdict| verdict.as_str_name());
    let outcomes = (1..).map_while(|number| pb::DecisionOutcome::try_from(number).ok());
    let outcomes = outcomes.map(|outcome| outcome.as_str_name());
    let mut count = RULES.len();
    for name in verdicts.chain(outcomes) {
        let short = name.trim_start_matches("VERDICT_RESULT_");
        let short = short.trim_start_matches("DECISION_OUTCOME_");
        assert!(said.contains(short), "no case expects {short}");
        count += 1;
    }
    cases("cases: rules, verdicts and outcomes", count, 43);
}

#[test]
fn a_wrong_expectation_fails_and_is_named() {
    let wrong = "
given:
  pipelines: [{ pipeline_id: sales, entity_kind: deal, stages: [{ stage_id: new }, { stage_id: won, semantics: WON }] }]
  entities: [{ entity_id: deal/1, pipeline_id: sales }]
cases:
- name: right
  when: [{ move: { entity_id: deal/1, stage_id: won } }]
  expect: { stages: { deal/1: won } }
- name: wrong on purpose
  when: [{ move: { entity_id: deal/1, stage_id: won } }]
  expect: { stages: { deal/1: new } }
";
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("wrong.yaml");
    fs::write(&file, wrong).expect("it can be written");
    let name = file.display();

    let output = pawl_test([file.as_path()], &[]);
    assert_eq!(output.status.code(), Some(1));
    let failed = format!("{name}: wrong on purpose: stage of deal/1: expected new, got won\n");
    assert_eq!(text(&output.stdout), format!("{failed}{name}: 2 cases, 1 failed\n"));
    assert_eq!(text(&output.stderr), "error: 2 cases, 1 failed\n");

    let output = pawl_test([file.as_path()], &["-q"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), failed));
    let output = pawl_test([file.as_path()], &["-q", "--name", "right"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
}

#[test]
fn no_case_at_all_is_a_failure() {
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("empty.yaml");
    fs::write(&file, "cases: []\n").expect("it can be written");
    let output = pawl_test([file.as_path()], &[]);
    assert_eq!(output.status.code(), Some(1), "no cases");
    let examples = workspace_root().join("tests/cases/examples.yaml");
    let output = pawl_test([examples.as_path()], &["--name", "no case is called so"]);
    assert_eq!(output.status.code(), Some(1), "no case of that name");
    let output = pawl_test([], &[]);
    assert_ne!(output.status.code(), Some(0), "no file");
}
