//! Damage that has a name, and what must come of it.

use crate::step::Step::{
    self, Another, Cut, Directory, File, Flip, Halve, Newer, Nothing, Remove, Tree, Write, Zero,
};
use Expected::{Either, Refused, Whole};
use State::{Open, Settled};

/// Of which sample a copy is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Closed and opened again.
    Settled,
    /// Killed, with several of sled's segments behind its last snapshot.
    Open,
}

/// What must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It serves, and everything is there.
    Whole,
    /// It says why not, with these words.
    Refused(&'static [&'static str]),
    /// One of the two.
    Either(&'static [&'static str]),
}

const RESTORE: &str = "restore the directory from a backup";
const REMOVED: &str = "once it is removed";
const GONE: &str = "were acknowledged and are gone";
const CONF: &str = "sled/conf";
const DB: &str = "sled/db";
/// The newest of sled's snapshots.
pub(crate) const SNAPSHOT: &str = "sled/snap.*";

pub(crate) const TABLE: [(State, &str, &[Step], Expected); 46] = [
    (Settled, "nothing", &[Nothing], Whole),
    (Open, "nothing", &[Nothing], Whole),
    // sled's main file.
    (Settled, "no db", &[Remove(DB)], Refused(&[DB, "missing", RESTORE])),
    (Open, "no db", &[Remove(DB)], Refused(&[DB, "missing", RESTORE])),
    (Settled, "an empty db", &[Cut(DB, 0)], Refused(&["sled", RESTORE])),
    (Open, "an empty db", &[Cut(DB, 0)], Refused(&["sled", RESTORE])),
    (
        Settled,
        "an empty db without a snapshot",
        &[Cut(DB, 0), Remove(SNAPSHOT)],
        Refused(&["sled", RESTORE]),
    ),
    (Settled, "db of zeros", &[Zero(DB)], Refused(&["sled", RESTORE])),
    (Open, "db of zeros", &[Zero(DB)], Refused(&["sled", RESTORE])),
    // The journal may have what is gone.
    (Settled, "half of db", &[Halve(DB)], Either(&["sled", RESTORE])),
    (Open, "half of db", &[Halve(DB)], Either(&["sled", RESTORE])),
    (
        Settled,
        "half of db without a snapshot",
        &[Halve(DB), Remove(SNAPSHOT)],
        Either(&["sled", RESTORE]),
    ),
    (Settled, "a directory in place of db", &[Directory(DB)], Refused(&[DB])),
    (
        Settled,
        "db and conf of another database",
        &[Another(DB), Another(CONF), Remove(SNAPSHOT)],
        Refused(&["another database"]),
    ),
    // Its settings.
    (Settled, "no conf", &[Remove(CONF)], Refused(&[CONF, "missing", RESTORE])),
    (Settled, "an empty conf", &[Cut(CONF, 0)], Whole),
    (Settled, "conf of zeros", &[Zero(CONF)], Refused(&["sled", RESTORE])),
    (Settled, "a flip in conf", &[Flip(CONF, 2)], Either(&["sled", RESTORE])),
    // Its snapshot.
    (Settled, "no snapshot", &[Remove(SNAPSHOT)], Whole),
    (Open, "no snapshot", &[Remove(SNAPSHOT)], Whole),
    (Settled, "an empty snapshot", &[Cut(SNAPSHOT, 0)], Refused(&["snap.", REMOVED])),
    (Settled, "half a snapshot", &[Halve(SNAPSHOT)], Refused(&["snap.", REMOVED])),
    (Open, "half a snapshot", &[Halve(SNAPSHOT)], Refused(&["snap.", REMOVED])),
    (Settled, "a flip in the snapshot", &[Flip(SNAPSHOT, 40)], Refused(&["snap.", REMOVED])),
    (
        Settled,
        "a snapshot that was not finished",
        &[Write("sled/snap.7FFFFFFFFFFFFFFF.generating")],
        Whole,
    ),
    // What was acknowledged.
    (Settled, "no mark", &[Remove("mark")], Whole),
    (Settled, "an empty mark", &[Cut("mark", 0)], Refused(&["mark", REMOVED])),
    (Settled, "a mark of zeros", &[Zero("mark")], Refused(&["mark", REMOVED])),
    (Settled, "a flip in the mark", &[Flip("mark", 21)], Whole),
    (Settled, "a flip in the mark's other half", &[Flip("mark", 4_117)], Whole),
    (
        Settled,
        "a flip in both halves",
        &[Flip("mark", 21), Flip("mark", 4_117)],
        Refused(&["mark", REMOVED]),
    ),
    (
        Settled,
        "the mark of another database",
        &[Another("mark")],
        Refused(&["mark", "another database", REMOVED]),
    ),
    (Settled, "a mark that was not finished", &[Write("mark.new")], Whole),
    // The journal.
    (Settled, "no journal", &[Remove("journal.0"), Remove("journal.1")], Whole),
    (Open, "no journal", &[Remove("journal.0"), Remove("journal.1")], Either(&[GONE, RESTORE])),
    (Open, "half a journal", &[Halve("journal.0"), Halve("journal.1")], Either(&[GONE, RESTORE])),
    (Open, "a journal of zeros", &[Zero("journal.0"), Zero("journal.1")], Either(&[GONE, RESTORE])),
    (Settled, "an empty journal", &[Cut("journal.0", 0), Cut("journal.1", 0)], Whole),
    (
        Settled,
        "the journal of another database",
        &[Another("journal.1")],
        Refused(&["journal.1", "another database", REMOVED]),
    ),
    // The directory.
    (Settled, "no sled", &[Tree("sled")], Refused(&["sled", "missing", "are removed"])),
    (Settled, "a newer format", &[Newer], Refused(&["format 3", "use a newer Pawl"])),
    (Settled, "a database that was not finished beside it", &[Directory("sled.new")], Whole),
    (Settled, "something else beside it", &[Write("thesis.txt")], Whole),
    (
        Settled,
        "something else",
        &[Tree(""), Directory(""), Write("thesis.txt")],
        Refused(&["thesis.txt", "choose an empty directory"]),
    ),
    (Settled, "a file", &[File], Refused(&["choose another --data directory"])),
    (
        Settled,
        "nothing but the mark",
        &[Tree("sled"), Remove("journal.0"), Remove("journal.1")],
        Refused(&["sled", "missing", "are removed"]),
    ),
];
