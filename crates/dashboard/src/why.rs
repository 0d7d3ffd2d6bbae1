//! What became of an entity of late, event by event, in plain sentences.

use pawl_api::pb;
use pawl_api::sentences::{Mood, Scene};
use pawl_domain::{
    Cause, Entity, EventId, Move, PipelineId, Source, StageId, Timestamp, VerdictResult,
};
use pawl_engine::{Engine, EngineError, LoggedMove, LoggedVerdict, MovesPage, VerdictQuery};

use crate::words::{Told, Words};

/// How many verdicts are looked for.
const VERDICTS: usize = 30;
/// How many stretches of the log are searched for them: each may be long and hold none.
const WALKS_MAX: usize = 5;

/// One event and what its triggers said about the entity.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) source: Source,
    pub(crate) event_id: EventId,
    pub(crate) event_type: String,
    pub(crate) time: Timestamp,
    pub(crate) headline: String,
    /// Why other triggers did not move it; which one did stands in the headline.
    pub(crate) held: Vec<String>,
}

/// The latest, newest first, and whether these are all that there are.
pub(crate) async fn stories(
    engine: &Engine,
    entity: &Entity,
    moves: &MovesPage,
    words: &mut Words,
) -> Result<(Vec<Story>, bool), EngineError> {
    let query = VerdictQuery { entity_id: Some(entity.id.clone()), ..VerdictQuery::default() };
    let mut verdicts: Vec<LoggedVerdict> = Vec::new();
    let mut before = None;
    for _ in 0..WALKS_MAX {
        let wanted = VERDICTS - verdicts.len();
        let page = engine.verdicts(query.clone(), before, wanted).await?;
        verdicts.extend(page.verdicts);
        before = page.next;
        if before.is_none() || verdicts.len() >= VERDICTS {
            break;
        }
    }
    let is_all = before.is_none();
    let mut groups: Vec<Vec<LoggedVerdict>> = Vec::new();
    for verdict in verdicts {
        match groups.last_mut().filter(|group| is_together(&group[0], &verdict)) {
            Some(group) => group.push(verdict),
            None => groups.push(vec![verdict]),
        }
    }
    if !is_all && groups.len() > 1 {
        // Some of its verdicts may not have been asked for.
        groups.pop();
    }
    let mut stories = Vec::new();
    for mut group in groups {
        // They came newest first; triggers are told in the order in which they were asked.
        group.reverse();
        stories.push(story(entity, moves, &group, words).await?);
    }
    Ok((stories, is_all))
}

/// Whether two verdicts are of one decision.
fn is_together(one: &LoggedVerdict, other: &LoggedVerdict) -> bool {
    let key = |of: &LoggedVerdict| {
        (of.event_source.clone(), of.event_id.clone(), of.event_type.clone(), of.hop)
    };
    key(one) == key(other)
}

async fn story(
    entity: &Entity,
    moves: &MovesPage,
    group: &[LoggedVerdict],
    words: &mut Words,
) -> Result<Story, EngineError> {
    let first = &group[0];
    let has_moved = group.iter().any(|verdict| verdict.result == VerdictResult::Moved);
    let mut scene = Scene { mood: Mood::Happened, here: None, there: None, winner: None };
    if let Some(winner) = group.iter().find(|verdict| verdict.result == VerdictResult::Moved) {
        let asked = &winner.asked;
        scene.winner = Some(words.label(asked.trigger_id.as_str(), asked.trigger_revision).await?);
        let moved = moves.moves.iter().find(|logged| is_of(&logged.moved, first));
        let pipeline = moved.map_or(&entity.pipeline_id, |logged| &logged.moved.pipeline_id);
        scene.there = Some(words.stage(pipeline.as_str(), asked.stage_id.as_str()).await?);
        if let Some(LoggedMove { moved, .. }) = moved {
            scene.here = Some(words.place(&origin(moved)).await?);
        }
    } else if let Some(stood) = stood(entity, moves, first) {
        scene.here = Some(words.place(&stood).await?);
    }
    let outcome =
        if has_moved { pb::DecisionOutcome::Moved } else { pb::DecisionOutcome::NotMoved };
    let decision = pb::Decision {
        subject: entity.id.to_string(),
        entity_id: entity.id.to_string(),
        event_type: first.event_type.to_string(),
        hop: i32::try_from(first.hop).unwrap_or(i32::MAX),
        outcome: outcome.into(),
        r#move: None,
        verdicts: group.iter().map(|logged| logged.verdict().into()).collect(),
    };
    let Told { headline, sentences } = words.within(&decision, &scene).await?;
    let told = group.iter().zip(sentences);
    let held = told.filter(|(verdict, _)| verdict.result != VerdictResult::Moved);
    Ok(Story {
        source: first.event_source.clone(),
        event_id: first.event_id.clone(),
        event_type: first.event_type.to_string(),
        time: first.time,
        headline,
        held: held.map(|(_, sentence)| sentence).collect(),
    })
}

fn is_of(moved: &Move, verdict: &LoggedVerdict) -> bool {
    let (Cause::Trigger { event_source, event_id, .. }
    | Cause::Manual { event_source, event_id, .. }) = &moved.cause;
    *event_source == verdict.event_source && *event_id == verdict.event_id
}

/// Where a move began.
fn origin(moved: &Move) -> (PipelineId, StageId) {
    let pipeline = moved.from_pipeline_id.as_ref().unwrap_or(&moved.pipeline_id);
    (pipeline.clone(), moved.from_stage_id.clone())
}

/// Where an entity stood when an event did not move it, if that can be told from where it is now and
/// how it came there.
fn stood(
    entity: &Entity,
    moves: &MovesPage,
    verdict: &LoggedVerdict,
) -> Option<(PipelineId, StageId)> {
    let moves_of_it = moves.moves.iter().map(|logged| &logged.moved);
    // It moved at another place of the same chain, or another event was committed together with it.
    let together: Vec<_> = moves_of_it.clone().filter(|moved| moved.time == verdict.time).collect();
    match together[..] {
        [] => {}
        [moved] if is_of(moved, verdict) && moved.hop > verdict.hop => return Some(origin(moved)),
        [moved] if is_of(moved, verdict) && moved.hop < verdict.hop => {
            return Some((moved.pipeline_id.clone(), moved.to_stage_id.clone()));
        }
        _ => return None,
    }
    let last = moves.moves.last().map(|logged| logged.moved.time);
    if moves.next.is_some() && last.is_none_or(|last| last > verdict.time) {
        return None;
    }
    let next = moves_of_it.take_while(|moved| moved.time > verdict.time).last();
    Some(next.map_or_else(|| (entity.pipeline_id.clone(), entity.stage_id.clone()), origin))
}
