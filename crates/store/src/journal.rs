//! The journal: what makes a batch durable.
//!
//! A batch is appended here, in one write with one sync, before anybody hears of it. sled is synced
//! only now and then; what it loses in a crash is applied again from here when the store is opened.
//! Two files take turns, so that one of them always reaches back to before the last sync of sled.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::chunk::{self, Segment};
use crate::directory::sync;
use crate::open::io_error;
use crate::{DatabaseId, OpenError};

/// Their names in the data directory.
pub(crate) const NAMES: [&str; 2] = ["journal.0", "journal.1"];
/// What begins a journal, with the version of the layout below.
const MAGIC: [u8; 8] = *b"pawljrn\x01";
/// The first frame begins in a page of its own.
const FRAMES_AT: u64 = 4_096;
const FRAME_HEADER_BYTES: usize = 40;
const OP_HEADER_BYTES: usize = 7;
/// Kinds of operations.
const REMOVE: u8 = 0;
const PUT: u8 = 1;
const RECORDS: u8 = 2;
/// A file grows in steps of this, written with zeros, so that most appends need nothing of the file
/// system but the sync itself.
const GROWTH_BYTES: u64 = 1_024 * 1_024;
/// When a file has this much, the other one takes over, unless sled still needs that.
const FULL_BYTES: u64 = 8 * 1_024 * 1_024;
/// A file that has this much takes no more: whoever would append waits until sled is synced.
const OVERFULL_BYTES: u64 = 64 * 1_024 * 1_024;

/// What a batch writes into sled, as the journal keeps it.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Sequence of its first record.
    pub(crate) first: u64,
    /// Sequence of its last record.
    pub(crate) last: u64,
    /// Room for the frame's header, then the operations.
    bytes: Vec<u8>,
}

/// The files. One process has them at a time.
#[derive(Debug)]
pub(crate) struct Journal {
    files: [Volume; 2],
    current: usize,
    run: Run,
}

/// What frames that were written one behind the other have in common. What else lies in the file is
/// left over from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Run {
    /// Grows whenever the other file takes over.
    generation: u64,
    /// By chance, another whenever the journal is opened: a generation of which nothing could be read
    /// is not known to have been.
    salt: u64,
}

#[derive(Debug)]
struct Volume {
    file: File,
    path: PathBuf,
    /// Where the next frame begins.
    end: u64,
    /// Up to here the file has bytes already.
    room: u64,
    /// The last record of which it holds a frame.
    last: u64,
}

/// What one file was found to hold.
#[derive(Default)]
struct Found {
    run: Run,
    frames: Vec<Frame>,
}

impl Frame {
    /// A frame in a buffer that may have served before.
    pub(crate) fn new(first: u64, last: u64, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(FRAME_HEADER_BYTES, 0);
        Self { first, last, bytes: buffer }
    }

    /// Its buffer, to serve again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds records of the log.
    pub(crate) fn push_segment(&mut self, segment: &Segment) {
        let ends = [segment.first.to_be_bytes(), segment.last.to_be_bytes()].concat();
        self.push(RECORDS, &ends, &segment.payload);
    }

    /// Adds a key that is written, or removed.
    pub(crate) fn push_key(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.push(if value.is_some() { PUT } else { REMOVE }, key, value.unwrap_or_default());
    }

    fn push(&mut self, kind: u8, key: &[u8], value: &[u8]) {
        // Keys have at most a few hundred bytes, values at most tens of megabytes.
        let key_len = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let value_len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&key_len.to_be_bytes());
        self.bytes.extend_from_slice(&value_len.to_be_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    /// How many bytes it takes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What it writes into sled.
    pub(crate) fn writes(&self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        let mut segments = Vec::new();
        for (kind, key, value) in self.ops() {
            match kind {
                PUT => batch.insert(key, value),
                REMOVE => batch.remove(key),
                _ => segments.extend(segment(key, value)),
            }
        }
        for (key, value) in chunk::pack(&segments) {
            batch.insert(&key[..], value);
        }
        batch
    }

    fn ops(&self) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
        let mut rest = &self.bytes[FRAME_HEADER_BYTES..];
        std::iter::from_fn(move || {
            let (op, behind) = rest.split_at_checked(OP_HEADER_BYTES)?;
            let key_len = usize::from(u16::from_be_bytes([op[1], op[2]]));
            let value_len = u32::from_be_bytes([op[3], op[4], op[5], op[6]]) as usize;
            let (key, behind) = behind.split_at_checked(key_len)?;
            let (value, behind) = behind.split_at_checked(value_len)?;
            rest = behind;
            Some((op[0], key, value))
        })
    }

    /// Its bytes, as the first of a journal.
    #[cfg(feature = "fuzz")]
    pub(crate) fn into_sealed(mut self) -> Vec<u8> {
        self.seal(Run::default());
        self.bytes
    }

    /// The length of the frame at the beginning of `bytes`, if there is a whole one, and how many
    /// operations it is made of, all of which are read.
    #[cfg(feature = "fuzz")]
    pub(crate) fn replay(bytes: &[u8]) -> Option<(usize, usize)> {
        let (_, frame) = Self::read(bytes)?;
        drop(frame.writes());
        Some((frame.len(), frame.ops().count()))
    }

    fn seal(&mut self, run: Run) {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[4..8].copy_from_slice(&len.to_be_bytes());
        let numbers = [run.generation, run.salt, self.first, self.last];
        for (number, at) in numbers.into_iter().zip((8..).step_by(8)) {
            self.bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
        }
        let checksum = crc32fast::hash(&self.bytes[4..]);
        self.bytes[..4].copy_from_slice(&checksum.to_be_bytes());
    }

