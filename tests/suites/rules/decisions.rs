//! T2 and T4 to T7, T11: where the entity stands, which triggers there are, what becomes of each.

use pawl_api::pb;
use pawl_tests::{Client, entity, event, pipeline, trigger, trigger_type};

use crate::{Case, case};

use pb::TriggerSelection::{self, EarliestStage, FurthestStage, NextStage};

/// To which most triggers listen.
const HAPPENED: &str = "happened";
/// To which those marked `~` listen.
const OTHER: &str = "happened.otherwise";
const STAGES: &str = "new offer order won:WON lost:LOST";

pub(crate) async fn register_types(client: &Client) {
    client.trigger_type(trigger_type(HAPPENED)).await;
    client.trigger_type(trigger_type(OTHER)).await;
}

/// A row: triggers as `name@stage` in the order of their creation, with `back`, `reopen`, `paused`
/// and `~`; what becomes of them as `name VERDICT`, apart by commas.
struct Row {
    selection: TriggerSelection,
    at: &'static str,
    triggers: &'static [&'static str],
    verdicts: &'static str,
}

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let row = |rule, what, selection, at, triggers, verdicts| {
        let row = Row { selection, at, triggers, verdicts };
        case(rule, what, |client, number| check(client, number, row))
    };
    vec![
        row("T2", "a trigger hears its own type only", EarliestStage, "new", &["a@order", "b@offer ~"], "a MOVED"),
        row("T2", "nobody hears it", EarliestStage, "new", &["a@order ~"], ""),

        row("T4", "a paused trigger is listed and moves nothing", EarliestStage, "new", &["a@offer paused"], "a PAUSED"),
        row("T4", "a paused trigger does not compete", EarliestStage, "new", &["a@offer paused", "b@order"], "a PAUSED, b MOVED"),

        row("T5", "to the next stage", EarliestStage, "new", &["a@offer"], "a MOVED"),
        row("T5", "skipping stages is normal", EarliestStage, "new", &["a@lost"], "a MOVED"),
        row("T5", "to the same stage", EarliestStage, "offer", &["a@offer back reopen"], "a SAME_STAGE"),
        row("T5", "back without leave", EarliestStage, "offer", &["a@new"], "a WOULD_MOVE_BACK"),
        row("T5", "back with leave", EarliestStage, "offer", &["a@new back"], "a MOVED"),
        row("T5", "back with the wrong leave", EarliestStage, "offer", &["a@new reopen"], "a WOULD_MOVE_BACK"),
        row("T5", "from won to lost without leave", EarliestStage, "won", &["a@lost"], "a ENTITY_CLOSED"),
        row("T5", "from won to lost with leave", EarliestStage, "won", &["a@lost reopen"], "a MOVED"),
        row("T5", "back out of a closed stage takes both: reopen", EarliestStage, "lost", &["a@new reopen"], "a WOULD_MOVE_BACK"),
        row("T5", "back out of a closed stage takes both: back", EarliestStage, "lost", &["a@new back"], "a ENTITY_CLOSED"),
        row("T5", "back out of a closed stage takes both", EarliestStage, "lost", &["a@new back reopen"], "a MOVED"),

        row("T6", "the earliest ahead", EarliestStage, "new", &["a@won", "b@offer", "c@order"], "a OUTRANKED b, b MOVED, c OUTRANKED b"),
        row("T6", "the earliest, though it lies behind", EarliestStage, "order", &["a@won", "b@offer back", "c@new back"], "a OUTRANKED c, b OUTRANKED c, c MOVED"),
        row("T6", "the next ahead, not the one behind", NextStage, "order", &["a@lost", "b@won", "c@offer back"], "a OUTRANKED b, b MOVED, c OUTRANKED b"),
        row("T6", "the nearest behind where none is ahead", NextStage, "order", &["a@new back", "b@offer back"], "a OUTRANKED b, b MOVED"),
        row("T6", "the furthest", FurthestStage, "new", &["a@offer", "b@lost", "c@won"], "a OUTRANKED b, b MOVED, c OUTRANKED b"),
        row("T6", "the furthest of those behind", FurthestStage, "order", &["a@new back", "b@offer back"], "a OUTRANKED b, b MOVED"),
        row("T6", "of two on one stage the first created", EarliestStage, "new", &["z@offer", "a@offer"], "z MOVED, a OUTRANKED z"),
        row("T6", "the first created, by the next stage", NextStage, "new", &["z@offer", "a@offer"], "z MOVED, a OUTRANKED z"),
        row("T6", "the first created, by the furthest stage", FurthestStage, "new", &["z@offer", "a@offer"], "z MOVED, a OUTRANKED z"),
        row("T6", "only the eligible compete", EarliestStage, "offer", &["a@new", "b@offer", "c@order paused", "d@won"], "a WOULD_MOVE_BACK, b SAME_STAGE, c PAUSED, d MOVED"),

        row("T7", "the triggers of a stage that is passed over stay still", EarliestStage, "new", &["a@won", "b@offer ~", "c@order ~"], "a MOVED"),

        row("T11", "paused before same stage", EarliestStage, "offer", &["a@offer paused"], "a PAUSED"),
        row("T11", "paused before closed", EarliestStage, "won", &["a@lost paused"], "a PAUSED"),
        row("T11", "same stage before closed", EarliestStage, "won", &["a@won"], "a SAME_STAGE"),
        row("T11", "closed before back", EarliestStage, "won", &["a@new"], "a ENTITY_CLOSED"),
        row("T11", "back before outranked", EarliestStage, "offer", &["a@new", "b@won"], "a WOULD_MOVE_BACK, b MOVED"),
    ]
}

