//! One event, followed through the log from the call that brought it to the watcher that was told.

use pawl_tests::{Server, cases, entity, event, now, pipeline, trigger, trigger_type, within};
use serde_json::Value;

/// Entries of the log, oldest first.
fn entries(lines: &[String]) -> Vec<Value> {
    lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Whether an entry has this message.
fn says(entry: &Value, message: &str) -> bool {
    entry["fields"]["message"] == message
}

/// Whether an entry was made under an `rpc` span of this method.
fn under(entry: &Value, path: &str) -> bool {
    let spans = entry["spans"].as_array();
    spans.is_some_and(|spans| spans.iter().any(|s| s["name"] == "rpc" && s["path"] == path))
}

/// Finds the steps of one event, in their order: decided in its call, committed, sent to a watcher.
fn chain(lines: &[String], event_id: &str, call: &str) -> Option<[Value; 3]> {
    let entries = entries(lines);
    let at = entries.iter().position(|entry| {
        says(entry, "decided") && under(entry, call) && entry["fields"]["event_id"] == event_id
    })?;
    let sequence = entries[at]["fields"]["sequence"].as_u64().expect("it has a sequence");
    let later = &entries[at..];
    let is_past = |entry: &Value| entry["fields"]["last"].as_u64() >= Some(sequence);
    let committed = later.iter().position(|entry| says(entry, "committed") && is_past(entry))?;
    let move_id = format!("{sequence}-0");
    let sent = later[committed..].iter().find(|entry| {
        let to_watcher = under(entry, "/pawl.v1.MoveService/WatchMoves");
        says(entry, "sent a move") && to_watcher && entry["fields"]["move_id"] == *move_id
    })?;
    Some([entries[at].clone(), later[committed].clone(), sent.clone()])
}

#[tokio::test]
async fn an_event_can_be_followed_from_its_call_to_the_watcher() {
    let server = Server::start_with(&["--log", "debug", "--log-format", "json"]).await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    client.trigger_type(trigger_type("mail.opened")).await;
    client.trigger_type(trigger_type("bill.paid")).await;
    client.trigger(trigger("viewed", "sales/offer", "mail.opened")).await;
    client.trigger(trigger("paid", "sales/won", "bill.paid")).await;
    client.entity(entity("deal/1", "sales")).await;
    let mut watcher = client.watch(now()).await;

    let calls = [
        ("alone", "mail.opened", "/pawl.v1.EventService/PublishEvent"),
        ("streamed", "bill.paid", "/pawl.v1.EventService/PublishEvents"),
    ];
    for (event_id, event_type, call) in calls {
        let event = event(event_id, event_type, "deal/1");
        match event_id {
            "alone" => drop(client.publish(event).await),
            _ => drop(client.publish_all(vec![event]).await),
        }
        let moved = within(30, "the move", watcher.next_move()).await.expect("the watch goes on");
        let what = format!("{event_id}: decided in {call}, committed, sent");
        let steps = server.find_in_log(&what, |lines| chain(lines, event_id, call)).await;
        assert_eq!(steps[2]["fields"]["move_id"], moved.move_id);
        assert_eq!(steps[0]["fields"]["event_type"], event_type);
    }
    cases("trace: calls followed", calls.len(), 2);
}
