//! What a file can say, what it cannot, and how a case that fails is told.

use pawl_domain::Limits;

use super::file::parse;
use super::{EXAMPLE, play};

const GIVEN: &str = "
given:
  pipelines:
  - { pipeline_id: sales, entity_kind: deal, stages: [{ stage_id: new }, { stage_id: won, semantics: WON }] }
  triggers:
  - { trigger_id: paid, pipeline_id: sales, stage_id: won, trigger_type: order.paid }
  entities:
  - { entity_id: deal/1, pipeline_id: sales }
";
const PAID: &str = "{ event: { type: order.paid, subjects: [deal/1] } }";

fn file(case: &str) -> String {
    format!("{GIVEN}cases:\n- {{ {case} }}\n")
}

/// How the only case of a file fails, if it does.
fn differences(case: &str) -> String {
    let mut cases = parse(&file(case)).unwrap();
    assert_eq!(cases.len(), 1);
    play(cases.remove(0), Limits::DEFAULT).join("; ")
}

#[test]
fn the_example_of_the_help_holds() {
    let lines = EXAMPLE.lines().filter(|line| line.starts_with("  "));
    let cases = parse(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let name = case.name.clone();
        assert_eq!(play(case, Limits::DEFAULT), [""; 0], "{name}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let expect = "expect: { outcome: MOVED }";
    let when = format!("when: [{PAID}]");
    let cases = [
        (format!("{when}, {expect}"), "cases[0]: name is missing"),
        (format!("name: a, {expect}"), "cases[0] (a): when is missing"),
        (format!("name: a, when: [], {expect}"), "cases[0] (a): when: expected at least one step"),
        (format!("name: a, {when}"), "cases[0] (a): expect is missing"),
        (format!("name: a, {when}, {expect}, then: x"), "cases[0] (a): unknown key \"then\""),
        (
            format!("name: a, when: [{{ publish: {{}} }}], {expect}"),
            "cases[0] (a): when[0]: expected exactly one of event, preview, create, update, move, \
             delete, apply, not \"publish\"",
        ),
        (
            format!("name: a, when: [{{ event: {{}}, move: {{}} }}], {expect}"),
            "cases[0] (a): when[0]: expected exactly one of event",
        ),
        (
            format!("name: a, when: [{PAID}, {{ event: {{ subject: deal/1 }} }}], {expect}"),
            "cases[0] (a): when[1]: event: ",
        ),
        (
            format!("name: a, when: [{{ move: {{ validate_only: true }} }}], {expect}"),
            "cases[0] (a): when[0]: move: expected no request_id and no validate_only",
        ),
        (
            format!("name: a, when: [{{ delete: {{ stage_id: new }} }}], {expect}"),
            "cases[0] (a): when[0]: delete: expected exactly one of entity_id, trigger_id",
        ),
        (
            format!("name: a, when: [{{ apply: {{ entities: [] }} }}], {expect}"),
            "cases[0] (a): when[0]: apply: unknown key \"entities\"",
        ),
        (
            format!("name: a, given: {{ triggers: [{{ stage_id: won }}] }}, {when}, {expect}"),
            "cases[0] (a): given: triggers[0]: trigger_id is missing",
        ),
        (
            format!("name: a, given: {{ customers: [] }}, {when}, {expect}"),
            "cases[0] (a): given: unknown key \"customers\"",
        ),
    ];
    for (case, place) in cases {
        let mistake = parse(&file(&case)).unwrap_err();
        assert!(mistake.contains(place), "{case}\n{mistake}");
    }
    let case = format!("name: a, {when}, {expect}");
    let twice = format!("{}- {{ {case} }}\n", file(&case));
    assert_eq!(parse(&twice).unwrap_err(), "two cases are called \"a\"");
    assert_eq!(parse(GIVEN).unwrap_err(), "cases is missing");
    let unknown = parse("cases: []\nrules: []").unwrap_err();
    assert_eq!(unknown, "unknown key \"rules\"; expected given, cases");
    assert!(parse("cases: [").unwrap_err().contains("line 1"));
}

#[test]
fn mistakes_in_what_is_expected_are_told_with_their_place() {
    let cases = [
        ("{}", "expect: expected at least one of outcome"),
        ("{ outcom: MOVED }", "expect: unknown key \"outcom\""),
        ("{ outcome: WON }", "expect: outcome: expected the outcome of a decision, not \"WON\""),
        ("{ verdicts: { paid: WON } }", "expect: verdicts: paid: expected a verdict, not \"WON\""),
        ("{ error: OOPS }", "expect: error: expected an error reason, not \"OOPS\""),
        ("{ error: INVALID_FIELD, moves: [] }", "expect: expected beside error only stages"),
        ("{ moves: won }", "expect: moves: expected a list"),
        ("{ duplicate: 1 }", "expect: duplicate: expected true or false"),
        ("{ revisions: { paid: one } }", "expect: revisions: paid: expected a whole number"),
        ("{ decisions: [{ moves: [] }] }", "expect: decisions[0]: unknown key \"moves\""),
    ];
    for (expected, place) in cases {
        let case = format!("name: a, when: [{PAID}], expect: {expected}");
        let mistake = parse(&file(&case)).unwrap_err();
        assert!(mistake.starts_with(&format!("cases[0] (a): {place}")), "{case}\n{mistake}");
    }
}

#[test]
fn a_case_that_fails_tells_what_was_expected_and_what_came() {
    let cases = [
        ("{ outcome: NOT_MOVED }", "outcome: expected NOT_MOVED, got MOVED"),
        (
            "{ verdicts: { paid: PAUSED, other: MOVED } }",
            "verdicts: expected [other MOVED, paid PAUSED], got [paid MOVED]",
        ),
        ("{ verdicts: {} }", "verdicts: expected [], got [paid MOVED]"),
        ("{ details: { paid: why } }", "details of paid: expected why, got \"\""),
        ("{ moves: [] }", "moves: expected [], got [deal/1: new -> won by paid]"),
        ("{ decisions: [] }", "decisions: expected 0, got 1: [deal/1 MOVED [paid MOVED]]"),
        ("{ decisions: [{ hop: 1 }] }", "decisions[0].hop: expected 1, got 0"),
        ("{ stages: { deal/1: new } }", "stage of deal/1: expected new, got won"),
        ("{ stages: { deal/2: new } }", "stage of deal/2: expected new, got nothing of this id"),
        ("{ revisions: { paid: 2 } }", "revision of paid: expected 2, got 1"),
        ("{ names: { paid: Paid } }", "name of paid: expected Paid, got Order paid"),
        ("{ duplicate: true }", "duplicate: expected true, got false"),
        ("{ no_event: true }", "no_event: expected true, got false"),
        ("{ error: INVALID_FIELD }", "error: expected INVALID_FIELD, got none"),
        ("{ outcome: MOVED, stages: { deal/1: won } }", ""),
    ];
    for (expected, told) in cases {
        let case = format!("name: a, when: [{PAID}], expect: {expected}");
        assert_eq!(differences(&case), told, "{expected}");
    }
}

#[test]
fn a_refusal_that_nobody_expected_is_told_with_its_reason() {
    let nowhere = "when: [{ move: { entity_id: deal/1, stage_id: nowhere } }]";
    let told = differences(&format!("name: a, {nowhere}, expect: {{ moves: [] }}"));
    assert!(told.starts_with("refused: STAGE_NOT_FOUND (stage_id: "), "{told}");
    let told = differences(&format!("name: a, {nowhere}, expect: {{ error: INVALID_FIELD }}"));
    assert!(told.starts_with("error: expected INVALID_FIELD, got STAGE_NOT_FOUND ("), "{told}");
    let given = "given: { entities: [{ entity_id: lead/1, pipeline_id: sales }] }";
    let told = differences(&format!("name: a, {given}, when: [{PAID}], expect: {{ moves: [] }}"));
    assert!(told.starts_with("given entity lead/1: refused: KIND_MISMATCH ("), "{told}");
}

#[test]
fn a_step_that_is_refused_does_not_end_the_case() {
    let refused = "{ move: { entity_id: deal/1, stage_id: nowhere } }";
    let told = differences(&format!(
        "name: a, when: [{refused}, {PAID}], expect: {{ stages: {{ deal/1: won }} }}"
    ));
    assert_eq!(told, "");
}

#[test]
fn what_a_case_gives_replaces_what_the_file_gives_in_its_place() {
    let also = "{ trigger_id: also, pipeline_id: sales, stage_id: won, trigger_type: order.paid }";
    let paid = also.replace("also", "paid").replace(" }", ", display_name: Paid }");
    let told = differences(&format!(
        "name: a, given: {{ triggers: [{also}, {paid}] }}, when: [{PAID}],
         expect: {{ verdicts: {{ paid: MOVED, also: OUTRANKED }}, names: {{ paid: Paid }} }}"
    ));
    assert_eq!(told, "");
}

/// Sets a limit lower.
type Lower = fn(&mut Limits);

#[test]
fn the_limits_of_a_server_are_kept() {
    let apply = |trigger: &str| format!("{{ apply: {{ triggers: [{trigger}] }} }}");
    let second = "{ trigger_id: t2, pipeline_id: sales, stage_id: won, trigger_type: order.paid }";
    let long = "{ trigger_id: t2, pipeline_id: sales, stage_id: new, trigger_type: email.viewed, \
                filter: 'entity.fields.amount > 1' }";
    let deep = "{ trigger_id: paid, filter: '!(!(entity.fields.amount > 1))', pipeline_id: sales, \
                stage_id: won, trigger_type: order.paid }";
    let event = "{ event: { type: order.paid, subjects: [deal/1, deal/2] } }";
    let preview = "{ preview: { type: order.paid, subjects: [deal/1, deal/2] } }";
    let attributes =
        "{ event: { type: order.paid, subjects: [deal/1], attributes: { a: { b: 1 } } } }";
    let large = format!("{{ a: {} }}", "x".repeat(100));
    let large_event =
        format!("{{ event: {{ type: order.paid, subjects: [deal/1], attributes: {large} }} }}");
    let create = |fields: &str| {
        format!("{{ create: {{ entity_id: deal/2, pipeline_id: sales, fields: {fields} }} }}")
    };
    let update = format!("{{ update: {{ entity_id: deal/1, fields: {large} }} }}");
    let cases: [(&str, String, Lower, &str); 10] = [
        ("subjects", event.into(), |it| it.max_subjects = 1, "INVALID_FIELD"),
        ("a preview", preview.into(), |it| it.max_subjects = 1, "INVALID_FIELD"),
        ("deep attributes", attributes.into(), |it| it.max_attributes_depth = 1, "INVALID_FIELD"),
        ("large attributes", large_event, |it| it.max_attributes_bytes = 64, "INVALID_FIELD"),
        ("large fields", create(&large), |it| it.max_fields_bytes = 64, "INVALID_FIELD"),
        ("an update", update, |it| it.max_fields_bytes = 64, "INVALID_FIELD"),
        ("deep fields", create("{ a: { b: 1 } }"), |it| it.max_fields_depth = 1, "INVALID_FIELD"),
        ("a long filter", apply(long), |it| it.max_filter_bytes = 16, "INVALID_FILTER"),
        ("a deep filter", apply(deep), |it| it.max_filter_depth = 1, "INVALID_FILTER"),
        ("a stage", apply(second), |it| it.max_triggers_per_stage = 1, "TRIGGER_LIMIT"),
    ];
    for (what, step, set, reason) in cases {
        let case = |expect: &str| {
            let text = file(&format!("name: a, when: [{step}], expect: {{ {expect} }}"));
            parse(&text).unwrap().remove(0)
        };
        let refused = format!("error: {reason}");
        let mut limits = Limits::DEFAULT;
        let usual = play(case(&refused), limits).join("; ");
        assert!(usual.contains("error"), "{what} is taken as a rule: {usual}");
        set(&mut limits);
        assert_eq!(play(case(&refused), limits), [""; 0], "{what}");
    }
}
