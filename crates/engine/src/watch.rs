//! Watching: a cursor over the log that shows what a filter lets through (W1 to W6).
//!
//! What the log has to show is cut into stretches, which all watchers share: the newest in the ring,
//! older ones read from the log. The audience knows who looks at what, so that a commit wakes only
//! those.

mod audience;
mod cursor;
mod filter;
mod item;
mod log;
mod pick;
mod sight;
mod snapshot;
mod step;
mod stretch;
#[cfg(test)]
mod tests;
mod turns;

pub(crate) use self::audience::{Audience, Place};
pub use self::cursor::Watch;
pub(crate) use self::filter::Interest;
pub use self::filter::MoveFilter;
pub use self::item::Shown;
pub(crate) use self::log::{Windows, windows};
pub(crate) use self::sight::Sight;
pub use self::step::{Closing, Earliest, Pick, Show, Start, Step};
pub(crate) use self::stretch::Passed;
pub use self::stretch::{Encoded, Stretch};
pub(crate) use self::turns::Turns;
