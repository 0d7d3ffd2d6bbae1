use std::fmt;
use std::fs::{self, File};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prost::Message;

use crate::checkpoint::Checkpoints;
use crate::identities::Identities;
use crate::journal::{Frame, Journal};
use crate::mark::Mark;
use crate::overlay::Overlay;
use crate::recover::Recovered;
use crate::{Head, OpenError, Record, StoreError, Tail, keys, pb, read};

/// Version of the layout that FORMAT.md describes. Older ones are read, and become this one.
const FORMAT_VERSION: u32 = 2;
/// What keeps the data, with its version.
pub const STORE: &str = "sled 0.34.7";
/// sled's own directory inside the data directory.
const SLED: &str = "sled";
/// The same while it is being made, so that a half-made one is never taken for a database.
const SLED_NEW: &str = "sled.new";
/// A quarter of it is the largest page that sled keeps in its main file.
const SEGMENT_BYTES: usize = 8 * 1_024 * 1_024;
/// Smaller than the randomly used working set, it slows sled tenfold.
const CACHE_BYTES: u64 = 256 * 1_024 * 1_024;
/// sled collects garbage only while it flushes by itself; durability never waits for this.
const BACKGROUND_FLUSH_MS: u64 = 500;
/// A process that was just killed may hold its lock a little longer.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Tells one database from every other: 16 random bytes, made with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DatabaseId([u8; 16]);

impl DatabaseId {
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
    /// What was acknowledged last.
    pub(crate) mark: Mark,
    database_id: DatabaseId,
    recovered: Head,
}

impl Store {
    /// Opens the database in `dir`, or makes one where `dir` is missing or empty. Checks the whole
    /// log: dense, undamaged, beginning where the tail says, ending where the head does, and not
    /// before what was acknowledged. What it shows then is durable.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_observed(dir, |_| {})
    }

    /// The same, and shows what there is on the way: first the statistics of triggers, then every
    /// record of the log.
    pub fn open_observed(
        dir: &Path,
        observe: impl FnMut(Recovered<'_>),
    ) -> Result<Self, OpenError> {
        let sled_dir = dir.join(SLED);
        if !sled_dir.exists() {
            if Mark::is_in(dir) || Journal::is_in(dir) {
                let problem = "the directory is missing, though there was a database (once the files \
                               `mark`, `journal.0` and `journal.1` beside it are removed, an empty \
                               one begins)";
                return Err(OpenError::Damaged { path: sled_dir, problem: problem.to_owned() });
            }
            create(dir, &sled_dir)?;
        }
        let file_path = sled_dir.join("db");
        for expected in [&file_path, &sled_dir.join("conf")] {
            // sled would quietly begin an empty database in its place.
            if !expected.is_file() {
                let problem = "the file is missing".to_owned();
                return Err(OpenError::Damaged { path: expected.clone(), problem });
            }
        }
        remove_unfinished_snapshots(&sled_dir, &file_path)?;
        let db = open_sled(&sled_dir)?;
        let file = File::open(&file_path).map_err(io_error("open", &file_path))?;
        let damaged = |problem: String| OpenError::Damaged { path: sled_dir.clone(), problem };
        let database_id = identity(&db, dir, &damaged)?;
        let mark = Mark::open(dir, database_id)?;
        let (journal, frames) = Journal::open(dir, database_id)?;
        let last = quietly(|| replay(&db, &frames))
            .map_err(|problem| unopened(&sled_dir, problem))?
            .map_err(|error| unopened(&sled_dir, error.to_string()))?;
        // A process that was killed may have left what no sync has reached. It is shown from here on.
        db.flush().map_err(|error| unopened(&file_path, error.to_string()))?;
        file.sync_data().map_err(io_error("sync", &file_path))?;
        let checkpoints = Arc::new(Checkpoints::start(db.clone(), file, file_path, last));
        let logged_bytes = Arc::new(AtomicU64::new(0));
        let (syncing, counting) = (Arc::clone(&checkpoints), Arc::clone(&logged_bytes));
        let mut store = Self {
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
            mark,
            database_id,
            recovered: Head::default(),
        };
        store.recovered = quietly(|| store.recover(observe))
            .map_err(|problem| unopened(&sled_dir, problem))?
            .map_err(|error| unopened(&sled_dir, error.to_string()))?;
        store.mark.check(store.recovered.sequence, &sled_dir)?;
        let marked = store.mark.set(store.recovered.sequence);
        marked.map_err(io_error("write", store.mark.path()))?;
        Ok(store)
    }

    /// Which database this is.
    pub fn database_id(&self) -> DatabaseId {
        self.database_id
    }

    /// Where the log ended when the store was opened.
    pub fn recovered(&self) -> Head {
        self.recovered
    }

    /// How many event and request identities are remembered.
    pub fn identities(&self) -> usize {
        self.identities.read().unwrap_or_else(PoisonError::into_inner).len()
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
fn create(dir: &Path, sled_dir: &Path) -> Result<(), OpenError> {
    // The deepest directory that is there already: below it every new entry must be synced too.
    let existing = dir.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned);
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let unfinished = dir.join(SLED_NEW);
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let found = entry.map_err(io_error("list", dir))?.file_name();
        if found != SLED_NEW {
            let found = found.to_string_lossy().into_owned();
            return Err(OpenError::Foreign { path: dir.to_owned(), found });
        }
    }
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(io_error("remove", &unfinished))?;
    }
    let db = open_sled(&unfinished)?;
    let database_id = DatabaseId(uuid::Uuid::new_v4().into_bytes());
    let damaged = |error: sled::Error| unopened(&unfinished, error.to_string());
    identify(&db, database_id).map_err(damaged)?;
    db.insert(keys::HEAD, pb::Head::default().encode_to_vec()).map_err(damaged)?;
    db.flush().map_err(damaged)?;
    drop(db);
    for name in ["db", "conf"] {
        sync(&unfinished.join(name))?;
    }
    sync(&unfinished)?;
    fs::rename(&unfinished, sled_dir).map_err(io_error("rename", &unfinished))?;
    for directory in dir.ancestors() {
        // An empty path is the directory in which the process runs.
        let path = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        sync(path)?;
        if existing.as_deref() == Some(directory) || directory.as_os_str().is_empty() {
            break;
        }
    }
    Ok(())
}

