//! What can happen to a file.

use std::fs;
use std::io;
use std::path::Path;

use fastrand::Rng;

/// Bytes of a page of the disk, and of one of sled's segments.
const PAGE: usize = 4_096;
const SEGMENT: usize = 8 * 1_024 * 1_024;

/// Damage to a file, at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    Flip {
        at: usize,
        bit: u8,
    },
    Zero {
        from: usize,
        bytes: usize,
    },
    /// Something else stands there.
    Noise {
        from: usize,
        bytes: usize,
    },
    /// What belongs to another place was written there.
    Misplaced {
        from: usize,
        to: usize,
        bytes: usize,
    },
    Cut {
        bytes: usize,
    },
}

impl Blow {
    /// One of any kind, mostly where something is written.
    fn random(rng: &mut Rng, contents: &[u8]) -> Self {
        let mut place = || {
            let mut place = rng.usize(..contents.len());
            for _ in 0..40 {
                if contents[place] != 0 {
                    break;
                }
                place = rng.usize(..contents.len());
            }
            place
        };
        let (one, other) = (place(), place());
        let page = |at: usize| at / PAGE * PAGE;
        match rng.u32(..10) {
            0..3 => Self::Flip { at: one, bit: rng.u8(..8) },
            // Where sled leaves out little, and goes on behind it.
            3 => {
                let end = one.next_multiple_of(SEGMENT).min(contents.len());
                Self::Flip { at: end - rng.usize(1..SEGMENT / 8).min(end), bit: rng.u8(..8) }
            }
            4 => Self::Zero { from: page(one), bytes: PAGE },
            5 => Self::Zero { from: page(one), bytes: PAGE * rng.usize(2..64) },
            6 => Self::Noise { from: page(one), bytes: PAGE },
            7 => Self::Misplaced { from: page(one), to: page(other), bytes: PAGE },
            8 => Self::Flip { at: one / SEGMENT * SEGMENT + rng.usize(..20), bit: rng.u8(..8) },
            _ => Self::Cut { bytes: one },
        }
    }

    /// Strikes a file somewhere.
    pub(crate) fn strike_by_chance(rng: &mut Rng, path: &Path) -> Self {
        let contents = fs::read(path).expect("it is there");
        let blow = Self::random(rng, &contents);
        blow.strike(path).expect("it is there");
        blow
    }

    /// Strikes a file.
    pub(crate) fn strike(self, path: &Path) -> io::Result<()> {
        let mut bytes = fs::read(path)?;
        let end = bytes.len();
        match self {
            Self::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Self::Zero { from, bytes: count } => {
                bytes[from..end.min(from.saturating_add(count))].fill(0);
            }
            Self::Noise { from, bytes: count } => {
                let place = &mut bytes[from..end.min(from.saturating_add(count))];
                let mut rng = Rng::with_seed(from as u64);
                place.fill_with(|| rng.u8(..));
            }
            Self::Misplaced { from, to, bytes: count } => {
                let count = count.min(end - from).min(end - to);
                bytes.copy_within(from..from + count, to);
            }
            Self::Cut { bytes: left } => bytes.truncate(left),
        }
        fs::write(path, bytes)
    }
}
