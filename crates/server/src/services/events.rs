use std::pin::Pin;
use std::sync::Arc;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use pawl_api::convert::Became;
use pawl_api::pb::event_service_server::EventService;
use pawl_api::{convert, pb};
use pawl_domain::limits::HYPOTHETICAL_MAX;
use pawl_domain::{Event, EventId, Rejection, Source};
use pawl_engine::{EngineError, Previewed, Published, Publishing, Told};
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::{Services, bad};
use crate::Limits;
use crate::config::{RESPONSE_BYTES, STREAM_EVENTS_MAX, STREAM_REQUESTS_MAX, TOGETHER_EVENTS};
use crate::request::fill_id;
use crate::status::{failed, stopping};

#[tonic::async_trait]
impl EventService for Services {
    async fn publish_event(
        &self,
        request: Request<pb::PublishEventRequest>,
    ) -> Result<Response<pb::PublishEventResponse>, Status> {
        let (this, request) = self.admitted(request);
        let view = convert::decision_view("view", request.view).map_err(bad)?;
        let event = convert::required("event", request.event).map_err(bad)?;
        let outcome = this.publish(event, view).await?;
        Ok(Response::new(pb::PublishEventResponse { outcome: Some(outcome) }))
    }

    type PublishEventsStream =
        Pin<Box<dyn Stream<Item = Result<pb::PublishEventsResponse, Status>> + Send>>;

    async fn publish_events(
        &self,
        request: Request<Streaming<pb::PublishEventsRequest>>,
    ) -> Result<Response<Self::PublishEventsStream>, Status> {
        let (queue, pending) = mpsc::channel(STREAM_REQUESTS_MAX);
        let (this, requests) = self.admitted(request);
        tokio::spawn(read_events(this, requests, queue).in_current_span());
        // The engine has them in order already; here their answers are awaited in order.
        let answers = ReceiverStream::new(pending)
            .then(|pending: Result<InFlight, _>| async { pending?.answer().await })
            .flat_map(|answers| {
                stream::iter(match answers {
                    Ok(answers) => answers.into_iter().map(Ok).collect(),
                    Err(status) => vec![Err(status)],
                })
            });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn preview_event(
        &self,
        request: Request<pb::PreviewEventRequest>,
    ) -> Result<Response<pb::PreviewEventResponse>, Status> {
        let (this, request) = self.admitted(request);
        let event = convert::required("event", request.event).map_err(bad)?;
        let event = convert::event("event", event).map_err(bad)?;
        let count = request.triggers.len();
        if count > HYPOTHETICAL_MAX {
            let problem = format!("has {count}, the limit is {HYPOTHETICAL_MAX}");
            return Err(bad(Rejection::invalid("triggers", problem)));
        }
        let hypothetical = |(index, mut trigger): (usize, pb::Trigger)| {
            fill_id(&mut trigger.trigger_id);
            convert::new_trigger(&format!("triggers[{index}]"), trigger)
        };
        let triggers = request.triggers.into_iter().enumerate().map(hypothetical);
        let triggers = triggers.collect::<Result<_, _>>().map_err(bad)?;
        let previewed = this.engine.preview(event, triggers).await.map_err(failed)?;
        let outcome = outcome(&Told::Previewed(previewed), pb::DecisionView::Full);
        Ok(Response::new(pb::PreviewEventResponse { outcome: Some(outcome) }))
    }

    async fn get_event(
        &self,
        request: Request<pb::GetEventRequest>,
    ) -> Result<Response<pb::GetEventResponse>, Status> {
        let (this, request) = self.admitted(request);
        let source = Source::parse("source", &request.source).map_err(bad)?;
        let id = EventId::parse("event_id", &request.event_id).map_err(bad)?;
        let published = this.engine.event(source, id).await.map_err(failed)?;
        let record = Arc::clone(&published.record);
        Ok(Response::new(pb::GetEventResponse {
            event: record.event().map(|event| convert::event_to_pb(event, record.time)),
            outcome: Some(outcome(&Told::Published(published), pb::DecisionView::Full)),
        }))
    }
}

impl Services {
    /// Publishes one event; a refusal is the status.
    pub(crate) async fn publish(
        &self,
        event: pb::Event,
        view: pb::DecisionView,
    ) -> Result<pb::EventOutcome, Status> {
        let event = convert::event("event", event).map_err(bad)?;
        let explained = view == pb::DecisionView::Full;
        let publishing = self.engine.publish(vec![event], explained).await.map_err(failed)?;
        let published = publishing.outcomes().await.map_err(failed)?.into_iter().next();
        let published = published.ok_or_else(|| failed(EngineError::OutcomeUnknown))?;
        let published = published.map_err(|rejection| bad(rejection.within("event")))?;
        Ok(outcome(&Told::Published(published), view))
    }

