//! The same clients against a server as it is run for others: TLS with an authority of its own, and a
//! token for each.

use std::fs;
use std::path::{Path, PathBuf};

use pawl_api::FILE_DESCRIPTOR_SET;
use pawl_tests::{Authority, Program, Server, binary, cases, dns, say, within, workspace_root};
use tempfile::TempDir;
use tokio::process::Command;

use crate::scripts::commands;

/// Long enough for npx to fetch buf, and for a browser to start on a busy machine.
const PATIENCE_S: u64 = 240;
/// Where a page lies that may call.
const ORIGIN: &str = "https://board.example.com";

struct Secured {
    server: Server,
    dir: TempDir,
    token: String,
}

impl Secured {
    async fn start() -> Self {
        let dir = TempDir::with_prefix("pawl-secured-").expect("a temporary directory");
        let path = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
        let authority = Authority::new();
        let (certificate, key) = authority.sign(&[dns("localhost")]);
        let files = [("cert.pem", &*certificate), ("key.pem", &*key), ("ca.pem", authority.pem())];
        for (name, text) in files {
            fs::write(path(name), text).expect("it is written");
        }
        fs::write(path("contract.binpb"), FILE_DESCRIPTOR_SET).expect("it is written");
        let created = Command::new(binary())
            .args(["token", "create", "ops", "--role", "admin", "--access-file"])
            .arg(path("access.toml"))
            .output();
        let created = created.await.expect("pawl starts");
        let token = String::from_utf8(created.stdout).expect("UTF-8").trim().to_owned();
        let [access, cert, key] = ["access.toml", "cert.pem", "key.pem"].map(path);
        let args = ["--access-file", &access, "--tls-cert", &cert, "--tls-key", &key];
        let server = Server::start_with(&[&args[..], &["--cors-origin", ORIGIN]].concat()).await;
        Self { server, dir, token }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As the certificate names it.
    fn address(&self) -> String {
        format!("localhost:{}", self.server.address().port())
    }

    /// Runs a program to its end; what it printed.
    async fn run(&self, what: &str, command: &mut Command) -> String {
        let output = within(PATIENCE_S, what, command.output()).await.expect("it runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}\n{out}\n{err}\n{}", self.server.log().join("\n"));
        out
    }

    /// Runs a script that prints a line beginning with "ok" for each thing that it checked.
    async fn check(&self, what: &str, command: &mut Command, minimum: usize) {
        let out = self.run(what, command).await;
        out.lines().for_each(say);
        cases(what, out.lines().filter(|line| line.starts_with("ok ")).count(), minimum);
    }
}

fn script(name: &str) -> PathBuf {
    workspace_root().join("tests/suites/foreign").join(name)
}

fn target(path: &str) -> PathBuf {
    workspace_root().join("target").join(path)
}

/// Copied to where its packages are, as a user would.
fn beside_packages(name: &str) -> PathBuf {
    let copied = target("foreign-node").join(name);
    fs::copy(script(name), &copied).expect(".ci/run made the directory");
    copied
}

#[tokio::test]
#[ignore = "needs Python with grpcio and cloudevents in target/foreign: run by .ci/run"]
async fn python_by_reflection_and_cloudevents() {
    let secured = Secured::start().await;
    let mut command = Command::new(target("foreign/bin/python"));
    command.arg(script("secured.py")).arg(secured.address());
    command.arg(secured.file("ca.pem")).env("PAWL_TOKEN", &secured.token);
    secured.check("secured Python", &mut command, 7).await;
}

#[tokio::test]
#[ignore = "needs Node with grpc-js in target/foreign-node: run by .ci/run"]
async fn node_with_grpc_js() {
    let secured = Secured::start().await;
    let mut command = Command::new("node");
    command.arg(beside_packages("secured.mjs")).arg(secured.address()).arg(secured.file("ca.pem"));
    command.env("PAWL_TOKEN", &secured.token).env("PAWL_PROTO", workspace_root().join("proto"));
    secured.check("secured Node", &mut command, 4).await;
}

#[tokio::test]
#[ignore = "needs Python and Node with gRPC, which .ci/run installs"]
async fn the_examples_say_who_calls() {
    let secured = Secured::start().await;
    let (authority, token) = (secured.file("ca.pem"), secured.file("ops.token"));
    fs::write(&token, &secured.token).expect("it is written");
    for (name, mut command) in commands(&secured.address(), "now") {
        command.env("PAWL_CA_FILE", &authority);
        let mut nobody = Program::start(&mut command);
        assert_eq!(nobody.ended().await.code(), Some(1), "{name}");
        assert!(nobody.err().concat().contains("(UNAUTHENTICATED)"), "{:?}", nobody.err());
        let known = Program::start(command.env("PAWL_TOKEN_FILE", &token));
        let watches = |lines: &[String]| lines.iter().any(|line| line == "watching").then_some(());
        known.find_in_err("watching", watches).await;
        say(format!("{name} watches"));
    }
}

#[tokio::test]
#[ignore = "needs connect-web and Chromium: run by .ci/run"]
async fn a_browser_by_grpc_web() {
    let secured = Secured::start().await;
    let mut command = Command::new("node");
    command.arg(beside_packages("browser.mjs")).arg(secured.address());
    command.arg(secured.file("contract.binpb")).arg(ORIGIN).env("PAWL_TOKEN", &secured.token);
    secured.check("browser", &mut command, 5).await;
}

/// What both command line clients are asked: method, message, and what stands in the answer.
const ASKED: [(&str, &str, &str); 6] = [
    (
        "PipelineService/CreatePipeline",
        r#"{"pipeline":{"pipeline_id":"sales","entity_kind":"deal","stages":[{"stage_id":"new"},{"stage_id":"read"}]}}"#,
        "sales",
    ),
    (
        "TriggerService/CreateTrigger",
        r#"{"trigger":{"trigger_id":"t","pipeline_id":"sales","stage_id":"read","trigger_type":"email.viewed"}}"#,
        "email.viewed",
    ),
    (
        "EntityService/CreateEntity",
        r#"{"entity":{"entity_id":"deal/1","pipeline_id":"sales"}}"#,
        "deal/1",
    ),
    (
        "EventService/PublishEvent",
        r#"{"event":{"event_id":"e","source":"s","type":"email.viewed","subjects":["deal/1"]}}"#,
        "DECISION_OUTCOME_MOVED",
    ),
    ("MoveService/ListMoves", "{}", "MOVE_DIRECTION_FORWARD"),
    ("PipelineService/GetPipeline", r#"{"pipeline_id":"nothing"}"#, "PIPELINE_NOT_FOUND"),
];

async fn ask(secured: &Secured, what: &str, client: impl Fn(&str, &str, Option<&str>) -> Command) {
    let header = format!("authorization: Bearer {}", secured.token);
    for (method, message, expected) in ASKED {
        let asked = client(method, message, Some(&header)).output();
        let output = within(PATIENCE_S, what, asked).await.expect("it runs");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        // Details are printed by name where the reflection's descriptors were asked, else in base64.
        let is_told =
            told.contains(expected) || expected == "PIPELINE_NOT_FOUND" && told.contains("nothing");
        assert!(is_told, "{what} {method}: {told}");
    }
    let asked = client("PipelineService/ListPipelines", "{}", None).output();
    let output = within(PATIENCE_S, what, asked).await.expect("it runs");
    assert!(!output.status.success(), "{what} without a token");
    let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(told.contains("unauthenticated") && told.contains("who calls?"), "{told}");
    cases(what, ASKED.len() + 1, 7);
}

#[tokio::test]
#[ignore = "needs npx, which fetches buf: run by .ci/run"]
async fn buf_curl_by_reflection() {
    let secured = Secured::start().await;
    ask(&secured, "buf curl", |method, message, header| {
        let mut command = Command::new("npx");
        command.args(["-y", "@bufbuild/buf@1.75.0", "curl", "--protocol", "grpc", "--cacert"]);
        command.arg(secured.file("ca.pem")).args(["-d", message]);
        if let Some(header) = header {
            command.args(["-H", header]);
        }
        command.arg(format!("https://{}/pawl.v1.{method}", secured.address()));
        command
    })
    .await;
}

#[tokio::test]
#[ignore = "needs grpcurl in target/foreign-cargo: run by .ci/run"]
async fn grpcurl_by_reflection() {
    let secured = Secured::start().await;
    ask(&secured, "grpcurl", |method, message, header| {
        let mut command = Command::new(Path::new(&target("foreign-cargo/bin/grpcurl")));
        command.arg("--cacert").arg(secured.file("ca.pem")).args(["-d", message]);
        if let Some(header) = header {
            command.args(["-H", header]);
        }
        command.arg(secured.address()).arg(format!("pawl.v1.{method}"));
        command
    })
    .await;
}
