use std::collections::BTreeMap;

use pawl_api::pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A refusal as a client reads it, from the status of a call or from an outcome on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The code.
    pub code: Code,
    /// The `ErrorReason` without its prefix; empty without `google.rpc.ErrorInfo`.
    pub reason: String,
    /// The domain of the `google.rpc.ErrorInfo`.
    pub domain: String,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Paths of the fields in the `google.rpc.BadRequest`.
    pub fields: Vec<String>,
    /// Whether it says when to try again.
    pub retry: bool,
    /// The message.
    pub message: String,
}

impl From<&Status> for Refused {
    fn from(status: &Status) -> Self {
        let info = status.get_details_error_info();
        let (reason, domain, metadata) =
            info.map(|info| (info.reason, info.domain, info.metadata)).unwrap_or_default();
        let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
        Self {
            code: status.code(),
            reason,
            domain,
            metadata: metadata.into_iter().collect(),
            fields: violations.into_iter().flatten().map(|violation| violation.field).collect(),
            retry: status.get_details_retry_info().is_some(),
            message: status.message().to_owned(),
        }
    }
}

impl From<&pb::Refusal> for Refused {
    fn from(refusal: &pb::Refusal) -> Self {
        let reason = refusal.reason().as_str_name();
        Self {
            code: Code::from_i32(refusal.code),
            reason: reason.strip_prefix("ERROR_REASON_").unwrap_or(reason).to_owned(),
            domain: "pawl".to_owned(),
            metadata: refusal.metadata.clone(),
            fields: refusal.field_violations.iter().map(|v| v.field.clone()).collect(),
            retry: false,
            message: refusal.message.clone(),
        }
    }
}

/// Whether the server decided against a call, and nothing was written. Otherwise nobody knows: the
/// connection broke, or the server did.
pub fn is_refusal(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
    )
}
