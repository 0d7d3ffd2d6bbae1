//! What a power loss may leave of a disk, as files to open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::disk::{Change, Directory, Disk, File, Names, Object, apply};
use crate::journal::Write;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// Pages that hold nothing else than zeros stay holes.
const PAGE: [u8; 4_096] = [0; 4_096];

/// What is left of that which no sync has made certain. Files and names follow the same model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Model {
    /// Nothing.
    Nothing,
    /// What came first.
    Prefix,
    /// The same, and of the last write only some sectors.
    Torn,
    /// Any half of it, in sectors or in whole writes.
    Scattered,
}

impl Model {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::Prefix, Self::Torn, Self::Scattered];
}

/// Files below the root with what they hold, and directories.
pub(crate) type Files = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A roll of the dice for all of a disk.
struct Loss<'r> {
    model: Model,
    /// Of what came first, that which has smaller numbers.
    cut: usize,
    /// The write that is torn.
    torn: Option<usize>,
    in_sectors: bool,
    /// Whether the lengths of files, too, may be old ones.
    lengths: bool,
    rng: &'r mut Rng,
}

/// What the process has left, with everything that it wrote.
pub(crate) fn newest(disk: &Disk<'_>) -> Files {
    let mut rng = Rng::with_seed(0);
    let loss = Loss {
        model: Model::Prefix,
        cut: usize::MAX,
        torn: None,
        in_sectors: false,
        lengths: false,
        rng: &mut rng,
    };
    collect(disk, loss)
}

/// What a power loss leaves.
pub(crate) fn after_power_loss(disk: &Disk<'_>, model: Model, rng: &mut Rng) -> Files {
    let numbers: BTreeSet<usize> = disk.objects.iter().flat_map(pending).collect();
    // Half of the time nothing is cut off behind.
    let cut = match numbers.len() {
        count if count > 0 && rng.bool() => numbers.iter().nth(rng.usize(..count)).copied(),
        _ => None,
    };
    let cut = cut.unwrap_or(usize::MAX);
    let written = disk.objects.iter().flat_map(writes).filter(|number| *number < cut);
    let torn = written.max().filter(|_| model == Model::Torn);
    let (in_sectors, lengths) = (rng.bool(), rng.bool());
    collect(disk, Loss { model, cut, torn, in_sectors, lengths, rng })
}

fn pending(object: &Object<'_>) -> Vec<usize> {
    match object {
        Object::File(file) => file.pending.iter().map(|(number, _)| *number).collect(),
        Object::Directory(directory) => {
            directory.pending.iter().map(|(number, _)| *number).collect()
        }
    }
}

fn writes(object: &Object<'_>) -> Vec<usize> {
    let Object::File(file) = object else { return Vec::new() };
    let writes = file.pending.iter().filter(|(_, change)| matches!(change, Change::Write(_)));
    writes.map(|(number, _)| *number).collect()
}

fn collect(disk: &Disk<'_>, mut loss: Loss<'_>) -> Files {
    let mut files = Files::new();
    let mut found = vec![(PathBuf::new(), 0)];
    while let Some((path, at)) = found.pop() {
        match &disk.objects[at] {
            Object::File(file) => {
                files.insert(path, Some(loss.content(file)));
            }
            Object::Directory(directory) => {
                let names = loss.names(directory);
                found.extend(names.into_iter().map(|(name, at)| (path.join(name), at)));
                files.insert(path, None);
            }
        }
    }
    files
}

impl Loss<'_> {
    /// Whether a change as a whole is there.
    fn keeps(&mut self, number: usize) -> bool {
        match self.model {
            Model::Nothing => false,
            Model::Prefix | Model::Torn => number < self.cut,
            Model::Scattered => self.rng.bool(),
        }
    }

    fn names(&mut self, directory: &Directory) -> Names {
        let mut names = directory.certain.clone();
        for (number, renaming) in &directory.pending {
            if self.keeps(*number) {
                apply(&mut names, renaming);
            }
        }
        names
    }

    fn content(&mut self, file: &File<'_>) -> Vec<u8> {
        let mut content = file.certain.clone();
        for (number, change) in &file.pending {
            match change {
                Change::Write(write) if self.torn == Some(*number) => {
                    self.tear(write, &mut content);
                }
                Change::Write(write) if self.model == Model::Scattered && self.in_sectors => {
                    self.scatter(write, &mut content);
                }
                change if self.keeps(*number) => change.apply(&mut content),
                _ => {}
            }
        }
        if self.model == Model::Scattered && self.lengths {
            let known = self.rng.usize(..=file.pending.len());
            let changes = file.pending[..known].iter();
            let len = changes.fold(file.certain.len(), |len, (_, change)| change.len_after(len));
            content.resize(len, 0);
        }
        content
    }

    /// The sectors up to some point.
    fn tear(&mut self, write: &Write<'_>, content: &mut Vec<u8>) {
        let sectors = sectors(write);
        let kept = self.rng.usize(..=sectors.len());
        for (from, to) in &sectors[..kept] {
            write.lay(content, *from, *to);
        }
    }

    fn scatter(&mut self, write: &Write<'_>, content: &mut Vec<u8>) {
        for (from, to) in sectors(write) {
            if self.rng.bool() {
                write.lay(content, from, to);
            }
        }
    }
}

/// The parts of a write that lie in sectors of their own.
fn sectors(write: &Write<'_>) -> Vec<(usize, usize)> {
    let into = usize::try_from(write.at % SECTOR_BYTES as u64).expect("less than a sector");
    let mut sectors = Vec::new();
    let mut from = 0;
    while from < write.len {
        let to = ((from + into) / SECTOR_BYTES + 1) * SECTOR_BYTES - into;
        sectors.push((from, to.min(write.len)));
        from = to;
    }
    sectors
}

/// Writes files into a directory that is there and empty.
pub(crate) fn write(files: &Files, to: &Path) -> io::Result<()> {
    // Sorted, so that directories come before what lies in them.
    for (path, content) in files {
        let path = to.join(path);
        match content {
            None => fs::create_dir_all(path)?,
            Some(content) => {
                let file = fs::File::create(path)?;
                file.set_len(content.len() as u64)?;
                for (index, page) in content.chunks(PAGE.len()).enumerate() {
                    if *page != PAGE[..page.len()] {
                        file.write_all_at(page, (index * PAGE.len()) as u64)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// What lies in a directory.
pub(crate) fn read(dir: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut found = vec![PathBuf::new()];
    while let Some(path) = found.pop() {
        let whole = dir.join(&path);
        if whole.is_dir() {
            for entry in fs::read_dir(&whole)? {
                found.push(path.join(entry?.file_name()));
            }
            files.insert(path, None);
        } else {
            files.insert(path, Some(fs::read(whole)?));
        }
    }
    Ok(files)
}
