//! The watch client against a server that breaks off where it is told to. There is no network in
//! between and the time is paused, so that an hour of silence takes no time.

mod calm;
mod cuts;
mod ends;
mod fake;
mod pauses;
mod snapshots;

use std::time::Duration;

use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use pawl_api::watch::{Interruption, State, Update, Watch};
use pawl_api::{pb, watch};

use crate::fake::Fake;

/// Longer than all pauses of a test together: the time is paused, so nobody waits for it.
const LONG: Duration = Duration::from_hours(48);

fn watch(fake: &Fake, request: pb::WatchMovesRequest) -> Watch {
    Watch::start(fake.client(), request, watch::Options::default())
}

fn from(start: Start) -> pb::WatchMovesRequest {
    pb::WatchMovesRequest { start: Some(start), ..Default::default() }
}

fn earliest() -> pb::WatchMovesRequest {
    from(Start::Earliest(pb::StartEarliest {}))
}

async fn next(watch: &mut Watch) -> Update {
    let update = tokio::time::timeout(LONG, watch.next()).await.expect("something comes");
    update.expect("the watch goes on")
}

async fn next_state(watch: &mut Watch) -> State {
    loop {
        if let Update::State(state) = next(watch).await {
            return state;
        }
    }
}

/// The next interruption, and the pause after it.
async fn next_interruption(watch: &mut Watch) -> (Interruption, Duration) {
    loop {
        if let State::Interrupted { why, retry_in } = next_state(watch).await {
            return (why, retry_in);
        }
    }
}

/// A letter for what was told: what a test says of the order of things.
fn letter(update: &Update) -> char {
    match update {
        Update::State(State::Connecting { .. }) => 'C',
        Update::State(State::Live) => 'L',
        Update::State(State::Interrupted { .. }) => 'I',
        Update::State(State::SnapshotRestarted) => 'R',
        Update::Frame { frame, .. } => match frame {
            Frame::Move(_) => 'm',
            Frame::Heartbeat(_) => 'h',
            Frame::Entity(_) => 'e',
            Frame::EntityDeleted(_) => 'd',
            Frame::SnapshotComplete(_) => 'c',
            Frame::Started(_) | Frame::Closing(_) => panic!("it is told as a state"),
        },
    }
}

/// What is told until `last` is, letter by letter.
async fn story(watch: &mut Watch, last: char) -> String {
    let mut story = String::new();
    while !story.ends_with(last) {
        story.push(letter(&next(watch).await));
    }
    story
}
