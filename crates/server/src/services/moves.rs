use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use pawl_api::pb::move_service_server::MoveService;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::{convert, pb};
use pawl_domain::{EntityId, EntityKind, PipelineId, Rejection, Responsible, StageId, TriggerId};
use pawl_engine::{MoveFilter, MoveQuery, ResumeToken, Start, Step, Watch, WatchedMove};
use prost::Message;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span, debug};

use super::{Services, bad};
use crate::config::{
    FILTER_VALUES_MAX, HEARTBEAT_DEFAULT, HEARTBEAT_MAX, HEARTBEAT_MIN, WATCH_MESSAGE_BYTES,
};
use crate::page::PageRequest;
use crate::status::{failed, internal, page_token_invalid, stopping, unwatchable};

#[tonic::async_trait]
impl MoveService for Services {
    type WatchMovesStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchMovesResponse, Status>> + Send>>;

    async fn watch_moves(
        &self,
        request: Request<pb::WatchMovesRequest>,
    ) -> Result<Response<Self::WatchMovesStream>, Status> {
        let request = request.into_inner();
        let filter = filter(request.filter.unwrap_or_default()).map_err(bad)?;
        let heartbeat = heartbeat(request.heartbeat_interval).map_err(bad)?;
        let start = match request.start {
            None | Some(pb::watch_moves_request::Start::Now(_)) => Start::Now,
            Some(pb::watch_moves_request::Start::Earliest(_)) => Start::Earliest,
            Some(pb::watch_moves_request::Start::Snapshot(_)) => Start::Now,
            Some(pb::watch_moves_request::Start::ResumeToken(token)) => Start::Resume(token.into()),
        };
        let watch = self
            .engine
            .watch(&start, filter, heartbeat)
            .map_err(|error| unwatchable(&error, &self.engine.database_id().to_string()))?;
        let started = frame(watch.token(), Frame::Started(pb::Started {}));
        let frames =
            WatchFrames { watch, ready: VecDeque::from([message(vec![started])]), closed: false };
        // The span of the call lives as long as its stream.
        let span = Span::current();
        let messages = stream::unfold(frames, move |mut frames| {
            async move { frames.next().await.map(|message| (message, frames)) }
                .instrument(span.clone())
        });
        Ok(Response::new(Box::pin(messages)))
    }

    async fn list_moves(
        &self,
        request: Request<pb::ListMovesRequest>,
    ) -> Result<Response<pb::ListMovesResponse>, Status> {
        let mut request = request.into_inner();
        let page = PageRequest::take(&mut request)?;
        let query = query(request).map_err(bad)?;
        let before = match page.after.as_str() {
            "" => None,
            after => Some(after.parse().map_err(|_: Rejection| page_token_invalid())?),
        };
        let found = self.engine.moves(query, before, page.limit).await.map_err(failed)?;
        Ok(Response::new(pb::ListMovesResponse {
            moves: found.moves.iter().map(|m| convert::move_to_pb(Some(m.id), &m.moved)).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }
}

/// Turns the steps of a watch into messages, each of many frames but not much over 64 KiB.
struct WatchFrames {
    watch: Watch,
    ready: VecDeque<pb::WatchMovesResponse>,
    closed: bool,
}

impl WatchFrames {
    async fn next(&mut self) -> Option<Result<pb::WatchMovesResponse, Status>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(Ok(message));
            }
            if self.closed {
                // The stream ends with this status and is never asked again (W6).
                return Some(Err(stopping()));
            }
            match self.watch.next().await {
                Ok(Step::Moves(moves)) => self.pack(&moves),
                Ok(Step::Heartbeat { token, head_token, lag_moves, lag, now }) => {
                    let beat = pb::Heartbeat {
                        head_token: head_token.as_bytes().to_vec().into(),
                        lag_moves: lag_moves.cast_signed(),
                        lag: Some(convert::duration_to_pb(lag)),
                        server_time: Some(convert::timestamp_to_pb(now)),
                    };
                    return Some(Ok(message(vec![frame(token, Frame::Heartbeat(beat))])));
                }
                Ok(Step::Closing { token }) => {
                    self.closed = true;
                    let reason = pb::ClosingReason::ServerShutdown.into();
                    let closing = frame(token, Frame::Closing(pb::Closing { reason }));
                    return Some(Ok(message(vec![closing])));
                }
                Err(error) => {
                    self.closed = true;
                    return Some(Err(internal(&error)));
                }
            }
        }
    }

