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
use pawl_engine::{Engine, EngineError, Scope};
use tonic::{Request, Status};

use crate::access::{Caller, Hook};
use crate::{Limits, status};

pub(crate) use moves::{MoveServiceServer, SERVICE_NAME as MOVE_SERVICE};
pub(crate) use system::System;

/// Implements the services that need nothing but the engine.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) engine: Engine,
    /// How old a watch may become.
    pub(crate) max_watch_age: Option<Duration>,
    pub(crate) limits: Limits,
}

impl Services {
    /// A call that the gate let through: the services as far as its caller may reach, and its message.
    fn admitted<T>(&self, request: Request<T>) -> (Self, T) {
        let reach = match request.extensions().get::<Caller>() {
            Some(caller) => self.of(caller),
            // Nothing is served past the gate; were it so, nothing would be reached.
            None => self.within(&Scope::of([])),
        };
        (reach, request.into_inner())
    }

    /// As far as a caller may reach.
    pub(crate) fn of(&self, caller: &Caller) -> Self {
        caller.grant().map_or_else(|| self.clone(), |grant| self.within(&grant.limit.scope))
    }

    /// As far as a webhook may reach.
    pub(crate) fn of_hook(&self, hook: &Hook) -> Self {
        self.within(&hook.limit.scope)
    }

    fn within(&self, scope: &Scope) -> Self {
        Self { engine: self.engine.within(scope.clone()), ..self.clone() }
    }
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
