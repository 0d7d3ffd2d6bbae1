use std::cmp::Reverse;
use std::sync::Arc;

use crate::{
    Cause, Decision, Direction, Entity, Event, Move, Outcome, Pipeline, Subject, Timestamp,
    Trigger, TriggerSelection, TriggerState, Verdict, VerdictResult,
};

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The event's subject that led to the entity.
    pub subject: &'a Subject,
    /// The entity as it stands.
    pub entity: &'a Entity,
    /// The entity's pipeline.
    pub pipeline: &'a Pipeline,
    /// The triggers of that pipeline that listen to the event's type, oldest first.
    pub listening: &'a [Arc<Trigger>],
    /// Commit time.
    pub now: Timestamp,
}

/// Decides what an event does to one entity: a verdict for every listening trigger, and at most one
/// move (T4 to T7, T11).
///
/// The same function serves publishing and every question about what would have happened.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { event, subject, entity, pipeline, listening, .. } = *situation;
    let standings: Vec<Standing> =
        listening.iter().map(|trigger| standing(trigger, entity, pipeline)).collect();
    let winner = pick(pipeline.selection, listening, &standings);

    let verdict = |(index, (trigger, standing)): (usize, (&Arc<Trigger>, &Standing))| Verdict {
        trigger_id: trigger.id.clone(),
        trigger_revision: trigger.version.revision,
        stage_id: trigger.stage_id.clone(),
        result: match (standing, winner) {
            (Standing::Out(result), _) => result.clone(),
            (Standing::Eligible { .. }, Some(winner)) if winner != index => {
                VerdictResult::Outranked { winner: listening[winner].id.clone() }
            }
            (Standing::Eligible { .. }, _) => VerdictResult::Moved,
        },
    };
    let outcome = match winner {
        Some(winner) => {
            Outcome::Moved(move_by(&listening[winner], standings[winner].direction(), situation))
        }
        None if listening.is_empty() => Outcome::NoTrigger(entity.id.clone()),
        None => Outcome::NotMoved(entity.id.clone()),
    };
    Decision {
        subject: subject.clone(),
        event_type: event.event_type.clone(),
        hop: 0,
        outcome,
        verdicts: listening.iter().zip(&standings).enumerate().map(verdict).collect(),
    }
}

/// Where one trigger stands before a winner is picked.
enum Standing {
    /// It could move the entity; `steps` ahead of the entity's stage, negative when behind.
    Eligible { steps: isize },
    /// It could not, for this reason.
    Out(VerdictResult),
}

impl Standing {
    fn direction(&self) -> Direction {
        match self {
            Self::Eligible { steps } if *steps < 0 => Direction::Backward,
            Self::Eligible { .. } | Self::Out(_) => Direction::Forward,
        }
    }
}

/// Judges one trigger alone, in the order of precedence (T11).
fn standing(trigger: &Trigger, entity: &Entity, pipeline: &Pipeline) -> Standing {
    if trigger.state == TriggerState::Paused {
        return Standing::Out(VerdictResult::Paused);
    }
    let steps = steps_between(pipeline, entity, trigger);
    if steps == 0 {
        Standing::Out(VerdictResult::SameStage)
    } else if pipeline.stages.is_closed(&entity.stage_id) && !trigger.allow_reopen {
        Standing::Out(VerdictResult::EntityClosed)
    } else if steps < 0 && !trigger.allow_move_back {
        Standing::Out(VerdictResult::WouldMoveBack)
    } else {
        Standing::Eligible { steps }
    }
}

/// How many stages the trigger's lies after the entity's.
fn steps_between(pipeline: &Pipeline, entity: &Entity, trigger: &Trigger) -> isize {
    let position = |stage| {
        let position = pipeline.stages.position(stage);
        // A stage on which triggers or entities stand cannot be removed (P2).
        position
            .unwrap_or_else(|| unreachable!("stage {stage} is gone from pipeline {}", pipeline.id))
    };
    position(&trigger.stage_id).cast_signed() - position(&entity.stage_id).cast_signed()
}

/// Index of the trigger that moves the entity (T6). Of two on one stage, the one created first.
fn pick(
    selection: TriggerSelection,
    listening: &[Arc<Trigger>],
    standings: &[Standing],
) -> Option<usize> {
    let eligible = standings.iter().enumerate().filter_map(|(index, standing)| match standing {
        Standing::Eligible { steps } => Some((index, *steps, listening[index].created_at)),
        Standing::Out(_) => None,
    });
    let best = match selection {
        TriggerSelection::EarliestStage => {
            eligible.min_by_key(|(_, steps, created)| (*steps, *created))
        }
        TriggerSelection::FurthestStage => {
            eligible.min_by_key(|(_, steps, created)| (Reverse(*steps), *created))
        }
        // Everything ahead comes before anything behind, and near comes before far.
        TriggerSelection::NextStage => {
            eligible.min_by_key(|(_, steps, created)| (*steps < 0, steps.unsigned_abs(), *created))
        }
    };
    best.map(|(index, ..)| index)
}

fn move_by(trigger: &Trigger, direction: Direction, situation: &Situation<'_>) -> Move {
    let Situation { event, entity, now, .. } = *situation;
    Move {
        entity_id: entity.id.clone(),
        pipeline_id: entity.pipeline_id.clone(),
        from_pipeline_id: None,
        from_stage_id: entity.stage_id.clone(),
        to_stage_id: trigger.stage_id.clone(),
        direction: Some(direction),
        cause: Cause::Trigger {
            trigger_id: trigger.id.clone(),
            trigger_revision: trigger.version.revision,
            event_source: event.source.clone(),
            event_id: event.id.clone(),
        },
        hop: 0,
        time: now,
        responsible: entity.responsible.clone(),
        entity_revision: entity.version.revision + 1,
    }
}
