use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How patient a watch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long an attempt may take from the call to its first frame: connecting included, if the
    /// channel connects lazily. Default: 10 s.
    pub answer_timeout: Duration,
    /// How much longer than two heartbeat intervals a standing watch may be silent. Default: 2 s.
    pub silence_slack: Duration,
    /// The shortest pause before another attempt. Pauses double with each, and each is lengthened
    /// by chance, so that the clients of a server that restarts do not come back all at once.
    /// Default: 100 ms.
    pub first_pause: Duration,
    /// The longest. Default: 10 s.
    pub longest_pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            answer_timeout: Duration::from_secs(10),
            silence_slack: Duration::from_secs(2),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// The pauses between attempts.
#[derive(Debug)]
pub(super) struct Pauses {
    builder: ExponentialBuilder,
    rest: <ExponentialBuilder as BackoffBuilder>::Backoff,
    longest: Duration,
    attempt: u32,
}

impl Pauses {
    pub(super) fn new(options: &Options) -> Self {
        let longest = options.longest_pause;
        // Chance adds up to as much again.
        let builder = ExponentialBuilder::new()
            .with_min_delay(options.first_pause.min(longest / 2))
            .with_max_delay(longest / 2)
            .with_jitter()
            .without_max_times();
        Self { builder, rest: builder.build(), longest, attempt: 1 }
    }

    /// The number of the attempt that is made next, from 1 since the last reset.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How long to pause before the next attempt.
    pub(super) fn next(&mut self) -> Duration {
        self.attempt = self.attempt.saturating_add(1);
        self.rest.next().unwrap_or(self.longest)
    }

    /// All is well: the next pause is a short one.
    pub(super) fn reset(&mut self) {
        self.rest = self.builder.build();
        self.attempt = 0;
    }
}
