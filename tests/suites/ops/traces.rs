//! Traces as a collector gets them, and what becomes of the server when there is none.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use pawl_api::pb;
use pawl_tests::{
    Authority, Client, Program, Signal, binary, cases, entity, event, pipeline, trigger,
    trigger_type, within,
};
use rcgen::SanType;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::Instant;
use tonic::{Code, Request};

use crate::collector::{Collector, Span};
use crate::scrape::{get, metrics};

/// A `pawl serve` with variables in its environment, and its address.
async fn serve(
    data: &TempDir,
    args: &[&str],
    env: &[(&str, &str)],
) -> (Program, SocketAddr, Client) {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| name.starts_with("PAWL_") || name.starts_with("OTEL_");
        if name.to_str().is_some_and(is_setting) {
            command.env_remove(name);
        }
    }
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path().join("data"));
    let server = Program::start(command.args(args).envs(env.iter().copied()));
    let address = server.find("it listens", |lines| {
        lines.iter().find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
    });
    let address = address.await;
    let client = Client::connect(address).await.expect("it answers");
    (server, address, client)
}

async fn stop(mut server: Program) -> Vec<String> {
    server.signal(Signal::SIGTERM);
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{:?}", server.err());
    server.err()
}

fn scratch() -> TempDir {
    TempDir::with_prefix("pawl-traces-").expect("a temporary directory")
}

/// A publication in a trace, whose caller traces it or does not.
fn publication(id: &str, parent: Option<(u64, bool)>) -> Request<pb::PublishEventRequest> {
    let event = Some(event(id, "mail.opened", "deal/1"));
    let mut request = Request::new(pb::PublishEventRequest { event, ..Default::default() });
    if let Some((number, is_sampled)) = parent {
        let text = traceparent(number, is_sampled);
        request.metadata_mut().insert("traceparent", text.parse().expect("it is ASCII"));
        request.metadata_mut().insert("tracestate", "shop=t61".parse().expect("it is ASCII"));
    }
    request
}

fn traceparent(number: u64, is_sampled: bool) -> String {
    format!("00-{}-{number:016x}-0{}", trace(number), u8::from(is_sampled))
}

fn trace(number: u64) -> String {
    format!("4bf92f3577b34da6{number:016x}")
}

async fn set_up(client: &Client) {
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    client.trigger_type(trigger_type("mail.opened")).await;
    client.trigger(trigger("viewed", "sales/offer", "mail.opened")).await;
    client.entity(entity("deal/1", "sales")).await;
}

fn in_trace(spans: &[Span], number: u64) -> Vec<&Span> {
    spans.iter().filter(|span| span.trace == trace(number)).collect()
}

