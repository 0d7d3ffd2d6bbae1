//! What a watch promises, and the proof: random histories and random watchers, held against a
//! validator that knows nothing but the contract.
//!
//! `PAWL_WATCH_SCENARIOS` says how many scenarios (200 unless told), `PAWL_WATCH_SEED` where chance
//! begins, so that a failure can be repeated.

mod breakages;
mod ledger;
mod matching;
mod scenario;
mod transcript;
mod truth;
mod validator;

use std::env;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use pawl_tests::{cases, say};
use tokio::time::Instant;

use scenario::{Counts, Kind, Played, play};

/// Scenarios that are played at a time: most of the time they wait.
const AT_A_TIME: usize = 12;
/// One scenario in so many has a process of its own, which takes longer to start.
const PROCESS_EVERY: u64 = 5;
/// How long scenarios may take, one by one; too few in that time are a failure, not an excuse.
const TIME_EACH: Duration = Duration::from_secs(1);

/// What must have been seen, or the scenarios prove less than they seem to.
const SEEN: [&str; 17] = [
    "stops",
    "kills",
    "moves",
    "frames: moves",
    "frames: heartbeats",
    "frames: closing",
    "sessions from now",
    "sessions from the earliest move",
    "sessions resumed",
    "ends: by the client",
    "ends: cut",
    "ends: with a reason",
    "ends: expired",
    "frames: entities",
    "frames: deletions",
    "moves trimmed",
    "sessions from a snapshot",
];

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

fn kind(scenario: u64) -> Kind {
    match (scenario % PROCESS_EVERY, scenario / PROCESS_EVERY % 4) {
        (0, 0) => Kind::Process,
        (0, _) => Kind::Killed,
        _ => Kind::Inside,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn watches_keep_their_promises() {
    let wanted = number("PAWL_WATCH_SCENARIOS").unwrap_or(200);
    let seed = number("PAWL_WATCH_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("promises: PAWL_WATCH_SEED={seed}"));
    // Before the first scenario needs it: building it would hold up the others.
    tokio::task::spawn_blocking(pawl_tests::binary).await.expect("it is built");
    let began = Instant::now();
    let limit = TIME_EACH * u32::try_from(wanted).expect("a number of scenarios");
    let scenarios = stream::iter(0..wanted).take_while(|_| {
        let time_is_left = began.elapsed() < limit;
        async move { time_is_left }
    });
    let playing = scenarios.map(|scenario| async move {
        let own = seed.wrapping_add(scenario);
        // On a task of its own, so that they do not wait for each other.
        let played = tokio::spawn(play(own, kind(scenario))).await;
        (own, scenario, played.unwrap_or_else(|failed| panic!("seed {own}: {failed}")))
    });
    let mut playing = std::pin::pin!(playing.buffer_unordered(AT_A_TIME));
    let (mut all, mut done, mut broken) = (Counts::new(), 0, Vec::new());
    while let Some((own, scenario, Played { counts, violations })) = playing.next().await {
        done += 1;
        if !violations.is_empty() {
            broken.push(format!("seed {own}, {:?}, {counts:?}:", kind(scenario)));
        }
        let told =
            violations.iter().map(|(watcher, violation)| format!("  {watcher}: {violation}"));
        broken.extend(told);
        for (what, count) in counts {
            *all.entry(what).or_default() += count;
        }
    }
    for (what, count) in &all {
        say(format!("promises: {what}: {count}"));
    }
    say(format!("promises: {:.1} s", began.elapsed().as_secs_f64()));
    assert!(broken.is_empty(), "promises were broken:\n{}", broken.join("\n"));
    cases("promises: scenarios", done, usize::try_from(wanted).expect("a number of scenarios"));
    if wanted >= 100 {
        let missing: Vec<_> =
            SEEN.iter().filter(|what| all.get(**what).is_none_or(|n| *n == 0)).collect();
        assert!(missing.is_empty(), "never seen: {missing:?}");
    }
}
