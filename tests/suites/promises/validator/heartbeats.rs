//! Heartbeats tell how far a watch has come; here they are taken at their word.

use std::time::Duration;

use pawl_api::pb;

use super::walk::{By, Walk};
use super::{Findings, Promise};
use crate::transcript::{Place, Seen};

/// How far the clock of the machine may be off against the time that passes.
const CLOCK_SLACK: Duration = Duration::from_millis(20);

impl Walk<'_> {
    pub(super) fn heartbeat(
        &mut self,
        at: Place,
        seen: &Seen,
        heartbeat: &pb::Heartbeat,
        out: &mut Findings,
    ) {
        let lag = usize::try_from(heartbeat.lag_moves);
        let (Ok(lag), Some(made)) = (lag, self.truth.moment(heartbeat.server_time)) else {
            out.add(Promise::HeartbeatNeverAhead, at, format!("it says nothing: {heartbeat:?}"));
            return;
        };
        let late = heartbeat.lag.is_some_and(|lag| lag.seconds != 0 || lag.nanos != 0);
        if seen.frame.resume_token == heartbeat.head_token && (lag > 0 || late) {
            let what = format!("at the head, and {lag} moves and {:?} behind", heartbeat.lag);
            out.add(Promise::HeartbeatNeverAhead, at, what);
        }
        for skip in self.skipped.values_mut() {
            skip.beaten = true;
        }
        // The head lay between these when the heartbeat was made.
        let head_min = self.truth.surely_before(made.saturating_sub(CLOCK_SLACK));
        let head_max = self.truth.surely_after(seen.at);
        if head_max < self.cursor + lag {
            let what = format!(
                "{lag} moves behind, and only {} came",
                head_max.saturating_sub(self.cursor)
            );
            out.add(Promise::HeartbeatNeverAhead, at, what);
        }
        // So it has come that far; what it owes before that it has passed over.
        let reached = head_min.saturating_sub(lag);
        if reached > self.cursor {
            self.pass(reached, at, By::Heartbeat);
        }
    }
}
