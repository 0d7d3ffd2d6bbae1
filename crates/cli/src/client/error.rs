use std::error::Error;
use std::fmt;

use tonic::{Code, Status};
use tonic_types::{FieldViolation, StatusExt};

/// A status, made readable: the message, the public reason, and the fields that are wrong.
#[derive(Debug)]
pub(crate) struct ServerError(Box<Status>);

impl ServerError {
    pub(crate) fn code(&self) -> Code {
        self.0.code()
    }

    /// The public reason, without its prefix; empty when the service itself did not refuse.
    pub(crate) fn reason(&self) -> String {
        self.0.get_details_error_info().map_or_else(String::new, |info| info.reason)
    }

    /// A value of the message by the key that the reason documents.
    pub(crate) fn metadata(&self, key: &str) -> Option<String> {
        self.0.get_details_error_info()?.metadata.get(key).cloned()
    }

    /// What is wrong with the connection, when it was not the server that answered.
    pub(crate) fn broken_by(&self) -> Option<String> {
        // Only what arose on this side has a source.
        let source = self.0.source()?;
        self.0.get_details_error_info().is_none().then(|| root_cause(source))
    }

    /// Paths of the fields that are wrong, as they stand in the request.
    pub(crate) fn fields(&self) -> Vec<String> {
        self.violations().into_iter().map(|violation| violation.field).collect()
    }

    fn violations(&self) -> Vec<FieldViolation> {
        self.0.get_details_bad_request().map_or_else(Vec::new, |bad| bad.field_violations)
    }
}

impl From<Status> for ServerError {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let message = status.message();
        match status.get_details_error_info() {
            Some(info) => write!(f, "{message} ({})", info.reason)?,
            None => match self.broken_by() {
                Some(cause) => write!(f, "the connection broke: {cause}")?,
                None => write!(f, "{message} ({:?})", status.code())?,
            },
        }
        for violation in self.violations() {
            // Most messages name the field themselves.
            if !message.contains(&violation.field) {
                write!(f, "\n  {}: {}", violation.field, violation.description)?;
            }
        }
        if let Some(token) = self.metadata("earliest_token") {
            write!(f, "\n  the earliest that still works: --from {token}")?;
        }
        Ok(())
    }
}

impl Error for ServerError {}

/// What the layers of an error stand on: `connection refused`, not `transport error`.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        // Without the number of the error.
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn errors_tell_message_reason_and_fields() {
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_FIELD", "pawl", []);
        details.add_bad_request_violation("trigger.state", "no such state");
        let status =
            |message| Status::with_error_details(Code::InvalidArgument, message, details.clone());
        let shown = ServerError::from(status("trigger.state: no such state")).to_string();
        assert_eq!(shown, "trigger.state: no such state (INVALID_FIELD)");
        let shown = ServerError::from(status("bad input")).to_string();
        assert_eq!(shown, "bad input (INVALID_FIELD)\n  trigger.state: no such state");
        let shown = ServerError::from(Status::unimplemented("no such method")).to_string();
        assert_eq!(shown, "no such method (Unimplemented)");
    }
}
