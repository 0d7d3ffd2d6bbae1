use std::fmt;

use crate::StoreError;

/// What can be wrong with a database, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`name` and `remedy` say it")]
pub enum Fault {
    Unreadable,
    Blob,
    UnknownKey,
    Mark,
    Head,
    Tail,
    LogChunk,
    LogGap,
    CommitTime,
    Counts,
    Revision,
    VersionTime,
    MoveChain,
    MoveStart,
    EntityRow,
    EntityMissing,
    EntityUnexplained,
    EntityPlace,
    LinkMissing,
    LinkExtra,
    PipelineRow,
    TriggerTypeRow,
    TriggerRow,
    TriggerStats,
}

/// What can be done about most of them.
const RESTORE: &str = "restore the newest backup that is whole";
/// About the log and the files beside it.
const RESTORE_DIRECTORY: &str = "restore the newest backup that is whole; what was acknowledged since \
     it was taken has to be sent again";

impl Fault {
    /// Its name, as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Blob => "blob",
            Self::UnknownKey => "unknown-key",
            Self::Mark => "mark",
            Self::Head => "head",
            Self::Tail => "tail",
            Self::LogChunk => "log-chunk",
            Self::LogGap => "log-gap",
            Self::CommitTime => "commit-time",
            Self::Counts => "counts",
            Self::Revision => "revision",
            Self::VersionTime => "version-time",
            Self::MoveChain => "move-chain",
            Self::MoveStart => "move-start",
            Self::EntityRow => "entity-row",
            Self::EntityMissing => "entity-missing",
            Self::EntityUnexplained => "entity-unexplained",
            Self::EntityPlace => "entity-place",
            Self::LinkMissing => "link-missing",
            Self::LinkExtra => "link-extra",
            Self::PipelineRow => "pipeline-row",
            Self::TriggerTypeRow => "trigger-type-row",
            Self::TriggerRow => "trigger-row",
            Self::TriggerStats => "trigger-stats",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable
            | Self::Mark
            | Self::Head
            | Self::Tail
            | Self::LogChunk
            | Self::LogGap => RESTORE_DIRECTORY,
            Self::Blob => {
                "sled never syncs such a file: take a backup with `pawl backup` and restore it, which \
                 makes none"
            }
            Self::UnknownKey => {
                "if a newer Pawl was used here go on with that one; otherwise restore the newest \
                 backup that is whole"
            }
            Self::TriggerStats => {
                "only the numbers of this trigger are wrong; delete it and create it again to count \
                 anew, or restore the newest backup that is whole"
            }
            Self::LinkMissing | Self::LinkExtra => {
                "events of this customer reach the wrong entities; take it off the entity's customer_ids \
                 and put it back, or the other way round, or restore the newest backup that is whole"
            }
            Self::CommitTime
            | Self::Counts
            | Self::Revision
            | Self::VersionTime
            | Self::MoveChain
            | Self::MoveStart
            | Self::EntityRow
            | Self::EntityMissing
            | Self::EntityUnexplained
            | Self::EntityPlace
            | Self::PipelineRow
            | Self::TriggerTypeRow
            | Self::TriggerRow => RESTORE,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub fault: Fault,
    /// Where: the key, the row or the record.
    pub place: String,
    /// What does not fit.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, place, problem } = self;
        write!(f, "{}: {place}: {problem}; {}", fault.name(), fault.remedy())
    }
}

/// What was found, up to a limit.
#[derive(Debug)]
pub(super) struct Findings {
    list: Vec<Finding>,
    limit: usize,
}

impl Findings {
    pub(super) fn new(limit: usize) -> Self {
        Self { list: Vec::new(), limit }
    }

    pub(super) fn add(
        &mut self,
        fault: Fault,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) {
        if !self.is_full() {
            self.list.push(Finding { fault, place: place.into(), problem: problem.into() });
        }
    }

    /// Something that could not be read.
    pub(super) fn add_error(&mut self, fault: Fault, error: StoreError) {
        match error {
            StoreError::Damaged { what, problem } => self.add(fault, what, problem),
            error => self.add(Fault::Unreadable, "sled/db", error.to_string()),
        }
    }

    /// Whether no more are taken.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= self.limit
    }

    pub(super) fn into_list(self) -> Vec<Finding> {
        self.list
    }
}

/// A key as FORMAT.md writes it: the family, then the rest.
pub(super) fn key_text(key: &[u8]) -> String {
    match key.split_first() {
        Some((tag, [])) => format!("key {tag:02x}"),
        Some((tag, rest)) => format!("key {tag:02x} {}", rest.escape_ascii()),
        None => "the empty key".to_owned(),
    }
}