/// Sets a row up, publishes one event, and looks at everything that it must and must not do.
async fn check(client: Client, number: usize, row: Row) {
    let (pipeline_id, deal) = (format!("row{number}"), format!("deal/row{number}"));
    let new = pipeline(&pipeline_id, STAGES);
    client.pipeline(pb::Pipeline { trigger_selection: row.selection.into(), ..new }).await;
    for text in row.triggers {
        client.trigger(parse(text, &pipeline_id)).await;
    }
    client.entity(entity(&deal, &format!("{pipeline_id}/{}", row.at))).await;
    let event = event(&format!("row{number}"), HAPPENED, &deal);
    let outcome = client.publish(event.clone()).await;

    assert_eq!((outcome.duplicate, outcome.refusal.is_none()), (false, true));
    let [decision] = &outcome.decisions[..] else { panic!("one subject, one decision") };
    let listed: Vec<_> = decision.verdicts.iter().map(|v| name(v, &pipeline_id)).collect();
    assert_eq!(listed.join(", "), row.verdicts);
    let winner = decision.verdicts.iter().find(|v| v.result() == pb::VerdictResult::Moved);
    let expected = match winner {
        Some(_) => pb::DecisionOutcome::Moved,
        None if row.verdicts.is_empty() => pb::DecisionOutcome::NoTrigger,
        None => pb::DecisionOutcome::NotMoved,
    };
    assert_eq!(decision.outcome(), expected);
    assert_eq!((&decision.subject, &decision.entity_id, decision.hop), (&deal, &deal, 0));

    let after = client.get_entity(&deal).await;
    let Some(winner) = winner else {
        assert_eq!((&*after.stage_id, after.revision), (row.at, 1), "nothing has moved");
        assert_eq!(decision.r#move, None);
        return;
    };
    assert_eq!((&after.stage_id, after.revision), (&winner.stage_id, 2));
    let moved = decision.r#move.as_ref().expect("MOVED has a move");
    let position = |id: &str| STAGES.split_whitespace().position(|stage| stage.starts_with(id));
    let direction = if position(&moved.to_stage_id) > position(row.at) {
        pb::MoveDirection::Forward
    } else {
        pb::MoveDirection::Backward
    };
    assert_eq!(moved.direction(), direction);
    let places = (&*moved.pipeline_id, &*moved.from_stage_id, &moved.to_stage_id);
    assert_eq!(places, (&*pipeline_id, row.at, &winner.stage_id));
    assert_eq!((&moved.entity_id, moved.entity_revision), (&deal, 2));
    let cause = pb::TriggerCause {
        trigger_id: winner.trigger_id.clone(),
        trigger_revision: winner.trigger_revision,
        event_source: event.source.clone(),
        event_id: event.event_id.clone(),
    };
    assert_eq!(moved.cause, Some(pb::r#move::Cause::Trigger(cause)));
    assert_eq!(after.stage_entered_time, moved.time, "it came to the stage with the move");

    // Asked again later, the event tells the same.
    let request = pb::GetEventRequest { source: event.source, event_id: event.event_id };
    let kept = client.events.clone().get_event(request).await.expect("it is retained");
    assert_eq!(kept.into_inner().outcome.as_ref(), Some(&outcome));
}

fn parse(text: &str, pipeline_id: &str) -> pb::Trigger {
    let mut words = text.split_whitespace();
    let (name, stage) = words.next().and_then(|word| word.split_once('@')).expect("name@stage");
    let place = format!("{pipeline_id}/{stage}");
    let mut parsed = trigger(&format!("{name}-{pipeline_id}"), &place, HAPPENED);
    for word in words {
        match word {
            "back" => parsed.allow_move_back = true,
            "reopen" => parsed.allow_reopen = true,
            "paused" => parsed.state = pb::TriggerState::Paused.into(),
            "~" => OTHER.clone_into(&mut parsed.trigger_type),
            _ => panic!("what is {word:?}?"),
        }
    }
    parsed
}

/// A verdict as in a row; the detail of OUTRANKED names the winner.
fn name(verdict: &pb::Verdict, pipeline_id: &str) -> String {
    let short = |id: &str| id.trim_end_matches(&format!("-{pipeline_id}")).to_owned();
    let result = verdict.result().as_str_name().trim_start_matches("VERDICT_RESULT_");
    let trigger = short(&verdict.trigger_id);
    let winner = verdict.detail.split_whitespace().find(|word| word.ends_with(pipeline_id));
    match winner {
        Some(winner) => format!("{trigger} {result} {}", short(winner)),
        None => format!("{trigger} {result}"),
    }
}
