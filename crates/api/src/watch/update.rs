use std::error::Error;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tonic::codegen::Bytes;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::pb;

/// What a watch has to tell.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are frames")]
pub enum Update {
    /// Something happened: a move, an entity, a deletion, the end of a snapshot, or a heartbeat.
    Frame {
        /// What.
        frame: pb::watch_frame::Frame,
        /// Resumes after it. Empty before the end of a snapshot.
        token: Bytes,
    },
    /// The watch itself is in another state.
    State(State),
}

/// How a watch fares.
#[derive(Debug, Clone)]
pub enum State {
    /// It calls the server.
    Connecting {
        /// Which attempt it is, from 1, since frames last flowed.
        attempt: u32,
    },
    /// It stands: each matching move will come. From here on there is a token, but for a snapshot.
    Live,
    /// It does not stand, and will try again.
    Interrupted {
        /// What happened.
        why: Interruption,
        /// How long it pauses first.
        retry_in: Duration,
    },
    /// It stands again, but the snapshot had not come to its end when it was interrupted and begins
    /// anew: drop what came of it.
    SnapshotRestarted,
}

/// Why a watch does not stand for the moment.
#[derive(Debug, Clone)]
pub enum Interruption {
    /// The server said goodbye.
    Closing(pb::ClosingReason),
    /// The server or something on the way ended the call, or there is no connection.
    Failed(Box<Status>),
    /// The stream ended as if all were said, which the server never does.
    Cut,
    /// Nothing came from a standing watch for longer than heartbeats take.
    Silent {
        /// How long it waited.
        limit: Duration,
    },
    /// No first frame came.
    Unanswered {
        /// How long it waited.
        limit: Duration,
    },
}

/// A watch has ended, because trying again would give the same: the request is wrong, the token is
/// of no use any more, or the caller may not watch.
#[derive(Debug, Clone)]
pub struct Ended(Box<Status>);

impl Ended {
    pub(super) fn new(status: Status) -> Self {
        Self(Box::new(status))
    }

    /// What the server answered.
    pub fn status(&self) -> &Status {
        &self.0
    }

    /// With OUT_OF_RANGE: the earliest token from which one can still go on. Moves are missing
    /// before it, so that a snapshot may be the better start.
    pub fn earliest_token(&self) -> Option<Bytes> {
        let info = self.0.get_details_error_info()?;
        let token = BASE64_STANDARD.decode(info.metadata.get("earliest_token")?).ok()?;
        Some(token.into())
    }
}

impl From<Ended> for Status {
    fn from(Ended(status): Ended) -> Self {
        *status
    }
}

/// Whether the same call would be answered in the same way for ever.
pub(super) fn is_final(code: Code) -> bool {
    match code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => true,
        // OK comes where a proxy ends what it should not.
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable => false,
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt: 1 } => f.write_str("connecting"),
            Self::Connecting { attempt } => write!(f, "connecting, attempt {attempt}"),
            Self::Live => f.write_str("the watch stands"),
            Self::Interrupted { why, retry_in } => {
                write!(f, "{why}; trying again in {retry_in:.1?}")
            }
            Self::SnapshotRestarted => f.write_str("the snapshot begins anew"),
        }
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closing(pb::ClosingReason::ServerShutdown) => {
                f.write_str("the server is stopping")
            }
            Self::Closing(pb::ClosingReason::Aged) => {
                f.write_str("the watch has reached the greatest age that the server allows")
            }
            Self::Closing(pb::ClosingReason::Expired) => {
                f.write_str("the watch fell behind what is retained")
            }
            Self::Closing(pb::ClosingReason::Unspecified) | Self::Cut => {
                f.write_str("the stream was ended")
            }
            Self::Failed(status) => tell_status(status, f),
            Self::Silent { limit } => write!(f, "nothing was heard for {limit:?}"),
            Self::Unanswered { limit } => write!(f, "no answer within {limit:?}"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tell_status(&self.0, f)
    }
}

impl Error for Ended {}

/// The message and the code; where it arose on this side, what it stands on too.
fn tell_status(status: &Status, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} ({:?})", status.message(), status.code())?;
    let mut cause = status.source();
    while let Some(source) = cause.and_then(Error::source) {
        cause = Some(source);
    }
    match cause {
        Some(cause) => write!(f, ": {cause}"),
        None => Ok(()),
    }
}
