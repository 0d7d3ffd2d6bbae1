use std::collections::VecDeque;
use std::mem;
use std::path::Path;
use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::event_service_client::EventServiceClient;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use crate::args::{PublishArgs, Telling};
use crate::client::Target;
use crate::failure::Failure;
use crate::ndjson::{LINE_MAX_BYTES, Line, Source};
use crate::output::{plain, print, to_json};
use crate::preview::event_of;
use crate::why;

/// What an event from options that names no source gets for it.
const SOURCE: &str = "pawl";
const EVENTS_PER_MESSAGE: usize = 64;
/// How many events may be sent and not answered yet.
const EVENTS_IN_FLIGHT: usize = 4_096;

/// `pawl event publish`: events from a file, or one from options.
pub(crate) async fn run(args: PublishArgs, target: &Target) -> Result<(), Failure> {
    match &args.file {
        Some(file) => publish_file(file, target).await,
        None => publish_one(args, target).await,
    }
}

async fn publish_one(args: PublishArgs, target: &Target) -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "an event gets its id where it comes from")]
    let id = args.event_id.unwrap_or_else(|| Uuid::now_v7().to_string());
    let event = event_of(args.event, SOURCE, id)?;
    let wire = target.connect().await?;
    let request =
        pb::PublishEventRequest { event: Some(event), view: pb::DecisionView::Full.into() };
    let response = EventServiceClient::new(wire.clone()).publish_event(request).await?;
    let outcome = response.into_inner().outcome.unwrap_or_default();
    if args.output == Telling::Json {
        return print(&format!("{}\n", to_json("pawl.v1.EventOutcome", &outcome)));
    }
    let note =
        if outcome.duplicate { "was published before, and did this then:" } else { "published" };
    print(&format!("{note}\n"))?;
    why::tell_event(&outcome.source, &outcome.event_id, wire).await
}

/// An event in each line, in order, over one stream.
///
/// Events leave as soon as they can be read, so that it also serves at the end of a pipe that never
/// ends.
async fn publish_file(file: &Path, target: &Target) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let mut client = EventServiceClient::new(target.connect().await?);
    let mut publishing = Publishing {
        file: source.name().to_owned(),
        progress: source.progress(),
        started: Instant::now(),
        waiting: VecDeque::new(),
        tally: Tally::default(),
    };
    let events = source.read("pawl.v1.Event")?;
    // No more messages than events can be waiting, so that sending never has to.
    let (requests, outgoing) = mpsc::channel(EVENTS_IN_FLIGHT);
    let responses = client.publish_events(ReceiverStream::new(outgoing)).await?.into_inner();
    let ended = publishing.stream(events, requests, responses).await;
    publishing.progress.finish_and_clear();
    print(&publishing.tally.summary(publishing.started.elapsed()))?;
    ended?;
    match publishing.tally.refused {
        0 => Ok(()),
        refused => Err(Failure::Incomplete(format!("{refused} events were refused"))),
    }
}

struct Publishing {
    file: String,
    progress: indicatif::ProgressBar,
    started: Instant,
    /// Where the events stood that are sent and not answered yet, in order.
    waiting: VecDeque<u64>,
    tally: Tally,
}

impl Publishing {
    async fn stream(
        &mut self,
        mut events: mpsc::Receiver<Result<Line<pb::Event>, Failure>>,
        requests: mpsc::Sender<pb::PublishEventsRequest>,
        mut responses: tonic::Streaming<pb::PublishEventsResponse>,
    ) -> Result<(), Failure> {
        let mut requests = Some(requests);
        let mut unreadable = None;
        let mut read = Vec::with_capacity(EVENTS_PER_MESSAGE);
        loop {
            let has_room = self.waiting.len() + EVENTS_PER_MESSAGE <= EVENTS_IN_FLIGHT;
            tokio::select! {
                count = events.recv_many(&mut read, EVENTS_PER_MESSAGE),
                    if requests.is_some() && has_room =>
                {
                    unreadable = requests.as_ref().and_then(|open| self.send(&mut read, open));
                    if count == 0 || unreadable.is_some() {
                        // Nothing follows; what is on its way will still be answered.
                        requests = None;
                    }
                }
                response = responses.message() => match response? {
                    Some(response) => self.take(response.outcomes),
                    None => break,
                },
            }
        }
        match (unreadable, self.waiting.len()) {
            (Some(failure), _) => Err(failure),
            (None, 0) if requests.is_none() => Ok(()),
            (None, unanswered) => Err(Failure::Incomplete(format!(
                "the server ended the stream and left {unanswered} events unanswered; publish the \
                 same again: what was accepted is not done twice"
            ))),
        }
    }

