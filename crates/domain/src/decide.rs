use std::sync::Arc;

use crate::filter::{Holding, Scope};
use crate::limits::HOPS_MAX;
use crate::{
    Cause, Decision, Detail, Direction, Entity, Event, FilterPart, Listener, Listening, Move,
    Outcome, Pipeline, StageId, Subject, Timestamp, Trigger, TriggerSelection, TriggerState,
    VerdictResult, Verdicts,
};

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The event's subject that led to the entity.
    pub subject: &'a Subject,
    /// The entity as it stands: after the event's own write, before any move.
    pub entity: &'a Entity,
    /// The entity's pipeline.
    pub pipeline: &'a Pipeline,
    /// The triggers of that pipeline that listen to the event's type, oldest first.
    pub listening: &'a Listening,
    /// How far from the event that began it (X2).
    pub hop: u32,
    /// Whether the entity moved in this commit already (X2).
    pub has_moved: bool,
    /// Commit time.
    pub now: Timestamp,
}

/// Decides what an event does to one entity: a verdict for every listening trigger, and at most one
/// move (T2 to T7, T11).
///
/// The same function serves publishing, previews and `pawl test`.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { event, subject, entity, listening, hop, .. } = *situation;
    let scope = Scope::new(event, entity, situation.now);
    let at = position(situation.pipeline, &entity.stage_id);
    let standings: Vec<Standing> =
        listening.iter().map(|listener| standing(listener, situation, at, &scope)).collect();
    let winner = pick(listening, &standings);

    let result = |(index, (Listener { trigger, .. }, standing)): (usize, (&Listener, Standing))| {
        match (standing, winner) {
            (Standing::Out(result), _) => result,
            (Standing::Eligible { .. }, Some((winner, _))) if winner == index => {
                VerdictResult::Moved
            }
            (Standing::Eligible { rank, .. }, winner) => match (trigger.state, winner) {
                // Shadows do not compete with each other.
                (TriggerState::Shadow, None) => VerdictResult::WouldMove,
                (TriggerState::Shadow, Some((_, best))) if rank < best => VerdictResult::WouldMove,
                (_, Some(_)) => VerdictResult::Outranked,
                (_, None) => unreachable!("of the eligible one is picked"),
            },
        }
    };
    let outcome = match winner {
        Some((winner, _)) => {
            let direction = standings[winner].direction();
            Outcome::Moved(move_by(&listening[winner].trigger, direction, situation))
        }
        None if listening.is_empty() => Outcome::NoTrigger(entity.id.clone()),
        None => Outcome::NotMoved(entity.id.clone()),
    };
    Decision {
        subject: subject.clone(),
        event_type: event.event_type.clone(),
        hop,
        outcome,
        verdicts: Verdicts::new(
            Arc::clone(listening.asked()),
            listening.iter().zip(standings).enumerate().map(result).collect(),
        ),
    }
}

/// The value of each part of each filter that was run, verdict by verdict (Q1).
pub(crate) fn explain(situation: &Situation<'_>) -> Vec<Vec<FilterPart>> {
    let Situation { event, entity, listening, .. } = *situation;
    let scope = Scope::new(event, entity, situation.now);
    let parts = |Listener { trigger, trigger_type }: &Listener| match &trigger.filter {
        Some(filter)
            if trigger.state != TriggerState::Paused
                && trigger_type.differs(&trigger.parameters, event).is_none() =>
        {
            filter.parts(&scope)
        }
        _ => Vec::new(),
    };
    listening.iter().map(parts).collect()
}

/// Where one trigger stands before a winner is picked.
enum Standing {
    /// It could move the entity; `steps` ahead of the entity's stage, negative when behind.
    Eligible { steps: isize, rank: Rank },
    /// It could not, for this reason.
    Out(VerdictResult),
}

/// The smallest wins: first by stage, then by age (T6).
type Rank = (bool, isize, u64);

impl Standing {
    fn direction(&self) -> Direction {
        match self {
            Self::Eligible { steps, .. } if *steps < 0 => Direction::Backward,
            Self::Eligible { .. } | Self::Out(_) => Direction::Forward,
        }
    }
}

/// Judges one trigger alone, in the order of precedence (T11). The entity's stage stands `at` this
/// place.
fn standing(
    listener: &Listener,
    situation: &Situation<'_>,
    at: usize,
    scope: &Scope<'_>,
) -> Standing {
    let Listener { trigger, trigger_type } = listener;
    let Situation { event, pipeline, hop, has_moved, .. } = *situation;
    if trigger.state == TriggerState::Paused {
        return Standing::Out(VerdictResult::Paused);
    }
    if let Some(came) = trigger_type.differs(&trigger.parameters, event) {
        return Standing::Out(VerdictResult::ParametersDiffer(came));
    }
    match trigger.filter.as_ref().map_or(Holding::Holds, |filter| filter.holds(scope)) {
        Holding::Holds => {}
        Holding::False(part) => {
            return Standing::Out(VerdictResult::FilterFalse(part));
        }
        Holding::Error(error) => {
            return Standing::Out(VerdictResult::EvaluationError(Detail::clipped(error)));
        }
    }
    let steps = position(pipeline, &trigger.stage_id).cast_signed() - at.cast_signed();
    Standing::Out(if has_moved {
        VerdictResult::Loop
    } else if hop > HOPS_MAX {
        VerdictResult::HopLimit
    } else if steps == 0 {
        VerdictResult::SameStage
    } else if pipeline.stages.at(at).semantics.is_closed() && !trigger.allow_reopen {
        VerdictResult::EntityClosed
    } else if steps < 0 && !trigger.allow_move_back {
        VerdictResult::WouldMoveBack
    } else {
        return Standing::Eligible { steps, rank: rank(pipeline.selection, steps, trigger) };
    })
}

/// Where a stage stands that is there.
fn position(pipeline: &Pipeline, stage: &StageId) -> usize {
    // A stage on which triggers or entities stand cannot be removed (P2).
    let gone = || unreachable!("stage {stage} is gone from pipeline {}", pipeline.id);
    pipeline.stages.position(stage).unwrap_or_else(gone)
}

/// How a trigger compares with others that could move the entity too (T6).
fn rank(selection: TriggerSelection, steps: isize, trigger: &Trigger) -> Rank {
    match selection {
        TriggerSelection::EarliestStage => (false, steps, trigger.created_at),
        TriggerSelection::FurthestStage => (false, -steps, trigger.created_at),
        // Everything ahead comes before anything behind, and near comes before far.
        TriggerSelection::NextStage => (steps < 0, steps.abs(), trigger.created_at),
    }
}

/// The trigger that moves the entity: of those that are active and could, the one of least rank.
fn pick(listening: &[Listener], standings: &[Standing]) -> Option<(usize, Rank)> {
    let eligible = standings.iter().enumerate().filter_map(|(index, standing)| match standing {
        Standing::Eligible { rank, .. }
            if listening[index].trigger.state == TriggerState::Active =>
        {
            Some((index, *rank))
        }
        Standing::Eligible { .. } | Standing::Out(_) => None,
    });
    eligible.min_by_key(|(_, rank)| *rank)
}

fn move_by(trigger: &Trigger, direction: Direction, situation: &Situation<'_>) -> Move {
    let Situation { event, entity, hop, now, .. } = *situation;
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
        hop,
        time: now,
        responsible: entity.responsible.clone(),
        entity_revision: entity.version.revision + 1,
    }
}
