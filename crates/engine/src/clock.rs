use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use std::time::SystemTime;

use pawl_domain::Timestamp;
use tracing::warn;

/// How far the wall clock may be set while the service runs. A step beyond that is taken for a mistake:
/// believed, a year ahead would end every dedupe window and trim the log, and a year back would stop
/// the time for a year.
const STEP_MAX: Duration = Duration::from_mins(1);

/// Where the engine takes the time from, so that tests can hand it their own: the wall clock, and one
/// that is never set.
#[derive(Clone)]
pub struct Clock(Arc<Sources>);

struct Sources {
    /// The wall clock, and the one that is never set.
    read: Box<dyn Fn() -> (SystemTime, Duration) + Send + Sync>,
    last: Mutex<Option<Reading>>,
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Nanoseconds since 1970.
    wall: i128,
    elapsed: Duration,
    /// By how many nanoseconds the wall clock is ahead of the time that the service goes by: the sum
    /// of the steps that were not believed.
    ahead: i128,
}

impl Clock {
    /// A clock that follows `wall`, but where that steps against `elapsed`: the time since some moment,
    /// which never steps.
    pub fn new(
        wall: impl Fn() -> SystemTime + Send + Sync + 'static,
        elapsed: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self::reading(move || (wall(), elapsed()))
    }

    /// A clock that is never set, so that it tells the elapsed time as well.
    pub fn steady(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        // Read once: between two readings a test may have set it, which would be a step of one of them.
        Self::reading(move || {
            let now = now();
            (now, since_epoch(now))
        })
    }

    fn reading(read: impl Fn() -> (SystemTime, Duration) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Sources { read: Box::new(read), last: Mutex::new(None) }))
    }

    /// The time now; a clock set before 1970 reads as 1970. As long as the service runs, a step of the
    /// wall clock of over a minute does not count, and what has elapsed does.
    pub fn now(&self) -> Timestamp {
        let Sources { read, last } = &*self.0;
        // Held while the clocks are read, so that readings are compared in order.
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, elapsed) = read();
        let wall = nanos(since_epoch(wall));
        let ahead = last.map_or(0, |last| {
            let step = (wall - last.wall) - (nanos(elapsed) - nanos(last.elapsed));
            if step.unsigned_abs() <= STEP_MAX.as_nanos() {
                return last.ahead;
            }
            let seconds = step / nanos(Duration::from_secs(1));
            warn!(
                seconds,
                "the clock was set: until the next start only the time that elapses counts"
            );
            last.ahead + step
        });
        *last = Some(Reading { wall, elapsed, ahead });
        let now = u64::try_from((wall - ahead).max(0)).unwrap_or(u64::MAX);
        Timestamp::since_epoch(Duration::from_nanos(now))
    }

    /// What has elapsed since some moment, whatever the wall clock says.
    pub fn elapsed(&self) -> Duration {
        (self.0.read)().1
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn nanos(span: Duration) -> i128 {
    i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const SECOND: i64 = 1;
    const HOUR: i64 = 3_600;
    const YEAR: i64 = 365 * 24 * HOUR;

    /// Seconds on the wall and elapsed, set by hand, and the clock that reads them.
    fn clock(wall: i64) -> (impl Fn(i64, i64), Clock) {
        let (seconds, elapsed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (on_wall, since) = (Arc::clone(&seconds), Arc::clone(&elapsed));
        let set = move |by: i64, passed: i64| {
            seconds.fetch_add((by + passed).cast_unsigned(), Ordering::SeqCst);
            elapsed.fetch_add(passed.cast_unsigned(), Ordering::SeqCst);
        };
        set(wall, 0);
        let read = |of: &AtomicU64| Duration::from_secs(of.load(Ordering::SeqCst));
        let clock =
            Clock::new(move || SystemTime::UNIX_EPOCH + read(&on_wall), move || read(&since));
        (set, clock)
    }

    #[test]
    fn small_steps_are_followed_and_for_others_what_elapsed_counts() {
        // By how much the clock is set while one second passes, and how far the service's time goes.
        let table: [(&str, &[(i64, i64)]); 12] = [
            ("nothing", &[(0, 1), (0, 1)]),
            ("half a minute ahead", &[(30, 31)]),
            ("half a minute back", &[(-30, -29)]),
            ("a minute, which is the limit", &[(60, 61), (-60, -59)]),
            ("more than a minute ahead", &[(61, 1)]),
            ("more than a minute back", &[(-61, 1)]),
            ("an hour ahead", &[(HOUR, 1), (0, 1)]),
            ("an hour back", &[(-HOUR, 1), (0, 1)]),
            ("a year ahead", &[(YEAR, 1), (0, 1), (30, 31)]),
            ("a year back", &[(-YEAR, 1), (0, 1), (-30, -29)]),
            ("a year ahead and back again", &[(YEAR, 1), (-YEAR, 1), (0, 1)]),
            ("ahead, and back by half", &[(2 * HOUR, 1), (-HOUR, 1), (30, 31)]),
        ];
        for (what, steps) in table {
            let (set, clock) = clock(2 * YEAR);
            let mut last = clock.now();
            assert_eq!(last.seconds(), 2 * YEAR, "{what}: begins with the wall clock");
            for (by, expected) in steps {
                set(*by, SECOND);
                let now = clock.now();
                assert_eq!(now.seconds() - last.seconds(), *expected, "{what}: {by}");
                last = now;
            }
        }
    }

    #[test]
    fn a_start_believes_the_wall_clock_again() {
        let (set, before) = clock(2 * YEAR);
        before.now();
        set(YEAR, SECOND);
        assert_eq!(before.now().seconds(), 2 * YEAR + 1);
        let (wall, elapsed) = (before.0.read)();
        assert_eq!(Clock::new(move || wall, move || elapsed).now().seconds(), 3 * YEAR + 1);
    }

    #[test]
    fn before_1970_is_1970() {
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Clock::steady(move || early).now(), Timestamp::default());
    }

    #[test]
    fn readings_far_apart_are_no_step() {
        let (set, clock) = clock(YEAR);
        clock.now();
        set(0, YEAR);
        assert_eq!(
            (clock.now().seconds(), clock.elapsed()),
            (2 * YEAR, Duration::from_hours(8_760))
        );
    }
}
