//! What time a server goes by, whose clock is set.

use pawl_tests::machine_time;

/// For how long identities are remembered, and the log is kept.
pub(crate) const WINDOW_S: i64 = 600;
/// How exactly it is known what time the server goes by: the two clocks are not read at one moment.
/// Less than any step that tells something.
const SLACK: i64 = seconds(5);

/// Nanoseconds.
pub(crate) const fn seconds(seconds: i64) -> i64 {
    seconds * 1_000_000_000
}

/// The time that a server goes by: in nanoseconds since 1970, as all times here.
#[derive(Debug)]
pub(crate) struct Time {
    /// By how much it is ahead of the clock of the machine.
    ahead: i64,
    /// When the last change was committed: nothing is earlier.
    last: i64,
}

/// Whether an identity is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remembered {
    Yes,
    No,
    /// It is just about to be forgotten.
    Maybe,
}

pub(crate) fn machine_now() -> i64 {
    i64::try_from(machine_time().as_nanos()).expect("until 2262")
}

impl Time {
    /// That of a server that starts with a clock so many seconds ahead.
    pub(crate) fn new(ahead_s: i64) -> Self {
        Self { ahead: seconds(ahead_s), last: 0 }
    }

    /// Another server starts, which believes its clock.
    pub(crate) fn starts(&mut self, ahead_s: i64) {
        self.ahead = seconds(ahead_s);
    }

    /// A step that is followed.
    pub(crate) fn follows(&mut self, by_s: i64) {
        self.ahead += seconds(by_s);
    }

    fn at(&self, machine: i64) -> i64 {
        self.last.max(machine + self.ahead)
    }

    /// By how many seconds the last commit is ahead of the clock of the machine.
    pub(crate) fn last_ahead_s(&self) -> i64 {
        (self.last - machine_now()) / seconds(1)
    }

    /// Something was committed, between two moments of the machine's clock.
    pub(crate) fn committed(&mut self, at: i64, between: [i64; 2]) {
        assert!(at >= self.last, "committed {} ns before the last", self.last - at);
        self.is_now(at, between);
        self.last = at;
    }

    /// Panics when the server cannot have taken this for the time.
    pub(crate) fn is_now(&self, told: i64, between: [i64; 2]) {
        let [from, until] = between.map(|machine| self.at(machine));
        let right = (from - SLACK..=until + SLACK).contains(&told);
        assert!(right, "{} s after the earliest that it can be", (told - from) / seconds(1));
    }

    /// Whether what was committed then is remembered by now.
    pub(crate) fn remembers(&self, committed: i64) -> Remembered {
        let left = committed + seconds(WINDOW_S) - self.at(machine_now());
        match left {
            // Longer than it takes to ask.
            left if left > seconds(60) => Remembered::Yes,
            left if left < -SLACK => Remembered::No,
            _ => Remembered::Maybe,
        }
    }
}
