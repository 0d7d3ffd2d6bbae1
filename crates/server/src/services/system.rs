use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use pawl_api::pb::system_service_server::SystemService;
use pawl_api::{convert, pb};
use pawl_domain::{Timestamp, limits};
use pawl_engine::{BACKUP_MAX_TIME, Options, QUEUE_CAPACITY, Reserve};
use tonic::{Request, Response, Status};

use super::Services;
use crate::Limits;
use crate::config::{
    Connections, FILTER_VALUES_MAX, HEADERS_MAX_BYTES, HEARTBEAT_MAX, HEARTBEAT_MIN,
};
use crate::status::{failed, not_backed_up};

/// Says what this server is.
#[derive(Debug, Clone)]
pub(crate) struct System {
    pub(crate) services: Services,
    pub(crate) start_time: Timestamp,
    pub(crate) connections: Connections,
    pub(crate) backup_patience: Duration,
    pub(crate) max_waiting: u32,
}

/// The pieces of a backup.
pub(crate) type BackupStream =
    Pin<Box<dyn Stream<Item = Result<pb::BackupResponse, Status>> + Send>>;

#[tonic::async_trait]
impl SystemService for System {
    type BackupStream = BackupStream;

    async fn backup(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Result<Response<BackupStream>, Status> {
        let (this, _) = self.services.admitted(request);
        let backup = this.engine.backup(self.backup_patience);
        let blocks = stream::unfold(backup, |mut backup| async move {
            let block = backup.next().await?;
            let piece = block.map(|data| pb::BackupResponse { data }).map_err(not_backed_up);
            Some((piece, backup))
        });
        Ok(Response::new(Box::pin(blocks)))
    }

    async fn get_server_info(
        &self,
        request: Request<pb::GetServerInfoRequest>,
    ) -> Result<Response<pb::GetServerInfoResponse>, Status> {
        let (Services { engine, .. }, _) = self.services.admitted(request);
        let retained = engine.retained().await.map_err(failed)?;
        let (counts, remembered) = (engine.counts(), engine.remembered());
        let Options { dedupe_window, retention, reserve, .. } = engine.options();
        let info = pb::GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            database_id: engine.database_id().to_string(),
            store: pawl_engine::STORE.to_owned(),
            start_time: Some(convert::timestamp_to_pb(self.start_time)),
            pipeline_count: counts.pipelines.cast_signed(),
            trigger_count: counts.triggers.cast_signed(),
            trigger_type_count: counts.trigger_types.cast_signed(),
            entity_count: counts.entities.cast_signed(),
            event_count: retained.events.cast_signed(),
            move_count: retained.moves.cast_signed(),
            oldest_retained_time: retained.earliest.time.map(convert::timestamp_to_pb),
            dedupe_window: Some(convert::duration_to_pb(*dedupe_window)),
            limits: Some(pb::Limits {
                max_backup_idle: Some(convert::duration_to_pb(self.backup_patience)),
                max_backup_time: Some(convert::duration_to_pb(BACKUP_MAX_TIME)),
                max_waiting_calls: self.max_waiting.into(),
                ..stated_limits(&self.services.limits, &self.connections, reserve)
            }),
            retention: Some(pb::Retention {
                max_age: retention.max_age.map(convert::duration_to_pb),
                max_bytes: i64::try_from(retention.max_bytes.unwrap_or(0)).unwrap_or(i64::MAX),
                logged_bytes: retained.bytes.cast_signed(),
                earliest_token: retained.earliest.token.as_bytes().to_vec(),
                max_identities: i64::try_from(retention.max_identities).unwrap_or(i64::MAX),
            }),
            free_bytes: engine.free_bytes().map(u64::cast_signed),
            identity_count: remembered.count.cast_signed(),
            identity_memory_bytes: remembered.memory_bytes.cast_signed(),
        };
        Ok(Response::new(if engine.is_limited() { uncounted(info) } else { info }))
    }
}

/// Without what counts things of all pipelines.
fn uncounted(info: pb::GetServerInfoResponse) -> pb::GetServerInfoResponse {
    pb::GetServerInfoResponse {
        pipeline_count: 0,
        trigger_count: 0,
        entity_count: 0,
        event_count: 0,
        move_count: 0,
        identity_count: 0,
        identity_memory_bytes: 0,
        retention: info.retention.map(|known| pb::Retention { logged_bytes: 0, ..known }),
        ..info
    }
}

fn stated_limits(settable: &Limits, connections: &Connections, reserve: &Reserve) -> pb::Limits {
    let model = &settable.model;
    let count = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
    pb::Limits {
        max_message_bytes: count(settable.max_message_bytes),
        max_events_per_message: count(settable.max_events_per_message),
        max_subjects: count(model.max_subjects),
        max_attributes_bytes: count(model.max_attributes_bytes),
        max_attributes_depth: count(model.max_attributes_depth),
        max_fields_bytes: count(model.max_fields_bytes),
        max_fields_depth: count(model.max_fields_depth),
        max_resource_bytes: count(limits::RESOURCE_MAX_BYTES),
        max_stages: count(limits::STAGES_MAX),
        max_triggers_per_pipeline_and_event_type: count(
            model.max_triggers_per_pipeline_and_event_type,
        ),
        max_triggers_per_stage: count(model.max_triggers_per_stage),
        max_references: count(limits::LINKS_MAX),
        max_import_entities: count(settable.max_import_entities),
        max_page_size: count(settable.max_page_size),
        max_filter_values: count(FILTER_VALUES_MAX),
        max_streams_per_connection: connections.max_streams.into(),
        max_connections: connections.max_connections.into(),
        handshake_timeout: Some(convert::duration_to_pb(connections.handshake_timeout)),
        max_header_bytes: HEADERS_MAX_BYTES.into(),
        max_connection_age: connections.max_age.map(convert::duration_to_pb),
        min_heartbeat_interval: Some(convert::duration_to_pb(HEARTBEAT_MIN)),
        max_heartbeat_interval: Some(convert::duration_to_pb(HEARTBEAT_MAX)),
        max_parameters: count(limits::PARAMETERS_MAX),
        max_filter_bytes: count(model.max_filter_bytes),
        max_filter_depth: count(model.max_filter_depth),
        max_reach: count(limits::REACH_MAX),
        max_decisions: count(limits::DECISIONS_MAX),
        max_parameter_values: count(limits::VALUES_MAX),
        max_hops: i64::from(limits::HOPS_MAX),
        max_hypothetical_triggers: count(limits::HYPOTHETICAL_MAX),
        queue_capacity: count(QUEUE_CAPACITY),
        min_free_bytes: i64::try_from(reserve.min_free_bytes).unwrap_or(i64::MAX),
        ..Default::default()
    }
}
