use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, Method};
use pawl_engine::Engine;

use crate::Shared;
use crate::page::Sorry;

/// What whoever looks may do: the roles of the access file, as far as they matter to pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may go with any other")]
pub struct May {
    /// Look at everything within reach.
    pub read: bool,
    /// Publish events.
    pub publish: bool,
    /// Create, change and move entities.
    pub edit: bool,
    /// Create, change and delete triggers.
    pub configure: bool,
}

/// Whoever looks.
pub struct Visitor {
    /// The engine, as far as they may reach.
    pub engine: Engine,
    /// Their name in the access file; `None` where nobody has to say who they are.
    pub name: Option<String>,
    /// What they may do.
    pub may: May,
    /// Ends when they may no longer look: their credential expired or was revoked.
    pub ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("name", &self.name)
            .field("may", &self.may)
            .finish_non_exhaustive()
    }
}

/// What the server does for the pages: the same as for an RPC.
pub trait Door: Send + Sync + 'static {
    /// Whoever asks, by the credentials in the request; or why they are not let in, in a sentence.
    fn visitor(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Visitor, String>;

    /// A place among those who wait for a change to be decided, held until it is dropped; or why there
    /// is none.
    fn place(&self, extensions: &Extensions) -> Result<Box<dyn Send>, String>;

    /// A fresh id for a trigger or an event.
    fn fresh_id(&self) -> String;

    /// Whether clients come by TLS, so that cookies need not travel without.
    fn is_encrypted(&self) -> bool;

    /// Whether nobody has to say who they are, and only this machine can reach the port.
    fn is_open(&self) -> bool;
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Shared) -> Result<Self, Response> {
        door.visitor(&parts.headers, &parts.extensions).map_err(|problem| {
            if parts.method == Method::GET && wants_page(&parts.headers) {
                let from = parts.uri.path_and_query().map_or("/", |from| from.as_str());
                return Redirect::to(&crate::sign_in::path(from)).into_response();
            }
            Sorry::unauthorized(problem).into_response()
        })
    }
}

/// Whether a person would look at the answer.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

impl Visitor {
    /// By what name they are known.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Refuses whoever may not do this.
    pub(crate) fn require(&self, may: bool, what: &str) -> Result<Allowed, Sorry> {
        if may { Ok(Allowed(())) } else { Err(Sorry::forbidden(self.name.as_deref(), what)) }
    }

    /// Refuses whoever may not look.
    pub(crate) fn reader(&self) -> Result<Allowed, Sorry> {
        self.require(self.may.read, "look at boards")
    }
}

/// That whoever asks may do it. Nobody else gets a place.
#[derive(Debug)]
pub(crate) struct Allowed(());

/// The queue of changes.
pub(crate) struct Queue {
    door: Shared,
    extensions: Extensions,
}

/// A place in it, held while a change is decided.
pub(crate) struct Place {
    _held: Box<dyn Send>,
}

impl Queue {
    /// Takes a place, if there is one.
    pub(crate) fn place(&self, _: &Allowed) -> Result<Place, Sorry> {
        let held = self.door.place(&self.extensions);
        held.map(|held| Place { _held: held }).map_err(Sorry::busy)
    }
}

impl FromRequestParts<Shared> for Queue {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, door: &Shared) -> Result<Self, Infallible> {
        Ok(Self { door: Arc::clone(door), extensions: parts.extensions.clone() })
    }
}

#[cfg(test)]
mod tests;
