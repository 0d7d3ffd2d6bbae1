//! The service against a naive model of its rules: random histories, every answer compared.
//!
//! `PAWL_MODEL_OPERATIONS` says how many operations (100,000 unless told), `PAWL_MODEL_SEED` where
//! chance begins, so that a failure can be repeated.

mod asked;
mod configure;
mod history;
mod model;
mod rules;
mod run;
mod service;
mod things;
mod translate;
mod words;

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use pawl_tests::{cases, say};
use tokio::time::Instant;

use history::Generator;
use run::{Counts, play, shrink};
use words::{Entity, Event, Expected, Means, Operation, Pipeline, Reach, Selection};

/// Operations of one history: short enough to shrink and to open again quickly, long enough for
/// identities to be forgotten and for things to be deleted and made anew.
const HISTORY: usize = 2_500;
/// Histories that run at a time: while one waits for its disk another can think.
const AT_A_TIME: usize = 3;

/// What must have been seen, or the histories prove less than they seem to.
const SEEN: [&str; 34] = [
    "verdict MOVED",
    "verdict WOULD_MOVE",
    "verdict PAUSED",
    "verdict PARAMETERS_DIFFER",
    "verdict FILTER_FALSE",
    "verdict EVALUATION_ERROR",
    "verdict SAME_STAGE",
    "verdict ENTITY_CLOSED",
    "verdict WOULD_MOVE_BACK",
    "verdict OUTRANKED",
    "verdict LOOP",
    "verdict HOP_LIMIT",
    "outcome MOVED",
    "outcome NOT_MOVED",
    "outcome NO_TRIGGER",
    "outcome ENTITY_NOT_FOUND",
    "outcome NOT_REACHED",
    "duplicate",
    "refused: event id reused",
    "refused: in use",
    "refused: kind mismatch",
    "refused: revision mismatch",
    "refused: invalid",
    "refused: missing stage",
    "refused: missing pipeline",
    "refused: immutable entity_kind",
    "refused: no entity",
    "refused: no event",
    "refused: no trigger",
    "refused: no pipeline",
    "refused: entity exists",
    "refused: trigger exists",
    "refused: pipeline exists",
    "operation Reopen",
];

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

/// Plays a history; a difference is made small and told.
fn prove(what: &str, history: &[Operation], counts: &mut Counts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        if let Err(difference) = play(history, counts).await {
            let (smallest, last) = shrink(history, difference).await;
            let lines: Vec<_> = smallest.iter().map(|line| format!("  {line:?}")).collect();
            panic!(
                "{what}: service and model disagree after {} operations:\n{}\n{}",
                smallest.len(),
                lines.join("\n"),
                last.told(),
            );
        }
    });
}

/// Tells the other threads that this one failed, so that they do not go on.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn service_and_model_give_the_same_answers() {
    let wanted = number("PAWL_MODEL_OPERATIONS").unwrap_or(100_000);
    let wanted = usize::try_from(wanted).expect("a number of operations");
    let seed = number("PAWL_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("model: PAWL_MODEL_SEED={seed}"));
    let start = Instant::now();
    let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let all = Mutex::new(Counts::new());
    let work = || {
        while !failed.load(Ordering::SeqCst) {
            let episode = next.fetch_add(1, Ordering::SeqCst);
            if episode * HISTORY >= wanted {
                break;
            }
            let history = Generator::history(seed.wrapping_add(episode as u64), HISTORY);
            let mut counts = Counts::new();
            let alarm = Alarm(&failed);
            prove(&format!("seed {seed}, history {episode}"), &history, &mut counts);
            drop(alarm);
            done.fetch_add(history.len(), Ordering::SeqCst);
            let mut all = all.lock().expect("no thread panicked");
            for (what, count) in counts {
                *all.entry(what).or_default() += count;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let all = all.into_inner().expect("no thread panicked");
    for (what, count) in &all {
        say(format!("model: {what}: {count}"));
    }
    let (done, took) = (done.into_inner(), start.elapsed());
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done as f64 / took.as_secs_f64();
    say(format!("model: {:.1} s, {rate:.0} operations/s", took.as_secs_f64()));
    cases("model", done, wanted);
    if wanted >= 50_000 {
        let missing: Vec<_> = SEEN.iter().filter(|what| !all.contains_key(**what)).collect();
        assert!(missing.is_empty(), "never seen: {missing:?}");
    }
}

/// E3: 1,000 entities may be reached, one more is refused whole.
#[test]
fn a_crowd_is_refused_by_both() {
    let crowd = |number: usize| Entity {
        id: format!("deal/{number}"),
        pipeline: "crowded".to_owned(),
        stage: String::new(),
        responsible: None,
        customers: vec!["contact/1".to_owned()],
        parents: Vec::new(),
        fields: [].into(),
        revision: 0,
    };
    let event = |id: &str, subjects: &[&str]| {
        Operation::Publish(Event {
            source: "shop".to_owned(),
            id: id.to_owned(),
            event_type: "email.viewed".to_owned(),
            subjects: subjects.iter().map(ToString::to_string).collect(),
            attributes: [].into(),
        })
    };
    let mut history = vec![Operation::CreatePipeline(Pipeline {
        id: "crowded".to_owned(),
        kind: "deal".to_owned(),
        stages: vec![("open".to_owned(), Means::Open), ("won".to_owned(), Means::Won)],
        selection: Selection::Earliest,
        reach: Reach::All,
        revision: 0,
    })];
    history.extend((0..1_001).map(|number| Operation::CreateEntity(crowd(number))));
    history.push(event("all", &["contact/1"]));
    history.push(Operation::DeleteEntity("deal/7".to_owned(), Expected::Any));
    // A refused event left no identity behind (E4).
    history.push(event("all", &["contact/1"]));
    // Neither what is named twice nor what does not exist is reached once more.
    history.push(event("twice", &["deal/8", "contact/1", "deal/7"]));
    let away = ("deal/9".to_owned(), None, "won".to_owned());
    history.push(Operation::MoveEntity(away.0, away.1, away.2, Expected::Any, false));
    history.push(event("closed too", &["contact/1", "deal/9"]));
    history.push(Operation::CreateEntity(crowd(7)));
    history.push(event("one more", &["contact/1", "deal/9"]));
    history.push(Operation::Everything);
    let mut counts = Counts::new();
    prove("a crowd", &history, &mut counts);
    assert_eq!(counts.get("refused: reach too large"), Some(&2), "{counts:?}");
}
