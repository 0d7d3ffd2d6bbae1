use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// How long the threads of a process have run, in nanoseconds by their names. Empty where the
/// system does not tell in the way of Linux.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuTime(BTreeMap<String, u64>);

impl CpuTime {
    /// What a process has used by now. Threads that have ended are missing; the servers' live.
    pub(crate) fn of(pid: u32) -> Self {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let read = |name| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat").split(' ').next().and_then(|n| n.parse::<u64>().ok());
            let name = read("comm");
            // The members of a pool count as one.
            let name = name.trim().trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
            *threads.entry(name.to_owned()).or_default() += nanos.unwrap_or(0);
        }
        Self(threads)
    }

    /// What was used since.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let used = |(name, nanos): (&String, &u64)| {
            let before = earlier.0.get(name).copied().unwrap_or(0);
            (name.clone(), nanos.saturating_sub(before))
        };
        Self(self.0.iter().map(used).collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, nanos) in &other.0 {
            *self.0.entry(name.clone()).or_default() += nanos;
        }
    }

    /// How many cores that keeps busy if it took so long.
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    pub(crate) fn cores(&self, took: Duration) -> f64 {
        self.0.values().sum::<u64>() as f64 / 1e9 / took.as_secs_f64()
    }

    /// Microseconds for each of `events`, by thread, those that matter first.
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    pub(crate) fn micros_per(&self, events: u64) -> Vec<(&str, f64)> {
        let each = |nanos: u64| nanos as f64 / 1e3 / events.max(1) as f64;
        let mut all: Vec<_> =
            self.0.iter().map(|(name, nanos)| (name.as_str(), each(*nanos))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}
