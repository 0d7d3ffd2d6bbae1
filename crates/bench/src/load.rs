use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::event_service_client::EventServiceClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::Failure;
use crate::case::{Lane, Shape};
use crate::events::{Events, Source, wide};
use crate::tally::Tally;

/// The streams fill up before anything counts.
pub(crate) const RAMP: Duration = Duration::from_millis(200);

/// Entities that each event of a history moves, and how many such events a message has.
const SUBJECTS: u64 = 100;
const EVENTS_PER_MESSAGE: usize = 10;

/// While this lasts, answers count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Window {
    pub(crate) fn holds(self, now: Instant) -> bool {
        self.from <= now && now < self.until
    }
}

/// Sends the events of one round, counts the answers that arrive within `length`, and waits for the
/// rest.
pub(crate) async fn round(
    channels: &[Channel],
    shape: Shape,
    source: Source,
    round: u32,
    length: Duration,
) -> Result<Tally, Failure> {
    let from = Instant::now() + RAMP;
    let window = Window { from, until: from + length };
    let mut lanes = JoinSet::new();
    for (connection, channel) in channels.iter().enumerate() {
        for index in 0..shape.lanes_per_connection {
            let events = source.events(round, connection * shape.lanes_per_connection + index);
            let client = EventServiceClient::new(channel.clone());
            match shape.lane {
                Lane::Unary => lanes.spawn(call(client, events, window)),
                Lane::Stream { messages_in_flight, events_per_message } => lanes.spawn(stream(
                    client,
                    events,
                    window,
                    messages_in_flight,
                    events_per_message,
                )),
            };
        }
    }
    let mut all = Tally::new()?;
    while let Some(lane) = lanes.join_next().await {
        all.add(lane??)?;
    }
    Ok(all)
}

/// One call after the other.
async fn call(
    mut client: EventServiceClient<Channel>,
    mut events: Events,
    window: Window,
) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    let mut now = Instant::now();
    while now < window.until {
        let event = events.make();
        tally.sent(std::slice::from_ref(&event));
        let start = Instant::now();
        let request = pb::PublishEventRequest { event: Some(event), view: 0 };
        let answer = client.publish_event(request).await?.into_inner();
        now = Instant::now();
        if window.holds(now) {
            tally.took(now - start)?;
        }
        tally.answered(&answer.outcome.unwrap_or_default(), window.holds(now));
    }
    Ok(tally)
}

/// Calls PublishEvent so many times a second, whether or not the ones before were answered.
pub(crate) async fn paced(
    channels: &[Channel],
    mut events: Events,
    per_second: f64,
    length: Duration,
) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    let mut calls: JoinSet<Result<_, Failure>> = JoinSet::new();
    let (began, pause) = (Instant::now(), Duration::from_secs_f64(1.0 / per_second));
    let mut at = Duration::ZERO;
    for channel in channels.iter().cycle() {
        tokio::time::sleep_until(began + at).await;
        at += pause;
        if at > length {
            break;
        }
        let event = events.make();
        tally.sent(std::slice::from_ref(&event));
        let mut client = EventServiceClient::new(channel.clone());
        calls.spawn(async move {
            let start = Instant::now();
            let request = pb::PublishEventRequest { event: Some(event), view: 0 };
            let answer = client.publish_event(request).await?.into_inner();
            Ok((answer.outcome.unwrap_or_default(), start.elapsed()))
        });
    }
    while let Some(call) = calls.join_next().await {
        let (outcome, took) = call??;
        tally.took(took)?;
        tally.answered(&outcome, true);
    }
    Ok(tally)
}

/// Publishes events until so many moves have come about, a hundred by each event, and says how many
/// events that were. `from` is the number of the first.
pub(crate) async fn history(
    channel: &Channel,
    source: Source,
    from: u64,
    moves: u64,
) -> Result<u64, Failure> {
    let count = moves.div_ceil(SUBJECTS);
    let messages = (from..from + count).step_by(EVENTS_PER_MESSAGE).map(move |first| {
        let last = (from + count).min(first + EVENTS_PER_MESSAGE as u64);
        let events = (first..last).map(|number| wide(number, SUBJECTS, source.entities));
        pb::PublishEventsRequest { events: events.collect(), view: 0 }
    });
    let mut client = EventServiceClient::new(channel.clone());
    let mut answers = client.publish_events(tokio_stream::iter(messages)).await?.into_inner();
    let mut moved = 0;
    while let Some(answer) = answers.message().await? {
        let decisions = answer.outcomes.iter().flat_map(|outcome| &outcome.decisions);
        let outcomes = decisions.map(pb::Decision::outcome);
        moved += outcomes.filter(|outcome| *outcome == pb::DecisionOutcome::Moved).count() as u64;
    }
    if moved == count * SUBJECTS {
        Ok(count)
    } else {
        Err(format!("{moved} moves came about, not {}", count * SUBJECTS).into())
    }
}

/// One stream with so many messages in flight: whenever the outcomes of a message have arrived, the
/// next one leaves.
async fn stream(
    mut client: EventServiceClient<Channel>,
    mut events: Events,
    window: Window,
    messages_in_flight: usize,
    events_per_message: usize,
) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    let (queue, requests) = mpsc::channel(messages_in_flight);
    let mut send = |queue: &mpsc::Sender<_>, tally: &mut Tally| {
        let events = events.make_some(events_per_message);
        tally.sent(&events);
        // There is room: the queue holds as many as may be in flight.
        queue.try_send(pb::PublishEventsRequest { events, view: 0 })
    };
    for _ in 0..messages_in_flight {
        send(&queue, &mut tally)?;
    }
    let mut queue = Some(queue);
    let mut unused = 0;
    let mut answers = client.publish_events(ReceiverStream::new(requests)).await?.into_inner();
    let mut last = Instant::now();
    while let Some(answer) = answers.message().await? {
        let now = Instant::now();
        if window.holds(now) {
            tally.silent(now - last);
        }
        last = now;
        for outcome in &answer.outcomes {
            tally.answered(outcome, window.holds(now));
        }
        // One answer may join the outcomes of several messages.
        unused += answer.outcomes.len();
        queue.take_if(|_| now >= window.until);
        if let Some(queue) = &queue {
            while unused >= events_per_message {
                unused -= events_per_message;
                send(queue, &mut tally)?;
            }
        }
    }
    Ok(tally)
}
