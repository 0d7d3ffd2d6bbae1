//! Who may do what: roles, what each RPC needs, and nothing in between.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Right {
    /// Nothing: anyone who can connect may ask. Says nothing of what is stored.
    Open,
    /// To get, list, watch and preview.
    Read,
    /// To publish events.
    Publish,
    /// To create, import, change, move and delete entities.
    EditEntities,
    /// To change pipelines, trigger types and triggers.
    Configure,
    /// To take everything away at once.
    Backup,
}

impl Right {
    /// Whether such calls wait for their turn to be decided.
    pub(crate) fn is_decided(self) -> bool {
        matches!(self, Self::Publish | Self::EditEntities | Self::Configure)
    }
}

/// What somebody was let in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Gets, lists, watches and previews.
    Viewer,
    /// Publishes events, and learns what came of each; reads nothing else.
    Publisher,
    /// Edits entities, and reads as a viewer does.
    Editor,
    /// Does everything.
    Admin,
}

impl Role {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Publisher, Self::Editor, Self::Admin];

    /// Its name in files, claims and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Publisher => "publisher",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn has(self, right: Right) -> bool {
        match right {
            Right::Open => true,
            Right::Read => matches!(self, Self::Viewer | Self::Editor | Self::Admin),
            Right::Publish => matches!(self, Self::Publisher | Self::Admin),
            Right::EditEntities => matches!(self, Self::Editor | Self::Admin),
            Right::Configure | Right::Backup => matches!(self, Self::Admin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            format!("there is no role {text:?}; choose viewer, publisher, editor or admin")
        })
    }
}

/// What each RPC needs. A test holds it against the contract: an RPC that is missing here is refused.
#[rustfmt::skip]
const RPCS: &[(&str, Right)] = &[
    ("/pawl.v1.PipelineService/CreatePipeline", Right::Configure),
    ("/pawl.v1.PipelineService/GetPipeline", Right::Read),
    ("/pawl.v1.PipelineService/ListPipelines", Right::Read),
    ("/pawl.v1.PipelineService/UpdatePipeline", Right::Configure),
    ("/pawl.v1.PipelineService/DeletePipeline", Right::Configure),
    ("/pawl.v1.PipelineService/GetBoard", Right::Read),
    ("/pawl.v1.TriggerService/CreateTriggerType", Right::Configure),
    ("/pawl.v1.TriggerService/GetTriggerType", Right::Read),
    ("/pawl.v1.TriggerService/ListTriggerTypes", Right::Read),
    ("/pawl.v1.TriggerService/UpdateTriggerType", Right::Configure),
    ("/pawl.v1.TriggerService/DeleteTriggerType", Right::Configure),
    ("/pawl.v1.TriggerService/CreateTrigger", Right::Configure),
    ("/pawl.v1.TriggerService/GetTrigger", Right::Read),
    ("/pawl.v1.TriggerService/ListTriggers", Right::Read),
    ("/pawl.v1.TriggerService/UpdateTrigger", Right::Configure),
    ("/pawl.v1.TriggerService/DeleteTrigger", Right::Configure),
    ("/pawl.v1.TriggerService/ListVerdicts", Right::Read),
    ("/pawl.v1.EntityService/CreateEntity", Right::EditEntities),
    ("/pawl.v1.EntityService/GetEntity", Right::Read),
    ("/pawl.v1.EntityService/ListEntities", Right::Read),
    ("/pawl.v1.EntityService/UpdateEntity", Right::EditEntities),
    ("/pawl.v1.EntityService/MoveEntity", Right::EditEntities),
    ("/pawl.v1.EntityService/DeleteEntity", Right::EditEntities),
    ("/pawl.v1.EntityService/ImportEntities", Right::EditEntities),
    ("/pawl.v1.EventService/PublishEvent", Right::Publish),
    ("/pawl.v1.EventService/PublishEvents", Right::Publish),
    ("/pawl.v1.EventService/PreviewEvent", Right::Read),
    ("/pawl.v1.EventService/GetEvent", Right::Read),
    ("/pawl.v1.MoveService/WatchMoves", Right::Read),
    ("/pawl.v1.MoveService/ListMoves", Right::Read),
    ("/pawl.v1.SystemService/GetServerInfo", Right::Read),
    ("/pawl.v1.SystemService/Backup", Right::Backup),
];

/// Services that anyone may ask: balancers ask for health without credentials, and the contract is
/// no secret.
const OPEN_SERVICES: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// What a call of the method with this path needs; `None` when there is no such method.
pub(crate) fn needed(path: &str) -> Option<Right> {
    if let Some((_, right)) = RPCS.iter().find(|(known, _)| *known == path) {
        return Some(*right);
    }
    OPEN_SERVICES.iter().any(|open| path.starts_with(open)).then_some(Right::Open)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pawl_api::FILE_DESCRIPTOR_SET;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_rpc_of_the_contract_says_what_it_needs() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it is one");
        let mut served = BTreeSet::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let (service, method) = (service.name(), method.name());
                    served.insert(format!("/{}.{service}/{method}", file.package()));
                }
            }
        }
        let declared: BTreeSet<_> = RPCS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(declared, served);
        assert_eq!(declared.len(), RPCS.len(), "each once");
        assert!(served.len() > 30, "{served:?}");
    }

    #[test]
    fn roles_have_the_rights_that_their_docs_say() {
        use Right::{Backup, Configure, EditEntities, Open, Publish, Read};
        let rights = [Open, Read, Publish, EditEntities, Configure, Backup];
        let table = [
            (Role::Viewer, vec![Open, Read]),
            (Role::Publisher, vec![Open, Publish]),
            (Role::Editor, vec![Open, Read, EditEntities]),
            (Role::Admin, rights.to_vec()),
        ];
        for (role, expected) in table {
            let has: Vec<_> = rights.into_iter().filter(|right| role.has(*right)).collect();
            assert_eq!(has, expected, "{role}");
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("owner".parse::<Role>().is_err());
    }

    #[test]
    fn what_is_not_served_needs_no_right_because_it_is_not_there() {
        for path in ["/pawl.v1.EventService/Nothing", "/", "", "/grpc.health.v1.Health"] {
            assert_eq!(needed(path), None, "{path}");
        }
        assert_eq!(needed("/grpc.health.v1.Health/Check"), Some(Right::Open));
    }
}
