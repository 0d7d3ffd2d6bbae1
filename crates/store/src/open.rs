use std::cell::Cell;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};

use pawl_domain::TriggerTally;
use prost::Message;

use crate::checkpoint::Checkpoints;
use crate::directory::{self, Claim, LOCK_ATTEMPTS, LOCK_PAUSE, SLED, SLED_NEW};
use crate::flush::flush;
use crate::identities::{Identities, Remembered};
use crate::journal::{Frame, Journal};
use crate::mark::Mark;
use crate::overlay::Overlay;
use crate::recover::Recovered;
use crate::{EntityRow, Head, OpenError, Record, StoreError, Tail, keys, pb, read, readable};

/// Version of the layout that FORMAT.md describes. Older ones are read, and become this one.
pub(crate) const FORMAT_VERSION: u32 = 2;
/// What keeps the data, with its version.
pub const STORE: &str = "sled 0.34.7";
/// A quarter of it is the largest page that sled keeps in its main file.
pub(crate) const SEGMENT_BYTES: usize = 8 * 1_024 * 1_024;
/// Smaller than the randomly used working set, it slows sled tenfold.
const CACHE_BYTES: u64 = 256 * 1_024 * 1_024;
/// sled collects garbage only while it flushes by itself; durability never waits for this.
const BACKGROUND_FLUSH_MS: u64 = 500;

/// Tells one database from every other: 16 random bytes, made with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DatabaseId([u8; 16]);

impl DatabaseId {
    /// One of its own.
    pub(crate) fn new() -> Self {
        Self(*uuid::Uuid::new_v4().as_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&uuid::Uuid::from_bytes(self.0), f)
    }
}

impl fmt::Debug for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An open database. One process holds it at a time.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: sled::Db,
    /// Makes batches durable.
    pub(crate) journal: Mutex<Journal>,
    /// Buffers that frames of the journal have left.
    pub(crate) spare: Mutex<Vec<Vec<u8>>>,
    /// What sled does not have yet.
    pub(crate) overlay: Overlay,
    /// Makes durable what sled has.
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) identities: RwLock<Identities>,
    /// The chunk in which a single record was looked up last; what is written never changes.
    pub(crate) latest_chunk: Mutex<Vec<Record>>,
    /// Where the log begins. Moved by trims only, of which there is one at a time.
    pub(crate) tail: RwLock<Tail>,
    pub(crate) trimming: Mutex<()>,
    /// Bytes of the log's values, from the tail on.
    pub(crate) logged_bytes: Arc<AtomicU64>,
    /// How many backups keep the log from being trimmed.
    pub(crate) pins: Mutex<usize>,
    /// What was acknowledged last.
    pub(crate) mark: Mark,
    database_id: DatabaseId,
    recovered: Head,
    /// Given up last.
    _claim: Claim,
}

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads and writes go on for long.
    Serving,
    /// It is read or written from one end to the other, and closed.
    Passing,
}

