//! What the numbers say of a server that was used.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use pawl_api::pb;
use pawl_tests::{
    Server, cases, entity, event, now, pipeline, trigger, trigger_type, within, workspace_root,
};
use serde_json::Value;
use tonic::Code;

use crate::scrape::{Metrics, get, metrics};

/// A server with a pipeline, triggers, entities, and everything that can become of an event.
async fn used() -> Server {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    client.trigger_type(trigger_type("mail.opened")).await;
    client.trigger_type(trigger_type("nobody.listens")).await;
    client.trigger(trigger("viewed", "sales/offer", "mail.opened")).await;
    client.entity(entity("deal/1", "sales")).await;
    client.publish(event("moves", "mail.opened", "deal/1")).await;
    client.publish(event("moves", "mail.opened", "deal/1")).await;
    client.publish(event("stays", "mail.opened", "deal/1")).await;
    client.publish(event("unheard", "nobody.listens", "deal/1")).await;
    client.publish(event("astray", "mail.opened", "deal/9")).await;
    let reused = pb::PublishEventRequest {
        event: Some(event("moves", "mail.opened", "deal/2")),
        ..Default::default()
    };
    let refused = client.events.clone().publish_event(reused).await;
    assert_eq!(refused.expect_err("it is another event").code(), Code::AlreadyExists);
    server
}

#[tokio::test]
async fn what_happened_is_counted() {
    let server = used().await;
    let client = server.client().await;
    let watcher = client.watch(now()).await;
    client.publish(event("later", "mail.opened", "deal/1")).await;
    let mut pipelines = client.pipelines.clone();
    let nowhere = pb::GetPipelineRequest { pipeline_id: "nowhere".to_owned() };
    let unknown = pipelines.get_pipeline(nowhere);
    assert_eq!(unknown.await.expect_err("there is none").code(), Code::NotFound);

    let seen = metrics(server.address()).await;
    let rpc = |service: &str, method: &str, code: &str| {
        let labels = format!("service=\"pawl.v1.{service}\",method=\"{method}\"");
        seen.of(&format!("pawl_rpcs_total{{{labels},code=\"{code}\"}}"))
    };
    let decided =
        |outcome: &str| seen.of(&format!("pawl_decisions_total{{outcome=\"{outcome}\"}}"));
    let time = "{service=\"pawl.v1.EventService\",method=\"PublishEvent\"}";
    let of_trigger = |what: &str| seen.of(&format!("pawl_trigger_{what}{{trigger=\"viewed\"}}"));
    let wanted = [
        ("published", rpc("EventService", "PublishEvent", "OK"), 6.0),
        ("published and refused", rpc("EventService", "PublishEvent", "ALREADY_EXISTS"), 1.0),
        ("not found", rpc("PipelineService", "GetPipeline", "NOT_FOUND"), 1.0),
        ("timed", seen.of(&format!("pawl_rpc_seconds_count{time}")), 7.0),
        (
            "open",
            seen.of("pawl_rpcs_open{service=\"pawl.v1.MoveService\",method=\"WatchMoves\"}"),
            1.0,
        ),
        ("moved", decided("moved"), 1.0),
        ("not moved", decided("not_moved"), 2.0),
        ("no trigger", decided("no_trigger"), 1.0),
        ("not found", decided("entity_not_found"), 1.0),
        ("duplicates", seen.of("pawl_events_duplicate_total"), 1.0),
        ("refused", seen.of("pawl_events_refused_total"), 1.0),
        ("events", seen.of("pawl_events_total"), 5.0),
        ("moves", seen.of("pawl_moves_total"), 1.0),
        ("considered", of_trigger("considered"), 3.0),
        ("moved by it", of_trigger("moved"), 1.0),
        ("by others", seen.of("pawl_trigger_moved{trigger=\"other\"}"), 0.0),
        ("watchers", seen.of("pawl_watchers"), 1.0),
        ("entities", seen.of("pawl_entities"), 1.0),
        ("pipelines", seen.of("pawl_pipelines"), 1.0),
        ("triggers", seen.of("pawl_triggers"), 1.0),
        ("trigger types", seen.of("pawl_trigger_types"), 34.0),
        ("stalled", seen.of("pawl_stalled"), 0.0),
        ("free at least", seen.of("pawl_min_free_bytes"), 268_435_456.0),
        ("lost", seen.of("pawl_spans_lost_total{reason=\"full\"}"), 0.0),
    ];
    for (what, value, wanted) in wanted {
        assert!(
            (value - wanted).abs() < 0.5,
            "{what} is {value}, not {wanted}: {:#?}",
            seen.values
        );
    }
    // A batch may hold several of the changes; each was synced.
    for name in ["pawl_sync_seconds_count", "pawl_batch_seconds_count", "pawl_batch_records_sum"] {
        assert!(seen.of(name) >= 1.0, "{name}");
    }
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(seen.of(name) > 0.0, "{name}");
    }
    // As the system counts what the files take.
    let taken = seen.of("pawl_data_bytes");
    let counted = taken_below(server.data());
    assert!(taken > 0.0 && (taken - counted).abs() <= counted / 2.0, "{taken}, not {counted}");
    assert!(seen.of("pawl_free_bytes") > 0.0 && seen.of("pawl_connections_open") >= 2.0);

    // A watch that is given up ends as its client ended it.
    drop(watcher);
    let ended =
        "pawl_rpcs_total{service=\"pawl.v1.MoveService\",method=\"WatchMoves\",code=\"CANCELLED\"}";
    let counted = async {
        while metrics(server.address()).await.of(ended) < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    within(30, "the watch is counted", counted).await;
    cases("ops: numbers", wanted.len(), 24);
}

