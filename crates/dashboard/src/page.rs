//! What all pages have in common.

use std::fmt::Write;
use std::time::Duration;

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use pawl_api::convert;
use pawl_domain::{Pipeline, Rejection, Timestamp};
use pawl_engine::EngineError;

use crate::{address, assets};

/// The frame of a page: where it belongs, and who looks.
#[derive(Debug, Default)]
pub(crate) struct Frame<'a> {
    title: &'a str,
    who: Option<&'a str>,
    pipeline: Option<&'a Pipeline>,
    tab: &'a str,
}

/// The pages of a pipeline: path, title, and whether one must be able to look, or to publish.
const TABS: [(&str, &str); 4] =
    [("", "Board"), ("list", "List"), ("try", "Try an event"), ("pictures", "Pictures")];

impl<'a> Frame<'a> {
    pub(crate) fn new(title: &'a str) -> Self {
        Self { title, ..Self::default() }
    }

    /// By what name whoever looks is known.
    #[must_use]
    pub(crate) fn of(self, who: Option<&'a str>) -> Self {
        Self { who, ..self }
    }

    /// A page of a pipeline: one of its tabs, or `-` for none.
    #[must_use]
    pub(crate) fn within(self, pipeline: &'a Pipeline, tab: &'a str) -> Self {
        Self { pipeline: Some(pipeline), tab, ..self }
    }

    pub(crate) fn page(&self, body: Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Pawl" }
                    link rel="icon" type="image/svg+xml" href=(assets::logo());
                    link rel="stylesheet" href=(assets::style());
                    script src=(assets::script()) defer {}
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    (self.top())
                    p #banner .banner role="status" hidden {}
                    div #content tabindex="-1" { (body) }
                    dialog #dialog aria-label="Details" {}
                    p #toast .toast role="status" aria-live="polite" hidden {}
                }
            }
        }
    }

    fn top(&self) -> Markup {
        html! {
            header.top {
                a.brand href="/" { (PreEscaped(assets::LOGO)) "Pawl" }
                @if let Some(pipeline) = self.pipeline {
                    strong.where { (name_of(pipeline)) }
                    nav aria-label="Pages of this pipeline" {
                        @for (path, title) in TABS {
                            a href=(tab(pipeline, path)) aria-current=[(self.tab == path).then_some("page")] { (title) }
                        }
                    }
                }
                @if let Some(name) = self.who {
                    form.who method="post" action="/sign-out" {
                        span { (name) } button.quiet { "Sign out" }
                    }
                }
            }
        }
    }
}

fn tab(pipeline: &Pipeline, path: &str) -> String {
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{}{slash}{path}", address::board(&pipeline.id))
}

/// What people call a pipeline.
pub(crate) fn name_of(pipeline: &Pipeline) -> &str {
    match pipeline.display_name.as_str() {
        "" => pipeline.id.as_str(),
        name => name,
    }
}

/// How long something took or is ago, in one unit.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        s @ ..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// A moment, as how long it is ago; the script keeps it true.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> Markup {
    let moment = moment(time);
    html! { time datetime=(moment) title=(moment) { (span(now.since(time))) } }
}

/// A moment as RFC 3339 writes it.
pub(crate) fn moment(time: Timestamp) -> String {
    convert::timestamp_to_pb(time).to_string()
}

/// A text as one component of a query.
pub(crate) fn component(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// A page that cannot be shown, or a change that was not made, and what to do.
#[derive(Debug)]
pub(crate) struct Sorry {
    code: StatusCode,
    problem: String,
}

impl Sorry {
    pub(crate) fn bad(problem: impl Into<String>) -> Self {
        Self { code: StatusCode::BAD_REQUEST, problem: problem.into() }
    }

    /// Taken apart, for a page with a form that says it itself.
    pub(crate) fn told(self) -> (StatusCode, String) {
        (self.code, self.problem)
    }

    /// A place that is none of the board's.
    pub(crate) fn nowhere() -> Self {
        let problem =
            "There is no such page. It may have been misspelled, or be of an older version.";
        Self { code: StatusCode::NOT_FOUND, problem: problem.to_owned() }
    }

    pub(crate) fn unauthorized(problem: String) -> Self {
        Self { code: StatusCode::UNAUTHORIZED, problem }
    }

    pub(crate) fn forbidden(who: Option<&str>, what: &str) -> Self {
        let who = who.map_or_else(String::new, |name| format!(" of {name}"));
        let problem =
            format!("The token{who} does not let you {what}; ask whoever runs the server.");
        Self { code: StatusCode::FORBIDDEN, problem }
    }

    /// What is no longer as it was when the page was made.
    pub(crate) fn conflict(problem: impl Into<String>) -> Self {
        Self { code: StatusCode::CONFLICT, problem: problem.into() }
    }

    pub(crate) fn busy(problem: String) -> Self {
        Self { code: StatusCode::SERVICE_UNAVAILABLE, problem }
    }

    pub(crate) fn foreign() -> Self {
        let problem = "This came from a page of another site, and was not done.".to_owned();
        Self { code: StatusCode::FORBIDDEN, problem }
    }

    pub(crate) fn misdirected() -> Self {
        let problem = "Without --access-file the board answers to localhost and to addresses in \
                       numbers only; another name could be somebody else's page.";
        Self { code: StatusCode::MISDIRECTED_REQUEST, problem: problem.to_owned() }
    }
}

impl From<Rejection> for Sorry {
    fn from(rejection: Rejection) -> Self {
        let code = match rejection {
            Rejection::NotFound { .. } | Rejection::EventNotFound { .. } => StatusCode::NOT_FOUND,
            Rejection::OutOfScope { .. } => StatusCode::FORBIDDEN,
            Rejection::AlreadyExists { .. }
            | Rejection::RevisionMismatch { .. }
            | Rejection::EventIdReused { .. }
            | Rejection::RequestIdReused { .. } => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { code, problem: rejection.to_string() }
    }
}

impl From<EngineError> for Sorry {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejection) => rejection.into(),
            EngineError::Stopping => Self::busy(error.to_string()),
            EngineError::OutcomeUnknown | EngineError::Store(_) => {
                Self { code: StatusCode::INTERNAL_SERVER_ERROR, problem: error.to_string() }
            }
        }
    }
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        let Self { code, problem } = self;
        let title = match code {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::UNAUTHORIZED => "Please sign in",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::SERVICE_UNAVAILABLE => "Too busy just now",
            StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong",
            _ => "That did not work",
        };
        let page = Frame::new(title).page(html! {
            main.sheet.narrow {
                h1 { (title) }
                p.problem role="alert" { (problem) }
                p.actions {
                    @if code == StatusCode::UNAUTHORIZED { a.button href="/sign-in" { "Sign in" } }
                    a.button href="/" { "All boards" }
                }
            }
        });
        (code, Html(page.into_string())).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_unit_that_people_would_use() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn what_is_not_plain_is_escaped_in_a_query() {
        assert_eq!(component("/boards/a?b=c&d=é"), "/boards/a%3Fb%3Dc%26d%3D%C3%A9");
    }
}
