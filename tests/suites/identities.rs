//! A real server that remembers as many identities as it may.
use pawl_api::pb;
use pawl_tests::{Refused, Server, entity, event, pipeline, trigger, trigger_type, within};
use tempfile::TempDir;
use tonic::Code;

const LIMIT: i64 = 20;

fn numbered(number: i64) -> pb::Event {
    event(&format!("e{number}"), "sun.up", "deal/1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_identities_are_remembered_as_may_be() {
    let dir = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let data = dir.path().join("data").display().to_string();
    let limit = LIMIT.to_string();
    let args = ["--data", &data, "--max-identities", &limit];
    let mut server = Server::start_there(&args).await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "a b c")).await;
    client.trigger_type(trigger_type("sun.up")).await;
    client.trigger(trigger("t1", "sales/b", "sun.up")).await;
    client.entity(entity("deal/1", "sales/a")).await;
    let before = client.info().await;
    assert_eq!(before.identity_count, 0, "nothing of this has an id to be remembered");
    assert_eq!(before.retention.as_ref().expect("it is told").max_identities, LIMIT);
    let outcomes = client.publish_all((0..LIMIT + 2).map(numbered).collect()).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.refusal.as_ref()).collect();
    assert_eq!((outcomes.len(), refused.len()), (22, 2), "{refused:?}");
    let info = client.info().await;
    assert_eq!(info.identity_count, LIMIT);
    assert!(info.identity_memory_bytes > before.identity_memory_bytes, "{info:?}");

    let refused = client.try_publish(numbered(LIMIT)).await.expect_err("there is no room");
    let refused = Refused::from(&refused);
    let expected = (Code::ResourceExhausted, "IDENTITIES_FULL", true);
    assert_eq!((refused.code, &*refused.reason, refused.retry), expected, "{refused:?}");
    let expected = [("count", &*limit), ("limit", &*limit)];
    assert!(refused.metadata.iter().map(|(key, value)| (&**key, &**value)).eq(expected));
    assert!(client.publish(numbered(0)).await.duplicate, "what was accepted is answered");
    assert_eq!(client.get_entity("deal/1").await.stage_id, "b");
    server.terminate().await;

    let shorter = [&args[..], &["--dedupe-window", "1s"]].concat();
    let mut server = Server::start_there(&shorter).await;
    let client = server.client().await;
    let outcome = within(
        60,
        "the window passes",
        client.publish_once_admitted(numbered(LIMIT), "IDENTITIES_FULL"),
    )
    .await;
    assert!(!outcome.duplicate, "a refusal leaves no identity");
    assert!(client.info().await.identity_count < LIMIT);
    server.terminate().await;
}