impl Store {
    /// Opens the database in `dir`, or makes one where `dir` is missing or empty. Checks the whole
    /// log: dense, undamaged, beginning where the tail says, ending where the head does, and not
    /// before what was acknowledged. What it shows then is durable. Of records only that is looked at
    /// which follows from one to the next; [`verify`](crate::verify) looks at all of them.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::recover_in(dir).map(|(store, _)| store)
    }

    /// The same, holds the rows against what the whole retained log has written, and tells of each
    /// entity's, also of those that were deleted. Gives the statistics of triggers, too.
    pub fn open_checked(
        dir: &Path,
        tell: impl FnMut(&EntityRow),
    ) -> Result<(Self, TriggerTally), OpenError> {
        let (store, recovered) = Self::recover_in(dir)?;
        let checked = store.check_rows(recovered.written, tell);
        checked.map_err(|error| OpenError::when_read_first(dir, &error))?;
        Ok((store, recovered.tally))
    }

    fn recover_in(dir: &Path) -> Result<(Self, Recovered), OpenError> {
        // sled panics also when it is closed again, on a disk that fails.
        quietly(|| Self::open_here(dir)).map_err(|problem| unopened(dir, problem))?
    }

    fn open_here(dir: &Path) -> Result<(Self, Recovered), OpenError> {
        let existing = directory::make(dir)?;
        let claim = Claim::of(dir)?;
        directory::finish_swap(dir)?;
        let sled_dir = dir.join(SLED);
        if !sled_dir.exists() {
            directory::refuse_unless_free(dir)?;
            create(dir, &sled_dir, existing.as_deref())?;
        }
        let mut store = Self::assemble(dir, claim, Purpose::Serving)?;
        let recovered = quietly(|| store.recover())
            .map_err(|problem| unopened(&sled_dir, problem))?
            .map_err(|error| unopened(&sled_dir, error.to_string()))?;
        store.recovered = recovered.head;
        store.mark.check(store.recovered.sequence, &sled_dir)?;
        let marked = store.mark.set(store.recovered.sequence);
        marked.map_err(io_error("write", store.mark.path()))?;
        directory::tidy(dir)?;
        Ok((store, recovered))
    }

    /// Opens what lies in a data directory that is claimed, and looks at none of it.
    pub(crate) fn assemble(dir: &Path, claim: Claim, purpose: Purpose) -> Result<Self, OpenError> {
        let sled_dir = dir.join(SLED);
        let file_path = sled_dir.join("db");
        for expected in [&file_path, &sled_dir.join("conf")] {
            // sled would quietly begin an empty database in its place.
            if !expected.is_file() {
                let problem = "the file is missing".to_owned();
                return Err(OpenError::Damaged { path: expected.clone(), problem });
            }
        }
        remove_unfinished_snapshots(&sled_dir, &file_path)?;
        readable::check(&sled_dir, &file_path)?;
        // Each handle is told once of what could not be written since it was opened. That of sled's own
        // thread tells nobody, so this one is there first.
        let file = File::open(&file_path).map_err(io_error("open", &file_path))?;
        let db = open_sled(&sled_dir, purpose)?;
        let damaged = |problem: String| OpenError::Damaged { path: sled_dir.clone(), problem };
        let database_id = identity(&db, dir, &damaged)?;
        let mark = Mark::open(dir, database_id)?;
        let (journal, frames) = Journal::open(dir, database_id)?;
        // Who only passes looks at everything, and finds by itself what cannot be read.
        let is_readable = purpose == Purpose::Serving || read::head_in(&db).is_ok();
        let frames = if is_readable { frames } else { Vec::new() };
        let last = quietly(|| if is_readable { replay(&db, &frames) } else { Ok(0) })
            .map_err(|problem| unopened(&sled_dir, problem))?
            .map_err(|error| unopened(&sled_dir, error.to_string()))?;
        // A process that was killed may have left what no sync has reached. It is shown from here on.
        flush(&db).map_err(|error| unopened(&file_path, error.to_string()))?;
        file.sync_data().map_err(io_error("sync", &file_path))?;
        let checkpoints = Arc::new(Checkpoints::start(db.clone(), file, file_path, last));
        let logged_bytes = Arc::new(AtomicU64::new(0));
        let (syncing, counting) = (Arc::clone(&checkpoints), Arc::clone(&logged_bytes));
        Ok(Self {
            overlay: Overlay::start(db.clone(), syncing, counting, last),
            checkpoints,
            db,
            journal: Mutex::new(journal),
            spare: Mutex::default(),
            identities: RwLock::new(Identities::new(database_id)),
            latest_chunk: Mutex::default(),
            tail: RwLock::new(Tail::BEGINNING),
            trimming: Mutex::default(),
            logged_bytes,
            pins: Mutex::default(),
            mark,
            database_id,
            recovered: Head::default(),
            _claim: claim,
        })
    }

    /// Which database this is.
    pub fn database_id(&self) -> DatabaseId {
        self.database_id
    }

    /// Where the log ended when the store was opened.
    pub fn recovered(&self) -> Head {
        self.recovered
    }

    /// What people are told when an error ends the server: what failed, where, and what to do.
    pub fn explain(&self, error: &StoreError) -> String {
        error.explained(self.mark.path().parent().unwrap_or(Path::new(".")))
    }

    /// How many identities of events and requests are remembered, and what they take.
    pub fn identities(&self) -> Remembered {
        self.identities.read().unwrap_or_else(PoisonError::into_inner).held()
    }
}

