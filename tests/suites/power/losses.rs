//! Power losses: at which moments, and what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use pawl_tests::cases;
use tempfile::TempDir;

use crate::api;
use crate::check::problems;
use crate::disk::{Disk, Syncs};
use crate::image::{self, Model};
use crate::journal::{self, Entry, What};
use crate::life::WINDOW;
use crate::notes::Note;
use crate::rig::{Rig, data_in};

/// How many notes of each kind a server is asked for: of those from everywhere, and of the last.
const ASKED: usize = 150;
/// How many are looked into at a time.
const AT_A_TIME: usize = 2;

/// A journal, and what clients were told while it was written.
pub(crate) struct Losses {
    journal: Vec<u8>,
    notes: Vec<Note>,
    /// What is younger cannot have been trimmed.
    window: Duration,
}

/// How many entries of the journal come before the power fails.
pub(crate) type Moment = usize;

/// What was found in images.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) images: usize,
    /// Those in which something was wrong, and what.
    wrong: BTreeMap<(Model, Moment), Vec<String>>,
}

impl Losses {
    pub(crate) fn new(rig: &Rig, notes: Vec<Note>) -> Self {
        let journal = fs::read(rig.journal()).expect("it can be read");
        Self { journal, notes, window: WINDOW }
    }

    pub(crate) fn with_window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// What there is.
    pub(crate) fn told(&self) -> String {
        let entries = journal::read(&self.journal).len();
        let mib = self.journal.len() >> 20;
        format!("{entries} entries, {mib} MiB, {} answers", self.notes.len())
    }

    /// The journal as a whole must give what the servers have left: otherwise something was done to
    /// the files that the shim did not see.
    pub(crate) fn check_completeness(&self, rig: &Rig) {
        let entries = journal::read(&self.journal);
        let mut disk = Disk::new(Syncs::All);
        disk.advance(&entries, entries.len());
        let (told, found) = (image::newest(&disk), image::read(&rig.root()).expect("it is there"));
        assert!(told.keys().eq(found.keys()), "{:?}, not {:?}", told.keys(), found.keys());
        for (path, content) in told {
            assert!(content == found[&path], "{} is not what the journal says", path.display());
        }
    }

    /// The last moment.
    pub(crate) fn end(&self) -> Moment {
        journal::read(&self.journal).len()
    }

    /// The system gives up what it has of files in memory, where it was told to: then they are what the
    /// disk has of them.
    pub(crate) fn forget_cached(&self, rig: &Rig) {
        let entries = journal::read(&self.journal);
        let forgotten = entries.iter().filter(|entry| matches!(entry.what, What::Forgotten));
        let forgotten: BTreeSet<u64> = forgotten.map(|entry| entry.ino).collect();
        let mut disk = Disk::new(Syncs::All);
        disk.advance(&entries, entries.len());
        for (path, content) in image::newest(&disk) {
            let path = rig.root().join(path);
            if let Some(content) = content
                && forgotten.contains(&fs::metadata(&path).expect("it is there").ino())
            {
                // In place: the journal knows it by its inode.
                fs::write(path, content).expect("it is written");
            }
        }
    }

    /// What is wrong with the database that the servers have left, as it is.
    pub(crate) fn problems_now(&self, rig: &Rig) -> Vec<String> {
        let notes: Vec<&Note> = self.notes.iter().collect();
        problems(&rig.data(), &notes, Duration::ZERO, self.window)
    }

