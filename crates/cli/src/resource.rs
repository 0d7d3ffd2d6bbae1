//! What the server keeps under an id: one description for each kind.

mod entity;
mod pipeline;
mod trigger;
mod trigger_type;

use std::collections::{HashMap, HashSet};

use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use prost_types::FieldMask;
use tonic::Status;

use crate::client::Wire;
use crate::manifest::Listed;
use crate::pages::{Page, Paged};
use crate::show::Shown;

/// The services that keep resources.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pipelines: PipelineServiceClient<Wire>,
    triggers: TriggerServiceClient<Wire>,
    entities: EntityServiceClient<Wire>,
    validate_only: bool,
    /// Who changes entities, where the contract asks for it.
    actor: String,
}

impl Clients {
    pub(crate) fn new(wire: Wire) -> Self {
        Self {
            pipelines: PipelineServiceClient::new(wire.clone()),
            triggers: TriggerServiceClient::new(wire.clone()),
            entities: EntityServiceClient::new(wire),
            validate_only: false,
            actor: String::new(),
        }
    }

    /// Their creates and updates run every check of the server and change nothing.
    pub(crate) fn that_only_validate(wire: Wire) -> Self {
        Self { validate_only: true, ..Self::new(wire) }
    }

    pub(crate) fn with_actor(self, actor: String) -> Self {
        Self { actor, ..self }
    }
}

/// What a run is about to write, so that a check can tell what is only missing yet.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// The stages of each pipeline.
    pub(crate) pipelines: HashMap<String, Vec<String>>,
    /// The codes of trigger types.
    pub(crate) trigger_types: HashSet<String>,
}

/// What can be read, listed, created, updated and deleted by its id.
pub(crate) trait Resource: Listed + Shown + Clone {
    /// What people call it.
    const NAME: &'static str;
    /// The command that is about it.
    const COMMAND: &'static str;

    /// Which of them a list has.
    type Filter: Default;

    fn revision(&self) -> i64;

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status>;

    async fn list(clients: &mut Clients, filter: &Self::Filter, page: Page) -> Paged<Self>;

    /// Gives it as it is stored, or as it would be.
    async fn create(self, clients: &mut Clients) -> Result<Self, Status>;

    /// Sets the masked fields of the stored one to those of this one. Refused when it is at another
    /// revision than this, unless that is 0.
    async fn update(
        self,
        mask: FieldMask,
        revision: i64,
        clients: &mut Clients,
    ) -> Result<Self, Status>;

    /// Refused when it is at another revision than this, unless that is 0.
    async fn delete(clients: &mut Clients, id: &str, revision: i64) -> Result<(), Status>;
}

/// A resource that an apply file can have.
pub(crate) trait Configured: Resource {
    /// Names every field that an update may change, so that one which is absent here falls back to
    /// its default.
    fn update_mask(&self) -> FieldMask;

    /// Why a check was refused for this reason only because something that is planned is not there
    /// yet; none when the refusal stands.
    fn waits_for(&self, _reason: &str, _planned: &Planned) -> Option<&'static str> {
        None
    }
}

/// The calls of what an apply file can have, which differ in names alone: where the resource stands in
/// requests and answers, by which field it is named, and for each call the method and its request. What
/// only one of them can be asked stands behind its id.
macro_rules! calls {
    (
        $client:ident, $resource:ident by $id:ident:
        $get:ident($GetRequest:ident $(, $more:ident: $value:expr)?),
        $create:ident($CreateRequest:ident),
        $update:ident($UpdateRequest:ident),
        $delete:ident($DeleteRequest:ident)
    ) => {
        async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
            let request = pb::$GetRequest { $id: id.to_owned() $(, $more: $value)? };
            let response = clients.$client.$get(request).await?;
            Ok(response.into_inner().$resource.unwrap_or_default())
        }

        async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
            let request = pb::$CreateRequest {
                $resource: Some(self),
                validate_only: clients.validate_only,
                ..Default::default()
            };
            let response = clients.$client.$create(request).await?;
            Ok(response.into_inner().$resource.unwrap_or_default())
        }

        async fn update(
            self,
            mask: FieldMask,
            revision: i64,
            clients: &mut Clients,
        ) -> Result<Self, Status> {
            let request = pb::$UpdateRequest {
                update_mask: Some(mask),
                expected_revision: revision,
                $resource: Some(self),
                validate_only: clients.validate_only,
            };
            let response = clients.$client.$update(request).await?;
            Ok(response.into_inner().$resource.unwrap_or_default())
        }

        async fn delete(clients: &mut Clients, id: &str, revision: i64) -> Result<(), Status> {
            let request = pb::$DeleteRequest { $id: id.to_owned(), expected_revision: revision };
            clients.$client.$delete(request).await.map(drop)
        }
    };
}
use calls;

fn masked(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}
