use std::path::{Path, PathBuf};

use crate::open::{disk_fails, disk_is_full, unopened};

/// Why a directory could not be opened. Each message names the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{path} is in use by another process; stop that one first, or choose another --data directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It holds something else.
    #[error(
        "{path} is not empty and holds no Pawl database (found {found:?}); \
         choose an empty directory or one that Pawl made"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// A name found in it.
        found: String,
    },
    /// There is none.
    #[error("{path} holds no Pawl database; name the directory that `pawl serve --data` has")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// A restore into it was cut off.
    #[error(
        "{path} holds a restore that was not finished; run `pawl restore` again, or remove \
         restore.new in it to begin with an empty database"
    )]
    Unfinished {
        /// The directory.
        path: PathBuf,
    },
    /// Something is in the way of a restore.
    #[error(
        "{path} is not empty (found {found:?}); restore into a directory that is missing or empty"
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// A name found in it.
        found: String,
    },
    /// It was written by a newer Pawl.
    #[error(
        "{path} has format {found}, but this Pawl knows formats up to {known}; use a newer Pawl"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// What it holds does not fit together.
    #[error("{path} is damaged: {problem}; restore the directory from a backup")]
    Damaged {
        /// The directory or file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// There is no room on its disk, and sled needs some to open.
    #[error(
        "the disk of {path} is full, and the database cannot be opened without room; make room on \
         that file system and start again"
    )]
    DiskFull {
        /// The directory or file.
        path: PathBuf,
    },
    /// The disk does not do what it is asked to.
    #[error(
        "the disk of {path} fails: {problem}; see to the disk first (the log of the system tells \
         more), then start again: nothing there was given up"
    )]
    DiskFails {
        /// The directory or file.
        path: PathBuf,
        /// What did not work.
        problem: String,
    },
    /// The operating system refused.
    #[error(
        "cannot {action} {path}: {source}; see to it that the user who runs Pawl may read and write \
         there, or choose another --data directory"
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
}

impl OpenError {
    /// What an error means that came when what lies in `dir` was read for the first time.
    pub fn when_read_first(dir: &Path, error: &StoreError) -> Self {
        unopened(dir, error.to_string())
    }
}

/// Why an open store could not read or write. Never the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// sled failed.
    #[error("the store failed: {0}")]
    Sled(#[from] sled::Error),
    /// Syncing failed: what was written since the last sync may or may not be there after a crash.
    #[error("syncing {path} failed: {source}")]
    Sync {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// sled did not take what was decided; the journal has it if it was acknowledged.
    #[error("the store failed before: {problem}")]
    Unapplied {
        /// What went wrong.
        problem: String,
    },
    /// What is applied could not be synced in the background; the journal has it all the same.
    #[error("syncing {path} failed: {problem}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The refusal.
        problem: String,
    },
    /// What was just synced is durable, but the file that says so could not be written.
    #[error("writing {path} failed: {source}")]
    Mark {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// A read ended without an answer.
    #[error("a read did not end: {problem}")]
    Unfinished {
        /// What became of it.
        problem: String,
    },
    /// What was read does not fit together.
    #[error("{what} is damaged: {problem}")]
    Damaged {
        /// The row or the part of the log.
        what: String,
        /// What does not fit.
        problem: String,
    },
}

impl StoreError {
    /// What people are told when this ends the server: what failed, where, and what to do.
    pub(crate) fn explained(&self, dir: &Path) -> String {
        let problem = match self {
            Self::Sync { .. } | Self::Checkpoint { .. } | Self::Mark { .. } => self.to_string(),
            _ => format!("{self} (in {})", dir.display()),
        };
        let advice = if disk_is_full(&problem) {
            "make room on its file system, then start again: what was acknowledged is there"
        } else if disk_fails(&problem) {
            "see to the disk first (the log of the system tells more), then start again: what was \
             acknowledged is there"
        } else {
            "let `pawl verify` look at all of it, then start again"
        };
        format!("{problem}; {advice}. Who got no answer sends the same again")
    }

    pub(crate) fn damaged(what: impl Into<String>, problem: impl ToString) -> Self {
        Self::Damaged { what: what.into(), problem: problem.to_string() }
    }
}
