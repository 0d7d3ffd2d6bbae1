//! Power losses: at which moments, and what is left.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;
use tempfile::TempDir;

use crate::check::problems;
use crate::disk::{Disk, Syncs};
use crate::image::{self, Model};
use crate::journal;
use crate::life::WINDOW;
use crate::notes::Note;
use crate::rig::{Rig, data_in};

/// How many are looked into at a time.
const AT_A_TIME: usize = 2;

/// A journal, and what clients were told while it was written.
pub(crate) struct Losses {
    journal: Vec<u8>,
    notes: Vec<Note>,
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
        Self { journal: fs::read(rig.journal()).expect("it can be read"), notes }
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
                let last = &entries[moment - 1];
                let told = self.notes.iter().filter(|note| note.position <= last.end);
                let told: Vec<&Note> = told.collect();
                for model in Model::ALL {
                    let mut rng = Rng::with_seed(seed ^ (moment as u64) << 2 ^ model as u64);
                    let dir = TempDir::with_prefix("pawl-image-").expect("a directory");
                    let files = image::after_power_loss(&disk, model, &mut rng);
                    image::write(&files, dir.path()).expect("it is written");
                    drop(files);
                    let wrong = problems(&data_in(dir.path()), &told, last.time, WINDOW);
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
}

impl Found {
    /// In how many images of a model something was wrong.
    pub(crate) fn of(&self, model: Model) -> usize {
        self.wrong.keys().filter(|(of, _)| *of == model).count()
    }

    pub(crate) fn assert_none(&self) {
        let lines = self.wrong.iter().map(|((model, moment), problems)| {
            let few: Vec<_> = problems.iter().take(3).map(String::as_str).collect();
            format!("{model:?} at {moment}: {} problems: {}", problems.len(), few.join("; "))
        });
        let lines: Vec<_> = lines.take(20).collect();
        assert!(lines.is_empty(), "{} images are wrong:\n{}", self.wrong.len(), lines.join("\n"));
    }
}