    /// Publishes what one message of a stream would; refusals stand in the outcomes.
    pub(crate) async fn publish_all(
        &self,
        request: pb::PublishEventsRequest,
    ) -> Result<Vec<pb::EventOutcome>, Status> {
        let mut together = Together::default();
        together.join(request, &self.limits)?;
        let room = Arc::new(Semaphore::new(STREAM_EVENTS_MAX));
        let answers = together.send(self, &room).await?.answer().await?;
        Ok(answers.into_iter().flat_map(|answer| answer.outcomes).collect())
    }
}

/// What came of an event, or would, as a client reads it.
pub(super) fn outcome(told: &Told, view: pb::DecisionView) -> pb::EventOutcome {
    let became = match told {
        Told::Published(Published { record, duplicate, explanations, move_numbers }) => {
            let Some(event) = record.event() else { return pb::EventOutcome::default() };
            Became {
                event,
                sequence: Some(record.sequence),
                decisions: record.decisions(),
                explanations,
                duplicate: *duplicate,
                move_numbers,
            }
        }
        Told::Previewed(Previewed { event, decisions, explanations }) => Became {
            event,
            sequence: None,
            decisions,
            explanations,
            duplicate: false,
            move_numbers: &[],
        },
    };
    convert::event_outcome(&became, view)
}

/// Hands the events of a stream to the engine, in order, until the client ends it, breaks it, or the
/// server stops. Requests that have arrived together go together.
async fn read_events(
    services: Services,
    mut requests: Streaming<pb::PublishEventsRequest>,
    queue: mpsc::Sender<Result<InFlight, Status>>,
) {
    let room = Arc::new(Semaphore::new(STREAM_EVENTS_MAX));
    let mut next = None;
    loop {
        let first = if let Some(next) = next.take() {
            next
        } else {
            tokio::select! {
                request = requests.message() => request,
                () = services.engine.stopping() => Err(stopping()),
            }
        };
        let mut together = Together::default();
        let mut broken = match first {
            Ok(Some(request)) => together.join(request, &services.limits).err(),
            Ok(None) => return,
            Err(status) => Some(status),
        };
        while broken.is_none() && together.slots.len() < TOGETHER_EVENTS {
            match requests.message().now_or_never() {
                Some(Ok(Some(request))) if together.takes(&request) => {
                    broken = together.join(request, &services.limits).err();
                }
                Some(other) => {
                    next = Some(other);
                    break;
                }
                None => break,
            }
        }
        // The outcomes of what came before it are told, too.
        if together.requests > 0 {
            let in_flight = together.send(&services, &room).await;
            broken = broken.or(in_flight.as_ref().err().cloned());
            // Nobody waits for answers any more when the client has gone.
            if queue.send(in_flight).await.is_err() {
                return;
            }
        }
        if let Some(status) = broken {
            // The client may have been told already, or have gone.
            let _ = queue.send(Err(status)).await;
            return;
        }
    }
}

/// Requests of a stream that are published as one, and answered as one.
#[derive(Default)]
struct Together {
    requests: usize,
    view: pb::DecisionView,
    slots: Vec<Slot>,
    good: Vec<Event>,
}

/// What the outcome of an event with one decision counts for, without verdicts: most have a tenth.
const SMALL_BYTES: usize = 2_048;

/// What there is to answer for one event.
enum Slot {
    /// The engine has it, of this place in its message.
    Sent(usize, EventId, Source),
    /// It was refused before.
    Refused(pb::EventOutcome),
}

impl Together {
    /// Whether a request asks for the same as those before it.
    fn takes(&self, request: &pb::PublishEventsRequest) -> bool {
        convert::decision_view("view", request.view).is_ok_and(|view| view == self.view)
    }

