//! Whole calls, to a real server without a network.

use std::sync::LazyLock;

use pawl_api::{FILE_DESCRIPTOR_SET, pb};
use prost::Message;
use prost_reflect::DescriptorPool;
use tonic::Code;

use crate::world::{Called, World};
use crate::{Target, valid};

/// After so many calls what they deleted is made again.
const CALLS: usize = 500;

/// Every method of the contract.
static METHODS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build made it");
    let methods = pool.services().flat_map(|service| {
        let name = service.full_name().to_owned();
        let methods = service.methods().map(move |method| format!("/{name}/{}", method.name()));
        methods.collect::<Vec<_>>()
    });
    methods.filter(|path| path.starts_with("/pawl.v1.")).collect()
});

/// A number that says which method, and the message.
pub(crate) struct Service {
    world: World,
    calls: usize,
}

/// One good call of every kind that changes something.
pub(crate) fn requests() -> Vec<(&'static str, Vec<u8>)> {
    fn of(path: &'static str, message: &impl Message) -> (&'static str, Vec<u8>) {
        (path, message.encode_to_vec())
    }
    let mut requests = vec![
        of(
            "/pawl.v1.PipelineService/CreatePipeline",
            &pb::CreatePipelineRequest {
                pipeline: Some(valid::pipeline("sales", "deal")),
                ..Default::default()
            },
        ),
        of(
            "/pawl.v1.TriggerService/CreateTriggerType",
            &pb::CreateTriggerTypeRequest {
                trigger_type: Some(valid::trigger_type("shop.paid")),
                ..Default::default()
            },
        ),
    ];
    for (index, filter) in valid::FILTERS.iter().enumerate() {
        let stage = ["offer", "won"][index % 2];
        let trigger = valid::trigger(&format!("t{index}"), stage, "shop.paid", filter);
        let trigger = Some(trigger);
        let request = pb::CreateTriggerRequest { trigger, ..Default::default() };
        requests.push(of("/pawl.v1.TriggerService/CreateTrigger", &request));
    }
    let entity = Some(valid::entity("deal/1"));
    let request = pb::CreateEntityRequest { entity, ..Default::default() };
    requests.push(of("/pawl.v1.EntityService/CreateEntity", &request));
    let entities = (2..6).map(|number| valid::entity(&format!("deal/{number}"))).collect();
    let request = pb::ImportEntitiesRequest {
        entities,
        on_existing: pb::OnExisting::Skip.into(),
        ..Default::default()
    };
    requests.push(of("/pawl.v1.EntityService/ImportEntities", &request));
    let event = Some(valid::event("e1", "shop.paid"));
    let request = pb::PublishEventRequest { event, view: pb::DecisionView::Full.into() };
    requests.push(of("/pawl.v1.EventService/PublishEvent", &request));
    let events = (2..5).map(|number| valid::event(&format!("e{number}"), "shop.paid")).collect();
    let request = pb::PublishEventsRequest { events, view: pb::DecisionView::Basic.into() };
    requests.push(of("/pawl.v1.EventService/PublishEvents", &request));
    requests.push(of(
        "/pawl.v1.EntityService/MoveEntity",
        &pb::MoveEntityRequest {
            entity_id: "deal/2".to_owned(),
            stage_id: "won".to_owned(),
            actor: "ines".to_owned(),
            comment: "By phone.".to_owned(),
            request_id: "move-1".to_owned(),
            ..Default::default()
        },
    ));
    let fields = Some(valid::values([("amount", valid::number(3.0))]));
    requests.push(of(
        "/pawl.v1.EntityService/UpdateEntity",
        &pb::UpdateEntityRequest {
            entity: Some(pb::Entity {
                entity_id: "deal/3".to_owned(),
                fields,
                ..Default::default()
            }),
            update_mask: Some(valid::mask(&["fields"])),
            ..Default::default()
        },
    ));
    let trigger = Some(pb::Trigger {
        trigger_id: "t0".to_owned(),
        filter: valid::FILTERS[4].to_owned(),
        ..Default::default()
    });
    let request = pb::UpdateTriggerRequest { trigger, ..Default::default() };
    requests.push(of("/pawl.v1.TriggerService/UpdateTrigger", &request));
    requests
}

