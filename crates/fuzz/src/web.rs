//! What comes by plain HTTP: CloudEvents and webhooks.

use http::{Request, Uri};
use serde_json::{Value, json};

use crate::Target;
use crate::world::World;

/// A byte that says which way, a line of a query and of headers, and the body.
pub(crate) struct Web {
    world: World,
}

/// The content types, by number; the last is none.
const TYPES: [&str; 5] = [
    "application/cloudevents+json; charset=utf-8",
    "application/cloudevents-batch+json",
    "application/json",
    "application/x-www-form-urlencoded",
    "",
];

fn cloud_event(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "shop", "type": "shop.paid",
        "subject": "deal/1", "subjects": "deal/2,contact/9", "actor": "ben",
        "time": "2026-01-01T12:00:00.25+02:00", "datacontenttype": "application/json",
        "data": { "amount": 150, "currency": "EUR", "items": [{ "sku": "a", "price": 5e2 }] },
    })
}

impl Default for Web {
    fn default() -> Self {
        Self { world: World::new() }
    }
}

impl Target for Web {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let seed = |way: u8, line: &str, body: &str| {
            [&[way][..], line.as_bytes(), b"\n", body.as_bytes()].concat()
        };
        let binary = "ce-specversion=1.0&ce-id=b1&ce-source=shop&ce-type=shop.paid&ce-subject=deal/1\
                      &ce-time=2026-01-01T12:00:00Z";
        let data = r#"{"amount": 150, "subject": "deal/1", "subjects": ["deal/2"]}"#;
        let base64 =
            r#"{"specversion":"1.0","id":"x","source":"s","type":"t","data_base64":"e30="}"#;
        vec![
            seed(0, "", &cloud_event("c1").to_string()),
            seed(0, "", base64),
            seed(1, "", &json!([cloud_event("c2"), cloud_event("c3")]).to_string()),
            seed(2, binary, data),
            seed(4, binary, data),
            seed(5 + 2, "subject=deal/1&event_id=w1&code=x", data),
            seed(5 + 2, "webhook-id=w2", data),
            seed(5 + 3, "subjects=deal/1%2Cdeal/2", "amount=150&currency=EUR&note=a+b%20c"),
            seed(5 + 4, "idempotency-key=w3&subject=contact/9", ""),
        ]
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "ce-",
            "ce-time=",
            "ce-datacontenttype=",
            "subject=",
            "%00",
            "%ff",
            "&",
            "=",
            "\n",
            "{}",
            "[]",
            "\"",
            ":",
            ",",
            "null",
            "1e400",
            "-0.0",
            "\\ud800",
            "\"data\":",
            "\"data_base64\":",
            "\"time\":",
            "\"specversion\":\"0.3\"",
            "9999-12-31T23:59:60Z",
            "-0001-01-01T00:00:00Z",
        ]
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((way, rest)) = input.split_first() else { return false };
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, body) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        let world = &self.world;
        let way = usize::from(*way) % (2 * TYPES.len());
        let is_hook = way >= TYPES.len();
        let path = if is_hook { "/v1/webhooks/shop.paid" } else { "/v1/events" };
        let uri = [path.as_bytes(), b"?", line].concat();
        let Ok(uri) = Uri::try_from(uri) else { return false };
        let secret = if is_hook { &world.hook } else { &world.token };
        let mut request = Request::post(uri).header("authorization", format!("Bearer {secret}"));
        let content = TYPES[way % TYPES.len()];
        if !content.is_empty() {
            request = request.header("content-type", content);
        }
        for pair in line.split(|byte| *byte == b'&') {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
            if name.starts_with(b"ce-") || matches!(name, b"webhook-id" | b"idempotency-key") {
                request = request.header(name, value);
            }
        }
        // What HTTP itself cannot send.
        let Ok(request) = request.body(body.to_vec()) else { return false };
        let (status, _, answer) = world.ask(request);
        let is_told = String::from_utf8_lossy(&answer);
        assert!(status.is_success() || status.is_client_error(), "{status}: {is_told}");
        let answer: Value = serde_json::from_slice(&answer)
            .unwrap_or_else(|error| panic!("{status}: {is_told:?} is not JSON: {error}"));
        if status.is_success() {
            assert!(answer["outcome"].is_object() || answer["outcomes"].is_array(), "{answer}");
        } else {
            let error = &answer["error"];
            assert_eq!(error["code"], status.as_u16(), "{answer}");
            assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
            assert!(error["details"][0]["reason"].is_string(), "{answer}");
        }
        status.is_success()
    }
}