    /// The frame at the beginning of `bytes`, if there is a whole one.
    fn read(bytes: &[u8]) -> Option<(Run, Self)> {
        let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
        let number = |at: usize| header[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        let len = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let bytes = bytes.get(..len)?;
        if len < FRAME_HEADER_BYTES || crc32fast::hash(&bytes[4..]).to_be_bytes() != header[..4] {
            return None;
        }
        let run = Run { generation: number(8), salt: number(16) };
        Some((run, Self { first: number(24), last: number(32), bytes: bytes.to_vec() }))
    }
}

fn segment(ends: &[u8], payload: &[u8]) -> Option<Segment> {
    let (first, last) = ends.split_first_chunk::<8>()?;
    Some(Segment {
        first: u64::from_be_bytes(*first),
        last: u64::from_be_bytes(last.try_into().ok()?),
        payload: payload.to_vec(),
    })
}

impl Journal {
    /// Whether `dir` has a part of one.
    pub(crate) fn is_in(dir: &Path) -> bool {
        NAMES.iter().any(|name| dir.join(name).exists())
    }

    /// Opens the journal in `dir` and says what it holds, oldest first. A file that is missing, or
    /// holds nothing that can be read, holds nothing: the mark tells whether that is too little.
    pub(crate) fn open(dir: &Path, id: DatabaseId) -> Result<(Self, Vec<Frame>), OpenError> {
        let [one, two] = NAMES.map(|name| Volume::open(dir.join(name), id));
        let ((one, found_one), (two, found_two)) = (one?, two?);
        sync(dir)?;
        let newer = usize::from(found_two.run.generation > found_one.run.generation);
        let generation = found_one.run.generation.max(found_two.run.generation) + 1;
        let run = Run { generation, salt: Uuid::new_v4().as_u64_pair().0 };
        let mut found = [found_one.frames, found_two.frames];
        let mut newest = std::mem::take(&mut found[newer]);
        let mut frames = std::mem::take(&mut found[1 - newer]);
        if let Some(first) = newest.first() {
            // Who goes on without records that are gone writes others with their sequences.
            frames.retain(|frame| frame.last < first.first);
        }
        frames.append(&mut newest);
        // What is there stays until sled has it: the older file takes what comes next.
        let journal = Self { files: [one, two], current: 1 - newer, run };
        Ok((journal, frames))
    }

    /// Makes frames durable, in order. `synced` is the last record that sled has durably.
    pub(crate) fn append<'f>(
        &mut self,
        frames: impl Iterator<Item = &'f mut Frame>,
        synced: u64,
    ) -> io::Result<()> {
        if self.files[self.current].end >= FULL_BYTES && self.files[1 - self.current].last <= synced
        {
            self.current = 1 - self.current;
            self.run.generation += 1;
            self.files[self.current].end = FRAMES_AT;
        }
        let volume = &mut self.files[self.current];
        for frame in frames {
            frame.seal(self.run);
            volume.append(&frame.bytes)?;
            volume.last = frame.last;
        }
        volume.file.sync_data()
    }

    /// Whether it takes no more until sled is synced.
    pub(crate) fn is_overfull(&self, synced: u64) -> bool {
        self.files[self.current].end >= OVERFULL_BYTES && self.files[1 - self.current].last > synced
    }

    /// The file that takes what comes next.
    pub(crate) fn path(&self) -> &Path {
        &self.files[self.current].path
    }
}

impl Volume {
    /// Writes a frame behind the others.
    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let end = self.end + frame.len() as u64;
        if end > self.room {
            let room = end.next_multiple_of(GROWTH_BYTES);
            let zeros = usize::try_from(room - end).unwrap_or_default();
            self.file.write_all_at(&vec![0; zeros], end)?;
            self.room = room;
        }
        self.file.write_all_at(frame, self.end)?;
        self.end = end;
        Ok(())
    }

    fn open(path: PathBuf, id: DatabaseId) -> Result<(Self, Found), OpenError> {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(io_error("open", &path))?;
        let begun = bytes.get(..MAGIC.len()) == Some(&MAGIC[..]);
        if begun && bytes.get(8..24) != Some(&id.as_bytes()[..]) {
            let problem = "it belongs to another database (once it is removed, the database opens \
                           as far as it goes without it)";
            return Err(OpenError::Damaged { path, problem: problem.to_owned() });
        }
        let mut found = Found::default();
        let mut end = FRAMES_AT;
        while begun
            && let Some(rest) = usize::try_from(end).ok().and_then(|end| bytes.get(end..))
            && let Some((run, frame)) = Frame::read(rest)
            && (found.frames.is_empty() || run == found.run)
        {
            found.run = run;
            end += frame.len() as u64;
            found.frames.push(frame);
        }
        if !begun {
            let mut header = [&MAGIC[..], id.as_bytes()].concat();
            header.resize(usize::try_from(FRAMES_AT).unwrap_or_default(), 0);
            file.set_len(0).map_err(io_error("truncate", &path))?;
            file.write_all_at(&header, 0).map_err(io_error("write", &path))?;
            file.sync_all().map_err(io_error("sync", &path))?;
        }
        let last = found.frames.last().map_or(0, |frame| frame.last);
        let room = if begun { bytes.len() as u64 } else { FRAMES_AT };
        Ok((Self { file, path, end: FRAMES_AT, room, last }, found))
    }
}
