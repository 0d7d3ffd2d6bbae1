use std::io;

use tonic::Code;

use crate::client::ServerError;

/// What the exit code of a command says.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed, or only a part was done
  2  a mistake on the command line or in the configuration
  3  the server cannot be reached, or the connection broke
  4  there is no such thing
  5  not allowed: no token or certificate, or one that may not do this
  6  a conflict: it exists already, or was changed meanwhile";

/// Why a command failed, as its user is told.
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
    /// A mistake on the command line that only shows beside something else.
    #[error("{0}")]
    Usage(String),
    /// No connection.
    #[error("no server answers at {address}: {cause}\n  {advice}")]
    Unreachable { address: String, cause: String, advice: String },
    /// The server refused, or the connection broke.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server refused, and this is what it was about and what it means.
    #[error("{what}: {error}{advice}")]
    At { what: String, error: ServerError, advice: String },
    /// A failure, and what to do about it.
    #[error("{failure}\n  {advice}")]
    Advised { failure: Box<Failure>, advice: String },
    /// Told already; nothing more to say.
    #[error("{0}")]
    Incomplete(String),
    /// Standard output is closed or full.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// The server did not start.
    #[error(transparent)]
    Start(#[from] pawl_server::StartError),
    /// Traces cannot be exported.
    #[error(transparent)]
    Traces(#[from] pawl_server::TracesError),
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
    /// What the process ends with; [`EXIT_CODES`] tells people.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Server(error) | Self::At { error, .. } => error.exit_code(),
            Self::Advised { failure, .. } => failure.exit_code(),
            _ => 1,
        }
    }

    /// What the server answered, if it was the server that refused.
    pub(crate) fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) | Self::At { error, .. } => Some(error),
            _ => None,
        }
    }

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

impl ServerError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self.code() {
            _ if self.broken_by().is_some() => 3,
            Code::NotFound => 4,
            Code::Unauthenticated | Code::PermissionDenied => 5,
            Code::AlreadyExists | Code::Aborted => 6,
            _ => 1,
        }
    }
}
