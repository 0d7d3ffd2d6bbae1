use std::io;

use crate::client::{Address, ServerError};

/// Why a command failed, as its user is told. The exit code is then 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file or standard input.
    #[error("cannot read {name}: {source}")]
    Read { name: String, source: io::Error },
    /// A file that is to be written.
    #[error("cannot write {name}: {source}")]
    Write { name: String, source: io::Error },
    /// Something else than what the file should hold.
    #[error("{name}: {problem}")]
    Content { name: String, problem: String },
    /// The same in a file that is read line by line.
    #[error("{name}, line {line}: {problem}")]
    Line { name: String, line: u64, problem: String },
    /// No connection.
    #[error(
        "no server answers at {address}: {cause}\n  \
         `pawl serve` starts one; --address or PAWL_ADDRESS name another"
    )]
    Unreachable { address: Address, cause: String },
    /// The server refused, or the connection broke.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server refused, and this is what it was about and what it means.
    #[error("{what}: {error}{advice}")]
    At { what: String, error: ServerError, advice: String },
    /// Told already; nothing more to say.
    #[error("{0}")]
    Incomplete(String),
    /// Standard output is closed or full.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// The server did not start.
    #[error(transparent)]
    Start(#[from] pawl_server::StartError),
    /// The server ended by itself.
    #[error(transparent)]
    Run(#[from] pawl_server::RunError),
    /// A file of tokens cannot be used or changed.
    #[error(transparent)]
    Access(#[from] pawl_server::AccessEditError),
    /// A database cannot be opened.
    #[error(transparent)]
    Open(#[from] pawl_store::OpenError),
    /// A copy of a database to look at cannot be had.
    #[error(
        "cannot make a copy in {}: {source}\n  \
         sled writes when it opens a database, so a copy is checked; --scratch names another place \
         with room for it", place.display()
    )]
    Scratch { place: std::path::PathBuf, source: io::Error },
    /// The operating system refused something that a command needs.
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
}

impl Failure {
    /// Whether only the reader of the output went away, as in `pawl watch | head -1`.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Server(ServerError::from(status))
    }
}
