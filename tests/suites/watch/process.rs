//! The process around it: health, reflection, and on what it does not start.

use std::collections::BTreeSet;

use pawl_tests::{Server, cases};
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::server;

const SERVICES: [&str; 6] = [
    "pawl.v1.EntityService",
    "pawl.v1.EventService",
    "pawl.v1.MoveService",
    "pawl.v1.PipelineService",
    "pawl.v1.SystemService",
    "pawl.v1.TriggerService",
];
/// Those that come with every server.
const BESIDE: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

#[tokio::test]
async fn each_service_and_the_whole_are_healthy() {
    let (_server, client) = server().await;
    let mut health = HealthClient::new(client.channel.clone());
    for service in [""].into_iter().chain(SERVICES) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect("it is known").into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32, "{service:?}");
    }
    let unknown = HealthCheckRequest { service: "pawl.v1.NoService".to_owned() };
    let refused = health.check(unknown).await.expect_err("it is not known");
    assert_eq!(refused.code(), Code::NotFound);
    cases("watch: healthy services", SERVICES.len() + 1, 7);
}

/// Asks reflection of one version for the names of all services, then for the files of each name.
macro_rules! reflected {
    ($client:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        let ask = async |question: MessageRequest| {
            let message_request = Some(question);
            let request = ServerReflectionRequest { host: String::new(), message_request };
            let requests = tokio_stream::iter([request]);
            let mut reflection = ServerReflectionClient::new($client.channel.clone());
            let answers = reflection.server_reflection_info(requests).await;
            let answer = answers.expect("it answers").into_inner().message().await;
            answer.expect("it answers").expect("it answers").message_response
        };
        let listed = ask(MessageRequest::ListServices(String::new())).await;
        let Some(MessageResponse::ListServicesResponse(listed)) = listed else {
            panic!("no list of services: {listed:?}");
        };
        let mut files = 0;
        let names = SERVICES.map(str::to_owned).into_iter();
        // Also the details of errors, so that a client without our files can read them.
        for name in names.chain(["google.rpc.ErrorInfo".to_owned()]) {
            let found = ask(MessageRequest::FileContainingSymbol(name.clone())).await;
            let is_file = matches!(found, Some(MessageResponse::FileDescriptorResponse(_)));
            assert!(is_file, "{name}: {found:?}");
            files += 1;
        }
        (listed.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>(), files)
    }};
}

#[tokio::test]
async fn reflection_tells_all_services_in_both_versions() {
    let (_server, client) = server().await;
    let (v1, first) = reflected!(client, v1);
    let (v1alpha, second) = reflected!(client, v1alpha);
    for (version, listed) in [("v1", v1), ("v1alpha", v1alpha)] {
        for service in SERVICES.iter().chain(&BESIDE[..1]) {
            assert!(listed.contains(*service), "{version} does not list {service}: {listed:?}");
        }
        let reflection = listed.iter().filter(|name| BESIDE[1..].contains(&name.as_str())).count();
        assert!(reflection > 0, "{version} does not list itself: {listed:?}");
        assert_eq!(listed.iter().filter(|name| name.starts_with("pawl.")).count(), SERVICES.len());
    }
    cases("watch: reflected names", first + second, 14);
}

#[tokio::test]
async fn a_second_process_on_a_directory_is_refused_and_does_no_harm() {
    let (server, client) = server().await;
    let directory = server.data().to_str().expect("it is text");
    let second = Server::refuse(&["--data", directory, "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.status.code(), Some(1), "{}", second.stderr);
    let said = second.stderr.lines().find(|line| line.starts_with("error: "));
    let said = said.unwrap_or_else(|| panic!("no error in {:?}", second.stderr));
    for part in [directory, "in use by another process", "--data"] {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
    assert_eq!(client.info().await.pipeline_count, 1, "the first goes on");
}

#[tokio::test]
async fn an_exposed_address_or_one_that_is_taken_is_refused() {
    let (server, _client) = server().await;
    let taken = server.address().to_string();
    let table = [
        ("0.0.0.0:0", vec!["0.0.0.0:0", "--insecure", "127.0.0.1"]),
        ("[::]:0", vec!["[::]:0", "--insecure", "127.0.0.1"]),
        (&*taken, vec![&*taken, "choose another address"]),
    ];
    let fresh = tempfile::tempdir().expect("a temporary directory");
    let directory = fresh.path().join("data");
    for (listen, parts) in &table {
        let args = ["--data", directory.to_str().expect("it is text"), "--listen", listen];
        let refused = Server::refuse(&args).await;
        assert_eq!(refused.status.code(), Some(1), "{listen}: {}", refused.stderr);
        for part in parts {
            assert!(refused.stderr.contains(part), "{:?} does not say {part:?}", refused.stderr);
        }
        assert!(!directory.exists(), "{listen}: a server that does not start makes nothing");
    }
    cases("watch: refused addresses", table.len(), 3);
}