    fn pack(&mut self, moves: &[WatchedMove]) {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        for watched in moves {
            let moved = watched.moved();
            debug!(move_id = %watched.id, entity_id = %moved.entity_id, "sent a move");
            let sent = Frame::Move(convert::move_to_pb(Some(watched.id), moved));
            let next = frame(watched.token.clone(), sent);
            bytes += next.encoded_len();
            frames.push(next);
            if bytes >= WATCH_MESSAGE_BYTES {
                self.ready.push_back(message(std::mem::take(&mut frames)));
                bytes = 0;
            }
        }
        if !frames.is_empty() {
            self.ready.push_back(message(frames));
        }
    }
}

fn frame(token: ResumeToken, frame: Frame) -> pb::WatchFrame {
    pb::WatchFrame { resume_token: token.as_bytes().to_vec().into(), frame: Some(frame) }
}

fn message(frames: Vec<pb::WatchFrame>) -> pb::WatchMovesResponse {
    pb::WatchMovesResponse { frames }
}

fn heartbeat(interval: Option<prost_types::Duration>) -> Result<Duration, Rejection> {
    let Some(interval) = interval else { return Ok(HEARTBEAT_DEFAULT) };
    let interval = convert::duration("heartbeat_interval", interval)?;
    if (HEARTBEAT_MIN..=HEARTBEAT_MAX).contains(&interval) {
        return Ok(interval);
    }
    let problem = format!("is {interval:?}; choose {HEARTBEAT_MIN:?} to {HEARTBEAT_MAX:?}");
    Err(Rejection::invalid("heartbeat_interval", problem))
}

fn filter(filter: pb::MoveFilter) -> Result<MoveFilter, Rejection> {
    Ok(MoveFilter {
        kinds: values("entity_kinds", &filter.entity_kinds, EntityKind::parse)?,
        pipeline_ids: values("pipeline_ids", &filter.pipeline_ids, PipelineId::parse)?,
        from_stage_ids: values("from_stage_ids", &filter.from_stage_ids, StageId::parse)?,
        to_stage_ids: values("to_stage_ids", &filter.to_stage_ids, StageId::parse)?,
        entity_ids: values("entity_ids", &filter.entity_ids, EntityId::parse)?,
        trigger_ids: values("trigger_ids", &filter.trigger_ids, TriggerId::parse)?,
        responsibles: values("responsibles", &filter.responsibles, Responsible::parse)?,
    })
}

fn values<T: Eq + Hash>(
    list: &str,
    values: &[String],
    parse: impl Fn(&str, &str) -> Result<T, Rejection>,
) -> Result<HashSet<T>, Rejection> {
    if values.len() > FILTER_VALUES_MAX {
        let problem = format!("has {} values, the limit is {FILTER_VALUES_MAX}", values.len());
        return Err(Rejection::invalid(format!("filter.{list}"), problem));
    }
    let value = |(index, text): (usize, &String)| parse(&format!("filter.{list}[{index}]"), text);
    values.iter().enumerate().map(value).collect()
}

fn query(request: pb::ListMovesRequest) -> Result<MoveQuery, Rejection> {
    Ok(MoveQuery {
        entity_id: convert::optional("entity_id", &request.entity_id, EntityId::parse)?,
        pipeline_id: convert::optional("pipeline_id", &request.pipeline_id, PipelineId::parse)?,
        trigger_id: convert::optional("trigger_id", &request.trigger_id, TriggerId::parse)?,
        start_time: request.start_time.map(|t| convert::timestamp("start_time", t)).transpose()?,
        end_time: request.end_time.map(|t| convert::timestamp("end_time", t)).transpose()?,
    })
}
