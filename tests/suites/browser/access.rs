//! Who sees and may do what.

use std::path::{Path, PathBuf};

use pawl_tests::{Server, binary, cases, post};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{script, world};

/// Everybody who comes.
const PEOPLE: [(&str, &[&str]); 5] = [
    ("viewer", &["--role", "viewer"]),
    ("publisher", &["--role", "publisher"]),
    ("editor", &["--role", "editor"]),
    ("admin", &["--role", "admin"]),
    ("elsewhere", &["--role", "admin", "--pipeline", "other"]),
];

struct Guarded {
    server: Server,
    _dir: TempDir,
    file: PathBuf,
    tokens: Vec<(String, String)>,
}

impl Guarded {
    async fn start() -> Self {
        let dir = TempDir::with_prefix("pawl-guarded-").expect("a temporary directory");
        let file = dir.path().join("access.toml");
        let data = dir.path().join("data");
        let data = ["--data", data.to_str().expect("UTF-8")];
        let mut open = Server::start_there(&data).await;
        world::furnish(&open.client().await, 3).await;
        open.terminate().await;
        let mut tokens = Vec::new();
        for (name, roles) in PEOPLE {
            let token = run(&file, &[&["create", name], roles].concat()).await;
            tokens.push((format!("PAWL_{}", name.to_uppercase()), token));
        }
        let access = ["--access-file", file.to_str().expect("UTF-8")];
        let server = Server::start_there(&[data, access].concat()).await;
        Self { server, _dir: dir, file, tokens }
    }

    async fn act(&self, asked: &[String]) -> String {
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        match asked[..] {
            ["revoke", name] => run(&self.file, &["revoke", name]).await,
            ["publish", event_type, deal] => {
                let event = json!({
                    "specversion": "1.0", "source": "test", "id": format!("{event_type} {deal}"),
                    "type": event_type, "subject": deal,
                });
                let admin = self.tokens.iter().find(|(name, _)| name == "PAWL_ADMIN");
                let bearer = format!("Bearer {}", admin.expect("there is one").1);
                let headers =
                    [("content-type", "application/cloudevents+json"), ("authorization", &bearer)];
                let answer =
                    post(self.server.address(), "/v1/events", &headers, event.to_string()).await;
                answer.code.to_string()
            }
            _ => panic!("nobody knows how to {asked:?}"),
        }
    }
}

async fn run(file: &Path, args: &[&str]) -> String {
    let mut command = Command::new(binary());
    let output = command.arg("token").args(args).arg("--access-file").arg(file).output().await;
    let output = output.expect("pawl starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().replace('\n', " ")
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn everybody_sees_and_can_do_exactly_theirs() {
    let guarded = Guarded::start().await;
    let address = format!("http://{}", guarded.server.address());
    let mut settings = vec![("PAWL_ADDRESS", address.as_str())];
    settings.extend(guarded.tokens.iter().map(|(name, token)| (name.as_str(), token.as_str())));
    let act = async |asked: Vec<String>| guarded.act(&asked).await;
    let checked = script::play("access.mjs", &settings, 0, act).await;
    cases("browser: access.mjs", checked, 9);
}
