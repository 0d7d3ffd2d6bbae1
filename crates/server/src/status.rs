//! The one place where errors become `tonic::Status`: what the client reads is not what the log
//! reads.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pawl_api::{convert, pb};
use pawl_domain::Rejection;
use pawl_engine::{BackupFailure, Earliest, EngineError, WatchError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};
use tracing::error;

use crate::access::{Denied, Problem, Role};

/// The domain of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "pawl";
/// When to try again after a failure that may pass.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same while the disk is full, which somebody has to see to, or the memory of identities, which
/// takes a while.
const RETRY_WITH_ROOM_AFTER: Duration = Duration::from_secs(10);

/// A refusal as the status of a call.
pub(crate) fn rejected(rejection: &Rejection) -> Status {
    refused(convert::refusal(rejection))
}

/// A message of an import that could not be read, after `applied` took effect.
pub(crate) fn unreadable(status: Status, applied: i64) -> Status {
    let mut refusal =
        simple(status.code(), pb::ErrorReason::InvalidField, status.message().to_owned());
    refusal.metadata.insert("applied_messages".to_owned(), applied.to_string());
    match status.code() {
        // Too long, or not the message that it should be.
        Code::OutOfRange | Code::Internal | Code::InvalidArgument => refused(refusal),
        _ => status,
    }
}

/// Why somebody does not get in. Says nothing of what they asked for.
pub(crate) fn denied(denied: &Denied) -> Status {
    let names = |roles: &mut dyn Iterator<Item = Role>| {
        roles.map(Role::as_str).collect::<Vec<_>>().join(", ")
    };
    refused(match denied {
        Denied::Unauthenticated(problem) => {
            let (problem, message) = match problem {
                Problem::Missing => (
                    "missing",
                    "who calls? send `authorization: Bearer TOKEN`, or connect with a client certificate",
                ),
                Problem::Malformed => (
                    "malformed",
                    "the credentials cannot be read; send `authorization: Bearer TOKEN`",
                ),
                Problem::Unknown => (
                    "unknown",
                    "the credentials are unknown or were revoked; ask whoever runs the server for others",
                ),
                Problem::Expired => (
                    "expired",
                    "the credentials have expired; ask whoever gave them out for others",
                ),
                Problem::Ended => (
                    "ended",
                    "the credentials with which this call began have expired, or were revoked or changed; \
                     call again",
                ),
            };
            let code = Code::Unauthenticated;
            let mut refusal = simple(code, pb::ErrorReason::Unauthenticated, message.to_owned());
            refusal.metadata.insert("problem".to_owned(), problem.to_owned());
            refusal
        }
        Denied::Forbidden { roles, right } => {
            let own = names(&mut roles.iter().copied());
            let needed = names(&mut Role::ALL.into_iter().filter(|role| role.has(*right)));
            let has = if own.is_empty() { "none" } else { &own };
            let message = format!("this takes the role {needed}; the caller has {has}")
                .replace(", admin;", " or admin;");
            let mut refusal = simple(Code::PermissionDenied, pb::ErrorReason::RoleMissing, message);
            refusal.metadata.insert("roles".to_owned(), own);
            refusal.metadata.insert("needed".to_owned(), needed);
            refusal
        }
    })
}

/// As many calls wait to be decided as may, or as may of one connection.
pub(crate) fn queue_full(limit: u32) -> Status {
    let message = format!(
        "too many calls wait to be decided already: {limit} may, and of one connection no more than it \
         leaves to others; nothing was written: try again a little later, or publish on a stream, which \
         waits by itself"
    );
    let mut refusal = simple(Code::ResourceExhausted, pb::ErrorReason::QueueFull, message);
    refusal.metadata.insert("limit".to_owned(), limit.to_string());
    refused(refusal)
}

/// A request that does not become whole.
pub(crate) fn too_slow(patience: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "nothing came of the request for {patience:?} before it was whole; nothing was written"
    ))
}

/// What the engine answers instead of a result.
pub(crate) fn failed(error: EngineError) -> Status {
    refused(failure(error))
}

/// The same, for an import of which `applied` messages took effect.
pub(crate) fn failed_import(error: EngineError, applied: i64) -> Status {
    let mut refusal = failure(error);
    refusal.metadata.insert("applied_messages".to_owned(), applied.to_string());
    refused(refusal)
}

fn failure(error: EngineError) -> pb::Refusal {
    let message = error.to_string();
    match error {
        EngineError::Rejected(rejection) => convert::refusal(&rejection),
        EngineError::Stopping => simple(Code::Unavailable, pb::ErrorReason::ShuttingDown, message),
        EngineError::OutcomeUnknown => {
            simple(Code::Unavailable, pb::ErrorReason::OutcomeUnknown, message)
        }
        EngineError::Store(error) => internal_failure(&error),
    }
}

