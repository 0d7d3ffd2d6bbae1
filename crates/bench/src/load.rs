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
use crate::events::{Events, Source};
use crate::tally::Tally;

/// The streams fill up before anything counts.
const RAMP: Duration = Duration::from_millis(200);

/// While this lasts, answers count.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
}

impl Window {
    fn holds(self, now: Instant) -> bool {
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
    while let Some(answer) = answers.message().await? {
        let now = Instant::now();
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
