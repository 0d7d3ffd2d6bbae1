//! A server whose clock is set, ahead and back, by seconds and by years, while it runs and while it does
//! not: commit times never go back, identities are remembered for as long as they should be, nothing
//! that is young is trimmed, and watchers are told everything once, in order.
//!
//! `PAWL_CLOCK_STEPS` says how often (80 unless told), `PAWL_CLOCK_SEED` where chance begins.

use std::env;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{
    Client, Host, Rig, Signal, Watcher, cases, earliest, entity, event, pipeline, resume, say,
    trigger, trigger_type, within,
};
use tokio::time::Instant;
use tonic::Status;

use crate::time::{Remembered, Time, WINDOW_S, machine_now, seconds};

/// Longer than anything takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 60;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const YEAR: i64 = 365 * 24 * HOUR;
/// Steps that are not followed.
const LARGE: [i64; 4] = [2 * MINUTE, HOUR, 24 * HOUR, YEAR];
/// How far ahead of the last commit, or behind it, the clock stands when a server starts, in turn.
const AT_START: [i64; 6] = [HOUR, -30, -YEAR, 30, YEAR, -HOUR];
/// Events that are published after each step, and that are published again.
const NEW: usize = 3;
const AGAIN: usize = 4;
/// One step in so many is a start.
const START_EVERY: usize = 8;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

/// How often what was seen.
#[derive(Debug, Default)]
struct Counts {
    followed: usize,
    ignored: usize,
    starts: usize,
    remembered: usize,
    forgotten: usize,
    trimmed: usize,
    moves: usize,
}

/// A server that runs, and who watches it.
struct Life {
    host: Host,
    client: Client,
    watcher: Watcher,
    /// Steps of its clock that it does not follow.
    ignored: usize,
}

struct Run {
    rng: Rng,
    rig: Rig,
    time: Time,
    /// What was published, with when it was committed.
    told: Vec<(pb::Event, i64)>,
    /// Where the entity is.
    stage: String,
    /// Moves that the watcher is still to be told of.
    moves: Vec<pb::Move>,
    counts: Counts,
}

async fn start(rig: &Rig, watched: Option<&[u8]>) -> Life {
    let window = format!("{WINDOW_S}s");
    let host = rig.start(&["--dedupe-window", &window, "--retention", &window]).await;
    let client = host.client().await;
    let watcher = client.watch(watched.map_or_else(earliest, resume)).await;
    Life { host, client, watcher, ignored: 0 }
}

async fn get(life: &Life, event: &pb::Event) -> Result<(), Status> {
    let (source, event_id) = (event.source.clone(), event.event_id.clone());
    let request = pb::GetEventRequest { source, event_id };
    life.client.events.clone().get_event(request).await.map(|_| ())
}

/// How often it was said that the clock was set so far that it is not followed.
fn steps_told(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains("the clock was set")).count()
}

fn nanos(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.expect("it has a time");
    seconds(time.seconds) + i64::from(time.nanos)
}

impl Run {
    async fn new(seed: u64) -> (Self, Life) {
        let rig = Rig::new();
        let life = start(&rig, None).await;
        life.client.pipeline(pipeline("sales", "a b")).await;
        for (code, place) in [("go", "sales/b"), ("back", "sales/a")] {
            life.client.trigger_type(trigger_type(code)).await;
            let trigger = trigger(code, place, code);
            life.client.trigger(pb::Trigger { allow_move_back: true, ..trigger }).await;
        }
        life.client.entity(entity("deal/1", "sales")).await;
        let run = Self {
            rng: Rng::with_seed(seed),
            time: Time::new(rig.ahead),
            rig,
            told: Vec::new(),
            stage: "a".to_owned(),
            moves: Vec::new(),
            counts: Counts::default(),
        };
        (run, life)
    }

    /// Sets the clock of a server that runs.
    async fn set(&mut self, life: &mut Life) {
        let sign = if self.rng.bool() { 1 } else { -1 };
        if self.rng.bool() {
            let by = sign * self.rng.i64(20..=50);
            self.rig.set(by);
            self.time.follows(by);
            self.counts.followed += 1;
        } else {
            self.rig.set(sign * LARGE[self.rng.usize(..LARGE.len())]);
            life.ignored += 1;
            self.counts.ignored += 1;
        }
        // Steps are seen one by one when somebody asks for the time after each.
        self.publish(life).await;
        let are_told = |log: &[String]| (steps_told(log) >= life.ignored).then_some(());
        life.host.find_in_log("a step of the clock", are_told).await;
    }