/// One call of every kind that only asks, or takes away.
fn questions() -> Vec<(&'static str, Vec<u8>)> {
    fn of(path: &'static str, message: &impl Message) -> (&'static str, Vec<u8>) {
        (path, message.encode_to_vec())
    }
    let deal = || "deal/1".to_owned();
    vec![
        of(
            "/pawl.v1.EventService/PreviewEvent",
            &pb::PreviewEventRequest {
                event: Some(valid::event("p", "shop.paid")),
                triggers: vec![valid::trigger("", "won", "shop.paid", valid::FILTERS[10])],
            },
        ),
        of(
            "/pawl.v1.EventService/GetEvent",
            &pb::GetEventRequest { source: "shop".to_owned(), event_id: "e1".to_owned() },
        ),
        of(
            "/pawl.v1.MoveService/WatchMoves",
            &pb::WatchMovesRequest {
                filter: Some(pb::MoveFilter {
                    pipeline_ids: vec!["sales".to_owned()],
                    ..Default::default()
                }),
                start: Some(pb::watch_moves_request::Start::Snapshot(pb::StartSnapshot {})),
                heartbeat_interval: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
                include_entity_changes: true,
            },
        ),
        of(
            "/pawl.v1.MoveService/ListMoves",
            &pb::ListMovesRequest {
                entity_id: deal(),
                start_time: Some(valid::moment()),
                page_size: 2,
                ..Default::default()
            },
        ),
        of(
            "/pawl.v1.TriggerService/ListVerdicts",
            &pb::ListVerdictsRequest {
                trigger_id: "t1".to_owned(),
                page_size: 2,
                ..Default::default()
            },
        ),
        of(
            "/pawl.v1.EntityService/ListEntities",
            &pb::ListEntitiesRequest {
                pipeline_id: "sales".to_owned(),
                customer_id: "contact/9".to_owned(),
                updated_after: Some(valid::moment()),
                ..Default::default()
            },
        ),
        of(
            "/pawl.v1.TriggerService/ListTriggerTypes",
            &pb::ListTriggerTypesRequest { query: "paid".to_owned(), ..Default::default() },
        ),
        of(
            "/pawl.v1.EntityService/DeleteEntity",
            &pb::DeleteEntityRequest { entity_id: "deal/5".to_owned(), ..Default::default() },
        ),
        of("/pawl.v1.EntityService/GetEntity", &pb::GetEntityRequest { entity_id: deal() }),
    ]
}

/// What every answer to a call must be: good, or a refusal that the contract documents.
pub(crate) fn is_good(path: &str, called: &Called) -> bool {
    let Called { code, reason, message, .. } = called;
    // Of bytes that are no message tonic itself says so.
    if *code == Code::Internal && message.starts_with("failed to decode Protobuf message") {
        return false;
    }
    if *code == Code::Ok {
        return true;
    }
    let known = pb::ErrorReason::from_str_name(&format!("ERROR_REASON_{reason}"));
    let expected = match known {
        None
        | Some(
            pb::ErrorReason::Unspecified
            | pb::ErrorReason::Internal
            | pb::ErrorReason::OutcomeUnknown
            | pb::ErrorReason::ShuttingDown
            | pb::ErrorReason::Unauthenticated
            | pb::ErrorReason::RoleMissing,
        ) => false,
        Some(_) => !message.is_empty(),
    };
    assert!(expected, "{path} ended with {code:?} for the reason {reason:?}: {message}");
    false
}

impl Default for Service {
    fn default() -> Self {
        Self { world: World::new(), calls: 0 }
    }
}

impl Target for Service {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let empty = METHODS.iter().map(|path| (path.as_str(), Vec::new()));
        let seeds = requests().into_iter().chain(questions()).chain(empty);
        seeds
            .map(|(path, message)| {
                let number = METHODS.iter().position(|known| known == path);
                let number = number.unwrap_or_else(|| panic!("there is no {path}"));
                [vec![u8::try_from(number).expect("a few")], message].concat()
            })
            .collect()
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((number, message)) = input.split_first() else { return false };
        self.calls += 1;
        let world = &self.world;
        if self.calls.is_multiple_of(CALLS) {
            world.begin();
        }
        let path = &METHODS[usize::from(*number) % METHODS.len()];
        is_good(path, &world.call(path, message))
    }
}
