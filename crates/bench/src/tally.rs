use std::time::Duration;

use hdrhistogram::Histogram;
use pawl_api::pb;

use crate::Failure;
use crate::events::MOVING;

/// What was sent and what came of it.
#[derive(Debug)]
pub(crate) struct Tally {
    sent: u64,
    sent_moving: u64,
    moved: u64,
    stayed: u64,
    /// Duplicates, refusals, unknown entities and the like.
    wrong: u64,
    first_wrong: Option<pb::EventOutcome>,
    /// Outcomes that arrived while it counted.
    in_time: u64,
    latencies: Histogram<u64>,
    /// The longest time in which a stream was answered nothing.
    longest_silence: Duration,
}

impl Tally {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            sent: 0,
            sent_moving: 0,
            moved: 0,
            stayed: 0,
            wrong: 0,
            first_wrong: None,
            in_time: 0,
            latencies: Histogram::new(3)?,
            longest_silence: Duration::ZERO,
        })
    }

    pub(crate) fn sent(&mut self, events: &[pb::Event]) {
        self.sent += events.len() as u64;
        self.sent_moving += events.iter().filter(|event| event.r#type == MOVING).count() as u64;
    }

    pub(crate) fn answered(&mut self, outcome: &pb::EventOutcome, in_time: bool) {
        self.in_time += u64::from(in_time);
        let decision = match outcome.decisions.as_slice() {
            [decision] if !outcome.duplicate && outcome.refusal.is_none() => decision.outcome(),
            _ => pb::DecisionOutcome::Unspecified,
        };
        match decision {
            pb::DecisionOutcome::Moved => self.moved += 1,
            pb::DecisionOutcome::NotMoved => self.stayed += 1,
            _ => {
                self.wrong += 1;
                self.first_wrong.get_or_insert_with(|| outcome.clone());
            }
        }
    }

    pub(crate) fn took(&mut self, latency: Duration) -> Result<(), Failure> {
        Ok(self.latencies.record(latency.as_nanos().try_into()?)?)
    }

    /// A stream was answered nothing for so long.
    pub(crate) fn silent(&mut self, length: Duration) {
        self.longest_silence = self.longest_silence.max(length);
    }

    pub(crate) fn longest_silence(&self) -> Duration {
        self.longest_silence
    }

    pub(crate) fn add(&mut self, other: Self) -> Result<(), Failure> {
        self.sent += other.sent;
        self.sent_moving += other.sent_moving;
        self.moved += other.moved;
        self.stayed += other.stayed;
        self.wrong += other.wrong;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        self.in_time += other.in_time;
        self.latencies.add(other.latencies)?;
        self.silent(other.longest_silence);
        Ok(())
    }

    /// Events and moves that came about. Fails unless every event that was sent had exactly the
    /// outcome that it must have: errors are quick, and are not to be measured.
    pub(crate) fn check(&self) -> Result<(u64, u64), Failure> {
        if let Some(wrong) = &self.first_wrong {
            return Err(format!("{} outcomes are wrong, the first: {wrong:?}", self.wrong).into());
        }
        let Self { sent, sent_moving, moved, stayed, .. } = *self;
        if self.in_time == 0 {
            return Err("no outcome came while it counted; measure longer".into());
        }
        if (moved, stayed) != (sent_moving, sent - sent_moving) {
            let problem = format!(
                "of {sent} events {sent_moving} should have moved; {moved} moved, {stayed} stayed"
            );
            return Err(problem.into());
        }
        Ok((sent, moved))
    }

    /// Outcomes that arrived while it counted.
    pub(crate) fn in_time(&self) -> u64 {
        self.in_time
    }

    /// The latency that this share of the calls stayed within, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^53 ns")]
    pub(crate) fn latency_micros(&self, share: f64) -> f64 {
        self.latencies.value_at_quantile(share) as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::STAYING;

    fn event(event_type: &str) -> pb::Event {
        pb::Event { r#type: event_type.to_owned(), ..pb::Event::default() }
    }

    fn outcome(decision: pb::DecisionOutcome) -> pb::EventOutcome {
        let decision = pb::Decision { outcome: decision.into(), ..pb::Decision::default() };
        pb::EventOutcome { decisions: vec![decision], ..pb::EventOutcome::default() }
    }

    #[test]
    fn only_the_outcomes_that_must_come_pass() {
        let (moved, stayed) =
            (outcome(pb::DecisionOutcome::Moved), outcome(pb::DecisionOutcome::NotMoved));
        let duplicate = pb::EventOutcome { duplicate: true, ..stayed.clone() };
        let refused = pb::EventOutcome { refusal: Some(pb::Refusal::default()), ..stayed.clone() };
        let passes = |outcomes: &[&pb::EventOutcome]| {
            let mut tally = Tally::new().unwrap();
            tally.sent(&[event(MOVING), event(STAYING)]);
            for outcome in outcomes {
                tally.answered(outcome, true);
            }
            tally.check().is_ok()
        };
        assert!(passes(&[&moved, &stayed]));
        assert!(!passes(&[&moved]), "one is missing");
        assert!(!passes(&[&stayed, &stayed]), "one should have moved");
        assert!(!passes(&[&moved, &moved]), "one should have stayed");
        assert!(!passes(&[&moved, &duplicate]) && !passes(&[&moved, &refused]));
        assert!(!passes(&[&moved, &outcome(pb::DecisionOutcome::EntityNotFound)]));
    }
}
