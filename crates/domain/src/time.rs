use std::fmt;
use std::time::Duration;

use crate::Rejection;

/// A moment in UTC, to the nanosecond, between the years 1 and 9999 (the range of
/// `google.protobuf.Timestamp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    const MIN_SECONDS: i64 = -62_135_596_800;
    const MAX_SECONDS: i64 = 253_402_300_799;

    /// A moment from seconds since the Unix epoch and nanoseconds after that second.
    pub fn new(field: &str, seconds: i64, nanos: i32) -> Result<Self, Rejection> {
        match u32::try_from(nanos) {
            Ok(nanos)
                if nanos < 1_000_000_000
                    && (Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) =>
            {
                Ok(Self { seconds, nanos })
            }
            _ => Err(Rejection::invalid(
                field,
                "must lie between the years 1 and 9999, with nanos from 0 to 999999999",
            )),
        }
    }

    /// The moment this long after the Unix epoch.
    pub fn since_epoch(elapsed: Duration) -> Self {
        Self {
            seconds: i64::try_from(elapsed.as_secs()).unwrap_or(Self::MAX_SECONDS),
            nanos: elapsed.subsec_nanos(),
        }
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`seconds`](Self::seconds), below a thousand million.
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = (i128::from(self.seconds) - i128::from(earlier.seconds)) * 1_000_000_000
            + i128::from(self.nanos)
            - i128::from(earlier.nanos);
        u64::try_from(nanos.max(0)).map_or(Duration::MAX, Duration::from_nanos)
    }

    /// The moment this much earlier; the earliest there is when it would lie before that.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let seconds = self.seconds.saturating_sub(seconds);
        let (seconds, nanos) = match self.nanos.checked_sub(span.subsec_nanos()) {
            Some(nanos) => (seconds, nanos),
            None => (seconds.saturating_sub(1), self.nanos + 1_000_000_000 - span.subsec_nanos()),
        };
        if seconds < Self::MIN_SECONDS {
            return Self { seconds: Self::MIN_SECONDS, nanos: 0 };
        }
        Self { seconds, nanos }
    }
}

impl fmt::Display for Timestamp {
    /// Seconds since the epoch: the domain formats for logs, the edges format for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}