    /// Adds a request, or refuses it with all its events.
    fn join(&mut self, request: pb::PublishEventsRequest, limits: &Limits) -> Result<(), Status> {
        let view = convert::decision_view("view", request.view).map_err(bad)?;
        let (count, limit) = (request.events.len(), limits.max_events_per_message);
        if count > limit {
            let problem = format!("has {count}, the limit is {limit}; send more messages");
            return Err(bad(Rejection::invalid("events", problem)));
        }
        self.requests += 1;
        self.view = view;
        self.slots.reserve(count);
        self.good.reserve(count);
        for (index, mut event) in request.events.into_iter().enumerate() {
            let named = (std::mem::take(&mut event.event_id), std::mem::take(&mut event.source));
            self.slots.push(match convert::event_named(&named, event) {
                Ok(event) => {
                    let slot = Slot::Sent(index, event.id.clone(), event.source.clone());
                    self.good.push(event);
                    slot
                }
                Err(rejection) => {
                    let rejection = within_events(rejection, index);
                    Slot::Refused(convert::refused(named.0, named.1, &rejection))
                }
            });
        }
        Ok(())
    }

    async fn send(self, services: &Services, room: &Arc<Semaphore>) -> Result<InFlight, Status> {
        let Self { view, slots, good, .. } = self;
        let share = u32::try_from(slots.len().min(STREAM_EVENTS_MAX)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let room = Arc::clone(room).acquire_many_owned(share).await.ok();
        let explained = view == pb::DecisionView::Full;
        let publishing = services.engine.publish(good, explained).await.map_err(failed)?;
        Ok(InFlight { view, slots, publishing, _room: room })
    }
}

/// A refusal of the event at a place in its message.
fn within_events(rejection: Rejection, index: usize) -> Rejection {
    rejection.within(&format!("events[{index}]"))
}

/// Requests of a stream whose events are on their way.
struct InFlight {
    view: pb::DecisionView,
    slots: Vec<Slot>,
    publishing: Publishing,
    /// Their share of what the stream may have in flight.
    _room: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    /// The outcomes, in messages that every client accepts.
    async fn answer(self) -> Result<Vec<pb::PublishEventsResponse>, Status> {
        let mut published = self.publishing.outcomes().await.map_err(failed)?.into_iter();
        let mut answers = vec![pb::PublishEventsResponse::default()];
        let mut bytes = 0;
        for slot in self.slots {
            let outcome = match slot {
                Slot::Refused(outcome) => outcome,
                Slot::Sent(index, id, source) => match published.next() {
                    Some(Ok(published)) => outcome(&Told::Published(published), self.view),
                    Some(Err(rejection)) => {
                        let rejection = within_events(rejection, index);
                        convert::refused(id.to_string(), source.to_string(), &rejection)
                    }
                    None => return Err(failed(EngineError::OutcomeUnknown)),
                },
            };
            if bytes >= RESPONSE_BYTES {
                answers.push(pb::PublishEventsResponse::default());
                bytes = 0;
            }
            // Only what may be large is measured.
            let is_small = self.view == pb::DecisionView::Basic && outcome.decisions.len() <= 1;
            bytes += if is_small { SMALL_BYTES } else { outcome.encoded_len() };
            if let Some(last) = answers.last_mut() {
                last.outcomes.push(outcome);
            }
        }
        Ok(answers)
    }
}
