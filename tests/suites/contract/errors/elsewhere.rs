//! The same errors where they are no status of a call: in an outcome on a stream, and over HTTP.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pawl_api::{json, pb};
use pawl_tests::{Answer, Server, event, post};
use serde_json::Value;

const CLOUD: (&str, &str) = ("content-type", "application/cloudevents+json");
const EVENT: &str =
    r#"{"specversion":"1.0","id":"1","source":"shop","type":"email.viewed","subject":"57"}"#;

/// What the page has of them.
pub(super) struct Elsewhere {
    /// A `Refusal`.
    pub(super) refusal: String,
    /// An answer over HTTP, of a bad event.
    pub(super) bad: String,
    /// The same when writes are refused.
    pub(super) full: String,
}

pub(super) async fn answers() -> Elsewhere {
    let server = Server::start().await;
    let client = server.client().await;
    let astray = pb::Event { source: String::new(), ..event("e1", "email.viewed", "deal/1") };
    let outcomes = client.publish_all(vec![astray]).await;
    let refusal = outcomes[0].refusal.as_ref().expect("it is refused");
    let mut refusal = json::to_json("pawl.v1.Refusal", refusal).expect("it is JSON");
    sort(&mut refusal["metadata"]);
    let bad = post(server.address(), "/v1/events", &[CLOUD], EVENT).await;
    // No disk has so much.
    let full = Server::start_with(&["--min-free-bytes", "4000000TiB"]).await;
    let event = EVENT.replace("57", "deal/57");
    let refused = post(full.address(), "/v1/events", &[CLOUD], event).await;
    Elsewhere {
        refusal: serde_json::to_string_pretty(&refusal).expect("it is JSON"),
        bad: http(&bad),
        full: http(&refused),
    }
}

/// Metadata are a map, whose keys come in any order.
fn sort(metadata: &mut Value) {
    let members = metadata.as_object().expect("it is a map").clone();
    let sorted: BTreeMap<_, _> = members.into_iter().collect();
    *metadata = Value::Object(sorted.into_iter().collect());
}

/// Status, the headers that say something, and the body.
fn http(answer: &Answer) -> String {
    let mut text = format!("HTTP/1.1 {}\n", answer.code);
    for name in ["content-type", "retry-after"] {
        if !answer.header(name).is_empty() {
            let _ = writeln!(text, "{name}: {}", answer.header(name));
        }
    }
    let mut body = answer.json();
    sort(&mut body["error"]["details"][0]["metadata"]);
    let info = body["error"]["details"][0]["metadata"].clone();
    for key in ["path", "free_bytes"] {
        if let Some(value) = info[key].as_str() {
            let stands = format!("<{key}>");
            let message = body["error"]["message"].as_str().expect("it is told");
            body["error"]["message"] = message.replace(value, &stands).into();
            body["error"]["details"][0]["metadata"][key] = stands.into();
        }
    }
    format!("{text}\n{}", serde_json::to_string_pretty(&body).expect("it is JSON"))
}
