//! What the commands take that are about a database as a whole: all but `pawl backup` open it
//! themselves, while no server has it; and `pawl test`, which has none.

use std::path::PathBuf;

use clap::Args;

use super::limits::ModelLimitArgs;

const VERIFY_NOTES: &str = "\
Exit code 0 when the database is whole, and 1 when it is not or cannot be checked; everything that is
wrong is printed with its name, the key or record, and what to do.

The database is not changed, and is not opened itself: sled writes when it opens. A copy is, which
needs as much room as sled/ has until the check ends. Memory: the cache of 256 MiB, and about 100
bytes for each entity of which the retained log tells.";

#[derive(Debug, Args)]
#[command(after_help = VERIFY_NOTES)]
pub(crate) struct VerifyArgs {
    /// The directory that `pawl serve --data` has.
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// Where to make the copy, instead of beside the directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,

    /// After how many findings to stop.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) limit: u32,
}

const COMPACT_NOTES: &str = "\
What is deleted and trimmed makes room inside the database, and never on the disk. This copies what is
there into a new database beside the old one, checks it as `pawl verify` does, and puts it in its
place: the same database with the same id, so resume tokens go on working. Until it is done it needs
room for both.

It may be cut off at any moment: either the old one is there or the new one, and what is left over is
removed at the next start.";

#[derive(Debug, Args)]
#[command(after_help = COMPACT_NOTES)]
pub(crate) struct CompactArgs {
    /// The directory that `pawl serve --data` has.
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
}

const BACKUP_NOTES: &str = "\
The backup is of everything as it is at one moment: all that was acknowledged before is in it. It is
checked while it is read, and gets its name only once it is whole and on the disk. The server goes on
meanwhile, and trims nothing until it ends.

Examples:
  pawl backup monday.pawl
  pawl backup - | zstd > monday.pawl.zst
  pawl restore monday.pawl ./pawl-data";

#[derive(Debug, Args)]
#[command(after_help = BACKUP_NOTES)]
pub(crate) struct BackupArgs {
    /// The file to write, which must not be there; `-` is standard output.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

const RESTORE_NOTES: &str = "\
What comes out is as what the backup was taken of, with the same revisions, history and statistics,
but another database: resume tokens of the old one are refused (FAILED_PRECONDITION), and whoever
watches begins anew. It is checked as `pawl verify` does before it gets its place. When the backup is
not whole, or anything else goes wrong, nothing is left behind.";

#[derive(Debug, Args)]
#[command(after_help = RESTORE_NOTES)]
pub(crate) struct RestoreArgs {
    /// What `pawl backup` wrote; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// A directory that is missing or empty, for `pawl serve --data`.
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = crate::cases::EXAMPLE)]
pub(crate) struct TestArgs {
    /// YAML or JSON with `cases`, and what is `given` for all of them. Takes several and can be
    /// repeated.
    #[arg(short, long = "file", value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) files: Vec<PathBuf>,

    /// Runs only the cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,

    /// Prints only the cases that fail.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) limits: ModelLimitArgs,
}
