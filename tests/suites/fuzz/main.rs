//! Every way in, fed with what is good and what chance makes of it: nothing panics, answers are those
//! that are documented, and no input takes much more memory or time than it is worth.
//!
//! `PAWL_FUZZ_INPUTS` says how many inputs each target gets (what fits into seconds unless told),
//! `PAWL_FUZZ_SEED` where chance begins, `PAWL_FUZZ_CORPUS` a directory into which the good ones are
//! written, for libFuzzer. What was found once lies in `tests/fuzz/regressions` and is fed each time.

mod mutate;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, fs, panic};

use nix::time::{ClockId, clock_gettime};
use pawl_fuzz::{TARGETS, Target, open};
use pawl_tests::{cases, say, workspace_root};
use peak_alloc::PeakAlloc;
use tokio::time::Instant;

use mutate::Mutator;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How many inputs a target gets unless told, how long that may take, and how many it must be.
const INPUTS: usize = 4_000;
const TIME: Duration = Duration::from_secs(4);
const INPUTS_MIN: usize = 400;

/// What an input may take, whatever it is, and for each of its bytes.
const MEMORY_MAX_BYTES: usize = 32 * 1_024 * 1_024;
const MEMORY_PER_BYTE: usize = 1_024;
/// What an input may take of the processor: a filter that costs as much as may takes a second.
const WORK_MAX: Duration = Duration::from_secs(20);

/// Memory and work are those of the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What the dearest inputs took.
#[derive(Default)]
struct Dearest {
    bytes: usize,
    work: Duration,
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

fn work() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("there is such a clock").into()
}

/// Feeds one input. One that makes trouble is left where it can be found.
fn feed(name: &str, target: &mut dyn Target, input: &[u8], dearest: &mut Dearest) -> bool {
    MEMORY.reset_peak_usage();
    let (before, began) = (MEMORY.current_usage(), work());
    let fed = panic::catch_unwind(panic::AssertUnwindSafe(|| target.feed(input)));
    let took = work().saturating_sub(began);
    let bytes = MEMORY.peak_usage().saturating_sub(before);
    let most = MEMORY_MAX_BYTES + MEMORY_PER_BYTE * input.len();
    let trouble = match fed {
        Err(_) => Some("a panic".to_owned()),
        Ok(_) if bytes > most => Some(format!("{bytes} bytes of memory, {most} may be")),
        Ok(_) if took > WORK_MAX => Some(format!("{took:?} of work")),
        Ok(_) => None,
    };
    if let Some(trouble) = trouble {
        let left = env::temp_dir().join(format!("pawl-fuzz-{name}-{:08x}", crc32fast::hash(input)));
        fs::write(&left, input).expect("it can be left");
        panic!("{name}: {trouble} for {} bytes, left in {}", input.len(), left.display());
    }
    dearest.bytes = dearest.bytes.max(bytes);
    dearest.work = dearest.work.max(took);
    fed.unwrap_or_default()
}

/// What was found before.
fn regressions(name: &str) -> Vec<Vec<u8>> {
    let directory = workspace_root().join("tests/fuzz/regressions").join(name);
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it is there").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}

fn fuzz(name: &str) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut target = open(name);
    let seeds = target.seeds();
    if let Some(corpus) = env::var_os("PAWL_FUZZ_CORPUS") {
        let corpus = PathBuf::from(corpus).join(name);
        fs::create_dir_all(&corpus).expect("there is room");
        for (index, seed) in seeds.iter().enumerate() {
            fs::write(corpus.join(format!("seed-{index}")), seed).expect("there is room");
        }
    }
    let wanted: Option<usize> = number("PAWL_FUZZ_INPUTS");
    let seed = number("PAWL_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let mut dearest = Dearest::default();
    let (mut count, mut understood) = (0, 0);
    for input in regressions(name) {
        feed(name, &mut *target, &input, &mut dearest);
        count += 1;
    }
    let mut good = Vec::new();
    for input in seeds {
        let is_good = feed(name, &mut *target, &input, &mut dearest);
        good.extend(is_good.then_some(input));
        count += 1;
    }
    assert!(!good.is_empty(), "{name} understands none of its seeds");
    let seeds = good.len();
    let mut mutator = Mutator::new(seed, good, target.words());
    let begin = Instant::now();
    while count < wanted.unwrap_or(INPUTS) && (wanted.is_some() || begin.elapsed() < TIME) {
        let input = mutator.next();
        if feed(name, &mut *target, &input, &mut dearest) {
            understood += 1;
            mutator.keep(input, seeds);
        }
        count += 1;
    }
    say(format!(
        "fuzz {name}: PAWL_FUZZ_SEED={seed}, {understood} by chance understood, at most {} KiB and {:?}",
        dearest.bytes / 1_024,
        dearest.work
    ));
    cases(&format!("fuzz {name}"), count, wanted.unwrap_or(INPUTS_MIN));
    // Where nothing is understood only the first check is tried.
    assert!(understood * 100 >= count, "{name} understood {understood} of {count}");
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test] fn $name() { fuzz(stringify!($name)); })+

        #[test]
        fn every_target_is_fed() {
            let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
            for name in names {
                let file = workspace_root().join(format!("tests/fuzz/targets/{name}.rs"));
                assert!(file.is_file(), "libFuzzer has no {}", file.display());
            }
        }
    };
}

targets! {
    requests filters resume_tokens page_tokens records rows journal backups lines manifests cases_of_rules
    settings access_files service web
}
