//! TLS, client certificates and JSON Web Tokens, with an authority of the test's own.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use pawl_api::pb;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_tests::{Authority, Server, dns, within};
use rcgen::{KeyPair, PublicKeyData, SanType};
use serde_json::json;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use crate::file::AccessFile;
use crate::{Bearer, Somebody, guarded, problem, text};

struct Guarded {
    file: AccessFile,
    server: Server,
    authority: Authority,
}

impl Guarded {
    async fn start(file: AccessFile) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.sign(&[dns("localhost")]);
        fs::write(file.beside("cert.pem"), certificate).expect("it is written");
        fs::write(file.beside("key.pem"), key).expect("it is written");
        fs::write(file.beside("ca.pem"), authority.pem()).expect("it is written");
        let [cert, key, ca] = ["cert.pem", "key.pem", "ca.pem"].map(|name| file.beside(name));
        let args = ["--access-file", text(file.path()), "--tls-cert", text(&cert)];
        let args = [&args[..], &["--tls-key", text(&key), "--tls-client-ca", text(&ca)]].concat();
        let server = Server::start_with(&args).await;
        Self { file, server, authority }
    }

    async fn channel(
        &self,
        authority: &Authority,
        identity: Option<(String, String)>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authority.pem()))
            .domain_name("localhost");
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let address = format!("https://{}", self.server.address());
        Endpoint::from_shared(address).expect("an address").tls_config(tls)?.connect().await
    }
}