#[tokio::test]
async fn calls_are_spans_in_the_traces_of_their_callers() {
    let collector = Collector::start().await;
    let data = scratch();
    let url = collector.url();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hush"),
        ("OTEL_SERVICE_NAME", "crm"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ];
    let (server, address, client) = serve(&data, &["--log", "pawl=debug"], &env).await;
    set_up(&client).await;
    let mut events = client.events.clone();
    events.publish_event(publication("one", Some((1, true)))).await.expect("it is accepted");
    events.publish_event(publication("two", Some((2, false)))).await.expect("it is accepted");
    events.publish_event(publication("three", None)).await.expect("it is accepted");
    let mut unknown = Request::new(pb::GetPipelineRequest { pipeline_id: "nowhere".to_owned() });
    let parent = traceparent(4, true).parse().expect("it is ASCII");
    unknown.metadata_mut().insert("traceparent", parent);
    let refused = client.pipelines.clone().get_pipeline(unknown).await;
    assert_eq!(refused.expect_err("there is none").code(), Code::NotFound);
    let mut nothing = tonic::client::Grpc::new(client.channel.clone());
    nothing.ready().await.expect("it is there");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let mut unserved = Request::new(());
    let parent = traceparent(5, true).parse().expect("it is ASCII");
    unserved.metadata_mut().insert("traceparent", parent);
    let path = "/pawl.v1.EventService/Nothing".parse().expect("a path");
    let refused = nothing.unary(unserved, path, codec).await;
    assert_eq!(refused.expect_err("there is none").code(), Code::Unimplemented);
    let parent = format!("traceparent: {}\r\n", traceparent(6, true));
    assert_eq!(get(address, "/readyz", &parent).await.code, 200);
    let log = stop(server).await;

    // All that was there when it stopped has come.
    let spans = collector.spans();
    let given: Vec<_> =
        in_trace(&spans, 1).into_iter().filter(|s| s.parent == format!("{:016x}", 1)).collect();
    let [one] = *given else {
        panic!("one span has the parent that was given: {spans:#?}");
    };
    assert_eq!(one.name, "pawl.v1.EventService/PublishEvent");
    assert_eq!((one.kind, one.status), (SpanKind::Server as i32, StatusCode::Unset as i32));
    assert_eq!(one.state, "shop=t61");
    for (key, value) in [
        ("rpc.system", "grpc"),
        ("rpc.service", "pawl.v1.EventService"),
        ("rpc.method", "PublishEvent"),
        ("rpc.grpc.status_code", "0"),
        ("network.peer.address", "127.0.0.1"),
        ("path", ""),
        ("trace_id", ""),
    ] {
        assert_eq!(one.of(key), value, "{key} in {one:#?}");
    }
    assert_ne!(one.of("network.peer.port"), "");
    for (key, value) in [
        ("service.name", "crm"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "test"),
    ] {
        assert_eq!(one.resource.get(key).map(String::as_str), Some(value), "{:#?}", one.resource);
    }
    assert!(collector.keys().iter().all(|key| key == "hush"), "{:?}", collector.keys());

    // What the call waited for, one after the other.
    let mut parts: Vec<_> = spans.iter().filter(|span| span.parent == one.id).collect();
    parts.sort_by_key(|span| span.began);
    let names: Vec<_> = parts.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["queue", "decide", "commit"], "{parts:#?}");
    for pair in parts.windows(2) {
        assert!(pair[0].ended <= pair[1].began, "{pair:#?}");
    }
    assert!(one.began <= parts[0].began && parts[2].ended <= one.ended, "{one:#?}: {parts:#?}");
    assert!(parts.iter().all(|span| span.trace == one.trace && span.began < span.ended));

    assert_eq!(in_trace(&spans, 2).len(), 0, "its caller does not trace it");
    let alone = |span: &&Span| span.parent.is_empty() && span.name.ends_with("/PublishEvent");
    assert_eq!(spans.iter().filter(alone).count(), 1, "nobody said anything about it");
    let [refused] = *in_trace(&spans, 4) else { panic!("one span: {spans:#?}") };
    assert_eq!(refused.of("rpc.grpc.status_code"), (Code::NotFound as i32).to_string());
    assert_eq!(refused.status, StatusCode::Unset as i32, "a mistake of its caller");
    let [unserved] = *in_trace(&spans, 5) else { panic!("one span: {spans:#?}") };
    assert_eq!(unserved.name, "other", "names are not the caller's to make up");
    assert_eq!(unserved.status, StatusCode::Error as i32);
    let [http] = *in_trace(&spans, 6) else { panic!("one span: {spans:#?}") };
    assert_eq!((&*http.name, http.kind), ("GET", SpanKind::Server as i32));
    assert_eq!((http.of("url.path"), http.of("http.response.status_code")), ("/readyz", "200"));

    // The log knows the trace, also of who came without one.
    let own = spans.iter().find(alone).expect("it was counted");
    for trace in [&own.trace, &one.trace, &trace(2)] {
        let told = format!("trace_id=\"{trace}\"");
        assert!(log.iter().any(|line| line.contains(&told)), "{told} is missing: {log:#?}");
    }
    cases("ops: traces", 6, 6);
}

#[tokio::test]
async fn a_share_is_traced_of_what_nobody_decided_and_tls_is_spoken() {
    let authority = Authority::new();
    let local = SanType::IpAddress([127, 0, 0, 1].into());
    let (certificate, key) = authority.sign(&[local]);
    let collector = Collector::start_with_tls(certificate, key).await;
    let data = scratch();
    let trusted = data.path().join("authority.pem");
    fs::write(&trusted, authority.pem()).expect("it is written");
    let url = format!("https://127.0.0.1:{}", collector.port());
    let env = [
        ("SSL_CERT_FILE", trusted.to_str().expect("it is text")),
        // The flag weighs more.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
    ];
    let args = ["--otlp-endpoint", &url, "--trace-ratio", "0"];
    let (server, _, client) = serve(&data, &args, &env).await;
    set_up(&client).await;
    let mut events = client.events.clone();
    events.publish_event(publication("one", Some((1, true)))).await.expect("it is accepted");
    events.publish_event(publication("two", None)).await.expect("it is accepted");
    let log = stop(server).await;
    let spans = collector.spans();
    assert_eq!(in_trace(&spans, 1).len(), 4, "{log:#?}");
    assert_eq!(spans.len(), 4, "nothing else is traced: {spans:#?}");
    assert_eq!(spans[0].resource.get("service.name").map(String::as_str), Some("pawl"));
    cases("ops: shares of traces, over TLS", 2, 2);
}

