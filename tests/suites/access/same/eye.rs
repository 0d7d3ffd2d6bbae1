//! What somebody is shown.

use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{earliest, snapshot, within};
use tonic::Status;

use crate::{As, Somebody};

/// Somebody's calls.
#[derive(Debug, Clone)]
pub(super) struct Eye {
    pub(super) pipelines: PipelineServiceClient<As>,
    pub(super) triggers: TriggerServiceClient<As>,
    pub(super) entities: EntityServiceClient<As>,
    pub(super) events: EventServiceClient<As>,
    moves: MoveServiceClient<As>,
}

/// Takes page after page until there is none left.
macro_rules! pages {
    ($self:ident . $service:ident . $call:ident ($request:expr) . $items:ident) => {{
        let (mut items, mut request) = (Vec::new(), $request);
        loop {
            let page = $self.$service.clone().$call(request.clone()).await;
            let page = page.expect("a list is never refused").into_inner();
            items.extend(page.$items);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return items;
            }
        }
    }};
}

impl Eye {
    pub(super) fn new(who: &Somebody) -> Self {
        Self {
            pipelines: PipelineServiceClient::new(who.0.clone()),
            triggers: TriggerServiceClient::new(who.0.clone()),
            entities: EntityServiceClient::new(who.0.clone()),
            events: EventServiceClient::new(who.0.clone()),
            moves: MoveServiceClient::new(who.0.clone()),
        }
    }

    pub(super) async fn pipelines(&self) -> Vec<pb::Pipeline> {
        let request = pb::ListPipelinesRequest { page_size: 2, ..Default::default() };
        pages!(self.pipelines.list_pipelines(request).pipelines)
    }

    pub(super) async fn types(&self) -> Vec<pb::TriggerType> {
        pages!(
            self.triggers.list_trigger_types(pb::ListTriggerTypesRequest::default()).trigger_types
        )
    }

    pub(super) async fn triggers(&self, request: pb::ListTriggersRequest) -> Vec<pb::Trigger> {
        pages!(self.triggers.list_triggers(request).triggers)
    }

    pub(super) async fn entities(&self, request: pb::ListEntitiesRequest) -> Vec<pb::Entity> {
        pages!(self.entities.list_entities(request).entities)
    }

    pub(super) async fn moves(&self, request: pb::ListMovesRequest) -> Vec<pb::Move> {
        pages!(self.moves.list_moves(request).moves)
    }

    pub(super) async fn verdicts(&self, request: pb::ListVerdictsRequest) -> Vec<pb::Verdict> {
        pages!(self.triggers.list_verdicts(request).verdicts)
    }

    /// Without its token, which is another each time.
    pub(super) async fn board(
        &self,
        request: pb::GetBoardRequest,
    ) -> Result<pb::GetBoardResponse, Status> {
        let board = self.pipelines.clone().get_board(request).await?.into_inner();
        Ok(pb::GetBoardResponse { resume_token: Vec::new(), ..board })
    }

    pub(super) async fn entity(&self, id: &str) -> Result<Option<pb::Entity>, Status> {
        let request = pb::GetEntityRequest { entity_id: id.to_owned() };
        Ok(self.entities.clone().get_entity(request).await?.into_inner().entity)
    }

    pub(super) async fn trigger(&self, id: &str) -> Result<Option<pb::Trigger>, Status> {
        let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), revision: 0 };
        Ok(self.triggers.clone().get_trigger(request).await?.into_inner().trigger)
    }

    pub(super) async fn event(&self, id: &str) -> Result<pb::GetEventResponse, Status> {
        let (source, event_id) = ("test".to_owned(), id.to_owned());
        let request = pb::GetEventRequest { source, event_id };
        Ok(self.events.clone().get_event(request).await?.into_inner())
    }

    pub(super) async fn preview(&self, event: pb::Event) -> pb::EventOutcome {
        let request = pb::PreviewEventRequest { event: Some(event), triggers: Vec::new() };
        let previewed = self.events.clone().preview_event(request).await;
        let mut outcome = previewed.expect("it may").into_inner().outcome.expect("it is given");
        // They tell when they were asked.
        for moved in outcome.decisions.iter_mut().filter_map(|decision| decision.r#move.as_mut()) {
            moved.time = None;
        }
        outcome
    }

    /// The frames of a watch, for as long as something is wanted of them.
    async fn frames(&self, request: pb::WatchMovesRequest, mut take: impl FnMut(Frame) -> bool) {
        let watch = self.moves.clone().watch_moves(request).await;
        let mut watch = watch.expect("it may").into_inner();
        let mut goes_on = true;
        while goes_on {
            let message = within(30, "a frame", watch.message()).await.expect("it goes on");
            for frame in message.expect("it goes on").frames.into_iter().filter_map(|it| it.frame) {
                goes_on &= take(frame);
            }
        }
    }

    /// The entities with which a watch begins.
    pub(super) async fn snapshot(&self) -> Vec<pb::Entity> {
        let mut entities = Vec::new();
        let take = |frame| match frame {
            Frame::Entity(entity) => {
                entities.push(entity);
                true
            }
            Frame::SnapshotComplete(_) => false,
            _ => true,
        };
        self.frames(snapshot(), take).await;
        entities
    }

    /// All moves.
    pub(super) async fn watched(&self) -> Vec<pb::Move> {
        let mut moves = Vec::new();
        let take = |frame| match frame {
            Frame::Move(moved) => {
                moves.push(moved);
                true
            }
            Frame::Heartbeat(beat) => beat.lag_moves > 0,
            _ => true,
        };
        self.frames(earliest(), take).await;
        moves
    }
}
