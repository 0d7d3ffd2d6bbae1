//! A disk as the journal tells of it: what of each file and directory is on it for certain, and what
//! the process has written since, of which a power loss leaves more or less.

use std::collections::{BTreeMap, HashMap};

use crate::journal::{Entry, Failed, Sync, What, Write};

/// Which syncs are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syncs {
    All,
    /// As if `fdatasync` did nothing: what would be left if the store did not call it.
    NotOfData,
}

/// Everything below the root after some entries of the journal.
#[derive(Debug)]
pub(crate) struct Disk<'j> {
    pub(crate) objects: Vec<Object<'j>>,
    by_ino: HashMap<u64, usize>,
    /// Syncs that have not ended: of what, and up to which entry.
    syncing: HashMap<u64, (usize, usize)>,
    syncs: Syncs,
    /// How many entries are in it.
    taken: usize,
}

/// A file or a directory. Others name it by its place among all of them; the root is the first.
#[derive(Debug)]
pub(crate) enum Object<'j> {
    File(File<'j>),
    Directory(Directory),
}

#[derive(Debug, Default)]
pub(crate) struct File<'j> {
    /// What is on the disk.
    pub(crate) certain: Vec<u8>,
    /// What came after that, each with the number of its entry.
    pub(crate) pending: Vec<(usize, Change<'j>)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'j> {
    Write(Write<'j>),
    Truncate(u64),
}

/// What lies in a directory, by name.
pub(crate) type Names = BTreeMap<String, usize>;

#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) certain: Names,
    pub(crate) pending: Vec<(usize, Renaming)>,
    /// With all of them.
    newest: Names,
}

/// Names that change together: which name then is what, or nothing.
pub(crate) type Renaming = Vec<(String, Option<usize>)>;

const ROOT: usize = 0;

impl<'j> Disk<'j> {
    /// An empty root.
    pub(crate) fn new(syncs: Syncs) -> Self {
        Self {
            objects: vec![Object::Directory(Directory::default())],
            by_ino: HashMap::new(),
            syncing: HashMap::new(),
            syncs,
            taken: 0,
        }
    }

    /// Takes the entries up to `count`, all of which stand in `journal`.
    pub(crate) fn advance(&mut self, journal: &[Entry<'j>], count: usize) {
        while self.taken < count {
            self.take(&journal[self.taken]);
            self.taken += 1;
        }
    }

    fn take(&mut self, entry: &Entry<'j>) {
        match &entry.what {
            What::Start => {
                self.by_ino.insert(entry.ino, ROOT);
                // A process that is gone waits for no sync.
                self.syncing.clear();
            }
            What::Create(path) => self.add(entry.ino, path, Object::File(File::default())),
            What::Mkdir(path) => {
                self.add(entry.ino, path, Object::Directory(Directory::default()));
            }
            What::Rename(from, to) => {
                let (directory, old) = self.find(from);
                let (same, new) = self.find(to);
                assert_eq!(directory, same, "nothing is moved between directories");
                let moved = self.names(directory).newest.get(old).copied();
                assert!(moved.is_some(), "{from} is there");
                self.rename(directory, vec![(old.to_owned(), None), (new.to_owned(), moved)]);
            }
            What::Unlink(path) | What::Rmdir(path) => {
                let (directory, name) = self.find(path);
                self.rename(directory, vec![(name.to_owned(), None)]);
            }
            What::Write(write) => self.change(entry.ino, Change::Write(*write)),
            What::Truncate(len) => self.change(entry.ino, Change::Truncate(*len)),
            What::Sync(Sync { number, only_data }) => {
                if !only_data || self.syncs == Syncs::All {
                    self.syncing.insert(*number, (self.by_ino[&entry.ino], self.taken));
                }
            }
            What::Synced(Sync { number, .. }) => {
                if let Some((object, before)) = self.syncing.remove(number) {
                    self.objects[object].settle(before);
                }
            }
            // What could not be written is not tried again, and later syncs end well without it.
            What::Failed(Failed::Syncing) => {
                if let Object::File(file) = &mut self.objects[self.by_ino[&entry.ino]] {
                    file.pending.clear();
                }
            }
            What::Failed(Failed::SomethingElse) | What::Range | What::Frozen | What::Forgotten => {}
        }
    }

    fn add(&mut self, ino: u64, path: &str, object: Object<'j>) {
        self.objects.push(object);
        let added = self.objects.len() - 1;
        // The number of one that is gone may come again.
        self.by_ino.insert(ino, added);
        let (directory, name) = self.find(path);
        self.rename(directory, vec![(name.to_owned(), Some(added))]);
    }

    /// The directory in which a path ends, and the name there.
    fn find<'p>(&mut self, path: &'p str) -> (usize, &'p str) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut at = ROOT;
        for part in parent.split('/').filter(|part| !part.is_empty()) {
            let found = self.names(at).newest.get(part);
            at = *found.unwrap_or_else(|| panic!("{path}: {part} is there"));
        }
        (at, name)
    }

    fn names(&mut self, at: usize) -> &mut Directory {
        match &mut self.objects[at] {
            Object::Directory(directory) => directory,
            Object::File(_) => panic!("a file is no directory"),
        }
    }

    fn rename(&mut self, at: usize, renaming: Renaming) {
        let number = self.taken;
        let directory = self.names(at);
        apply(&mut directory.newest, &renaming);
        directory.pending.push((number, renaming));
    }

    fn change(&mut self, ino: u64, change: Change<'j>) {
        match &mut self.objects[self.by_ino[&ino]] {
            Object::File(file) => file.pending.push((self.taken, change)),
            Object::Directory(_) => panic!("nobody writes to a directory"),
        }
    }
}

impl Object<'_> {
    /// What came before an entry is on the disk.
    fn settle(&mut self, before: usize) {
        match self {
            Self::File(file) => {
                let upto = file.pending.partition_point(|(number, _)| *number < before);
                for (_, change) in file.pending.drain(..upto) {
                    change.apply(&mut file.certain);
                }
            }
            Self::Directory(directory) => {
                let upto = directory.pending.partition_point(|(number, _)| *number < before);
                for (_, renaming) in directory.pending.drain(..upto) {
                    apply(&mut directory.certain, &renaming);
                }
            }
        }
    }
}

impl Change<'_> {
    pub(crate) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(write) => write.lay(content, 0, write.len),
            Self::Truncate(len) => content.resize(length(*len), 0),
        }
    }

    /// How long a file is with it that was `len` bytes long.
    pub(crate) fn len_after(&self, len: usize) -> usize {
        match self {
            Self::Write(write) => len.max(length(write.at) + write.len),
            Self::Truncate(len) => length(*len),
        }
    }
}

fn length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("files are small")
}

pub(crate) fn apply(names: &mut Names, renaming: &Renaming) {
    for (name, object) in renaming {
        match object {
            Some(object) => names.insert(name.clone(), *object),
            None => names.remove(name),
        };
    }
}
