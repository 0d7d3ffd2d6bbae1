use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use pawl_api::pb;
use pawl_api::pb::event_service_server::EventService;
use prost::Message;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::Failure;
use crate::events::MOVING;

/// What Pawl answered to one event that stays and to one that moves, so that the echo's answers are
/// of the same types and sizes.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pub(crate) stayed: pb::EventOutcome,
    pub(crate) moved: pb::EventOutcome,
}

impl Answers {
    /// Leaves them for the echo to find.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let outcomes = vec![self.stayed.clone(), self.moved.clone()];
        std::fs::write(path, pb::PublishEventsResponse { outcomes }.encode_to_vec())?;
        Ok(())
    }

    /// Finds them.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let answers = pb::PublishEventsResponse::decode(&*std::fs::read(path)?)?;
        let [stayed, moved] = <[_; 2]>::try_from(answers.outcomes)
            .map_err(|_| format!("{} does not hold two answers", path.display()))?;
        Ok(Self { stayed, moved })
    }

    fn to(&self, event: &pb::Event) -> pb::EventOutcome {
        if event.r#type == MOVING { self.moved.clone() } else { self.stayed.clone() }
    }
}

/// Decodes every request as Pawl does, looks at nothing but the event's type, and answers at once.
#[derive(Debug, Clone)]
pub(crate) struct Echo(pub(crate) Arc<Answers>);

#[tonic::async_trait]
impl EventService for Echo {
    async fn publish_event(
        &self,
        request: Request<pb::PublishEventRequest>,
    ) -> Result<Response<pb::PublishEventResponse>, Status> {
        let event = request.into_inner().event.unwrap_or_default();
        Ok(Response::new(pb::PublishEventResponse { outcome: Some(self.0.to(&event)) }))
    }

    type PublishEventsStream =
        Pin<Box<dyn Stream<Item = Result<pb::PublishEventsResponse, Status>> + Send>>;

    async fn publish_events(
        &self,
        request: Request<Streaming<pb::PublishEventsRequest>>,
    ) -> Result<Response<Self::PublishEventsStream>, Status> {
        let answers = Arc::clone(&self.0);
        let stream = request.into_inner().map(move |request| {
            let outcomes = request?.events.iter().map(|event| answers.to(event)).collect();
            Ok(pb::PublishEventsResponse { outcomes })
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn preview_event(
        &self,
        _: Request<pb::PreviewEventRequest>,
    ) -> Result<Response<pb::PreviewEventResponse>, Status> {
        Err(Status::unimplemented("an echo decides nothing"))
    }

    async fn get_event(
        &self,
        _: Request<pb::GetEventRequest>,
    ) -> Result<Response<pb::GetEventResponse>, Status> {
        Err(Status::unimplemented("an echo keeps nothing"))
    }
}
