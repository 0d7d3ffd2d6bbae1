//! A copy to open in place of what must not be touched.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use super::{Look, Phase};
use crate::OpenError;
use crate::directory;
use crate::journal;
use crate::open::io_error;

/// How much is copied at a time.
const BUFFER_BYTES: usize = 1_024 * 1_024;

/// Copies all that sled would read of a database. Gives the names in `blobs`, where none should be.
pub(super) fn database(
    from: &Path,
    to: &Path,
    look: &mut Look<'_>,
) -> Result<Vec<String>, OpenError> {
    let db = from.join("db");
    // Held until all is copied, against who opens it otherwise than through its directory.
    let held = File::open(&db).ok();
    if let Some(held) = &held {
        directory::lock(held, from.parent().unwrap_or(from))?;
        let bytes = held.metadata().map_err(io_error("read", &db))?.len();
        look.begin(Phase::Copy, Some(bytes));
    }
    let mut blobs = Vec::new();
    fs::create_dir_all(to.join("blobs")).map_err(io_error("create", to))?;
    for entry in fs::read_dir(from).map_err(io_error("list", from))? {
        let path = entry.map_err(io_error("list", from))?.path();
        let Some(name) = path.file_name() else { continue };
        // One that was not finished is not read either.
        if path.is_file() && path.extension().is_none_or(|extension| extension != "generating") {
            file(&path, &to.join(name), look)?;
        }
    }
    let from = from.join("blobs");
    if from.is_dir() {
        for entry in fs::read_dir(&from).map_err(io_error("list", &from))? {
            let path = entry.map_err(io_error("list", &from))?.path();
            let Some(name) = path.file_name() else { continue };
            file(&path, &to.join("blobs").join(name), look)?;
            blobs.push(name.to_string_lossy().into_owned());
        }
    }
    blobs.sort_unstable();
    Ok(blobs)
}

/// Copies the journal: what only it has is applied to the copy.
pub(super) fn journal(from: &Path, to: &Path, look: &mut Look<'_>) -> Result<(), OpenError> {
    for name in journal::NAMES {
        if from.join(name).exists() {
            file(&from.join(name), &to.join(name), look)?;
        }
    }
    Ok(())
}

fn file(from: &Path, to: &Path, look: &mut Look<'_>) -> Result<(), OpenError> {
    let mut source = File::open(from).map_err(io_error("open", from))?;
    let mut copy = File::create(to).map_err(io_error("create", to))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = source.read(&mut buffer).map_err(io_error("read", from))?;
        if read == 0 {
            return Ok(());
        }
        copy.write_all(&buffer[..read]).map_err(io_error("write", to))?;
        look.at(Phase::Copy, read as u64);
    }
}

/// An error about the copy, as one about what was copied.
pub(super) fn of_original(error: OpenError, copy: &Path, original: &Path) -> OpenError {
    match error {
        OpenError::Damaged { path, problem } => {
            let path = path.strip_prefix(copy).map_or(path.clone(), |rest| original.join(rest));
            OpenError::Damaged { path, problem }
        }
        OpenError::Newer { found, known, .. } => OpenError::Newer {
            path: original.parent().unwrap_or(original).to_owned(),
            found,
            known,
        },
        error => error,
    }
}