async fn list(channel: Channel) -> Result<(), Status> {
    let mut pipelines = PipelineServiceClient::new(channel);
    let asked = pipelines.list_pipelines(pb::ListPipelinesRequest::default());
    within(30, "a list", asked).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_let_in_by_their_names() {
    let file = AccessFile::new();
    let token = file.create(&["ops", "--role", "admin"]).await;
    file.append("[[certificate]]\nname = \"board.internal\"\nroles = [\"viewer\"]");
    file.append("[[certificate]]\nname = \"spiffe://example.org/shop\"\nroles = [\"publisher\"]");
    let guarded = Guarded::start(file).await;
    let own = &guarded.authority;
    let uri = |name: &str| SanType::URI(name.try_into().expect("a name"));
    let rows = [
        ("a viewer", Some(own.sign(&[dns("board.internal")])), Ok(())),
        ("a publisher", Some(own.sign(&[uri("spiffe://example.org/shop")])), Err("ROLE_MISSING")),
        ("somebody else", Some(own.sign(&[dns("other.internal")])), Err("UNAUTHENTICATED")),
        ("nobody", None, Err("UNAUTHENTICATED")),
    ];
    for (what, identity, expected) in rows {
        let channel = guarded.channel(own, identity).await.expect(what);
        let told = list(channel).await.map_err(|status| problem(&status).0);
        assert_eq!(told, expected.map_err(str::to_owned), "{what}");
    }
    // Signed by somebody whom the server does not know: no connection, or one that says nothing.
    let forged = Authority::new().sign(&[dns("board.internal")]);
    if let Ok(channel) = guarded.channel(own, Some(forged)).await {
        let told = list(channel).await.expect_err("it is not believed");
        assert_ne!(told.code(), Code::Ok);
    }
    // A token counts more than the certificate.
    let channel = guarded.channel(own, Some(own.sign(&[dns("other.internal")]))).await;
    let ops = tonic::service::interceptor::InterceptedService::new(
        channel.expect("it is signed"),
        Bearer::new(&token),
    );
    Somebody(ops)
        .pipelines()
        .list_pipelines(pb::ListPipelinesRequest::default())
        .await
        .expect("it may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_taken_without_a_restart() {
    let file = AccessFile::new();
    file.append("[[certificate]]\nname = \"board.internal\"\nroles = [\"viewer\"]");
    let guarded = Guarded::start(file).await;
    let identity = || Some(guarded.authority.sign(&[dns("board.internal")]));
    let before = guarded.channel(&guarded.authority, identity()).await.expect("it is trusted");
    list(before.clone()).await.expect("it may");
    let next = Authority::new();
    assert!(guarded.channel(&next, identity()).await.is_err(), "not yet");
    let (certificate, key) = next.sign(&[dns("localhost")]);
    // Between the two they do not fit; that is no reason to stop.
    fs::write(guarded.file.beside("cert.pem"), certificate).expect("it is written");
    let says = |word: &'static str| {
        move |lines: &[String]| lines.iter().any(|line| line.contains(word)).then_some(())
    };
    guarded.server.find_in_log("a complaint", says("the TLS files are not used")).await;
    guarded.channel(&guarded.authority, identity()).await.expect("as before");
    fs::write(guarded.file.beside("key.pem"), key).expect("it is written");
    guarded.server.find_in_log("it is read", says("read the TLS files again")).await;
    let after = guarded.channel(&next, identity()).await.expect("it is trusted now");
    list(after).await.expect("it may");
    list(before).await.expect("a connection that stands goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_others_are_believed_as_far_as_they_are_signed() {
    let file = AccessFile::new();
    let key = KeyPair::generate().expect("a key on P-256");
    let point = key.der_bytes().to_vec();
    let part = |range: std::ops::Range<usize>| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
        "x": part(1..33), "y": part(33..65),
    });
    fs::write(file.beside("keys.json"), json!({ "keys": [jwk] }).to_string()).expect("written");
    file.append(
        "[jwt]\nkeys_file = \"keys.json\"\nissuer = \"https://id.example.com\"\naudience = \"pawl\"",
    );
    let server = guarded(&file).await;
    let sign = |claims: &serde_json::Value, kid: &str, key: &KeyPair| {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.to_owned());
        encode(&header, claims, &EncodingKey::from_ec_der(&key.serialize_der())).expect("signed")
    };
    let claims = |changes: serde_json::Value| {
        let mut claims = json!({
            "sub": "ann", "iss": "https://id.example.com", "aud": "pawl", "exp": 4_000_000_000_u64,
            "pawl_roles": ["viewer", "something else"],
        });
        for (name, value) in changes.as_object().expect("changes") {
            claims[name] = value.clone();
        }
        claims
    };
    let good = |changes| sign(&claims(changes), "one", &key);
    let unsigned = {
        let token = good(json!({}));
        let rest = token.split_once('.').expect("three parts").1.to_owned();
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        format!("{none}.{}.", rest.split_once('.').expect("three parts").0)
    };
    let rows = [
        ("good", good(json!({})), Ok(())),
        ("roles in a text", good(json!({ "pawl_roles": "viewer editor" })), Ok(())),
        ("no role", good(json!({ "pawl_roles": [] })), Err(("ROLE_MISSING", ""))),
        ("another role", good(json!({ "pawl_roles": ["publisher"] })), Err(("ROLE_MISSING", ""))),
        ("expired", good(json!({ "exp": 1_000_000_000_u64 })), Err(("UNAUTHENTICATED", "expired"))),
        ("not yet", good(json!({ "nbf": 3_999_999_999_u64 })), Err(("UNAUTHENTICATED", "expired"))),
        ("issuer", good(json!({ "iss": "https://evil" })), Err(("UNAUTHENTICATED", "unknown"))),
        ("audience", good(json!({ "aud": "other" })), Err(("UNAUTHENTICATED", "unknown"))),
        ("limit", good(json!({ "pawl_pipelines": 7 })), Err(("UNAUTHENTICATED", "malformed"))),
        ("no limit", good(json!({ "pawl_pipelines": [] })), Err(("UNAUTHENTICATED", "malformed"))),
        (
            "another key",
            sign(&claims(json!({})), "one", &KeyPair::generate().expect("a key")),
            Err(("UNAUTHENTICATED", "unknown")),
        ),
        ("kid", sign(&claims(json!({})), "two", &key), Err(("UNAUTHENTICATED", "unknown"))),
        ("unsigned", unsigned, Err(("UNAUTHENTICATED", "malformed"))),
        ("nonsense", "a.b.c".to_owned(), Err(("UNAUTHENTICATED", "malformed"))),
    ];
    for (what, token, expected) in rows {
        let somebody = Somebody::with(&token, &server).await;
        for _ in 0..2 {
            let asked =
                somebody.pipelines().list_pipelines(pb::ListPipelinesRequest::default()).await;
            let told = asked.map(drop).map_err(|status| problem(&status));
            let expected = expected.map_err(|(reason, what)| (reason.to_owned(), what.to_owned()));
            assert_eq!(told, expected, "{what}");
        }
    }
    let limited = Somebody::with(&good(json!({ "pawl_pipelines": ["sales"] })), &server).await;
    let request = pb::GetPipelineRequest { pipeline_id: "hidden".to_owned() };
    let told = limited.pipelines().get_pipeline(request).await.expect_err("it is outside");
    assert_eq!(problem(&told).0, "OUT_OF_SCOPE");
    // The keys are gone: so is everyone.
    fs::write(
        file.beside("keys.json"),
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "three",
            "x": part(1..33), "y": part(33..65),
        }] })
        .to_string(),
    )
    .expect("written");
    let says = |lines: &[String]| {
        lines.iter().any(|line| line.contains("read the access file again")).then_some(())
    };
    server.find_in_log("it is read", says).await;
    let asked = limited.pipelines().list_pipelines(pb::ListPipelinesRequest::default()).await;
    assert_eq!(problem(&asked.expect_err("no such key")).1, "unknown");
}