/// As many calls as a server takes at once.
async fn ask(client: &Client, count: usize) {
    for _ in 0..count / 200 {
        let calls = (0..200).map(|_| {
            let mut system = client.system.clone();
            async move { system.get_server_info(pb::GetServerInfoRequest {}).await }
        });
        let answers = within(60, "it answers", futures_util::future::join_all(calls)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
}

fn warnings(log: &[String]) -> Vec<&String> {
    log.iter().filter(|line| line.contains("WARN")).collect()
}

/// Spans that may wait for the collector.
const WAITING_MAX: u64 = 4_096;

/// How many spans are told to be lost, for one reason.
async fn lost(address: SocketAddr, reason: &str) -> u64 {
    let name = format!("pawl_spans_lost_total{{reason=\"{reason}\"}}");
    let count = metrics(address).await.of(&name);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = count as u64;
    count
}

/// More than are made for some batches of spans, each of which is tried four times.
const TRIES: usize = 13;

#[tokio::test]
async fn a_collector_that_is_away_holds_up_nothing_and_is_told_of_once() {
    // Whoever listens there takes nothing, so that it can be counted how often it was tried.
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = nobody.local_addr().expect("it has an address");
    let tried = async move {
        for _ in 0..TRIES {
            drop(nobody.accept().await.expect("somebody tries"));
        }
    };
    let tried = tokio::spawn(tried);
    let data = scratch();
    let env = [("OTEL_BSP_SCHEDULE_DELAY", "10")];
    let url = format!("http://{address}");
    let (server, own, client) = serve(&data, &["--otlp-endpoint", &url], &env).await;
    set_up(&client).await;
    ask(&client, 6_000).await;
    within(60, "it is tried", tried).await.expect("nothing panicked");
    let is_told = |line: &String| line.contains("traces are not taken");
    server.find_in_err("it is told", |log| log.iter().any(is_told).then_some(())).await;
    assert!(lost(own, "not_taken").await > 0, "what was told is counted");
    // Once there is a collector, traces go on.
    let collector = Collector::start_at(address, None).await;
    let seen = async {
        while collector.spans().is_empty() {
            ask(&client, 200).await;
        }
    };
    within(60, "spans come", seen).await;
    let again = "traces are taken again";
    server.find_in_err(again, |log| log.iter().any(|l| l.contains(again)).then_some(())).await;
    let log = stop(server).await;
    let told = warnings(&log);
    assert_eq!(told.len(), 1, "it is told once a minute: {told:#?}");
    assert!(told[0].contains("lost="), "{told:?}");
    cases("ops: no collector", 6_000, 6_000);
}

#[tokio::test]
async fn a_collector_that_hangs_holds_up_neither_calls_nor_the_end() {
    // Connections are taken by the system; nobody ever reads from them.
    let hangs = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let url = format!("http://{}", hangs.local_addr().expect("it has an address"));
    let data = scratch();
    let env = [("OTEL_BSP_SCHEDULE_DELAY", "10")];
    let (server, own, client) = serve(&data, &["--otlp-endpoint", &url], &env).await;
    set_up(&client).await;
    ask(&client, 6_000).await;
    // A span may end a moment after its answer came. Nothing is taken, so all but those that may wait
    // are lost, unless whole batches are given up meanwhile.
    let beyond = async {
        while lost(own, "full").await + lost(own, "not_taken").await < 6_000 - WAITING_MAX {
            tokio::task::yield_now().await;
        }
    };
    within(60, "what does not find room is counted", beyond).await;
    assert!(lost(own, "full").await > 0);
    drop(client);
    let began = Instant::now();
    let log = stop(server).await;
    // Three seconds are waited for the collector; the rest is for a machine that is busy.
    assert!(began.elapsed() < Duration::from_secs(20), "{log:#?}");
    let last = "the last traces may not have been taken";
    assert!(log.iter().any(|line| line.contains(last)), "{log:#?}");
    assert!(warnings(&log).len() <= 2, "{log:#?}");
    cases("ops: a collector that hangs", 6_000, 6_000);
}
