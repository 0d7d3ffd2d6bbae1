use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use pawl_api::pb::watch_moves_request;
use pawl_api::{convert, pb};
use pawl_domain::{EntityId, EntityKind, PipelineId, Rejection, Responsible, StageId, TriggerId};
use pawl_engine::{MoveFilter, MoveQuery, Show, Start};
use tonic::{Request, Response, Status};

use super::watch::{WatchStream, Watching};
use super::{Services, bad};
use crate::config::{FILTER_VALUES_MAX, HEARTBEAT_DEFAULT, HEARTBEAT_MAX, HEARTBEAT_MIN};
use crate::page::PageRequest;
use crate::status::{failed, page_token_invalid, unwatchable};

use generated::move_service_server::MoveService;
pub(crate) use generated::move_service_server::{MoveServiceServer, SERVICE_NAME};

/// The service with watches that answer what is encoded already.
mod generated {
    #![allow(unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/pawl.v1.MoveService.rs"));
}

#[tonic::async_trait]
impl MoveService for Services {
    type WatchMovesStream = WatchStream;

    async fn watch_moves(
        &self,
        request: Request<pb::WatchMovesRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let (this, request) = self.admitted(request);
        let filter = filter(request.filter.unwrap_or_default()).map_err(bad)?;
        let heartbeat = heartbeat(request.heartbeat_interval).map_err(bad)?;
        let start = start(request.start, &filter).map_err(bad)?;
        let show = Show { filter, entity_changes: request.include_entity_changes };
        let watch = this
            .engine
            .watch(&start, show, heartbeat)
            .await
            .map_err(|error| unwatchable(error, &this.engine.database_id().to_string()))?;
        Ok(Response::new(Watching::new(watch, this.max_watch_age).into_stream()))
    }

    async fn list_moves(
        &self,
        request: Request<pb::ListMovesRequest>,
    ) -> Result<Response<pb::ListMovesResponse>, Status> {
        let (this, mut request) = self.admitted(request);
        let page = PageRequest::take(&mut request, this.limits.max_page_size)?;
        let query = query(request).map_err(bad)?;
        let before = match page.after.as_str() {
            "" => None,
            after => Some(after.parse().map_err(|_: Rejection| page_token_invalid())?),
        };
        let found = this.engine.moves(query, before, page.limit).await.map_err(failed)?;
        Ok(Response::new(pb::ListMovesResponse {
            moves: found.moves.iter().map(|m| convert::move_to_pb(Some(m.id), &m.moved)).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }
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

fn start(
    start: Option<watch_moves_request::Start>,
    filter: &MoveFilter,
) -> Result<Start, Rejection> {
    Ok(match start {
        None | Some(watch_moves_request::Start::Now(_)) => Start::Now,
        Some(watch_moves_request::Start::Earliest(_)) => Start::Earliest,
        Some(watch_moves_request::Start::Snapshot(_)) => {
            let by_move = [
                ("filter.from_stage_ids", filter.from_stage_ids.is_empty()),
                ("filter.trigger_ids", filter.trigger_ids.is_empty()),
            ];
            if let Some((field, _)) = by_move.into_iter().find(|(_, is_empty)| !is_empty) {
                let problem = "chooses among moves and says nothing of entities that stand; \
                               leave it empty, or start with `now`, `earliest` or a token";
                return Err(Rejection::invalid(field, problem));
            }
            Start::Snapshot
        }
        Some(watch_moves_request::Start::ResumeToken(token)) => Start::Resume(token.into()),
    })
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
