//! The numbers behind the pictures.

use std::collections::HashMap;
use std::time::Duration;

use pawl_domain::{Move, PipelineId, StageId, Timestamp};

/// How many minutes the picture of moves shows.
pub(super) const MINUTES: usize = 60;
/// Whoever moved something within so long is not silent.
const QUIET: Duration = Duration::from_hours(24);

/// How many of these moments lie in each of the last minutes; the last is the one up to now.
pub(super) fn per_minute(times: impl Iterator<Item = Timestamp>, now: Timestamp) -> Vec<usize> {
    let mut counts = vec![0; MINUTES];
    for time in times {
        let minutes = usize::try_from(now.since(time).as_secs() / 60).unwrap_or(usize::MAX);
        if let Some(index) = (MINUTES - 1).checked_sub(minutes) {
            counts[index] += 1;
        }
    }
    counts
}

/// How long entities stayed on stages.
#[derive(Debug, Default)]
pub(super) struct Stays(HashMap<StageId, Vec<Duration>>);

/// How long entities stayed on one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) median: Duration,
    pub(super) p90: Duration,
    pub(super) count: usize,
}

/// The stays in a pipeline that began and ended with one of these moves, which come newest first.
pub(super) fn stays(moves: &[Move], pipeline: &PipelineId) -> Stays {
    let mut stays = Stays::default();
    let mut entered: HashMap<&str, (&StageId, Timestamp)> = HashMap::new();
    for moved in moves.iter().rev() {
        let entity = moved.entity_id.as_str();
        let from = moved.from_pipeline_id.as_ref().unwrap_or(&moved.pipeline_id);
        // An entity that was deleted and made again did not come to its stage by a move.
        if let Some((stage, time)) = entered.remove(entity)
            && from == pipeline
            && *stage == moved.from_stage_id
        {
            stays.0.entry(stage.clone()).or_default().push(moved.time.since(time));
        }
        if moved.pipeline_id == *pipeline {
            entered.insert(entity, (&moved.to_stage_id, moved.time));
        }
    }
    for lengths in stays.0.values_mut() {
        lengths.sort_unstable();
    }
    stays
}

impl Stays {
    pub(super) fn of(&self, stage: &StageId) -> Option<Stay> {
        let lengths = self.0.get(stage)?;
        Some(Stay {
            median: percentile(lengths, 50)?,
            p90: percentile(lengths, 90)?,
            count: lengths.len(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// The smallest length such that so many per cent are no longer; they are sorted.
fn percentile(sorted: &[Duration], per_cent: usize) -> Option<Duration> {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// How quiet a trigger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// It moved something of late, or is new.
    Busy,
    /// It has not moved anything for so long.
    For(Duration),
    /// It never has, since it was made so long ago.
    Never(Duration),
}

pub(super) fn silence(last: Option<Timestamp>, created: Timestamp, now: Timestamp) -> Silence {
    match last.map(|last| now.since(last)) {
        Some(long) if long < QUIET => Silence::Busy,
        Some(long) => Silence::For(long),
        None => Silence::Never(now.since(created)),
    }
}

#[cfg(test)]
mod tests {
    use pawl_domain::{Cause, EventId, Prose, Source};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000_000 + seconds))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn moves_fall_into_their_minutes() {
        let times = [0, 60 * 60 - 1, 60 * 60, 60 * 60 - 60, 1].map(at);
        let counts = per_minute(times.into_iter(), at(60 * 60));
        assert_eq!(counts.len(), MINUTES);
        // What is an hour old is not of the last hour; 59:59 is.
        assert_eq!(counts[0], 1);
        assert_eq!((counts[MINUTES - 1], counts[MINUTES - 2]), (2, 1));
        assert_eq!(counts.iter().sum::<usize>(), 4);
        // A clock that steps back does not lose them.
        assert_eq!(per_minute([at(70)].into_iter(), at(60))[MINUTES - 1], 1);
    }

    /// Entity, pipelines and stages from and to, and when.
    fn moved(entity: &str, from: &str, to: &str, time: u64) -> Move {
        let split = |place: &str| {
            let (pipeline, stage) = place.split_once('/').unwrap();
            (pipeline.parse::<PipelineId>().unwrap(), stage.parse().unwrap())
        };
        let ((old, from_stage_id), (pipeline_id, to_stage_id)) = (split(from), split(to));
        Move {
            entity_id: format!("deal/{entity}").parse().unwrap(),
            from_pipeline_id: (old != pipeline_id).then_some(old),
            pipeline_id,
            from_stage_id,
            to_stage_id,
            direction: None,
            cause: Cause::Manual {
                actor: None,
                comment: Prose::default(),
                event_source: "pawl".parse::<Source>().unwrap(),
                event_id: "e".parse::<EventId>().unwrap(),
            },
            hop: 0,
            time: at(time),
            responsible: None,
            entity_revision: 1,
        }
    }

    #[test]
    fn stays_are_those_between_two_moves_of_this_pipeline() {
        let mut moves = vec![
            moved("1", "a/new", "a/read", 0),
            moved("2", "a/new", "a/read", 5),
            moved("1", "a/read", "a/won", 10),
            // It was deleted and made again on another stage: nobody knows when.
            moved("2", "a/new", "a/read", 20),
            moved("2", "a/read", "b/read", 50),
            moved("2", "b/read", "a/read", 100),
            moved("2", "a/read", "a/won", 170),
        ];
        moves.reverse();
        let stays = stays(&moves, &"a".parse().unwrap());
        let read = stays.of(&"read".parse().unwrap()).unwrap();
        assert_eq!(read, Stay { median: seconds(30), p90: seconds(70), count: 3 });
        assert_eq!(stays.of(&"won".parse().unwrap()), None, "nobody left it");
        assert_eq!(stays.count(), 3);
    }

    #[test]
    fn percentiles_are_of_what_was_there() {
        let ten: Vec<_> = (1..=10).map(seconds).collect();
        let of = |lengths: &[Duration], per_cent| percentile(lengths, per_cent);
        assert_eq!((of(&ten, 50), of(&ten, 90)), (Some(seconds(5)), Some(seconds(9))));
        assert_eq!((of(&ten[..1], 50), of(&ten[..1], 90)), (Some(seconds(1)), Some(seconds(1))));
        assert_eq!(of(&[], 50), None);
    }

    #[test]
    fn triggers_fall_silent_after_a_day() {
        let day = 24 * 60 * 60;
        assert_eq!(silence(Some(at(1)), at(0), at(day)), Silence::Busy);
        assert_eq!(silence(Some(at(0)), at(0), at(3 * day)), Silence::For(seconds(3 * day)));
        assert_eq!(silence(None, at(5), at(10)), Silence::Never(seconds(5)));
    }
}
