//! Errors over HTTP: the same as over gRPC, in JSON as Google's APIs write them (AIP-193).

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A refusal as the answer of an HTTP request, with what else its body tells.
pub(super) struct Refused {
    pub(super) status: Status,
    pub(super) besides: Map<String, Value>,
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self { status, besides: Map::new() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, mut besides } = self;
        let code = http_code(status.code());
        besides.insert("error".to_owned(), error(code, &status));
        let mut response = (code, Json(Value::Object(besides))).into_response();
        if code == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
        if let Some(delay) = retry {
            let seconds = HeaderValue::from(delay.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// A refusal that is HTTP's own.
pub(super) fn plain(code: StatusCode, message: &str) -> Response {
    let name = code.canonical_reason().unwrap_or_default().to_uppercase().replace(' ', "_");
    let error = json!({ "code": code.as_u16(), "status": name, "message": message });
    (code, Json(json!({ "error": error }))).into_response()
}

fn error(code: StatusCode, status: &Status) -> Value {
    let mut details = Vec::new();
    if let Some(info) = status.get_details_error_info() {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": info.reason,
            "domain": info.domain,
            // In the same order each time.
            "metadata": info.metadata.into_iter().collect::<BTreeMap<_, _>>(),
        }));
    }
    if let Some(bad) = status.get_details_bad_request() {
        let violation = |v: &tonic_types::FieldViolation| json!({ "field": v.field, "description": v.description });
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": bad.field_violations.iter().map(violation).collect::<Vec<_>>(),
        }));
    }
    if let Some(delay) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{}s", delay.as_secs_f64()),
        }));
    }
    json!({
        "code": code.as_u16(),
        "status": name(status.code()),
        "message": status.message(),
        "details": details,
    })
}

/// As `google.rpc.Code` is documented to map.
fn http_code(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// `InvalidArgument` as the contract spells it: `INVALID_ARGUMENT`.
fn name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
