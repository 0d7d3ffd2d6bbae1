//! The services of the contract, a file each.

mod entities;
mod events;
mod moves;
mod pipelines;
mod system;
mod triggers;
mod watch;

use std::time::Duration;

use pawl_domain::Rejection;
use pawl_engine::{Engine, EngineError};
use tonic::Status;

use crate::status;

pub(crate) use moves::{MoveServiceServer, SERVICE_NAME as MOVE_SERVICE};
pub(crate) use system::System;

/// Implements the services that need nothing but the engine.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) engine: Engine,
    /// How old a watch may become.
    pub(crate) max_watch_age: Option<Duration>,
}

/// An engine's refusal names fields as the resource has them; in the request they stand under it.
fn under(resource: &'static str) -> impl Fn(EngineError) -> Status {
    move |error| {
        status::failed(match error {
            EngineError::Rejected(rejection) => EngineError::Rejected(rejection.within(resource)),
            error => error,
        })
    }
}

/// A refusal from a conversion, which names the whole path already.
fn bad(rejection: Rejection) -> Status {
    status::rejected(&rejection)
}
