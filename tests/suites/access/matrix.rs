//! Every RPC x every role x limited to pipelines or not x whatever can be wrong with credentials.

use pawl_api::FILE_DESCRIPTOR_SET;
use pawl_tests::{Server, ask, cases, within};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::file::AccessFile;
use crate::{channel, guarded, problem};

const ROLES: [&str; 4] = ["viewer", "publisher", "editor", "admin"];

/// What may be expected by API.md's table, written down once more.
fn may(role: &str, method: &str) -> bool {
    let reads = ["Get", "List", "Watch", "Preview"].iter().any(|verb| method.starts_with(verb));
    let is_entity = method.ends_with("Entity") || method == "ImportEntities";
    match role {
        "viewer" => reads,
        "publisher" => method.starts_with("Publish"),
        "editor" => reads || is_entity,
        _ => true,
    }
}

/// Paths of all methods of the contract.
fn methods() -> Vec<(String, String)> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it is one");
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                methods.push((path, method.name().to_owned()));
            }
        }
    }
    methods
}

/// Calls any method with an empty message, and reads at most one.
async fn call(channel: Channel, path: &str, shown: Option<&[u8]>) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.expect("it is connected");
    let mut request = Request::new(tokio_stream::once(()));
    if let Some(shown) = shown {
        let shown = MetadataValue::<Ascii>::try_from(shown).expect("it can be sent");
        request.metadata_mut().insert("authorization", shown);
    }
    let path = path.parse().expect("it is a path");
    let answers = grpc.streaming(request, path, ProstCodec::<(), ()>::default()).await?;
    answers.into_inner().message().await.map(drop)
}

struct Shown {
    what: String,
    header: Option<Vec<u8>>,
    /// A role, or what is wrong.
    expected: Result<&'static str, &'static str>,
}

