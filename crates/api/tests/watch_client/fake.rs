//! A server with a history that does not change, and faults on demand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use pawl_api::pb;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::move_service_server::{MoveService, MoveServiceServer};
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use tokio::time::sleep;
use tonic::{Code, Request, Response, Status};

/// After so many moves a heartbeat comes in between.
const BEAT_EVERY: u64 = 3;

/// What becomes of one call.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    /// It is refused.
    Refuse(Status),
    /// It is never answered.
    Hang,
    /// It is answered, and the stream ends in this way after so many frames.
    Stream { frames: usize, end: End },
}

/// How a stream ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Status(Status),
    /// As if all were said.
    Ok,
    /// Nothing more comes, and no end either.
    Silence,
    /// A goodbye, and then the same.
    Closing(pb::ClosingReason, Box<End>),
    /// Heartbeats for ever.
    Calm,
}

/// Calls are dealt with one after the other as told; when there are no more, with all frames and
/// heartbeats for ever.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    /// Moves 1 to this; a token is the number of the last move that was sent.
    pub(crate) moves: u64,
    pub(crate) entities: u64,
    /// Frames in a message.
    pub(crate) batch: usize,
    /// How long it takes to answer a call, and to send each message once it is waited for.
    pub(crate) takes: Duration,
    pub(crate) state: Arc<Mutex<Calls>>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    told: VecDeque<Call>,
    asked: Vec<pb::WatchMovesRequest>,
}

impl Fake {
    pub(crate) fn new(moves: u64, calls: impl IntoIterator<Item = Call>) -> Self {
        let state = Calls { told: calls.into_iter().collect(), asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        Self { moves, entities: 0, batch: 2, takes: Duration::ZERO, state }
    }

    /// Its own transport: a request goes straight into the service.
    pub(crate) fn client(&self) -> MoveServiceClient<MoveServiceServer<Self>> {
        MoveServiceClient::new(MoveServiceServer::new(self.clone()))
    }

    /// Where each call so far started.
    pub(crate) fn starts(&self) -> Vec<Start> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.iter().filter_map(|request| request.start.clone()).collect()
    }

    fn frames(&self, start: Option<Start>) -> Vec<pb::WatchFrame> {
        let started = Frame::Started(pb::Started {});
        let (mut frames, after) = match start {
            Some(Start::ResumeToken(token)) => {
                let after = u64::from_be_bytes(token.as_ref().try_into().expect("our own token"));
                (vec![with_token(after, started)], after)
            }
            Some(Start::Earliest(_)) => (vec![with_token(0, started)], 0),
            Some(Start::Snapshot(_)) => (self.snapshot(started), 0),
            Some(Start::Now(_)) | None => (vec![with_token(self.moves, started)], self.moves),
        };
        for number in after + 1..=self.moves {
            let entity_id = format!("deal/{number}");
            let moved = pb::Move { entity_id, ..Default::default() };
            frames.push(with_token(number, Frame::Move(moved)));
            if number % BEAT_EVERY == 0 {
                frames.push(beat(number));
            }
        }
        frames
    }

    fn snapshot(&self, started: Frame) -> Vec<pb::WatchFrame> {
        let without_token = |frame| pb::WatchFrame { frame: Some(frame), ..Default::default() };
        let entity = |number| {
            let entity_id = format!("deal/{number}");
            without_token(Frame::Entity(pb::Entity { entity_id, ..Default::default() }))
        };
        let entity_count = self.entities.cast_signed();
        let complete = Frame::SnapshotComplete(pb::SnapshotComplete { entity_count });
        let mut frames = vec![without_token(started)];
        frames.extend((1..=self.entities).map(entity));
        frames.push(with_token(0, complete));
        frames
    }
}

fn with_token(position: u64, frame: Frame) -> pb::WatchFrame {
    let resume_token = position.to_be_bytes().to_vec().into();
    pb::WatchFrame { resume_token, frame: Some(frame) }
}

fn beat(position: u64) -> pb::WatchFrame {
    with_token(position, Frame::Heartbeat(pb::Heartbeat::default()))
}

type Messages = Pin<Box<dyn Stream<Item = Result<pb::WatchMovesResponse, Status>> + Send>>;

#[tonic::async_trait]
impl MoveService for Fake {
    type WatchMovesStream = Messages;

    async fn watch_moves(
        &self,
        request: Request<pb::WatchMovesRequest>,
    ) -> Result<Response<Messages>, Status> {
        let request = request.into_inner();
        let call = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.push(request.clone());
            state.told.pop_front()
        };
        sleep(self.takes).await;
        let mut frames = self.frames(request.start);
        let end = match call {
            Some(Call::Refuse(status)) => return Err(status),
            Some(Call::Hang) => return std::future::pending().await,
            Some(Call::Stream { frames: count, end }) => {
                frames.truncate(count);
                end
            }
            None => End::Calm,
        };
        let takes = self.takes;
        let batches = frames.chunks(self.batch).map(|frames| Ok(message(frames.to_vec())));
        let messages = stream::iter(batches.collect::<Vec<_>>()).then(move |message| async move {
            sleep(takes).await;
            message
        });
        let interval = request.heartbeat_interval.map_or(15, |interval| interval.seconds);
        let interval = Duration::from_secs(interval.unsigned_abs());
        let last = frames.last().map_or_else(Default::default, |frame| frame.resume_token.clone());
        Ok(Response::new(Box::pin(messages.chain(ending(end, last, interval)))))
    }

    async fn list_moves(
        &self,
        _: Request<pb::ListMovesRequest>,
    ) -> Result<Response<pb::ListMovesResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}

fn ending(end: End, token: tonic::codegen::Bytes, interval: Duration) -> Messages {
    match end {
        End::Status(status) => Box::pin(stream::iter([Err(status)])),
        End::Ok => Box::pin(stream::empty()),
        End::Silence => Box::pin(stream::pending()),
        End::Closing(reason, then) => {
            let closing = Frame::Closing(pb::Closing { reason: reason.into() });
            let closing = pb::WatchFrame { resume_token: token.clone(), frame: Some(closing) };
            let closing = stream::iter([Ok(message(vec![closing]))]);
            Box::pin(closing.chain(ending(*then, token, interval)))
        }
        End::Calm => Box::pin(stream::unfold(token, move |token| async move {
            sleep(interval).await;
            let frame = Some(Frame::Heartbeat(pb::Heartbeat::default()));
            let beat = pb::WatchFrame { resume_token: token.clone(), frame };
            Some((Ok(message(vec![beat])), token))
        })),
    }
}

fn message(frames: Vec<pb::WatchFrame>) -> pb::WatchMovesResponse {
    pb::WatchMovesResponse { frames }
}

pub(crate) fn status(code: Code) -> Status {
    Status::new(code, "told to")
}