    /// Ends the server, and starts one with its clock anywhere.
    async fn start_again(&mut self, mut life: Life) -> Life {
        self.watch(&mut life).await;
        assert_eq!(steps_told(&life.host.log()), life.ignored, "small steps are followed");
        let signal = if self.rng.bool() { Signal::SIGTERM } else { Signal::SIGKILL };
        life.host.end(signal).await;
        let ahead = self.time.last_ahead_s() + AT_START[self.counts.starts % AT_START.len()];
        self.rig.set(ahead - self.rig.ahead);
        self.time.starts(ahead);
        self.counts.starts += 1;
        let life = start(&self.rig, Some(life.watcher.token())).await;
        self.ask_again(&life, 2 * AGAIN).await;
        // What is old by now is trimmed.
        let oldest = self.told.iter().min_by_key(|(_, at)| *at).cloned();
        let (event, at) = oldest.expect("something was published");
        if self.time.remembers(at) == Remembered::No {
            let trimmed = async { while get(&life, &event).await.is_ok() {} };
            within(PATIENCE_S, "the oldest is trimmed", trimmed).await;
            self.counts.trimmed += 1;
        }
        life
    }

    /// Publishes an event that moves the entity.
    async fn publish(&mut self, life: &Life) {
        let code = if self.stage == "a" { "go" } else { "back" };
        let event = event(&format!("e{}", self.told.len()), code, "deal/1");
        let before = machine_now();
        let outcome = life.client.publish(event.clone()).await;
        let between = [before, machine_now()];
        assert!(!outcome.duplicate, "{outcome:?}");
        let moved = self.moved(&outcome).expect("it moves");
        self.time.committed(nanos(moved.time), between);
        self.told.push((event, nanos(moved.time)));
    }

    fn moved(&mut self, outcome: &pb::EventOutcome) -> Option<pb::Move> {
        let mut moves = outcome.decisions.iter().filter_map(|decision| decision.r#move.clone());
        let moved = moves.next()?;
        self.stage.clone_from(&moved.to_stage_id);
        self.moves.push(moved.clone());
        Some(moved)
    }

    /// Publishes some of it again: as long as it is remembered nothing comes of it.
    async fn ask_again(&mut self, life: &Life, count: usize) {
        for _ in 0..count {
            // Mostly of the newest.
            let newest = self.told.len().min(if self.rng.bool() { 20 } else { usize::MAX });
            let place = self.told.len() - 1 - self.rng.usize(..newest);
            let (event, at) = self.told[place].clone();
            let expected = self.time.remembers(at);
            if expected == Remembered::Yes {
                get(life, &event).await.expect("it is not trimmed");
            }
            let outcome = life.client.publish(event.clone()).await;
            match expected {
                Remembered::Yes => assert!(outcome.duplicate, "done again: {outcome:?}"),
                Remembered::No => assert!(!outcome.duplicate, "still remembered: {outcome:?}"),
                Remembered::Maybe => {}
            }
            if outcome.duplicate {
                self.counts.remembered += 1;
                continue;
            }
            self.counts.forgotten += 1;
            self.moved(&outcome);
            // It is another now, and when that was committed only a move tells.
            self.publish(life).await;
            let at = self.told.last().expect("it was published").1;
            self.told[place].1 = at;
        }
    }

    /// Whoever watches is told of every move once, in order.
    async fn watch(&mut self, life: &mut Life) {
        let watched = async {
            let mut watched = Vec::new();
            while watched.len() < self.moves.len() {
                watched.push(life.watcher.next_move().await.expect("the watch goes on"));
            }
            let (more, _) = life.watcher.until_heartbeat().await.expect("the watch goes on");
            watched.extend(more);
            watched
        };
        let watched = within(PATIENCE_S, "the watcher is told", watched).await;
        assert_eq!(watched, self.moves);
        self.counts.moves += self.moves.len();
        self.moves.clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_clock_says() {
    let wanted = usize::try_from(number("PAWL_CLOCK_STEPS").unwrap_or(80)).expect("a number");
    let seed = number("PAWL_CLOCK_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("clock: PAWL_CLOCK_SEED={seed}"));
    let began = Instant::now();
    let (mut run, mut life) = Run::new(seed).await;
    run.publish(&life).await;
    for step in 1..=wanted {
        if step.is_multiple_of(START_EVERY) {
            life = run.start_again(life).await;
        } else {
            run.set(&mut life).await;
        }
        run.ask_again(&life, AGAIN).await;
        for _ in 0..NEW {
            run.publish(&life).await;
        }
    }
    run.watch(&mut life).await;
    let listed = life.client.newest_moves(usize::MAX).await.expect("moves are listed");
    let times: Vec<_> = listed.iter().map(|moved| nanos(moved.time)).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "seed {seed}: {times:?}");
    life.host.end(Signal::SIGTERM).await;
    let Counts { followed, ignored, starts, remembered, forgotten, trimmed, moves } = run.counts;
    say(format!("clock: {:.1} s", began.elapsed().as_secs_f64()));
    cases("clock: steps that were followed", followed, wanted / 5);
    cases("clock: steps that were not", ignored, wanted / 5);
    cases("clock: starts", starts, wanted / START_EVERY);
    cases("clock: events remembered", remembered, wanted);
    cases("clock: events forgotten", forgotten, wanted / 8);
    cases("clock: starts after which something old was trimmed", trimmed, wanted / START_EVERY / 5);
    cases("clock: moves watched", moves, wanted * NEW);
}
