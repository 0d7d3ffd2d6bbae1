use crate::pb::{DecisionOutcome as Outcome, VerdictResult as Result};

use super::*;

fn scene(mood: Mood) -> Scene {
    let winner = label("read", "Email viewed");
    Scene { mood, here: Some("Offer read".to_owned()), there: None, winner: Some(winner) }
}

fn label(id: &str, name: &str) -> Label {
    Label { id: id.to_owned(), name: name.to_owned(), revision: 2, supposed: false }
}

/// Verdict, its detail, and what is said about “Paid” on New for a deal that stands on Offer read.
const VERDICTS: [(Result, &str, &str); 13] = [
    (Result::Unspecified, "", "did not move it: the server did not say why"),
    (Result::Moved, "", "moved it to New"),
    (
        Result::WouldMove,
        "",
        "did not move it: it is in shadow, to be tried out; active it would have moved the deal \
     to New",
    ),
    (Result::Paused, "", "did not move it: it is paused, so it was not considered"),
    (
        Result::ParametersDiffer,
        "url: wants \"a\", came \"b\"",
        "did not move it: its parameters do not fit the event: url: wants \"a\", came \"b\"",
    ),
    (
        Result::FilterFalse,
        "it is 0",
        "did not move it: its filter `entity.fields.a > 1` does not hold: it is 0",
    ),
    (
        Result::EvaluationError,
        "no a",
        "did not move it: its filter `entity.fields.a > 1` cannot be evaluated: no a",
    ),
    (Result::SameStage, "", "did not move it: the deal stands on its stage New already"),
    (
        Result::EntityClosed,
        "",
        "did not move it: the deal stands on Offer read, which is closed; “allow reopening” \
     (allow_reopen) is off",
    ),
    (
        Result::WouldMoveBack,
        "",
        "did not move it: its stage New lies before Offer read, where the deal stands; “allow \
     moving back to previous status” (allow_move_back) is off",
    ),
    (
        Result::Outranked,
        "trigger read was picked",
        "did not move it: “Email viewed” (trigger read, revision 2) was picked instead",
    ),
    (
        Result::Loop,
        "",
        "did not move it: the deal moved already because of this event, and along a chain it \
     moves only once",
    ),
    (
        Result::HopLimit,
        "at most 8",
        "did not move it: the chain that the event began is too long: at most 8",
    ),
];

#[test]
fn every_verdict_has_its_sentence() {
    let actor = Actor {
        label: label("t1", "Paid"),
        stage: "New".to_owned(),
        filter: "entity.fields.a > 1".to_owned(),
    };
    for (result, detail, told) in VERDICTS {
        let verdict =
            pb::Verdict { result: result.into(), detail: detail.to_owned(), ..Default::default() };
        let sentence = sentence(&verdict, "deal/57", &actor, &scene(Mood::Happened));
        assert_eq!(sentence, format!("“Paid” (trigger t1, revision 2) {told}"));
        assert_eq!(became(&verdict, "deal/57", &actor, &scene(Mood::Happened)), told);
    }
    let all = (0..).map_while(|number| Result::try_from(number).ok());
    assert_eq!(all.count(), VERDICTS.len(), "a verdict without a sentence");
}

#[test]
fn what_is_not_known_is_left_out() {
    let unknown = Scene { mood: Mood::Supposed, here: None, there: None, winner: None };
    let actor = Actor { stage: "New".to_owned(), ..Actor::default() };
    let told = |result: Result, detail: &str| {
        let verdict =
            pb::Verdict { result: result.into(), detail: detail.to_owned(), ..Default::default() };
        let told = sentence(&verdict, "smart_process.repairs/1", &actor, &unknown);
        told.split_once(" would ").unwrap().1.to_owned()
    };
    assert!(told(Result::WouldMoveBack, "").contains("before the stage on which the item stands;"));
    assert!(told(Result::EntityClosed, "").contains("on a won or lost stage, which is closed"));
    let winner = "not move it: another was picked: trigger a was picked";
    assert_eq!(told(Result::Outranked, "trigger a was picked"), winner);
    assert_eq!(told(Result::FilterFalse, ""), "not move it: its filter does not hold");
}

#[test]
fn a_trigger_is_known_by_what_there_is() {
    let read = label("read", "Email viewed");
    assert_eq!(read.told(), "“Email viewed” (trigger read, revision 2)");
    assert_eq!(Label { revision: 0, ..read.clone() }.told(), "“Email viewed” (trigger read)");
    assert_eq!(Label { name: String::new(), ..read.clone() }.told(), "trigger read, revision 2");
    let supposed = Label { supposed: true, ..read };
    assert_eq!(supposed.told(), "“Email viewed” (trigger read, as in the file)");
}

#[test]
fn every_outcome_has_its_headline() {
    let told = |outcome: Outcome, subject: &str, entity_id: &str, hop, mood| {
        let decision = pb::Decision {
            subject: subject.to_owned(),
            entity_id: entity_id.to_owned(),
            event_type: "email.viewed".to_owned(),
            hop,
            outcome: outcome.into(),
            ..Default::default()
        };
        headline(&decision, &Scene { there: Some("Won".to_owned()), ..scene(mood) })
    };
    let (past, preview) = (Mood::Happened, Mood::Supposed);
    let deal = "deal/57";
    let cases = [
        (
            told(Outcome::Moved, deal, deal, 0, past),
            "deal/57 moved from Offer read to Won by “Email viewed” (trigger read, revision 2)",
        ),
        (
            told(Outcome::Moved, "contact/9", deal, 0, preview),
            "deal/57 (reached through contact/9) would move from Offer read to Won by “Email \
             viewed” (trigger read, revision 2)",
        ),
        (told(Outcome::NotMoved, deal, deal, 0, past), "deal/57 stayed on Offer read"),
        (told(Outcome::NotMoved, deal, deal, 0, preview), "deal/57 would stay on Offer read"),
        (
            told(Outcome::NoTrigger, deal, deal, 2, past),
            "then, by email.viewed along the chain (hop 2): deal/57 did not move: no trigger of \
             its pipeline listens to email.viewed",
        ),
        (
            told(Outcome::EntityNotFound, deal, deal, 0, past),
            "deal/57 was not considered: there was no such deal",
        ),
        (
            told(Outcome::NotReached, "contact/9", "", 0, past),
            "contact/9 leads to nothing: no open entity names this customer, in any pipeline whose \
             `customer_reach` lets customers in",
        ),
    ];
    for (told, wanted) in cases {
        assert_eq!(told, wanted);
    }
}
