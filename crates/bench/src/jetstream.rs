//! Load for a NATS server with JetStream, in its own text protocol. Such a server notices duplicates
//! and keeps events; it decides nothing.

mod connection;

use prost::Message;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::connection::Connection;
use crate::Failure;
use crate::args::JetStream;
use crate::case::Mix;
use crate::events::{Choice, Events, Source};
use crate::load::{RAMP, Window};

const SUBJECT: &str = "events";
/// In files, nothing is thrown away, and whoever sends an id again within two minutes is told so.
const CREATE: (&str, &str) = (
    "$JS.API.STREAM.CREATE.EVENTS",
    r#"{"name":"EVENTS","subjects":["events"],"storage":"file","retention":"limits","discard":"new",
    "max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"num_replicas":1,
    "duplicate_window":120000000000}"#,
);
const INFO: &str = "$JS.API.STREAM.INFO.EVENTS";

/// What one connection did.
#[derive(Debug, Default, Clone, Copy)]
struct Done {
    sent: u64,
    /// Acknowledgements that arrived while it counted.
    in_time: u64,
}

/// Warms up, measures, and prints what came of it, last of all the events a second.
pub(crate) async fn run(plan: &JetStream) -> Result<(), Failure> {
    let mut control = Connection::open(plan.address, "control").await?;
    let (subject, config) = CREATE;
    created(&control.ask(subject, config).await?)?;
    let source =
        Source { mix: Mix::Real, choice: Choice::Zipf, entities: 100_000, seed: 1, note: 0 };
    let mut sent = 0;
    let mut measured = Done::default();
    // The first only warms up.
    for round in 0..2 {
        measured = self::round(plan, source, round).await?;
        sent += measured.sent;
    }
    let info = control.ask(INFO, "").await?;
    let stored = info.pointer("/state/messages").and_then(Value::as_u64);
    if stored != Some(sent) || measured.in_time == 0 {
        return Err(format!("{sent} events were acknowledged, {stored:?} are stored").into());
    }
    println!("acknowledged and stored: {sent}");
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    let rate = measured.in_time as f64 / plan.seconds.as_secs_f64();
    println!("events/s: {rate:.0}");
    Ok(())
}

/// Prints what the server says that it will do: it may have been told otherwise.
fn created(answer: &Value) -> Result<(), Failure> {
    let config = |name: &str| answer.get("config").and_then(|config| config.get(name));
    let storage = config("storage").and_then(Value::as_str);
    let window = config("duplicate_window").and_then(Value::as_u64).unwrap_or(0);
    if answer.get("did_create") != Some(&Value::Bool(true))
        || storage != Some("file")
        || window == 0
    {
        return Err(format!("the stream was not created as it should be: {answer}").into());
    }
    println!("storage: file, duplicates noticed for {} s", window / 1_000_000_000);
    Ok(())
}

async fn round(plan: &JetStream, source: Source, round: u32) -> Result<Done, Failure> {
    let mut connections = Vec::new();
    for lane in 0..usize::from(plan.connections) {
        let connection = Connection::open(plan.address, &format!("{round}.{lane}")).await?;
        connections.push((connection, source.events(round, lane)));
    }
    let from = Instant::now() + RAMP;
    let window = Window { from, until: from + plan.seconds };
    let mut lanes = JoinSet::new();
    for (connection, events) in connections {
        lanes.spawn(publish(connection, events, window, plan.in_flight));
    }
    let mut all = Done::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane??;
        all.sent += lane.sent;
        all.in_time += lane.in_time;
    }
    Ok(all)
}

/// Keeps so many events in flight: as many leave as were acknowledged.
async fn publish(
    mut connection: Connection,
    mut events: Events,
    window: Window,
    in_flight: usize,
) -> Result<Done, Failure> {
    let mut done = Done::default();
    let mut payload = Vec::new();
    let (mut acknowledged, mut open) = (in_flight, 0);
    loop {
        if Instant::now() < window.until {
            for _ in 0..acknowledged {
                let event = events.make();
                payload.clear();
                event.encode(&mut payload)?;
                let id = format!("{}/{}", event.source, event.event_id);
                connection.queue(SUBJECT, Some(&id), &payload);
            }
            done.sent += acknowledged as u64;
            open += acknowledged;
        }
        if open == 0 {
            return Ok(done);
        }
        acknowledged = connection.exchange(acknowledgement).await?;
        open -= acknowledged;
        if window.holds(Instant::now()) {
            done.in_time += acknowledged as u64;
        }
    }
}

/// Whatever is not the plain acknowledgement of a new event ends the run.
fn acknowledgement(body: &str) -> Result<(), Failure> {
    if body.contains(r#""seq":"#) && !body.contains("duplicate") && !body.contains("error") {
        Ok(())
    } else {
        Err(format!("an event was not stored: {body}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_event_counts_as_acknowledged() {
        let stored = |body| acknowledgement(body).is_ok();
        assert!(stored(r#"{"stream":"EVENTS", "seq":7}"#));
        assert!(!stored(r#"{"stream":"EVENTS","seq":7,"duplicate":true}"#));
        assert!(!stored(r#"{"error":{"code":503},"stream":"EVENTS","seq":0}"#));
        assert!(!stored(""), "as from a server without the stream");
    }
}
