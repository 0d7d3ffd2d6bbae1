//! The doors beside gRPC: CloudEvents, webhooks, gRPC-Web.

use http::Method;
use pawl_api::pb;
use pawl_tests::{Answer, Server, ask, entity, pipeline, post, trigger};
use serde_json::json;

use crate::file::AccessFile;
use crate::{guarded, text};

const JSON: (&str, &str) = ("content-type", "application/cloudevents+json");

fn outcome(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.code, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["outcome"].clone()
}

fn reason(answer: &Answer) -> String {
    let error = &answer.json()["error"];
    assert_eq!(error["code"], answer.code);
    error["details"][0]["reason"].as_str().unwrap_or_default().to_owned()
}

/// `deal/1` to `deal/3`, which an opened mail or a paid webhook moves to `b`.
async fn fill(server: &Server) {
    let client = server.client().await;
    client.pipeline(pipeline("sales", "a b c")).await;
    client.trigger(trigger("read", "sales/b", "email.viewed")).await;
    let paid = trigger("paid", "sales/b", "webhook.received");
    let parameters = Some(pawl_tests::fields([("code", Some("paid"))]));
    client.trigger(pb::Trigger { parameters, ..paid }).await;
    for index in 1..=3 {
        client.entity(entity(&format!("deal/{index}"), "sales")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloudevents_are_events() {
    let server = Server::start().await;
    fill(&server).await;
    let send = |body: serde_json::Value, kind: &'static str| {
        let address = server.address();
        async move { post(address, "/v1/events", &[("content-type", kind)], body.to_string()).await }
    };
    let structured = json!({
        "specversion": "1.0", "id": "e1", "source": "shop", "type": "email.viewed",
        "time": "2026-01-02T03:04:05.678Z", "subject": "deal/1", "subjects": "deal/2,deal/9",
        "actor": "ann", "datacontenttype": "application/json", "data": {"link": "x", "count": 2},
    });
    let told = outcome(&send(structured.clone(), JSON.1).await);
    let decisions = told["decisions"].as_array().expect("decisions").clone();
    let outcomes: Vec<_> =
        decisions.iter().map(|one| one["outcome"].as_str().unwrap_or("")).collect();
    let [moved, missing] = ["DECISION_OUTCOME_MOVED", "DECISION_OUTCOME_ENTITY_NOT_FOUND"];
    assert_eq!(outcomes, [moved, moved, missing]);
    let again = outcome(&send(structured.clone(), JSON.1).await);
    assert_eq!(again["duplicate"], true, "E4");
    // The same over gRPC.
    let mut events = server.client().await.events;
    let request = pb::GetEventRequest { source: "shop".to_owned(), event_id: "e1".to_owned() };
    let event = events.get_event(request).await.expect("it is there").into_inner().event;
    let event = event.expect("it is given");
    assert_eq!((event.actor.as_str(), event.subjects.len()), ("ann", 3));
    assert_eq!(event.time.expect("its own").to_string(), "2026-01-02T03:04:05.678Z");
    assert_eq!(event.attributes.expect("its data").fields.len(), 2);

    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "e2"),
        ("ce-source", "shop"),
        ("ce-type", "email.viewed"),
        ("ce-subject", "deal/3"),
        ("content-type", "application/json"),
    ];
    let told = outcome(&post(server.address(), "/v1/events", &binary, r#"{"a": 1}"#).await);
    assert_eq!(told["decisions"][0]["outcome"], moved);

    let one = |id: &str, subject: &str| json!({ "specversion": "1.0", "id": id, "source": "shop", "type": "x", "subject": subject });
    let batch = "application/cloudevents-batch+json";
    let told = send(json!([one("b1", "deal/1"), one("b2", "deal/2")]), batch).await;
    assert_eq!(told.code, 200);
    assert_eq!(told.json()["outcomes"].as_array().map(Vec::len), Some(2));
    let told =
        send(json!([one("b3", "deal/1"), one("b4", "not one"), one("b1", "deal/1")]), batch).await;
    assert_eq!((told.code, reason(&told).as_str()), (400, "INVALID_FIELD"), "one was refused");
    let outcomes = told.json()["outcomes"].clone();
    assert!(outcomes[0].get("refusal").is_none() && outcomes[2]["duplicate"] == true, "{outcomes}");
    assert_eq!(outcomes[1]["refusal"]["field_violations"][0]["field"], "events[1].subjects[0]");

    let bad = [
        (json!({"id": "e"}), JSON.1, "CloudEvent"),
        (json!({"id": "e"}), "text/plain", "application/cloudevents+json"),
        (json!({"specversion": "1.0"}), "application/json", "application/cloudevents+json"),
        (json!([one("b5", "deal/1"), {}]), batch, "events[1]"),
        (
            json!({"specversion": "1.0", "id": "d", "source": "s", "type": "t", "subject": "deal/1",
                "data": [1]}),
            JSON.1,
            "data",
        ),
        (json!({"specversion": "1.0", "id": "d", "source": "s", "type": "t"}), JSON.1, "subjects"),
    ];
    for (body, kind, word) in bad {
        let told = send(body.clone(), kind).await;
        assert_eq!(told.code, 400, "{body}");
        assert!(
            told.json()["error"]["message"].as_str().unwrap_or("").contains(word),
            "{body}: {:?}",
            told.json()
        );
    }
    let large = "x".repeat(5 * 1_024 * 1_024);
    let told = post(server.address(), "/v1/events", &[JSON], large).await;
    assert_eq!(told.code, 413);
    let told = ask(Method::GET, server.address(), "/v1/events", &[], "").await;
    assert_eq!(
        (told.code, told.json()["error"]["status"].as_str()),
        (405, Some("METHOD_NOT_ALLOWED"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_opens_one_thing() {
    let open = Server::start().await;
    fill(&open).await;
    let data = open.data().to_owned();
    let mut open = open;
    open.terminate().await;
    let file = AccessFile::new();
    let paid = file.create(&["bank", "--webhook", "webhook.received", "--code", "paid"]).await;
    let any = file.create(&["any", "--webhook", "webhook.received"]).await;
    let view = file.create(&["mail", "--webhook", "email.viewed"]).await;
    let elsewhere = ["elsewhere", "--webhook", "webhook.received", "--pipeline", "other"];
    let elsewhere = file.create(&elsewhere).await;
    let server =
        Server::start_there(&["--access-file", text(file.path()), "--data", text(&data)]).await;
    let call = |query: &'static str,
                secret: &str,
                headers: Vec<(&'static str, &'static str)>,
                body: &'static str| {
        let (address, bearer) = (server.address(), format!("Bearer {secret}"));
        async move {
            let mut all = vec![("authorization", bearer.as_str())];
            all.extend(headers);
            post(address, &format!("/v1/webhooks/{query}"), &all, body).await
        }
    };
    let moved = "DECISION_OUTCOME_MOVED";
    let told = outcome(
        &call(
            "webhook.received?subject=deal/1",
            &paid,
            vec![("webhook-id", "w1")],
            r#"{"sum": 5}"#,
        )
        .await,
    );
    assert_eq!(told["decisions"][0]["outcome"], moved);
    assert_eq!((&told["source"], &told["event_id"]), (&json!("webhook/bank"), &json!("w1")));
    let told = outcome(
        &call(
            "webhook.received?subject=deal/1",
            &paid,
            vec![("webhook-id", "w1")],
            r#"{"sum": 5}"#,
        )
        .await,
    );
    assert_eq!(told["duplicate"], true, "the same event");
    let form = vec![("content-type", "application/x-www-form-urlencoded")];
    let told =
        outcome(&call("webhook.received?code=paid", &any, form, "subject=deal%2F2&x=1").await);
    assert_eq!(told["decisions"][0]["outcome"], moved, "a form");
    let told = outcome(
        &call("webhook.received?subject=deal/3", &any, vec![], r#"{"code": "other"}"#).await,
    );
    assert_eq!(told["decisions"][0]["outcome"], "DECISION_OUTCOME_NOT_MOVED");
    let told =
        outcome(&call("webhook.received?subject=deal/3&code=paid", &elsewhere, vec![], "").await);
    assert_eq!(told["decisions"][0]["outcome"], "DECISION_OUTCOME_ENTITY_NOT_FOUND", "outside");
    let told = outcome(&call("email.viewed?subject=deal/3", &view, vec![], "").await);
    assert_eq!(told["decisions"][0]["outcome"], moved);

    for (what, query, secret) in [
        ("another type", "email.viewed?subject=deal/3", &paid),
        ("another code", "webhook.received?subject=deal/3&code=other", &paid),
        ("no secret", "webhook.received?subject=deal/3", &"nothing".to_owned()),
    ] {
        let told = call(query, secret, vec![], "").await;
        assert_eq!((told.code, reason(&told).as_str()), (401, "UNAUTHENTICATED"), "{what}");
    }
    let bearer = format!("Bearer {paid}");
    let told =
        post(server.address(), "/v1/events", &[JSON, ("authorization", &bearer)], "{}").await;
    assert_eq!(told.code, 401, "it opens nothing else");
    let bad = call("webhook.received?subject=deal/1", &paid, vec![], "[1]").await;
    assert_eq!((bad.code, reason(&bad).as_str()), (400, "INVALID_FIELD"));
    let none = call("webhook.received", &paid, vec![], "").await;
    assert_eq!(none.code, 400, "it concerns nobody");
    let said = none.json()["error"]["message"].to_string();
    assert!(said.contains("?subject=deal/57"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_call_by_grpc_web_when_their_page_may() {
    let file = AccessFile::new();
    let token = file.create(&["board", "--role", "viewer"]).await;
    let page = "https://board.example.com";
    let server =
        Server::start_with(&["--access-file", text(file.path()), "--cors-origin", page]).await;
    let path = "/pawl.v1.PipelineService/ListPipelines";
    let preflight = [
        ("origin", page),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-grpc-web"),
    ];
    let told = ask(Method::OPTIONS, server.address(), path, &preflight, "").await;
    assert_eq!((told.code, told.header("access-control-allow-origin")), (200, page));
    assert!(told.header("access-control-allow-headers").contains("authorization"));
    let other = [("origin", "https://evil.example.com"), preflight[1], preflight[2]];
    let told = ask(Method::OPTIONS, server.address(), path, &other, "").await;
    assert_eq!(told.header("access-control-allow-origin"), "", "another page");

    let bearer = format!("Bearer {token}");
    let web = ("content-type", "application/grpc-web+proto");
    let headers = [web, ("origin", page), ("authorization", bearer.as_str()), ("x-grpc-web", "1")];
    // A frame with an empty message.
    let told = post(server.address(), path, &headers, [0; 5]).await;
    assert_eq!((told.code, told.header("access-control-allow-origin")), (200, page));
    let body = String::from_utf8_lossy(&told.body);
    assert!(body.contains("grpc-status:0"), "{body:?}");
    let told = post(server.address(), path, &headers[..2], [0; 5]).await;
    let body = String::from_utf8_lossy(&told.body);
    assert!(told.header("grpc-status") == "16" || body.contains("grpc-status:16"), "{told:?}");
    assert!(told.header("access-control-expose-headers").contains("grpc-status"), "{told:?}");

    let told = post(server.address(), path, &[("content-type", "application/json")], "{}").await;
    assert_eq!(told.code, 415, "and says with what to send it");
    let plain = guarded(&file).await;
    let told = ask(Method::OPTIONS, plain.address(), path, &preflight, "").await;
    assert_eq!(told.header("access-control-allow-origin"), "", "no page may unless it is said");
}
