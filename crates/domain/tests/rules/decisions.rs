//! T4 to T7, T9 and T11: what one event does to one entity.

use pawl_domain::{
    Cause, Direction, Move, Outcome, Pipeline, Situation, TriggerSelection, VerdictResult, decide,
};

use crate::build::{BOARD, at, deal_on, event, id, pipeline, triggers};
use crate::finish;

const EARLIEST: TriggerSelection = TriggerSelection::EarliestStage;
const NEXT: TriggerSelection = TriggerSelection::NextStage;
const FURTHEST: TriggerSelection = TriggerSelection::FurthestStage;

/// A rule, where the entity stands, the triggers, and their verdicts; the one that moves it says
/// which way: `MOVED>` forward, `MOVED<` backward.
type Row = (&'static str, &'static str, &'static str, &'static str);

fn check(table: &str, minimum: usize, board: &str, selection: TriggerSelection, rows: &[Row]) {
    let pipeline = Pipeline { selection, ..pipeline(board) };
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(rule, stage, texts, expected)| {
            let got = verdicts(&pipeline, stage, texts);
            (got != *expected).then(|| {
                format!(
                    "{rule}: entity on {stage}, triggers {texts}: expected {expected}, got {got}"
                )
            })
        })
        .collect();
    finish(table, minimum, rows.len(), &wrong);
}

