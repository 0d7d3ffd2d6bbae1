//! How long it pauses between attempts.

use std::time::Duration;

use pawl_api::watch::{Options, State, Watch};
use tokio::time::Instant;
use tonic::Code;

use crate::fake::{Call, End, Fake, status};
use crate::{earliest, next_interruption, next_state, watch};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

fn refusals(count: usize) -> Vec<Call> {
    vec![Call::Refuse(status(Code::Unavailable)); count]
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_a_limit_and_are_kept() {
    let mut watch = watch(&Fake::new(3, refusals(40)), earliest());
    let mut pauses = Vec::new();
    for attempt in 1..=40 {
        let state = next_state(&mut watch).await;
        assert!(
            matches!(state, State::Connecting { attempt: told } if told == attempt),
            "{state:?}"
        );
        let (_, pause) = next_interruption(&mut watch).await;
        let told = Instant::now();
        pauses.push(pause);
        if attempt == 40 {
            next_state(&mut watch).await;
            // The clock of the tests counts whole milliseconds.
            let paused = told.elapsed();
            let slack = Duration::from_millis(2);
            assert!(paused >= pause && paused <= pause + slack, "{paused:?} for {pause:?}");
        }
    }
    assert!((FIRST..FIRST * 2).contains(&pauses[0]), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= LONGEST), "{pauses:?}");
    assert!(pauses[10..].iter().all(|pause| *pause >= LONGEST / 2), "{pauses:?}");
    let different: std::collections::HashSet<_> = pauses[10..].iter().collect();
    assert!(different.len() > 10, "left to chance: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn they_are_short_again_once_frames_flow_but_not_for_a_start_alone() {
    let starts_only = Call::Stream { frames: 1, end: End::Ok };
    let flows = Call::Stream { frames: 2, end: End::Ok };
    let mut calls = refusals(8);
    calls.extend([starts_only, flows, Call::Hang]);
    let mut watch = watch(&Fake::new(3, calls), earliest());
    for _ in 0..8 {
        next_interruption(&mut watch).await;
    }
    let (_, after_start_only) = next_interruption(&mut watch).await;
    assert!(after_start_only >= LONGEST / 2, "{after_start_only:?}");
    let (_, after_flow) = next_interruption(&mut watch).await;
    assert!((FIRST..FIRST * 2).contains(&after_flow), "{after_flow:?}");
    assert!(matches!(next_state(&mut watch).await, State::Connecting { attempt: 1 }));
}

#[tokio::test(start_paused = true)]
async fn they_can_be_chosen() {
    let ms = Duration::from_millis;
    let options = Options { first_pause: ms(20), longest_pause: ms(8), ..Options::default() };
    let fake = Fake::new(3, refusals(20));
    let mut watch = Watch::start(fake.client(), earliest(), options);
    for _ in 0..20 {
        let (_, pause) = next_interruption(&mut watch).await;
        assert!((ms(4)..=ms(8)).contains(&pause), "{pause:?}");
    }
}