    /// What clients had been told when the power failed, and when that was.
    fn told_by(&self, entries: &[Entry<'_>], moment: Moment) -> (Vec<&Note>, Duration) {
        let last = &entries[moment - 1];
        (self.notes.iter().filter(|note| note.position <= last.end).collect(), last.time)
    }

    /// What there must have been, or less is proven than it seems: the store's journal began anew so
    /// many times. And what there must not be: flushes of sled's that are no syncs.
    pub(crate) fn check_coverage(&self, minimum: usize) {
        let entries = journal::read(&self.journal);
        let are_syncs = !entries.iter().any(|entry| matches!(entry.what, What::Range));
        assert!(are_syncs, "sled's flushes are syncs");
        // The mark writes there, too, but less.
        let begins = |entry: &&Entry<'_>| matches!(&entry.what, What::Write(write) if write.at == 4_096 && write.len > 64);
        let count = entries.iter().filter(begins).count();
        cases("power: times that a journal began", count, minimum);
    }

    /// The moment at which the journal had come to a position.
    pub(crate) fn moment_at(&self, position: u64) -> Moment {
        let entries = journal::read(&self.journal);
        entries.partition_point(|entry| entry.end < position) + 1
    }

    /// Random moments, in order. A third of them are those at which an answer had just arrived.
    pub(crate) fn moments(&self, rng: &mut Rng, count: usize) -> Vec<Moment> {
        let entries = journal::read(&self.journal);
        let moment = |_| match rng.u32(..3) {
            0 => {
                let position = self.notes[rng.usize(..self.notes.len())].position;
                entries.partition_point(|entry| entry.end < position) + 1
            }
            _ => rng.usize(1..=entries.len()),
        };
        let mut moments: Vec<_> = (0..count).map(moment).collect();
        moments.sort_unstable();
        moments
    }

    /// Lets the power fail at each of the moments, in order, and opens what is left.
    pub(crate) fn try_out(&self, moments: &[Moment], syncs: Syncs, seed: u64) -> Found {
        let entries = journal::read(&self.journal);
        let (found, next) = (Mutex::new(Found::default()), AtomicUsize::new(0));
        let work = || {
            let mut disk = Disk::new(syncs);
            while let Some(&moment) = moments.get(next.fetch_add(1, Ordering::SeqCst)) {
                disk.advance(&entries, moment);
                let (told, at) = self.told_by(&entries, moment);
                for model in Model::ALL {
                    let dir = leave(&disk, moment, model, seed);
                    let wrong = problems(&data_in(dir.path()), &told, at, self.window);
                    let mut found = found.lock().expect("no thread panicked");
                    found.images += 1;
                    if !wrong.is_empty() {
                        found.wrong.insert((model, moment), wrong);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(work);
            }
        });
        found.into_inner().expect("no thread panicked")
    }

    /// The same, but each moment by one model only, and it is a real server that is asked.
    pub(crate) async fn ask_servers(&self, moments: &[Moment], seed: u64) -> Found {
        let entries = journal::read(&self.journal);
        let (mut disk, mut found) = (Disk::new(Syncs::All), Found::default());
        for (&moment, model) in moments.iter().zip(Model::ALL.into_iter().cycle()) {
            disk.advance(&entries, moment);
            let (told, at) = self.told_by(&entries, moment);
            // Some from everywhere, and what was told last.
            let step = told.len().div_ceil(ASKED).max(1);
            let last = told.len().saturating_sub(ASKED);
            let asked: Vec<_> = told.iter().step_by(step).chain(&told[last..]).copied().collect();
            let dir = leave(&disk, moment, model, seed);
            let wrong = api::problems(dir.path(), &asked, at, self.window).await;
            found.images += 1;
            if !wrong.is_empty() {
                found.wrong.insert((model, moment), wrong);
            }
        }
        found
    }
}

/// What the power loss leaves, as a root of its own.
fn leave(disk: &Disk<'_>, moment: Moment, model: Model, seed: u64) -> TempDir {
    let mut rng = Rng::with_seed(seed ^ (moment as u64) << 2 ^ model as u64);
    let dir = TempDir::with_prefix("pawl-image-").expect("a directory");
    let files = image::after_power_loss(disk, model, &mut rng);
    image::write(&files, dir.path()).expect("it is written");
    dir
}

impl Found {
    /// In how many images of a model something was wrong.
    pub(crate) fn of(&self, model: Model) -> usize {
        self.wrong.keys().filter(|(of, _)| *of == model).count()
    }

    pub(crate) fn assert_none(&self, what: &str) {
        let lines = self.wrong.iter().map(|((model, moment), problems)| {
            let few: Vec<_> = problems.iter().take(3).map(String::as_str).collect();
            format!("{model:?} at {moment}: {} problems: {}", problems.len(), few.join("; "))
        });
        let lines: Vec<_> = lines.take(20).collect();
        let (count, lines_of) = (self.wrong.len(), lines.join("\n"));
        assert!(lines.is_empty(), "{what}: {count} images are wrong:\n{lines_of}");
    }
}
