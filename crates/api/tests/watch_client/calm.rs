//! Calm is not silence: what is noticed when nothing comes, and when.

use std::time::Duration;

use pawl_api::pb;
use pawl_api::watch::{Interruption, State, Update, Watch};
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

use crate::fake::{Call, End, Fake, status};
use crate::{earliest, letter, next, next_interruption, next_state, story, watch};

const SECOND: Duration = Duration::from_secs(1);

async fn live(watch: &mut Watch) {
    while !matches!(next_state(watch).await, State::Live) {}
}

fn every(seconds: i64) -> pb::WatchMovesRequest {
    let heartbeat_interval = Some(prost_types::Duration { seconds, nanos: 0 });
    pb::WatchMovesRequest { heartbeat_interval, ..earliest() }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_falls_silent_is_given_up_after_two_heartbeats_and_a_little() {
    let table = [(earliest(), 32), (every(1), 4), (every(60), 122), (every(-5), 32)];
    for (request, limit_s) in table {
        let fake = Fake::new(3, [Call::Stream { frames: 3, end: End::Silence }]);
        let mut watch = watch(&fake, request);
        live(&mut watch).await;
        let began = Instant::now();
        let (why, _) = next_interruption(&mut watch).await;
        let elapsed = began.elapsed();
        let limit = limit_s * SECOND;
        assert!(matches!(why, Interruption::Silent { limit: told } if told == limit), "{why:?}");
        assert!(elapsed >= limit && elapsed < limit + SECOND, "{elapsed:?} for {limit:?}");
        assert_eq!(story(&mut watch, 'm').await, "CLm");
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_it_for_weeks() {
    let mut watch = watch(&Fake::new(0, []), earliest());
    live(&mut watch).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_hours(24 * 14) {
        assert_eq!(letter(&next(&mut watch).await), 'h');
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_given_up() {
    let no_frame = Call::Stream { frames: 0, end: End::Silence };
    let mut watch = watch(&Fake::new(3, [Call::Hang, no_frame]), earliest());
    for _ in 0..2 {
        assert!(matches!(next_state(&mut watch).await, State::Connecting { .. }));
        let began = Instant::now();
        let (why, _) = next_interruption(&mut watch).await;
        let limit = 10 * SECOND;
        assert!(matches!(why, Interruption::Unanswered { limit: told } if told == limit));
        assert!(began.elapsed() >= limit && began.elapsed() < limit + SECOND);
    }
    live(&mut watch).await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_also_by_who_waits_a_moment_at_a_time() {
    let fake = Fake::new(3, [Call::Stream { frames: 3, end: End::Silence }]);
    let mut watch = watch(&fake, earliest());
    live(&mut watch).await;
    let began = Instant::now();
    let told = loop {
        match timeout(SECOND / 10, watch.next()).await {
            Ok(Ok(Update::State(state))) => break state,
            Ok(update) => drop(update.expect("it goes on")),
            Err(_) => {}
        }
        assert!(began.elapsed() < 60 * SECOND, "it is not noticed");
    };
    assert!(
        matches!(told, State::Interrupted { why: Interruption::Silent { .. }, .. }),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_does_not_listen_for_an_hour_has_heard_no_silence() {
    // A message takes a moment, as it does when the connection is not read for an hour.
    let fake = Fake { takes: SECOND, batch: 1, ..Fake::new(5, []) };
    let mut watch = watch(&fake, earliest());
    let mut told = String::new();
    while !told.ends_with('h') {
        sleep(Duration::from_hours(1)).await;
        told.push(letter(&next(&mut watch).await));
    }
    assert_eq!(told, "CLmmmh");
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_no_silence_either() {
    let calls = [Call::Refuse(status(Code::Unavailable)), Call::Hang];
    let mut watch = watch(&Fake::new(3, calls), earliest());
    assert_eq!(story(&mut watch, 'h').await, "CICICLmmmh");
}
