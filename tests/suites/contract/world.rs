//! A server with something to collide with.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use pawl_api::pb;
use pawl_tests::{Client, Server, earliest, entity, event, pipeline, trigger, trigger_type};

/// How many triggers of one pipeline may listen to one event type.
const LISTENING_MAX: usize = 1_000;

/// A server, a connection, and what some rows need to know.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) client: Client,
    /// A resume token of another database.
    pub(crate) foreign_token: Vec<u8>,
    /// A page token of the list of all pipelines.
    pub(crate) page_token: String,
    _server: Arc<Server>,
}

impl World {
    /// Pipelines `sales` and `service` for deals, `people` for leads, `crowded` with as many
    /// triggers on `bill.paid` as there may be; type `bill.paid` for deals only; trigger `paid`
    /// on `sales/won`; entities `deal/1` on `sales/new`, `deal/2` on `sales/offer`, `lead/1`;
    /// event `e1`; 1,001 deals of `contact/crowd` in `everyone`, where a customer reaches all.
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let client = server.client().await;
        // Its request id is one to collide with.
        let sales = pb::CreatePipelineRequest {
            pipeline: Some(pipeline("sales", "new offer won:WON lost:LOST")),
            request_id: "taken".to_owned(),
            ..Default::default()
        };
        client.pipelines.clone().create_pipeline(sales).await.expect("it is created");
        client.pipeline(pipeline("service", "open done:WON")).await;
        let people = pipeline("people", "met known");
        client.pipeline(pb::Pipeline { entity_kind: "lead".to_owned(), ..people }).await;
        client.pipeline(pipeline("crowded", "a b")).await;
        client.trigger_type(trigger_type("phone.missed")).await;
        let entity_kinds = vec!["deal".to_owned()];
        let paid = pb::TriggerType { entity_kinds, ..trigger_type("bill.paid") };
        client.trigger_type(paid).await;
        client.trigger(trigger("paid", "sales/won", "bill.paid")).await;
        let crowd =
            stream::iter(0..LISTENING_MAX).map(|index| {
                let client = client.clone();
                async move {
                    client.trigger(trigger(&format!("c{index}"), "crowded/b", "bill.paid")).await
                }
            });
        assert_eq!(crowd.buffer_unordered(64).count().await, LISTENING_MAX);
        client.entity(entity("deal/1", "sales")).await;
        client.entity(entity("deal/2", "sales/offer")).await;
        client.entity(entity("lead/1", "people")).await;
        let everyone = pipeline("everyone", "in out");
        let customer_reach = pb::CustomerReach::All.into();
        client.pipeline(pb::Pipeline { customer_reach, ..everyone }).await;
        let member = |number| pb::Entity {
            customer_ids: vec!["contact/crowd".to_owned()],
            ..entity(&format!("deal/member-{number}"), "everyone")
        };
        let message = |part: std::ops::Range<u32>| pb::ImportEntitiesRequest {
            entities: part.map(member).collect(),
            ..Default::default()
        };
        let crowd = tokio_stream::iter([message(0..1_000), message(1_000..1_001)]);
        client.entities.clone().import_entities(crowd).await.expect("they are imported");
        client.publish(event("e1", "phone.missed", "deal/1")).await;

        let elsewhere = Server::start().await;
        let foreign_token = elsewhere.client().await.watch(earliest()).await.token().to_vec();
        let all = pb::ListPipelinesRequest { page_size: 1, ..Default::default() };
        let page = client.pipelines.clone().list_pipelines(all).await.expect("they are listed");
        let page_token = page.into_inner().next_page_token;
        Self { client, foreign_token, page_token, _server: Arc::new(server) }
    }

    /// What a refused request must not change.
    pub(crate) async fn snapshot(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let Client { mut pipelines, mut entities, mut triggers, .. } = self.client.clone();
        let mut types = triggers.clone();
        let all = pb::ListTriggersRequest { page_size: 1_000, ..Default::default() };
        let listed = tokio::try_join!(
            pipelines.list_pipelines(pb::ListPipelinesRequest::default()),
            entities.list_entities(pb::ListEntitiesRequest::default()),
            types.list_trigger_types(pb::ListTriggerTypesRequest::default()),
            triggers.list_triggers(all),
        );
        let (pipelines, entities, types, triggers) = listed.expect("all are listed");
        let info = self.client.info().await;
        (
            (info.event_count, info.move_count, info.trigger_count),
            (pipelines.into_inner(), entities.into_inner()),
            (types.into_inner(), triggers.into_inner()),
        )
    }
}
