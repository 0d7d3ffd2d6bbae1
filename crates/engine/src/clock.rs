use std::fmt;
use std::sync::Arc;

pub use std::time::SystemTime;

use pawl_domain::Timestamp;

/// Where the engine takes the time from, so that tests can hand it their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that reads `now`.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now; a clock set before 1970 reads as 1970.
    pub fn now(&self) -> Timestamp {
        Timestamp::since_epoch(
            (self.0)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        )
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