/// A failure of ours: the log says more than the client learns.
pub(crate) fn internal(error: &dyn std::error::Error) -> Status {
    refused(internal_failure(error))
}

fn internal_failure(error: &dyn std::error::Error) -> pb::Refusal {
    error!(error = %error, "a call failed");
    let message = "the server failed; its log says why".to_owned();
    simple(Code::Internal, pb::ErrorReason::Internal, message)
}

/// The server is stopping.
pub(crate) fn stopping() -> Status {
    failed(EngineError::Stopping)
}

/// Why a watch cannot start (W5).
pub(crate) fn unwatchable(error: WatchError, database_id: &str) -> Status {
    let message = error.to_string();
    match error {
        WatchError::Damaged => {
            refused(simple(Code::InvalidArgument, pb::ErrorReason::ResumeTokenInvalid, message))
        }
        WatchError::Foreign => {
            let mut refusal =
                simple(Code::FailedPrecondition, pb::ErrorReason::ResumeTokenForeign, message);
            refusal.metadata.insert("database_id".to_owned(), database_id.to_owned());
            refused(refusal)
        }
        WatchError::Expired(earliest) => expired(&earliest),
        WatchError::Store(error) => internal(&error),
    }
}

/// What a watch would show next is no longer retained (W5, Q4).
pub(crate) fn expired(earliest: &Earliest) -> Status {
    let message = WatchError::Expired(earliest.clone()).to_string();
    let mut refusal = simple(Code::OutOfRange, pb::ErrorReason::ResumeTokenExpired, message);
    let token = BASE64_STANDARD.encode(earliest.token.as_bytes());
    refusal.metadata.insert("earliest_token".to_owned(), token);
    if let Some(time) = earliest.time {
        let time = convert::timestamp_to_pb(time).to_string();
        refusal.metadata.insert("earliest_time".to_owned(), time);
    }
    refused(refusal)
}

/// A watch has reached its greatest age.
pub(crate) fn aged() -> Status {
    let message = "the watch has reached the greatest age that the server allows; \
                   connect again with the last token";
    refused(simple(Code::Unavailable, pb::ErrorReason::WatchAged, message.to_owned()))
}

/// Why a backup is not whole.
pub(crate) fn not_backed_up(failure: BackupFailure) -> Status {
    let message = failure.to_string();
    match failure {
        BackupFailure::TooSlow { .. } => {
            refused(simple(Code::DeadlineExceeded, pb::ErrorReason::BackupTooSlow, message))
        }
        BackupFailure::Engine(error) => failed(error),
    }
}

/// A page token that is damaged or belongs to another list.
pub(crate) fn page_token_invalid() -> Status {
    let message = "page_token: was not given out for these arguments; \
                   repeat the arguments of the first page, or start again without a token";
    let mut refusal =
        simple(Code::InvalidArgument, pb::ErrorReason::PageTokenInvalid, message.to_owned());
    refusal.field_violations.push(pb::FieldViolation {
        field: "page_token".to_owned(),
        description: message.to_owned(),
    });
    refused(refusal)
}

fn simple(code: Code, reason: pb::ErrorReason, message: String) -> pb::Refusal {
    pb::Refusal { code: code.into(), reason: reason.into(), message, ..Default::default() }
}

/// A refusal as the status of a call.
pub(crate) fn refused(refusal: pb::Refusal) -> Status {
    let code = Code::from_i32(refusal.code);
    let is_brief = refusal.reason() == pb::ErrorReason::QueueFull;
    let reason = refusal.reason().as_str_name().trim_start_matches("ERROR_REASON_").to_owned();
    let mut details = ErrorDetails::with_error_info(
        reason,
        DOMAIN,
        refusal.metadata.into_iter().collect::<HashMap<_, _>>(),
    );
    if !refusal.field_violations.is_empty() {
        let violation = |v: pb::FieldViolation| FieldViolation::new(v.field, v.description);
        details.set_bad_request(
            refusal.field_violations.into_iter().map(violation).collect::<Vec<_>>(),
        );
    }
    let retry_after = match code {
        Code::Unavailable => Some(RETRY_AFTER),
        Code::ResourceExhausted if is_brief => Some(RETRY_AFTER),
        Code::ResourceExhausted => Some(RETRY_WITH_ROOM_AFTER),
        _ => None,
    };
    if retry_after.is_some() {
        details.set_retry_info(retry_after);
    }
    Status::with_error_details(code, refusal.message, details)
}
