use pawl_domain::limits::HOPS_MAX;
use pawl_domain::{
    Decision, Event, FilterPart, MoveId, Outcome, Rejection, Verdict, VerdictResult,
};

use super::moves::{hop_to_pb, move_to_pb};
use super::refusal;
use super::value::{choice, value_to_pb};
use crate::pb;

/// How much of each decision to give; unspecified means BASIC. A refusal names `path`.
pub fn decision_view(path: &str, number: i32) -> Result<pb::DecisionView, Rejection> {
    Ok(match choice(path, number, "BASIC or FULL")? {
        pb::DecisionView::Unspecified | pb::DecisionView::Basic => pb::DecisionView::Basic,
        pb::DecisionView::Full => pb::DecisionView::Full,
    })
}

/// What became of an event.
#[derive(Debug, Clone, Copy)]
pub struct Became<'a> {
    /// The event.
    pub event: &'a Event,
    /// Where its record stands in the log; `None` for a preview.
    pub sequence: Option<u64>,
    /// What was decided.
    pub decisions: &'a [Decision],
    /// For each decision and verdict the values of its filter's parts; empty when not known.
    pub explanations: &'a [Vec<Vec<FilterPart>>],
    /// Whether the event was published before.
    pub duplicate: bool,
    /// For each move, which it is of all that the record made; empty when none are left out.
    pub move_numbers: &'a [u32],
}

/// What became of an event, as it is sent.
pub fn event_outcome(became: &Became<'_>, view: pb::DecisionView) -> pb::EventOutcome {
    let Became { event, sequence, decisions, explanations, duplicate, move_numbers } = *became;
    let mut numbers = (0..).map(|next: u32| {
        let number = usize::try_from(next).ok().and_then(|next| move_numbers.get(next));
        number.copied().unwrap_or(next)
    });
    let to_pb = |(index, decision): (usize, &Decision)| {
        let moved = decision.moved().map(|moved| {
            let index = numbers.next().unwrap_or(u32::MAX);
            let id = sequence.map(|sequence| MoveId { sequence, index });
            move_to_pb(id, moved)
        });
        let mut decided = decision_to_pb(decision, moved, view);
        let parts = explanations.get(index).into_iter().flatten();
        for (verdict, parts) in decided.verdicts.iter_mut().zip(parts) {
            verdict.filter_parts = parts.iter().map(Into::into).collect();
        }
        decided
    };
    pb::EventOutcome {
        event_id: event.id.as_str().to_owned(),
        source: event.source.as_str().to_owned(),
        duplicate,
        decisions: decisions.iter().enumerate().map(to_pb).collect(),
        refusal: None,
    }
}

impl From<&FilterPart> for pb::FilterPart {
    fn from(part: &FilterPart) -> Self {
        let (value, error) = match &part.value {
            Ok(value) => (Some(value_to_pb(value)), String::new()),
            Err(error) => (None, error.clone()),
        };
        Self { expression: part.expression.clone(), value, error }
    }
}

/// What became of an event that was refused; id and source are as they were sent.
pub fn refused(event_id: String, source: String, rejection: &Rejection) -> pb::EventOutcome {
    pb::EventOutcome {
        event_id,
        source,
        duplicate: false,
        decisions: Vec::new(),
        refusal: Some(refusal(rejection)),
    }
}

fn decision_to_pb(
    decision: &Decision,
    moved: Option<pb::Move>,
    view: pb::DecisionView,
) -> pb::Decision {
    let outcome = match &decision.outcome {
        Outcome::Moved(_) => pb::DecisionOutcome::Moved,
        Outcome::NotMoved(_) => pb::DecisionOutcome::NotMoved,
        Outcome::NoTrigger(_) => pb::DecisionOutcome::NoTrigger,
        Outcome::EntityNotFound(_) => pb::DecisionOutcome::EntityNotFound,
        Outcome::NotReached => pb::DecisionOutcome::NotReached,
    };
    let verdicts = match view {
        pb::DecisionView::Unspecified | pb::DecisionView::Basic => Vec::new(),
        pb::DecisionView::Full => decision.verdicts.iter().map(Into::into).collect(),
    };
    pb::Decision {
        subject: decision.subject.as_str().to_owned(),
        entity_id: decision
            .outcome
            .entity_id()
            .map_or_else(String::new, |id| id.as_str().to_owned()),
        event_type: decision.event_type.as_str().to_owned(),
        hop: hop_to_pb(decision.hop),
        outcome: outcome.into(),
        r#move: moved,
        verdicts,
    }
}