async fn shown(file: &AccessFile) -> Vec<Shown> {
    let mut all = Vec::new();
    let bearer = |token: &str| Some(format!("Bearer {token}").into_bytes());
    for role in ROLES {
        let token = file.create(&[role, "--role", role]).await;
        all.push(Shown { what: role.to_owned(), header: bearer(&token), expected: Ok(role) });
        let name = format!("limited-{role}");
        let token = file.create(&[&name, "--role", role, "--pipeline", "sales"]).await;
        all.push(Shown { what: name, header: bearer(&token), expected: Ok(role) });
        let name = format!("expired-{role}");
        let token = file.expired(&name, role).await;
        all.push(Shown { what: name, header: bearer(&token), expected: Err("expired") });
        let name = format!("revoked-{role}");
        let token = file.create(&[&name, "--role", role]).await;
        file.revoke(&name).await;
        all.push(Shown { what: name, header: bearer(&token), expected: Err("unknown") });
    }
    let hook = file.create(&["hook", "--webhook", "webhook.received"]).await;
    let wrong: [(&str, Option<Vec<u8>>, &str); 9] = [
        ("none", None, "missing"),
        ("a webhook's secret", bearer(&hook), "unknown"),
        ("never given out", bearer("pawl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "unknown"),
        ("empty", Some(Vec::new()), "malformed"),
        ("no token", Some(b"Bearer ".to_vec()), "malformed"),
        ("no scheme", Some(b"pawl_x".to_vec()), "malformed"),
        ("another scheme", Some(b"Basic cGF3bDpwYXds".to_vec()), "malformed"),
        ("a JWT where none is believed", bearer("a.b.c"), "unknown"),
        ("very long", bearer(&"x".repeat(8_000)), "unknown"),
    ];
    all.extend(wrong.map(|(what, header, problem)| Shown {
        what: what.to_owned(),
        header,
        expected: Err(problem),
    }));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rpc_asks_every_caller() {
    let file = AccessFile::new();
    let shown = shown(&file).await;
    let server = guarded(&file).await;
    let channel = channel(&server).await;
    let (mut count, mut failures) = (0, Vec::new());
    for (path, method) in methods() {
        for Shown { what, header, expected } in &shown {
            let asked = call(channel.clone(), &path, header.as_deref());
            let status = within(30, &path, asked).await.err();
            let told = status.as_ref().map(|status| (status.code(), problem(status)));
            let is_right = match (expected, &told) {
                (Err(wrong), Some((Code::Unauthenticated, (reason, problem)))) => {
                    reason == "UNAUTHENTICATED" && problem == wrong
                }
                (Ok(role), Some((Code::PermissionDenied, (reason, _)))) => {
                    let is_outside = reason == "OUT_OF_SCOPE" && what.starts_with("limited");
                    (reason == "ROLE_MISSING" && !may(role, &method))
                        || (is_outside && may(role, &method))
                }
                // What an empty message leads to is not asked here.
                (Ok(role), Some((code, _))) => *code != Code::Unauthenticated && may(role, &method),
                (Ok(role), None) => may(role, &method),
                (Err(_), _) => false,
            };
            if !is_right {
                failures.push(format!("{path} as {what}: {told:?}"));
            }
            count += 1;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    cases("access matrix", count, 700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_the_contract_are_open_and_nothing_else_is_there() {
    let file = AccessFile::new();
    file.create(&["ops", "--role", "admin"]).await;
    let server = guarded(&file).await;
    let channel = channel(&server).await;
    let open = [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];
    for path in open {
        let told = call(channel.clone(), path, None).await.err().map(|status| status.code());
        assert_ne!(told, Some(Code::Unauthenticated), "{path}");
    }
    for path in ["/pawl.v1.EventService/Forget", "/pawl.v2.EventService/PublishEvent", "/x/y"] {
        let told = call(channel.clone(), path, None).await.expect_err(path);
        assert_eq!(told.code(), Code::Unimplemented, "{path}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_every_caller() {
    let file = AccessFile::new();
    let shown = shown(&file).await;
    let server = guarded(&file).await;
    let json = ("content-type", "application/json");
    let mut count = 0;
    let routes = [("POST", "/v1/events", "PublishEvent"), ("GET", "/metrics", "GetServerInfo")];
    for (method, path, like) in routes {
        for Shown { what, header, expected } in &shown {
            let header = header.as_ref().map(|header| String::from_utf8_lossy(header).into_owned());
            let mut headers = vec![json];
            headers.extend(header.as_deref().map(|header| ("authorization", header)));
            let method = method.parse().expect("a method");
            let answer = ask(method, server.address(), path, &headers, "{}").await;
            let right = match expected {
                Err(_) => answer.code == 401 && answer.header("www-authenticate") == "Bearer",
                // Numbers of all pipelines are not for who may see some.
                Ok(_) if path == "/metrics" && what.starts_with("limited") => answer.code == 403,
                Ok(role) if may(role, like) => answer.code == 200 || answer.code == 400,
                Ok(_) => answer.code == 403,
            };
            let body = String::from_utf8_lossy(&answer.body);
            assert!(right, "{path} as {what}: {} {body}", answer.code);
            count += 1;
        }
    }
    for path in ["/healthz", "/readyz"] {
        let answer = ask(http::Method::GET, server.address(), path, &[], "").await;
        assert_eq!(answer.code, 200, "{path}");
        count += 1;
    }
    cases("routes", count, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_somebody_has_to_be_asked() {
    let ended = Server::refuse(&["--listen", "0.0.0.0:0"]).await;
    let told = ended.stderr;
    assert!(!ended.status.success());
    assert!(told.contains("--access-file") && told.contains("--insecure"), "{told}");
    let missing = Server::refuse(&["--access-file", "nowhere.toml", "--data", "never-made"]).await;
    assert!(missing.stderr.contains("pawl token create"), "{}", missing.stderr);
    assert!(!std::path::Path::new("never-made").exists(), "nothing is made before");
}