/// Applies what the journal has and sled has lost. What does not follow on sled's log is no part of it:
/// the mark tells if something is missing. Gives the last record there is.
fn replay(db: &sled::Db, frames: &[Frame]) -> Result<u64, StoreError> {
    let mut last = read::head_in(db)?.sequence;
    for frame in frames {
        if frame.last <= last {
            continue;
        }
        if frame.first != last + 1 {
            break;
        }
        db.apply_batch(frame.writes())?;
        last = frame.last;
    }
    Ok(last)
}

/// Makes a new database beside its final place and renames it there once it is whole.
fn create(dir: &Path, sled_dir: &Path, existing: Option<&Path>) -> Result<(), OpenError> {
    let unfinished = dir.join(SLED_NEW);
    directory::remove(&unfinished)?;
    // Without sled's own thread, which does not tell when it could not sync what it wrote.
    let db = open_sled(&unfinished, Purpose::Passing)?;
    let damaged = |error: sled::Error| unopened(&unfinished, error.to_string());
    identify(&db, DatabaseId::new()).map_err(damaged)?;
    db.insert(keys::HEAD, pb::Head::default().encode_to_vec()).map_err(damaged)?;
    flush(&db).map_err(damaged)?;
    drop(db);
    directory::sync_database(&unfinished)?;
    fs::rename(&unfinished, sled_dir).map_err(io_error("rename", &unfinished))?;
    directory::sync_up(dir, existing)
}

/// The row that says which database it is.
pub(crate) fn identity_of(database_id: DatabaseId) -> Vec<u8> {
    let database_id = database_id.0.to_vec();
    pb::Identity { format_version: FORMAT_VERSION, database_id }.encode_to_vec()
}

/// Which database it is. One of an older format becomes one of this.
fn identity(
    db: &sled::Db,
    dir: &Path,
    damaged: &dyn Fn(String) -> OpenError,
) -> Result<DatabaseId, OpenError> {
    let row = db.get(keys::IDENTITY).map_err(|error| damaged(error.to_string()))?;
    let row = row.ok_or_else(|| damaged("it does not say which database it is".to_owned()))?;
    let row = pb::Identity::decode(&*row).map_err(|error| damaged(error.to_string()))?;
    if row.format_version > FORMAT_VERSION {
        let (found, known) = (row.format_version, FORMAT_VERSION);
        return Err(OpenError::Newer { path: dir.to_owned(), found, known });
    }
    let id = DatabaseId::from_bytes(&row.database_id);
    let id = id.ok_or_else(|| damaged("its database id is not 16 bytes long".to_owned()))?;
    if row.format_version < FORMAT_VERSION {
        // Before anything is written that an older Pawl would misread.
        identify(db, id).map_err(|error| damaged(error.to_string()))?;
    }
    Ok(id)
}

/// Writes which database it is, and by which format.
fn identify(db: &sled::Db, database_id: DatabaseId) -> sled::Result<()> {
    db.insert(keys::IDENTITY, identity_of(database_id)).map(drop)
}

