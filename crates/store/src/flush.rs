//! What sled has in memory goes to the disk, or it is told why not.
//!
//! sled does not always wake who waits in a flush for a write that fails, which would wait for ever
//! then. But it does as soon as another flush begins and finds that something failed.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::open::quietly;

/// How long a flush may take before another one looks after it: longer than most take. The next one
/// comes after twice that, since a disk may also be slow.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hands sled's buffers to the system and syncs them.
pub(crate) fn flush(db: &sled::Db) -> sled::Result<()> {
    let (sender, flushed) = mpsc::channel();
    let mut patience = PATIENCE;
    loop {
        let (db, sender) = (db.clone(), sender.clone());
        let flush = move || {
            let done = quietly(|| db.flush().map(drop));
            // Nobody is to find the database still open.
            drop(db);
            // Another one may have been faster.
            let _ = sender.send(done);
        };
        thread::Builder::new().name("pawl-flush".to_owned()).spawn(flush)?;
        if let Ok(done) = flushed.recv_timeout(patience) {
            return done.unwrap_or_else(|problem| Err(io::Error::other(problem).into()));
        }
        patience *= 2;
    }
}
