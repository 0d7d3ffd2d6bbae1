use pawl_api::pb;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use prost_types::Timestamp;

use crate::client::Wire;
use crate::failure::Failure;
use crate::why::Asked;
use crate::why::lookup::Order;

/// How many verdicts are asked for at once: about those of a dozen events.
const VERDICTS_PER_PAGE: i32 = 100;

/// Verdicts of one event.
#[derive(Debug)]
pub(super) struct Occasion {
    pub(super) source: String,
    pub(super) event_id: String,
    pub(super) time: Option<Timestamp>,
    pub(super) verdicts: Vec<pb::Verdict>,
}

/// The newest events with verdicts, up to the limit, and the order of all that were seen meanwhile.
pub(super) async fn occasions(
    asked: &Asked,
    limit: usize,
    client: &mut TriggerServiceClient<Wire>,
) -> Result<(Vec<Occasion>, Order), Failure> {
    let Asked { trigger, entity } = asked;
    let mut order = Order::new(entity.clone());
    let mut occasions: Vec<Occasion> = Vec::new();
    let mut request = pb::ListVerdictsRequest {
        // All that happened to an entity tells where it stood, also what another trigger did.
        trigger_id: if entity.is_empty() { trigger.clone() } else { String::new() },
        entity_id: entity.clone(),
        page_size: VERDICTS_PER_PAGE,
        page_token: String::new(),
    };
    loop {
        let page = client.list_verdicts(request.clone()).await?.into_inner();
        for verdict in page.verdicts {
            let of = verdict.occasion.clone().unwrap_or_default();
            order.add(&of.event_source, &of.event_id);
            if !trigger.is_empty() && verdict.trigger_id != *trigger {
                continue;
            }
            let is_new = occasions.last().is_none_or(|last| {
                (&last.source, &last.event_id) != (&of.event_source, &of.event_id)
            });
            if is_new && occasions.len() == limit {
                return Ok((occasions, order));
            }
            if is_new {
                occasions.push(Occasion {
                    source: of.event_source,
                    event_id: of.event_id,
                    time: of.time,
                    verdicts: Vec::new(),
                });
            }
            if let Some(last) = occasions.last_mut() {
                last.verdicts.push(verdict);
            }
        }
        if page.next_page_token.is_empty() {
            return Ok((occasions, order));
        }
        request.page_token = page.next_page_token;
    }
}

/// The decisions that verdicts came from, as far as they tell.
pub(super) fn regroup(verdicts: Vec<pb::Verdict>) -> Vec<pb::Decision> {
    let mut decisions: Vec<pb::Decision> = Vec::new();
    for verdict in verdicts {
        let of = verdict.occasion.clone().unwrap_or_default();
        let known = decisions
            .iter()
            .position(|decision| (&decision.entity_id, decision.hop) == (&of.entity_id, of.hop));
        let index = known.unwrap_or_else(|| {
            decisions.push(pb::Decision {
                subject: of.entity_id.clone(),
                entity_id: of.entity_id,
                event_type: of.event_type,
                hop: of.hop,
                outcome: pb::DecisionOutcome::NotMoved.into(),
                ..Default::default()
            });
            decisions.len() - 1
        });
        let decision = &mut decisions[index];
        if verdict.result() == pb::VerdictResult::Moved {
            decision.outcome = pb::DecisionOutcome::Moved.into();
        }
        decision.verdicts.push(verdict);
    }
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_alone_tell_their_decisions() {
        let verdict = |entity: &str, result: pb::VerdictResult| pb::Verdict {
            result: result.into(),
            occasion: Some(pb::VerdictOccasion {
                entity_id: entity.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let verdicts = vec![
            verdict("deal/1", pb::VerdictResult::Paused),
            verdict("deal/2", pb::VerdictResult::Paused),
            verdict("deal/1", pb::VerdictResult::Moved),
        ];
        let decisions = regroup(verdicts);
        let told: Vec<_> = decisions
            .iter()
            .map(|d| (d.entity_id.as_str(), d.outcome(), d.verdicts.len()))
            .collect();
        let (moved, not) = (pb::DecisionOutcome::Moved, pb::DecisionOutcome::NotMoved);
        assert_eq!(told, [("deal/1", moved, 2), ("deal/2", not, 1)]);
    }
}
