//! Starts a server on a directory and says what came of it.

use std::path::Path;

use pawl_api::pb;
use pawl_tests::{Ended, Server, event, within};

use crate::picture::Picture;
use crate::sample::Sample;

/// Longer than it takes to look at everything, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 120;
/// What a refusal may advise.
const REMEDIES: [&str; 9] = [
    "restore the directory from a backup",
    "stop that one first",
    "choose an empty directory or one that Pawl made",
    "use a newer Pawl",
    "make room on that file system",
    "once it is removed",
    "are removed",
    "choose another --data directory",
    "is removed",
];
/// What nobody should have to read.
const NOISE: [&str; 3] = ["panicked at", "stack backtrace", "RUST_BACKTRACE"];

/// What came of a start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It serves, and everything is there.
    Whole,
    /// It said why not, in this way.
    Refused(String),
    /// Neither.
    Wrong(String),
}

/// Starts a server and looks at everything.
pub(crate) async fn attempt(sample: &Sample, data: &Path) -> Verdict {
    let mut server = match Server::attempt(&["--data", &data.display().to_string()]).await {
        Ok(server) => server,
        Err(ended) => {
            return match refusal(&ended, data) {
                Ok(text) => Verdict::Refused(text),
                Err(problem) => Verdict::Wrong(problem),
            };
        }
    };
    let client = server.client().await;
    let looked = Picture::take(&client, &sample.events, &sample.customers);
    let difference = match within(PATIENCE_S, "a look at everything", looked).await {
        Ok(found) => sample.picture.difference(&found),
        Err(status) => Some(format!("it serves, but {status:?}:\n{}", server.log().join("\n"))),
    };
    if let Some(difference) = difference {
        return Verdict::Wrong(difference);
    }
    // It can be written, and does not mind anything when it is closed.
    let again = pb::PublishEventRequest { event: Some(new_event()), view: 0 };
    let published = client.events.clone().publish_event(again).await;
    let status = server.terminate().await;
    match published {
        Ok(_) if status.code() == Some(0) => Verdict::Whole,
        other => Verdict::Wrong(format!("{other:?}, then {status}:\n{}", server.log().join("\n"))),
    }
}

/// The same, and once more: what a start leaves behind is no other database.
pub(crate) async fn try_twice(sample: &Sample, data: &Path) -> Verdict {
    let first = attempt(sample, data).await;
    if first == Verdict::Whole {
        let server = Server::attempt(&["--data", &data.display().to_string()]).await;
        return match server {
            Ok(mut server) => {
                let info = server.client().await.info().await;
                server.terminate().await;
                let events = sample.picture.events() + 1;
                if info.event_count == events {
                    return first;
                }
                Verdict::Wrong(format!("{} events at the second start", info.event_count))
            }
            Err(ended) => Verdict::Wrong(format!("at the second start: {}", ended.stderr)),
        };
    }
    match (first, attempt(sample, data).await) {
        // sled may have made something whole, and nothing is missing.
        (Verdict::Refused(first), Verdict::Refused(_) | Verdict::Whole) => Verdict::Refused(first),
        (Verdict::Refused(first), Verdict::Wrong(problem)) => {
            Verdict::Wrong(format!("after {first}\n{problem}"))
        }
        (first, _) => first,
    }
}

fn new_event() -> pb::Event {
    event("one more", "noise", "deal/0")
}

/// The message of a server that did not start, if it is one: it names the place and what to do.
pub(crate) fn refusal(ended: &Ended, data: &Path) -> Result<String, String> {
    let Ended { status, stderr } = ended;
    let message = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    let message = message.unwrap_or_default();
    let place = data.display().to_string();
    let is_told = message.contains(&place)
        && REMEDIES.iter().any(|remedy| stderr.contains(remedy))
        && !NOISE.iter().any(|noise| stderr.contains(noise));
    if status.code() == Some(1) && is_told {
        return Ok(message.replace(&place, "DIR"));
    }
    Err(format!("no way to say it: {status}:\n{stderr}"))
}

/// What kind of damage a message tells of.
pub(crate) fn kind(message: &str) -> &'static str {
    let kinds = [
        ("were acknowledged and are gone", "records are gone"),
        ("what was acknowledged is gone", "a row is older than the log"),
        ("is missing", "a part of the log is missing"),
        ("DIR/sled/snap.", "sled's snapshot cannot be read"),
        ("sled gives up", "sled gives up"),
        ("sled failed", "a page of sled's cannot be read"),
        ("orrupted data", "a page of sled's cannot be read"),
    ];
    kinds
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or("something else", |(_, kind)| kind)
}