/// Removes what is left of snapshots that sled could not finish, on a full disk or in a crash: it would
/// take one for its newest, and itself for damaged. Whole ones have other names.
fn remove_unfinished_snapshots(sled_dir: &Path, file_path: &Path) -> Result<(), OpenError> {
    let file = File::open(file_path).map_err(io_error("open", file_path))?;
    // The lock that sled takes: who has it may be about to finish one, and will be noticed later.
    if file.try_lock().is_err() {
        return Ok(());
    }
    for entry in fs::read_dir(sled_dir).map_err(io_error("list", sled_dir))? {
        let entry = entry.map_err(io_error("list", sled_dir))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let path = entry.path();
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    // The lock goes with the file.
    Ok(())
}

pub(crate) fn open_sled(path: &Path, purpose: Purpose) -> Result<sled::Db, OpenError> {
    let mut attempts = 1;
    loop {
        let config = sled::Config::new()
            .path(path)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms((purpose == Purpose::Serving).then_some(BACKGROUND_FLUSH_MS));
        let error = match quietly(|| config.open()) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) => error,
            Ok(Err(error)) => return Err(unsettled(path, error.to_string())),
            Err(problem) => return Err(unsettled(path, problem)),
        };
        if !error.to_string().contains("could not acquire lock") {
            return Err(io_error("open", path)(error));
        }
        if attempts == LOCK_ATTEMPTS {
            let path = path.parent().unwrap_or(path).to_owned();
            return Err(OpenError::InUse { path });
        }
        attempts += 1;
        std::thread::sleep(LOCK_PAUSE);
    }
}

thread_local! {
    /// Whether this thread hears of panics from whoever catches them, and nobody need read of them.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `action`; sled panics on some damage, which becomes its message, and nothing else is printed.
pub(crate) fn quietly<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    let was_quiet = QUIET.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(action));
    QUIET.set(was_quiet);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("sled gives up: {}", text.unwrap_or("it does not say why"))
    })
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull => OpenError::DiskFull { path },
        _ if disk_fails(&source.to_string()) => {
            OpenError::DiskFails { path, problem: format!("cannot {action} it: {source}") }
        }
        _ => OpenError::Io { action, path, source },
    }
}

/// Why sled gave up when it opened `sled_dir`: perhaps only its snapshot is damaged, which it can make again.
fn unsettled(sled_dir: &Path, problem: String) -> OpenError {
    let snapshots =
        fs::read_dir(sled_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_snapshot = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."))
    };
    // The newest is the one that it reads.
    let Some(path) = snapshots.filter(is_snapshot).max() else {
        return unopened(sled_dir, problem);
    };
    match fs::read(&path) {
        Ok(bytes) if !is_sealed(&bytes) => {
            let problem = "its checksum does not fit (once it is removed, it is made again from \
                           `db`, which takes as long as that is)";
            OpenError::Damaged { path, problem: problem.to_owned() }
        }
        _ => unopened(sled_dir, problem),
    }
}

/// Whether one of sled's snapshots is whole: it ends with its length and its checksum.
fn is_sealed(snapshot: &[u8]) -> bool {
    let Some((rest, checksum)) = snapshot.split_last_chunk::<4>() else { return false };
    let Some((told, length)) = rest.split_last_chunk::<8>() else { return false };
    !told.is_empty()
        && u64::from_le_bytes(*length) == told.len() as u64
        && u32::from_le_bytes(*checksum) == crc32fast::hash(told)
}

/// Why sled gave up on `path`. It panics on a full disk as it does on damage, and restoring a backup
/// would be the wrong advice then. So it would be while the disk fails.
pub(crate) fn unopened(path: &Path, problem: String) -> OpenError {
    let path = path.to_owned();
    if disk_is_full(&problem) {
        OpenError::DiskFull { path }
    } else if disk_fails(&problem) {
        OpenError::DiskFails { path, problem }
    } else {
        OpenError::Damaged { path, problem }
    }
}

/// Whether a message tells of a disk without room. sled hands on little more than the text of errors.
pub(crate) fn disk_is_full(problem: &str) -> bool {
    ["No space left on device", "StorageFull"].iter().any(|words| problem.contains(words))
}

/// Whether a message tells of a disk that does not do what it is asked to: `EIO`.
pub(crate) fn disk_fails(problem: &str) -> bool {
    problem.contains("Input/output error")
}
