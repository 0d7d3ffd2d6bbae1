//! Times as people read them.

use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};
use prost_types::Timestamp as Stored;

/// The moment at which a command looks.
#[derive(Debug)]
pub(crate) struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { now: Timestamp::now(), zone: TimeZone::system() }
    }

    /// How long ago, in the largest unit that fits: `5m ago`. Empty for no time.
    pub(crate) fn ago(&self, time: Option<Stored>) -> String {
        time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok())
            .map_or_else(String::new, |time| self.since(time))
    }

    /// How many seconds ago; none before now, since clocks differ by a little.
    pub(crate) fn age_s(&self, time: Option<Stored>) -> Option<i64> {
        time.map(|time| (self.now.as_second() - time.seconds).max(0))
    }

    fn since(&self, time: Timestamp) -> String {
        const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
        let seconds = self.now.as_second() - time.as_second();
        if seconds < 0 {
            // Clocks differ by a little.
            return if seconds > -60 { "0s ago".to_owned() } else { self.local(time) };
        }
        let found = UNITS.iter().find(|(unit, _)| seconds >= *unit);
        let (unit, name) = found.copied().unwrap_or((1, "s"));
        format!("{}{name} ago", seconds / unit)
    }

    /// A time in RFC 3339 as a local one, and how long ago it is.
    pub(crate) fn told(&self, text: &str) -> Option<String> {
        let time: Timestamp = text.parse().ok()?;
        Some(format!("{} ({})", self.local(time), self.since(time)))
    }

    fn local(&self, time: Timestamp) -> String {
        time.to_zoned(self.zone.clone()).strftime("%F %H:%M:%S").to_string()
    }
}

/// A time as the contract has it.
pub(crate) fn stored(time: Timestamp) -> Stored {
    Stored { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// Reads a time in RFC 3339, or a span before now such as `2h` or `7d`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    const HOW: &str = "write it like 2026-01-31T12:00:00Z, or 2h for two hours ago";
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let span: Span = text.parse().map_err(|_| HOW.to_owned())?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| HOW.to_owned())?;
    let before = Timestamp::now().checked_sub(span.abs());
    before.map_err(|_| HOW.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_largest_unit_that_fits() {
        let now = 1_700_000_000;
        let clock = Clock { now: Timestamp::from_second(now).unwrap(), zone: TimeZone::UTC };
        let ago = |seconds| clock.ago(Some(Stored { seconds: now - seconds, nanos: 0 }));
        for (seconds, told) in [
            (0, "0s ago"),
            (59, "59s ago"),
            (60, "1m ago"),
            (7_199, "1h ago"),
            (86_400 * 400, "400d ago"),
            (-30, "0s ago"),
            (-3_600, "2023-11-14 23:13:20"),
        ] {
            assert_eq!(ago(seconds), told, "{seconds}");
        }
        assert_eq!(clock.ago(None), "");
        let told = clock.told("2023-11-14T22:12:20.5Z");
        assert_eq!(told.as_deref(), Some("2023-11-14 22:12:20 (1m ago)"));
        assert_eq!(clock.told("soon"), None);
    }
}