pub(crate) fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io_error("sync", path))
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
    let bytes = row.database_id.try_into();
    let not_16 = |_| damaged("its database id is not 16 bytes long".to_owned());
    let database_id = bytes.map(DatabaseId).map_err(not_16)?;
    if row.format_version < FORMAT_VERSION {
        // Before anything is written that an older Pawl would misread.
        identify(db, database_id).map_err(|error| damaged(error.to_string()))?;
    }
    Ok(database_id)
}

/// Writes which database it is, and by which format.
fn identify(db: &sled::Db, database_id: DatabaseId) -> sled::Result<()> {
    let database_id = database_id.as_bytes().to_vec();
    let row = pb::Identity { format_version: FORMAT_VERSION, database_id };
    db.insert(keys::IDENTITY, row.encode_to_vec()).map(drop)
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

fn open_sled(path: &Path) -> Result<sled::Db, OpenError> {
    let mut attempts = 1;
    loop {
        let config = sled::Config::new()
            .path(path)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(BACKGROUND_FLUSH_MS));
        let error = match quietly(|| config.open()) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) => error,
            Ok(Err(error)) => return Err(unopened(path, error.to_string())),
            Err(problem) => return Err(unopened(path, problem)),
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

/// Runs `action`; sled panics on some damage, which becomes its message.
pub(crate) fn quietly<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(action)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("sled gave up without a word").to_owned()
    })
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull => OpenError::DiskFull { path },
        _ => OpenError::Io { action, path, source },
    }
}

/// Why sled gave up on `path`. It panics on a full disk as it does on damage, and restoring a backup
/// would be the wrong advice then.
fn unopened(path: &Path, problem: String) -> OpenError {
    let path = path.to_owned();
    if ["No space left on device", "StorageFull"].iter().any(|words| problem.contains(words)) {
        return OpenError::DiskFull { path };
    }
    OpenError::Damaged { path, problem }
}
