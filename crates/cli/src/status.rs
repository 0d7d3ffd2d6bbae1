//! `pawl status`: how a server is, as its health, its numbers and GetServerInfo tell it.

mod numbers;
mod shown;

use std::future::poll_fn;
use std::io::{self, IsTerminal};

use pawl_api::pb;
use pawl_api::pb::system_service_client::SystemServiceClient;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use tonic::codegen::{Body, Service, http};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use self::numbers::Numbers;
use crate::args::{Format, StatusArgs};
use crate::client::{Target, Wire};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::output::print_styled;
use crate::show::document;

/// Whose health is asked.
const SERVICES: [&str; 6] = [
    "PipelineService",
    "TriggerService",
    "EntityService",
    "EventService",
    "MoveService",
    "SystemService",
];
/// At this weight of what waits for the writer callers wait for a place.
const QUEUE_WEIGHT_MAX: u64 = 65_536;
/// More than all numbers take.
const METRICS_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// Takes the place of what was shown before.
const ANEW: &str = "\x1b[H\x1b[2J";

pub(crate) async fn run(args: StatusArgs, target: &Target) -> Result<(), Failure> {
    let wire = target.connect().await?;
    let mut before = Reading::take(&wire).await?;
    if before.numbers.is_none() {
        eprintln!(
            "note: without its numbers; they need a token or certificate that may read and is not \
             limited to some pipelines"
        );
    }
    loop {
        if before.numbers.is_some() || args.watch {
            sleep(args.interval).await;
        }
        let now = Reading::take(&wire).await?;
        let (info, services) = (info(&wire).await?, health(&wire).await?);
        let status = status(target, &info, services, &before, &now);
        match args.shape.output {
            Format::Table => {
                let anew = if args.watch && io::stdout().is_terminal() { ANEW } else { "" };
                print_styled(&format!("{anew}{}", shown::text(&status, &Clock::new())))?;
            }
            format => document(&status, format)?,
        }
        if !args.watch {
            return Ok(());
        }
        before = now;
    }
}

/// The numbers at a moment; `None` where they may not be asked for.
struct Reading {
    at: Instant,
    numbers: Option<Numbers>,
}

impl Reading {
    /// They are asked on the connection of all other calls, so that what lets these in does them.
    async fn take(wire: &Wire) -> Result<Self, Failure> {
        let mut wire = wire.clone();
        let failed = |error| Failure::from(Status::from_error(Box::new(error)));
        poll_fn(|cx| wire.poll_ready(cx)).await.map_err(failed)?;
        let request = http::Request::get("/metrics").body(tonic::body::Body::empty());
        let request = request.unwrap_or_else(|_| unreachable!("a path"));
        let (head, body) = wire.call(request).await.map_err(failed)?.into_parts();
        let at = Instant::now();
        let numbers = match head.status {
            http::StatusCode::OK => Some(Numbers::read(&text(body).await?)),
            http::StatusCode::UNAUTHORIZED | http::StatusCode::FORBIDDEN => None,
            other => {
                return Err(Failure::Incomplete(format!(
                    "GET /metrics is answered with {other}: the server is older than this command, \
                     or is no pawl server"
                )));
            }
        };
        Ok(Self { at, numbers })
    }
}