/// What `du` says of a directory.
fn taken_below(directory: &Path) -> f64 {
    let told = Command::new("du").args(["-s", "-B1"]).arg(directory).output();
    let told = String::from_utf8(told.expect("there is du").stdout).expect("a number");
    told.split_whitespace().next().and_then(|bytes| bytes.parse().ok()).expect("a number")
}

#[tokio::test]
async fn health_is_told_over_http_as_it_is_over_grpc() {
    let mut server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(server.address(), path, "").await.code, 200, "{path}");
    }
    assert_eq!(server.terminate().await.code(), Some(0));
    cases("ops: health", 2, 2);
}

const BEGIN: &str = "<!-- metrics -->\n";
const END: &str = "<!-- /metrics -->";

/// A counter has the ending `_total` where it is asked for.
fn asked_as(name: &str, kind: &str) -> String {
    if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
}

fn table(seen: &Metrics) -> String {
    let mut text = String::from("\n| metric | kind | labels | |\n|---|---|---|---|\n");
    for (name, kind, meaning) in &seen.told {
        let labelled = seen.values.keys().find_map(|value| {
            let rest = value.strip_prefix(name.as_str())?;
            let rest = ["_total", "_count", ""]
                .iter()
                .find_map(|end| rest.strip_prefix(end)?.strip_prefix('{'));
            rest.map(|labels| {
                labels.split("\",").map(|one| one.split('=').next().unwrap_or_default())
            })
        });
        let labels: Vec<_> =
            labelled.into_iter().flatten().map(|label| format!("`{label}`")).collect();
        let name = asked_as(name, kind);
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {meaning} |", labels.join(", "));
    }
    text + "\n"
}

#[tokio::test]
async fn the_page_in_docs_and_the_dashboard_know_the_metrics() {
    let server = used().await;
    let seen = metrics(server.address()).await;
    let docs = workspace_root().join("docs");
    let path = docs.join("operations.md");
    let page = fs::read_to_string(&path).expect("it is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table begins");
    let (_, after) = rest.split_once(END).expect("the table ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table(&seen));
    if env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(&path, &wanted).expect("it can be written");
    }
    let page = fs::read_to_string(&path).expect("it is there");
    assert!(page == wanted, "run UPDATE_DOCS=1 cargo test -p pawl-tests --test ops");

    let mut known = BTreeSet::new();
    for (name, kind, _) in &seen.told {
        let ends: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(ends.iter().map(|end| format!("{name}{end}")));
    }
    let dashboard = fs::read_to_string(docs.join("grafana/pawl.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("it is JSON");
    let mut asked = Vec::new();
    collect(&dashboard, &mut asked);
    let alerts = page.lines().filter(|line| line.trim_start().starts_with("expr: "));
    asked.extend(alerts.map(str::to_owned));
    let mut count = 0;
    for expression in &asked {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in words.filter(|word| word.starts_with("pawl_") || word.starts_with("process_")) {
            assert!(known.contains(name), "{name} is no metric: {expression}");
            count += 1;
        }
    }
    cases("ops: metrics named by dashboard and alerts", count, 30);
}

/// Every expression of a dashboard.
fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "expr" => found.push(text.clone()),
                    value => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