/// Decides, checks that the move is the winner's, and writes the verdicts down.
fn verdicts(pipeline: &Pipeline, stage: &str, texts: &str) -> String {
    let entity = deal_on(pipeline, stage);
    let listening = triggers(pipeline, texts);
    let event = event();
    let decision = decide(&Situation {
        event: &event,
        subject: &event.subjects[0],
        entity: &entity,
        pipeline,
        listening: &listening,
        hop: 0,
        has_moved: false,
        now: at(9),
    });
    let mut words = Vec::new();
    let mut winner = None;
    for (verdict, listener) in decision.verdicts.iter().zip(listening.iter()) {
        let trigger = &listener.trigger;
        assert_eq!(verdict.asked.trigger_id, trigger.id);
        assert_eq!(verdict.asked.trigger_revision, trigger.version.revision, "T9");
        assert_eq!(verdict.asked.stage_id, trigger.stage_id);
        words.push(match verdict.result {
            VerdictResult::Moved => {
                assert!(winner.replace(trigger).is_none(), "T6: at most one moves it");
                let direction =
                    decision.moved().expect("T6: whoever moved it has a move").direction;
                match direction {
                    Some(Direction::Forward) => "MOVED>".to_owned(),
                    Some(Direction::Backward) => "MOVED<".to_owned(),
                    None => "MOVED?".to_owned(),
                }
            }
            VerdictResult::WouldMove => "WOULD_MOVE".to_owned(),
            VerdictResult::Paused => "PAUSED".to_owned(),
            VerdictResult::SameStage => "SAME_STAGE".to_owned(),
            VerdictResult::EntityClosed => "ENTITY_CLOSED".to_owned(),
            VerdictResult::WouldMoveBack => "WOULD_MOVE_BACK".to_owned(),
            VerdictResult::Outranked => format!("OUTRANKED:{}", verdict.winner.unwrap()),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(decision.verdicts.len(), listening.len(), "a verdict for each that listens");
    let expected = winner.map(|trigger| Move {
        entity_id: id("deal/1"),
        pipeline_id: id("sales"),
        from_pipeline_id: None,
        from_stage_id: id(stage),
        to_stage_id: trigger.stage_id.clone(),
        direction: decision.moved().unwrap().direction,
        cause: Cause::Trigger {
            trigger_id: trigger.id.clone(),
            trigger_revision: trigger.version.revision,
            event_source: id("mail"),
            event_id: id("e1"),
        },
        hop: 0,
        time: at(9),
        responsible: Some(id("ann")),
        entity_revision: 6,
    });
    assert_eq!(decision.moved(), expected.as_ref(), "W7");
    let outcome = match (expected, listening.is_empty()) {
        (Some(moved), _) => Outcome::Moved(moved),
        (None, true) => Outcome::NoTrigger(id("deal/1")),
        (None, false) => Outcome::NotMoved(id("deal/1")),
    };
    assert_eq!(decision.outcome, outcome);
    words.join(" ")
}

#[test]
fn one_trigger_alone() {
    let rows = [
        ("E7 no trigger listens", "a", "", ""),
        ("T4 active", "a", "b", "MOVED>"),
        ("T4 paused", "a", "b/paused", "PAUSED"),
        ("T4 paused with every option", "c", "a/back/reopen/paused", "PAUSED"),
        ("T5 same stage, first", "a", "a", "SAME_STAGE"),
        ("T5 same stage, middle", "b", "b", "SAME_STAGE"),
        ("T5 same stage, closed WON", "W", "W", "SAME_STAGE"),
        ("T5 same stage, closed LOST and last", "L", "L", "SAME_STAGE"),
        ("T5 same stage with every option", "b", "b/back/reopen", "SAME_STAGE"),
        ("T5 next stage", "b", "c", "MOVED>"),
        ("T5 the stage before", "b", "a", "WOULD_MOVE_BACK"),
        ("T5 the stage before, with back", "b", "a/back", "MOVED<"),
        ("T5 the stage before, reopen is not back", "b", "a/reopen", "WOULD_MOVE_BACK"),
        ("T5 last stage from the first", "a", "L", "MOVED>"),
        ("T5 first stage from the last open", "d", "a", "WOULD_MOVE_BACK"),
        ("T5 first stage from the last open, with back", "d", "a/back", "MOVED<"),
        ("T5 open to WON", "d", "W", "MOVED>"),
        ("T5 open to LOST", "d", "L", "MOVED>"),
        ("T5 closed WON, ahead, without reopen", "W", "L", "ENTITY_CLOSED"),
        ("T5 closed WON, ahead, back is not reopen", "W", "L/back", "ENTITY_CLOSED"),
        ("T5 closed WON, ahead, with reopen", "W", "L/reopen", "MOVED>"),
        ("T5 closed LOST, behind, without both", "L", "W", "ENTITY_CLOSED"),
        ("T5 closed LOST, behind, reopen without back", "L", "W/reopen", "WOULD_MOVE_BACK"),
        ("T5 closed LOST, behind, back without reopen", "L", "W/back", "ENTITY_CLOSED"),
        ("T5 closed LOST, behind, both", "L", "W/back/reopen", "MOVED<"),
        ("T5 closed WON, open stage behind, reopen alone", "W", "d/reopen", "WOULD_MOVE_BACK"),
        ("T5 closed WON, open stage behind, back alone", "W", "d/back", "ENTITY_CLOSED"),
        ("T5 closed WON, open stage behind, both", "W", "d/back/reopen", "MOVED<"),
        ("T5 closed LOST, first stage, both", "L", "a/back/reopen", "MOVED<"),
        ("T7 skips the stages between", "a", "d", "MOVED>"),
        ("T11 PAUSED before SAME_STAGE", "b", "b/paused", "PAUSED"),
        ("T11 PAUSED before ENTITY_CLOSED", "W", "L/paused", "PAUSED"),
        ("T11 PAUSED before WOULD_MOVE_BACK", "b", "a/paused", "PAUSED"),
        ("T11 SAME_STAGE before ENTITY_CLOSED", "W", "W/back", "SAME_STAGE"),
        ("T11 ENTITY_CLOSED before WOULD_MOVE_BACK", "W", "a", "ENTITY_CLOSED"),
    ];
    check("one trigger alone", 35, BOARD, EARLIEST, &rows);
}

#[test]
fn closed_stages_wherever_they_stand() {
    let rows = [
        ("T5 closed first, ahead, without reopen", "W", "a", "ENTITY_CLOSED"),
        ("T5 closed first, ahead, with reopen", "W", "a/reopen", "MOVED>"),
        ("T5 open to a closed stage before it", "a", "W", "WOULD_MOVE_BACK"),
        ("T5 open to a closed stage before it, with back", "a", "W/back", "MOVED<"),
        ("T5 closed in the middle, ahead, without reopen", "L", "b", "ENTITY_CLOSED"),
        ("T5 closed in the middle, ahead, with reopen", "L", "b/reopen", "MOVED>"),
        ("T5 closed in the middle, behind, with reopen", "L", "a/reopen", "WOULD_MOVE_BACK"),
        ("T7 passes over a closed stage", "a", "b", "MOVED>"),
    ];
    check("closed stages wherever they stand", 8, "W+ a L- b", EARLIEST, &rows);
    let alone = [("T5 the only stage", "a", "a/back/reopen", "SAME_STAGE")];
    check("a pipeline of one stage", 1, "a", EARLIEST, &alone);
}

#[test]
fn earliest_stage_wins() {
    let rows = [
        ("T6 earliest ahead", "a", "c b d", "OUTRANKED:t2 MOVED> OUTRANKED:t2"),
        ("T6 earliest may lie behind", "c", "b/back d a/back", "OUTRANKED:t3 OUTRANKED:t3 MOVED<"),
        ("T6 not the nearest behind", "d", "c/back a/back", "OUTRANKED:t2 MOVED<"),
        ("T6 an ineligible one does not compete", "c", "a d", "WOULD_MOVE_BACK MOVED>"),
        ("T6 a paused one does not compete", "a", "b/paused c", "PAUSED MOVED>"),
        ("T6 tie: created first", "a", "b@2 b@1", "MOVED> OUTRANKED:t2"),
        ("T6 tie: created first, listed first", "a", "b@1 b@2", "MOVED> OUTRANKED:t1"),
        ("T6 the stage counts before the age", "a", "c@1 b@2", "OUTRANKED:t2 MOVED>"),
        ("T6 none is eligible", "c", "a b c", "WOULD_MOVE_BACK WOULD_MOVE_BACK SAME_STAGE"),
        ("T6 closed: only those that reopen compete", "W", "a L/reopen", "ENTITY_CLOSED MOVED>"),
        (
            "T11 every reason at once",
            "W",
            "a/paused W L c/reopen L/reopen",
            "PAUSED SAME_STAGE ENTITY_CLOSED WOULD_MOVE_BACK MOVED>",
        ),
    ];
    check("EARLIEST_STAGE", 11, BOARD, EARLIEST, &rows);
}

#[test]
fn next_stage_wins() {
    let rows = [
        ("T6 nearest ahead", "a", "d b c", "OUTRANKED:t2 MOVED> OUTRANKED:t2"),
        ("T6 ahead before behind", "c", "b/back d", "OUTRANKED:t2 MOVED>"),
        ("T6 far ahead before near behind", "b", "a/back L", "OUTRANKED:t2 MOVED>"),
        (
            "T6 nothing ahead: nearest behind",
            "d",
            "a/back c/back b/back",
            "OUTRANKED:t2 MOVED< OUTRANKED:t2",
        ),
        ("T6 nothing eligible ahead: behind", "c", "d/paused b/back", "PAUSED MOVED<"),
        ("T6 tie ahead: created first", "a", "b@2 b@1 c@0", "OUTRANKED:t2 MOVED> OUTRANKED:t2"),
        ("T6 tie behind: created first", "c", "b/back@2 b/back@1", "MOVED< OUTRANKED:t2"),
        ("T6 as far ahead as behind", "b", "a/back@1 c@2", "OUTRANKED:t2 MOVED>"),
        (
            "T6 last stage: nothing can be ahead",
            "L",
            "W/back/reopen d/back/reopen",
            "MOVED< OUTRANKED:t1",
        ),
        ("T6 first stage: nothing can be behind", "a", "L b", "OUTRANKED:t2 MOVED>"),
    ];
    check("NEXT_STAGE", 10, BOARD, NEXT, &rows);
}

#[test]
fn furthest_stage_wins() {
    let rows = [
        ("T6 furthest ahead", "a", "c d b", "OUTRANKED:t2 MOVED> OUTRANKED:t2"),
        ("T6 furthest, closed stages too", "a", "d W L", "OUTRANKED:t3 OUTRANKED:t3 MOVED>"),
        ("T6 ahead before behind", "b", "a/back c", "OUTRANKED:t2 MOVED>"),
        (
            "T6 nothing ahead: latest in order, not farthest away",
            "d",
            "a/back c/back",
            "OUTRANKED:t2 MOVED<",
        ),
        ("T6 tie: created first", "a", "d@2 d@1", "MOVED> OUTRANKED:t2"),
        ("T6 a paused one does not compete", "a", "d/paused c", "PAUSED MOVED>"),
        (
            "T6 last stage: nothing can be ahead",
            "L",
            "a/back/reopen W/back/reopen",
            "OUTRANKED:t2 MOVED<",
        ),
    ];
    check("FURTHEST_STAGE", 7, BOARD, FURTHEST, &rows);
}

#[test]
fn selections_disagree() {
    let rows: [(&str, &str, &str, [&str; 3]); 4] = [
        ("T6 three ahead: first two agree", "a", "b c d", ["b", "b", "d"]),
        ("T6 behind, near and far ahead: all differ", "b", "a/back c d", ["a", "c", "d"]),
        ("T6 all behind: last two agree", "d", "a/back b/back c/back", ["a", "c", "c"]),
        ("T6 one ahead, one behind: first differs", "b", "a/back c", ["a", "c", "c"]),
    ];
    let mut wrong = Vec::new();
    for (rule, stage, texts, expected) in rows {
        for (selection, expected) in [EARLIEST, NEXT, FURTHEST].into_iter().zip(expected) {
            let pipeline = Pipeline { selection, ..pipeline(BOARD) };
            let verdicts = verdicts(&pipeline, stage, texts);
            let moves = verdicts.split(' ').position(|verdict| verdict.starts_with("MOVED"));
            let stages: Vec<_> =
                triggers(&pipeline, texts).iter().map(|t| t.trigger.stage_id.clone()).collect();
            let got = moves.map(|index| stages[index].as_str());
            if got != Some(expected) {
                wrong.push(format!("{rule}, {selection:?}: expected {expected}, got {got:?}"));
            }
        }
    }
    finish("selections disagree", 12, rows.len() * 3, &wrong);
}