    /// Sends what was read, up to what could not be read.
    fn send(
        &mut self,
        read: &mut Vec<Result<Line<pb::Event>, Failure>>,
        requests: &mpsc::Sender<pb::PublishEventsRequest>,
    ) -> Option<Failure> {
        let mut events = Vec::with_capacity(read.len());
        let mut message_bytes = 0;
        let mut unreadable = None;
        for line in read.drain(..) {
            match line {
                Ok(Line { number, message, bytes }) => {
                    if message_bytes + bytes > LINE_MAX_BYTES {
                        send(mem::take(&mut events), requests);
                        message_bytes = 0;
                    }
                    self.waiting.push_back(number);
                    events.push(message);
                    message_bytes += bytes;
                }
                // The reader stops at the first.
                Err(failure) => unreadable = Some(failure),
            }
        }
        if !events.is_empty() {
            send(events, requests);
        }
        unreadable
    }

    fn take(&mut self, outcomes: Vec<pb::EventOutcome>) {
        for outcome in outcomes {
            let line = self.waiting.pop_front();
            if let Some(refusal) = &outcome.refusal {
                let text = refused(&self.file, line, refusal);
                self.progress.suspend(|| eprintln!("{text}"));
            }
            self.tally.count(&outcome);
        }
        if !self.progress.is_hidden() {
            let Tally { published, moves, .. } = self.tally;
            let rate = per_second(self.tally.all(), self.started.elapsed());
            self.progress.set_message(format!("{published} events, {moves} moves, {rate}/s"));
        }
    }
}

fn send(events: Vec<pb::Event>, requests: &mpsc::Sender<pb::PublishEventsRequest>) {
    let request = pb::PublishEventsRequest { events, view: pb::DecisionView::Basic.into() };
    // Fails only when the stream has ended: then the responses tell why.
    let _ = requests.try_send(request);
}

/// Why the event in a line was refused.
fn refused(file: &str, line: Option<u64>, refusal: &pb::Refusal) -> String {
    let reason = refusal.reason().as_str_name();
    let reason = reason.strip_prefix("ERROR_REASON_").unwrap_or(reason);
    let line = line.map_or("?".to_owned(), |line| line.to_string());
    // The place in the message says nothing to who wrote the file.
    let message = match refusal.message.split_once("].") {
        Some((index, rest)) if index.starts_with("events[") => rest,
        _ => &refusal.message,
    };
    format!("{file}, line {line}: {} ({reason})", plain(message))
}

/// What came of the events so far.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    published: u64,
    duplicates: u64,
    moves: u64,
    refused: u64,
}

impl Tally {
    fn count(&mut self, outcome: &pb::EventOutcome) {
        if outcome.refusal.is_some() {
            self.refused += 1;
        } else if outcome.duplicate {
            self.duplicates += 1;
        } else {
            self.published += 1;
            let moves = outcome.decisions.iter().filter(|decision| decision.r#move.is_some());
            self.moves += moves.count() as u64;
        }
    }

    fn all(&self) -> u64 {
        self.published + self.duplicates + self.refused
    }

    fn summary(&self, took: Duration) -> String {
        let Self { published, duplicates, moves, refused } = self;
        format!(
            "published {published}, duplicates {duplicates}, moves {moves}, refused {refused}, \
             in {:.2} s ({}/s)\n",
            took.as_secs_f64(),
            per_second(self.all(), took)
        )
    }
}

/// A rate, rounded.
pub(crate) fn per_second(count: u64, took: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000_000 / took.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_counts_as_nothing_new() {
        let moved = pb::Decision { r#move: Some(pb::Move::default()), ..Default::default() };
        let outcome = pb::EventOutcome {
            decisions: vec![moved, pb::Decision::default()],
            ..Default::default()
        };
        let mut tally = Tally::default();
        tally.count(&outcome);
        tally.count(&pb::EventOutcome { duplicate: true, ..outcome.clone() });
        tally.count(&pb::EventOutcome { refusal: Some(pb::Refusal::default()), ..outcome });
        assert_eq!(
            tally.summary(Duration::from_millis(1500)),
            "published 1, duplicates 1, moves 1, refused 1, in 1.50 s (2/s)\n"
        );
    }

    #[test]
    fn a_refusal_names_the_line_and_not_the_place_in_the_message() {
        let refusal = pb::Refusal {
            reason: pb::ErrorReason::InvalidField.into(),
            message: "events[3].subjects[2]: is empty".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            refused("a.ndjson", Some(7), &refusal),
            "a.ndjson, line 7: subjects[2]: is empty (INVALID_FIELD)"
        );
    }
}
