//! A server that is killed where it stands, again and again, under all kinds of load: nothing that it
//! acknowledged is lost, nothing is done twice, and what got no answer has one outcome.
//!
//! `PAWL_KILLS` says how many kills (100 unless told), `PAWL_KILL_SEED` where chance begins. The moments
//! are counted in answers; which call is where at that moment is not repeatable.

mod book;
mod call;
mod check;
mod claims;
mod course;
mod known;
mod load;
mod writers;

// What the watch suite has for the same purpose: worlds, watchers, and what holds one against the other.
#[expect(dead_code, reason = "nobody stops a server here")]
#[path = "../promises/ledger.rs"]
mod ledger;
#[path = "../promises/matching.rs"]
mod matching;
#[expect(dead_code, reason = "nothing but what happens is left to chance here")]
#[path = "../promises/scenario"]
mod scenario {
    pub(crate) mod pipe;
    pub(crate) mod stage;
    pub(crate) mod watchers;
    pub(crate) mod whole;
    pub(crate) mod world;
}
#[path = "../promises/transcript.rs"]
mod transcript;
#[path = "../promises/truth.rs"]
mod truth;
#[path = "../promises/validator/mod.rs"]
mod validator;

use std::env;
use std::time::Duration;

use pawl_tests::{cases, say};
use tokio::time::Instant;

use course::{Counts, Course, run};

/// Kills of one round: some on a directory that keeps everything, the others on one that trims.
const ROUND: usize = 100;
/// Of ten kills.
const TRIMMED: usize = 3;
/// How long kills may take, one by one; too few in that time are a failure, not an excuse.
const TIME_EACH: Duration = Duration::from_secs(4);
/// Of a hundred kills.
const UNANSWERED_MIN: usize = 60;

/// What must have been seen, or the kills prove less than they seem to.
const SEEN: [&str; 6] = [
    "kills while starting",
    "kills while the log was trimmed",
    "events unanswered that were done",
    "events unanswered that were not done",
    "moves trimmed",
    "watch sessions",
];

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_every_kill() {
    let wanted = usize::try_from(number("PAWL_KILLS").unwrap_or(100)).expect("a number of kills");
    let seed = number("PAWL_KILL_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("kill: PAWL_KILL_SEED={seed}"));
    // Before the first server needs it.
    tokio::task::spawn_blocking(pawl_tests::binary).await.expect("it is built");
    let began = Instant::now();
    let until = began + TIME_EACH * u32::try_from(wanted).expect("a number of kills");
    let mut all = Counts::new();
    for (round, done) in (0..wanted).step_by(ROUND).enumerate() {
        let kills = ROUND.min(wanted - done);
        let trimmed = kills * TRIMMED / 10;
        let seed = seed.wrapping_add(round as u64);
        let courses = [(kills - trimmed, false), (trimmed, true)];
        let courses = courses.map(|(kills, trims)| {
            // On tasks of their own, so that they do not wait for each other.
            tokio::spawn(run(Course { seed, kills, trims, until }))
        });
        for course in courses {
            let counts = course.await.unwrap_or_else(|failed| panic!("seed {seed}: {failed}"));
            for (what, count) in counts {
                *all.entry(what).or_default() += count;
            }
        }
    }
    for (what, count) in &all {
        say(format!("kill: {what}: {count}"));
    }
    say(format!("kill: {:.1} s", began.elapsed().as_secs_f64()));
    cases("kill", all["kills"], wanted);
    let unanswered = wanted * UNANSWERED_MIN / 100;
    cases("kill: with events unanswered", all["kills with events unanswered"], unanswered);
    if wanted >= 100 {
        let missing: Vec<_> =
            SEEN.iter().filter(|what| all.get(**what).is_none_or(|count| *count == 0)).collect();
        assert!(missing.is_empty(), "never seen: {missing:?}");
    }
}