async fn text<B>(body: B) -> Result<String, Failure>
where
    B: Body,
    B::Data: AsRef<[u8]>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = Box::pin(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data.as_ref());
        }
        if bytes.len() > METRICS_MAX_BYTES {
            return Err(Failure::Incomplete("GET /metrics is answered without an end".to_owned()));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn info(wire: &Wire) -> Result<pb::GetServerInfoResponse, Failure> {
    let mut system = SystemServiceClient::new(wire.clone());
    Ok(system.get_server_info(pb::GetServerInfoRequest {}).await?.into_inner())
}

/// What health says of each service.
async fn health(wire: &Wire) -> Result<Map<String, Value>, Failure> {
    let mut told = Map::new();
    let mut client = HealthClient::new(wire.clone());
    for name in SERVICES {
        let request = HealthCheckRequest { service: format!("pawl.v1.{name}") };
        let status = match client.check(request).await {
            Ok(answer) => answer.into_inner().status().as_str_name(),
            // It is stopping.
            Err(status) if status.code() == Code::NotFound => "SERVICE_UNKNOWN",
            Err(status) => return Err(status.into()),
        };
        told.insert(name.to_owned(), status.into());
    }
    Ok(told)
}

fn status(
    target: &Target,
    info: &pb::GetServerInfoResponse,
    services: Map<String, Value>,
    before: &Reading,
    now: &Reading,
) -> Value {
    let time = |time: Option<prost_types::Timestamp>| time.map(|time| time.to_string());
    let limits = info.limits.unwrap_or_default();
    let mut status = json!({
        "server": {
            "address": target.address().to_string(),
            "version": info.version,
            "store": info.store,
            "database_id": info.database_id,
            "start_time": time(info.start_time),
            "uptime_seconds": Clock::new().age_s(info.start_time),
            "services": services,
        },
        "counts": {
            "pipelines": info.pipeline_count,
            "triggers": info.trigger_count,
            "trigger_types": info.trigger_type_count,
            "entities": info.entity_count,
        },
        "retained": {
            "events": info.event_count,
            "moves": info.move_count,
            "oldest_time": time(info.oldest_retained_time),
        },
        "identities": {
            "count": info.identity_count,
            "memory_bytes": info.identity_memory_bytes,
        },
        "disk": { "free_bytes": info.free_bytes, "min_free_bytes": limits.min_free_bytes },
    });
    if let (Some(now_read), Some(before_read)) = (&now.numbers, &before.numbers) {
        let seconds = (now.at - before.at).as_secs_f64();
        let told = measured(now_read, before_read, seconds, &limits);
        if let (Some(status), Value::Object(told)) = (status.as_object_mut(), told) {
            status.extend(told);
        }
        // Not told where the server cannot read its own directory.
        let data = now_read.sum("pawl_data_bytes", &[]);
        status["disk"]["data_bytes"] = (data > 0.0).then(|| numbers::whole(data)).into();
        let lost = numbers::whole(now_read.sum("pawl_spans_lost_total", &[]));
        status["traces"] = json!({ "lost_spans": lost });
    }
    status
}

/// What only the numbers tell. Quantiles are those of all since the server was started.
fn measured(now: &Numbers, before: &Numbers, seconds: f64, limits: &pb::Limits) -> Value {
    let rate = |name: &str, labels: &[(&str, &str)]| {
        let change = now.sum(name, labels) - before.sum(name, labels);
        // None of a server that was started again meanwhile.
        json!(((change.max(0.0) / seconds) * 10.0).round() / 10.0)
    };
    let whole = |name: &str| numbers::whole(now.sum(name, &[]));
    let quantiles = |name: &str, labels: &[(&str, &str)]| {
        json!({
            "p50": now.quantile(name, labels, 0.5),
            "p99": now.quantile(name, labels, 0.99),
        })
    };
    // Of whole things there are no halves.
    let most = |share| now.quantile("pawl_batch_records", &[], share).map(f64::ceil);
    let [sum, count] =
        ["sum", "count"].map(|what| now.sum(&format!("pawl_batch_records_{what}"), &[]));
    let mean = (count > 0.0).then(|| (sum / count * 10.0).round() / 10.0);
    let records = json!({ "mean": mean, "p50": most(0.5), "p99": most(0.99) });
    let calls = now.labelled("pawl_rpcs_open").filter_map(|labels| {
        let (service, method) = (labels.get("service")?, labels.get("method")?);
        let of = [("service", &**service), ("method", &**method)];
        let ended = now.sum("pawl_rpcs_total", &of);
        let open = now.sum("pawl_rpcs_open", &of);
        let ok = now.sum("pawl_rpcs_total", &[of[0], of[1], ("code", "OK")]);
        (ended + open > 0.0).then(|| {
            json!({
                "service": service,
                "method": method,
                "open": numbers::whole(open),
                "ended": numbers::whole(ended),
                "not_ok": numbers::whole(ended - ok),
                "per_second": rate("pawl_rpcs_total", &of),
                "seconds": quantiles("pawl_rpc_seconds", &of),
            })
        })
    });
    json!({
        "rates": {
            "over_seconds": (seconds * 1_000.0).round() / 1_000.0,
            "events_per_second": rate("pawl_events_total", &[]),
            "moves_per_second": rate("pawl_moves_total", &[]),
            "calls_per_second": rate("pawl_rpcs_total", &[]),
        },
        "queue": {
            "requests": whole("pawl_queue_requests"),
            "max_requests": limits.queue_capacity,
            "weight": whole("pawl_queue_weight"),
            "max_weight": QUEUE_WEIGHT_MAX,
            "is_stalled": whole("pawl_stalled") > 0,
        },
        "batches": {
            "records": records,
            "seconds": quantiles("pawl_batch_seconds", &[]),
            "sync_seconds": quantiles("pawl_sync_seconds", &[]),
        },
        "watches": {
            "open": whole("pawl_watchers"),
            "lag_records": whole("pawl_watcher_lag_records"),
        },
        "connections": { "open": whole("pawl_connections_open"), "max": limits.max_connections },
        "memory": { "resident_bytes": whole("process_resident_memory_bytes") },
        "calls": calls.collect::<Vec<_>>(),
    })
}
