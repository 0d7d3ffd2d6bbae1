//! An error as its client has it: `grpc-status-details-bin`, in JSON as Protocol Buffers write it.

use std::collections::BTreeMap;

use pawl_api::pb::ErrorReason;
use prost::Message;
use serde::Serialize;
use tonic::Status;
use tonic_types::pb as rpc;

/// Metadata that no two servers share. Each value stands on the page as its name in angle brackets.
const VARYING: [&str; 5] = ["database_id", "earliest_token", "earliest_time", "path", "free_bytes"];

/// A `google.rpc.Status`.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    code: i32,
    message: String,
    details: Vec<Detail>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Detail {
    Info(Info),
    Bad(Bad),
    Retry(Retry),
}

#[derive(Debug, Serialize)]
struct Info {
    #[serde(rename = "@type")]
    type_url: String,
    reason: String,
    domain: String,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Bad {
    #[serde(rename = "@type")]
    type_url: String,
    field_violations: Vec<Violation>,
}

#[derive(Debug, Serialize)]
struct Violation {
    field: String,
    description: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Retry {
    #[serde(rename = "@type")]
    type_url: String,
    retry_delay: String,
}

/// The name of a reason as ErrorInfo has it.
pub(super) fn short(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

impl Answered {
    pub(super) fn read(status: &Status) -> Self {
        let told = rpc::Status::decode(status.details()).expect("it is a google.rpc.Status");
        assert_eq!((told.code, &*told.message), (status.code() as i32, status.message()));
        let mut message = told.message;
        let details: Vec<_> =
            told.details.iter().map(|any| Detail::read(any, &mut message)).collect();
        Self { code: told.code, message, details }
    }

    fn info(&self) -> &Info {
        let info = self.details.iter().find_map(|detail| match detail {
            Detail::Info(info) => Some(info),
            _ => None,
        });
        info.unwrap_or_else(|| panic!("an error has an ErrorInfo: {self:?}"))
    }

    pub(super) fn code(&self) -> i32 {
        self.code
    }

    pub(super) fn reason(&self) -> &str {
        &self.info().reason
    }

    pub(super) fn metadata(&self) -> &BTreeMap<String, String> {
        &self.info().metadata
    }

    /// Whether it says when to try again.
    pub(super) fn retries(&self) -> bool {
        self.details.iter().any(|detail| matches!(detail, Detail::Retry(_)))
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("it is JSON")
    }
}

impl Detail {
    /// What varies is replaced here and in the message.
    fn read(any: &prost_types::Any, message: &mut String) -> Self {
        let type_url = any.type_url.clone();
        let bytes = &*any.value;
        match type_url.rsplit('/').next() {
            Some("google.rpc.ErrorInfo") => {
                let info = rpc::ErrorInfo::decode(bytes).expect("it is an ErrorInfo");
                let mut metadata: BTreeMap<_, _> = info.metadata.into_iter().collect();
                for (key, value) in &mut metadata {
                    if VARYING.contains(&key.as_str()) {
                        let stands = format!("<{key}>");
                        *message = message.replace(value.as_str(), &stands);
                        *value = stands;
                    }
                }
                Self::Info(Info { type_url, reason: info.reason, domain: info.domain, metadata })
            }
            Some("google.rpc.BadRequest") => {
                let bad = rpc::BadRequest::decode(bytes).expect("it is a BadRequest");
                let violation = |v: rpc::bad_request::FieldViolation| Violation {
                    field: v.field,
                    description: v.description,
                };
                let field_violations = bad.field_violations.into_iter().map(violation).collect();
                Self::Bad(Bad { type_url, field_violations })
            }
            Some("google.rpc.RetryInfo") => {
                let retry = rpc::RetryInfo::decode(bytes).expect("it is a RetryInfo");
                let delay = retry.retry_delay.expect("it says when");
                Self::Retry(Retry { type_url, retry_delay: delay.to_string() })
            }
            _ => panic!("{type_url} is not on the page: nobody is told of it"),
        }
    }
}