impl From<Verdict<'_>> for pb::Verdict {
    fn from(verdict: Verdict<'_>) -> Self {
        use VerdictResult as Result;
        let (result, detail) = match verdict.result {
            Result::Moved => (pb::VerdictResult::Moved, String::new()),
            Result::WouldMove => (pb::VerdictResult::WouldMove, String::new()),
            Result::Paused => (pb::VerdictResult::Paused, String::new()),
            Result::ParametersDiffer(detail) => {
                (pb::VerdictResult::ParametersDiffer, detail.to_string())
            }
            Result::FilterFalse(detail) => (pb::VerdictResult::FilterFalse, detail.to_string()),
            Result::EvaluationError(detail) => {
                (pb::VerdictResult::EvaluationError, detail.to_string())
            }
            Result::Loop => (
                pb::VerdictResult::Loop,
                "the entity moved already because of this event".to_owned(),
            ),
            Result::HopLimit => {
                (pb::VerdictResult::HopLimit, format!("a chain has at most {HOPS_MAX} hops"))
            }
            Result::SameStage => (pb::VerdictResult::SameStage, String::new()),
            Result::EntityClosed => (pb::VerdictResult::EntityClosed, String::new()),
            Result::WouldMoveBack => (pb::VerdictResult::WouldMoveBack, String::new()),
            Result::Outranked => {
                let picked = |winner| format!("trigger {winner} was picked");
                (pb::VerdictResult::Outranked, verdict.winner.map(picked).unwrap_or_default())
            }
        };
        Self {
            trigger_id: verdict.asked.trigger_id.to_string(),
            trigger_revision: verdict.asked.trigger_revision,
            stage_id: verdict.asked.stage_id.to_string(),
            result: result.into(),
            detail,
            filter_parts: Vec::new(),
            occasion: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use pawl_domain::{
        Asked, Cause, Changes, Direction, EntityId, Fields, Move, Subject, Timestamp, Verdicts,
    };

    use super::*;

    fn id<T: std::str::FromStr<Err = Rejection>>(text: &str) -> T {
        text.parse().unwrap()
    }

    fn event() -> Event {
        Event {
            id: id("e1"),
            source: id("mailer"),
            event_type: id("email.viewed"),
            time: None,
            actor: None,
            subjects: Vec::new(),
            attributes: Fields::default(),
            changes: Changes::default(),
        }
    }

    fn moved(entity_id: EntityId) -> Outcome {
        Outcome::Moved(Move {
            entity_id,
            pipeline_id: id("sales"),
            from_pipeline_id: None,
            from_stage_id: id("new"),
            to_stage_id: id("won"),
            direction: Some(Direction::Forward),
            cause: Cause::Trigger {
                trigger_id: id("t1"),
                trigger_revision: 2,
                event_source: id("mailer"),
                event_id: id("e1"),
            },
            hop: 0,
            time: Timestamp::default(),
            responsible: None,
            entity_revision: 2,
        })
    }

    fn decision(entity_id: &str, outcome: fn(EntityId) -> Outcome) -> Decision {
        let asked = |trigger_id: &str| Asked {
            trigger_id: id(trigger_id),
            trigger_revision: 2,
            stage_id: id("won"),
        };
        let asked = ["t1", "t2"].map(asked);
        let results = vec![VerdictResult::Moved, VerdictResult::Outranked];
        Decision {
            subject: Subject::Entity(id(entity_id)),
            event_type: id("email.viewed"),
            hop: 0,
            outcome: outcome(id(entity_id)),
            verdicts: Verdicts::new(asked.into(), results),
        }
    }

    #[test]
    fn moves_are_numbered_across_the_decisions_of_an_event() {
        let decisions = [
            decision("deal/1", moved),
            decision("deal/2", Outcome::NotMoved),
            decision("deal/3", Outcome::EntityNotFound),
            decision("deal/4", moved),
        ];
        let outcome = event_outcome(
            &Became {
                event: &event(),
                sequence: Some(12),
                decisions: &decisions,
                explanations: &[],
                duplicate: true,
                move_numbers: &[],
            },
            pb::DecisionView::Basic,
        );
        let seen: Vec<_> = outcome
            .decisions
            .iter()
            .map(|decision| {
                let move_id = decision.r#move.as_ref().map_or("", |moved| &moved.move_id);
                (decision.entity_id.as_str(), decision.outcome(), move_id)
            })
            .collect();
        let expected = [
            ("deal/1", pb::DecisionOutcome::Moved, "12-0"),
            ("deal/2", pb::DecisionOutcome::NotMoved, ""),
            ("deal/3", pb::DecisionOutcome::EntityNotFound, ""),
            ("deal/4", pb::DecisionOutcome::Moved, "12-1"),
        ];
        assert_eq!(seen, expected);
        assert!(outcome.duplicate && outcome.refusal.is_none());
    }

    #[test]
    fn verdicts_belong_to_the_full_view_and_name_the_winner() {
        let decisions = [decision("deal/1", moved)];
        let verdicts = |view| {
            let event = event();
            let became = Became {
                event: &event,
                sequence: None,
                decisions: &decisions,
                explanations: &[],
                duplicate: false,
                move_numbers: &[],
            };
            event_outcome(&became, view).decisions.remove(0).verdicts
        };
        assert!(verdicts(pb::DecisionView::Basic).is_empty());
        assert!(verdicts(decision_view("view", 0).unwrap()).is_empty());
        let full = verdicts(decision_view("view", 2).unwrap());
        assert_eq!((full[0].result(), full[0].detail.as_str()), (pb::VerdictResult::Moved, ""));
        assert_eq!(full[1].result(), pb::VerdictResult::Outranked);
        assert_eq!(full[1].detail, "trigger t1 was picked");
        assert!(decision_view("view", 9).is_err());
    }

    #[test]
    fn a_refused_event_keeps_its_identity_as_sent() {
        let rejection = Rejection::invalid("events[0].type", "is required");
        let outcome = refused("e1".to_owned(), String::new(), &rejection);
        assert_eq!((outcome.event_id.as_str(), outcome.decisions.len()), ("e1", 0));
        assert_eq!(outcome.refusal.unwrap().field_violations[0].field, "events[0].type");
    }
}
