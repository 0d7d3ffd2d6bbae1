//! A directory that was damaged: either it opens and everything that was acknowledged is there, or
//! `pawl serve` says what is wrong, where, and what to do, and ends. Never an empty database, never
//! other data, never a hang.
//!
//! `PAWL_DAMAGES` says how many blows by chance (120 unless told), `PAWL_DAMAGE_SEED` where chance
//! begins, so that a failure can be repeated.

mod blow;
mod picture;
mod running;
mod sample;
mod step;
mod table;
mod trial;

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fastrand::Rng;
use futures_util::{StreamExt, stream};
use pawl_tests::{Server, cases, say};
use tempfile::TempDir;
use tokio::time::Instant;

use blow::Blow;
use sample::Sample;
use step::Step;
use table::{Expected, State, TABLE};
use trial::{Verdict, attempt, try_twice};

/// Servers that run at a time.
const AT_A_TIME: usize = 2;
/// How long a blow may take, one by one; too few in that time are a failure, not an excuse.
const TIME_EACH: Duration = Duration::from_secs(3);
/// Of a hundred blows, at least so many must have hit something that matters, and so many must not.
const EACH_MIN: usize = 10;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

fn seed() -> u64 {
    let seed = number("PAWL_DAMAGE_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("damage: PAWL_DAMAGE_SEED={seed}"));
    seed
}

/// Every part of the directory, in every way that has a name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_part_of_the_directory() {
    let mut rng = Rng::with_seed(seed());
    let samples = Sample::pair(&mut rng).await;
    let mut other = Server::start().await;
    other.terminate().await;
    let began = Instant::now();
    let check = |(state, name, steps, expected): (State, &'static str, &[Step], Expected)| {
        let sample = &samples[usize::from(state == State::Open)];
        let copy = sample.copy();
        for step in steps {
            step.take(copy.path(), other.data());
        }
        async move {
            let verdict = try_twice(sample, copy.path()).await;
            match (expected, &verdict) {
                (Expected::Whole | Expected::Either(_), Verdict::Whole) => None,
                (Expected::Refused(words) | Expected::Either(words), Verdict::Refused(text)) => {
                    let missing = words.iter().find(|word| !text.contains(**word));
                    missing.map(|word| format!("{name}: nothing of {word:?} in {text}"))
                }
                _ => Some(format!("{name}: {verdict:?}, but {expected:?} was expected")),
            }
        }
    };
    let wrong = stream::iter(TABLE.into_iter().map(check)).buffer_unordered(AT_A_TIME);
    let wrong: Vec<String> = wrong.filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    say(format!("damage: the table took {:.1} s", began.elapsed().as_secs_f64()));
    cases("damage: parts of the directory", TABLE.len(), 40);
}

/// Blows by chance, most of them to the file that holds nearly everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blows_by_chance() {
    let wanted = usize::try_from(number("PAWL_DAMAGES").unwrap_or(120)).expect("a number of blows");
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let samples = Sample::pair(&mut rng).await;
    let began = Instant::now();
    let limit = TIME_EACH * u32::try_from(wanted).expect("a number of blows");
    let strike = |number: usize| {
        let mut rng = Rng::with_seed(seed.wrapping_add(number as u64));
        let sample = &samples[rng.usize(..2)];
        async move {
            let copy = sample.copy();
            let file = match rng.u32(..10) {
                0 => copy.path().join(format!("journal.{}", rng.u32(..2))),
                1 => sample::snapshot(copy.path()),
                _ => copy.path().join("sled/db"),
            };
            let blow = (Blow::strike_by_chance(&mut rng, &file), file);
            // The second start of some finds what the first one left.
            let verdict = match rng.u32(..4) {
                0 => try_twice(sample, copy.path()).await,
                _ => attempt(sample, copy.path()).await,
            };
            (number, blow, verdict)
        }
    };
    let numbers = stream::iter(0..wanted).take_while(|_| {
        let time_is_left = began.elapsed() < limit;
        async move { time_is_left }
    });
    let mut struck = std::pin::pin!(numbers.map(strike).buffer_unordered(AT_A_TIME));
    let (mut done, mut whole, mut refused) = (0, 0, BTreeMap::<&str, usize>::new());
    let mut wrong = Vec::new();
    while let Some((number, blow, verdict)) = struck.next().await {
        done += 1;
        match verdict {
            Verdict::Whole => whole += 1,
            Verdict::Refused(text) => *refused.entry(trial::kind(&text)).or_default() += 1,
            Verdict::Wrong(problem) => wrong.push(format!("blow {number}, {blow:?}: {problem}")),
        }
    }
    let noticed = refused.values().sum::<usize>();
    say(format!("damage: {whole} blows hit nothing that is needed, {noticed} were noticed:"));
    for (kind, count) in &refused {
        say(format!("damage:   {kind}: {count}"));
    }
    say(format!("damage: {:.1} s", began.elapsed().as_secs_f64()));
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
    cases("damage: blows", done, wanted);
    cases("damage: blows that were noticed", noticed, wanted * EACH_MIN / 100);
    cases("damage: blows that did no harm", whole, wanted * EACH_MIN / 100);
}

/// Who has the directory keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_use() {
    let server = Server::start().await;
    let ended = Server::attempt(&["--data", &server.data().display().to_string()]).await;
    let ended = ended.expect_err("somebody has it");
    let text = trial::refusal(&ended, server.data()).expect("a refusal");
    assert!(text.contains("is in use by another process"), "{text}");
    server.client().await.info().await;
}

/// What cannot be written cannot be opened: sled writes when it opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a file system"]
async fn a_directory_that_cannot_be_written() {
    let mut rng = Rng::with_seed(seed());
    let [sample, _] = Sample::pair(&mut rng).await;
    let copy = sample.copy();
    let mount = ReadOnly::mount(copy.path());
    let verdict = try_twice(&sample, copy.path()).await;
    drop(mount);
    let Verdict::Refused(text) = verdict else { panic!("{verdict:?}") };
    assert!(text.contains("Read-only file system"), "{text}");
    assert_eq!(attempt(&sample, copy.path()).await, Verdict::Whole, "once it can be written");
    // The same for one that holds nothing yet.
    let empty = TempDir::with_prefix("pawl-damage-").expect("a temporary directory");
    let mount = ReadOnly::mount(empty.path());
    let ended = Server::attempt(&["--data", &empty.path().display().to_string()]).await;
    drop(mount);
    let text = trial::refusal(&ended.expect_err("it cannot be made"), empty.path());
    assert!(text.as_ref().is_ok_and(|text| text.contains("Read-only file system")), "{text:?}");
    cases("damage: directories that cannot be written", 2, 2);
}

/// A directory under a mount of itself that nobody can write to, whoever he is.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn mount(path: &'a Path) -> Self {
        let mounted = Self(path);
        for (how, from) in [("bind", Some(path)), ("remount,ro,bind", None)] {
            let mut mount = Command::new("mount");
            mount.args(["-o", how]).args(from).arg(path);
            assert!(mount.status().expect("there is mount").success(), "it cannot be mounted");
        }
        mounted
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}
