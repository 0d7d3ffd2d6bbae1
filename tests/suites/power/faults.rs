//! Disks that fail: under load, and when a server starts. It must end and say what is wrong, whoever
//! waits must learn that the outcome is unknown, and nothing that was acknowledged may be gone: neither
//! for the next server, nor after a power loss on that one.
//!
//! `PAWL_POWER_FAULTS` says how many faults are tried under load beyond those of the table.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use pawl_tests::{Refused, cases, say, within};
use tonic::{Code, Status};

use crate::disk::Syncs;
use crate::image::Model;
use crate::life::{Loading, ended, load};
use crate::load::{Loader, Pace, set_up};
use crate::losses::Losses;
use crate::notes::Notes;
use crate::rig::{Access, Host, Order, Rig};

pub(crate) const EIO: i32 = 5;
pub(crate) const ENOSPC: i32 = 28;
const LOADERS: usize = 3;
/// Calls that are answered before the disk fails.
const CALLS: usize = 60;
/// Random faults under load, unless told otherwise.
const RANDOM: u64 = 6;
const PATIENCE_S: u64 = 60;
/// Nothing is trimmed here.
pub(crate) const WINDOW: Duration = Duration::from_hours(24);

/// What fails: the `nth` time, and with `lasting` ever after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    what: Access,
    name: &'static str,
    nth: u32,
    pub(crate) errno: i32,
    lasting: bool,
}

pub(crate) const fn once(what: Access, name: &'static str, nth: u32) -> Fault {
    Fault { what, name, nth, errno: EIO, lasting: false }
}

pub(crate) const fn from(what: Access, name: &'static str, nth: u32, errno: i32) -> Fault {
    Fault { what, name, nth, errno, lasting: true }
}

const UNDER_LOAD: [Fault; 15] = [
    once(Access::SyncData, "journal.", 1),
    from(Access::SyncData, "journal.", 5, EIO),
    once(Access::Write, "journal.", 3),
    from(Access::Write, "journal.", 3, ENOSPC),
    once(Access::Write, "mark", 2),
    once(Access::SyncData, "db", 1),
    // By sled's own thread, which tells nobody.
    once(Access::Sync, "db", 1),
    once(Access::Sync, "db", 3),
    once(Access::SyncAny, "db", 3),
    from(Access::SyncAny, "db", 1, EIO),
    once(Access::Write, "db", 1),
    from(Access::Write, "db", 4, EIO),
    from(Access::Write, "db", 2, ENOSPC),
    from(Access::Write, "", 7, EIO),
    from(Access::SyncAny, "", 3, EIO),
];

const AT_A_START: [Fault; 31] = [
    once(Access::Open, "db", 1),
    once(Access::Open, "db", 3),
    once(Access::Open, "conf", 1),
    once(Access::Open, "snap.", 1),
    once(Access::Open, "mark", 1),
    once(Access::Open, "journal.0", 1),
    once(Access::Read, "db", 1),
    once(Access::Read, "db", 2),
    once(Access::Read, "db", 4),
    from(Access::Read, "db", 2, EIO),
    // The header of a segment, and what lies behind it.
    from(Access::ReadSector, "db", 0, EIO),
    from(Access::ReadSector, "db", 50, EIO),
    from(Access::ReadSector, "journal.1", 9, EIO),
    once(Access::Read, "conf", 1),
    once(Access::Read, "snap.", 1),
    once(Access::Read, "mark", 1),
    once(Access::Write, "db", 1),
    once(Access::Write, "db", 2),
    from(Access::Write, "db", 1, ENOSPC),
    once(Access::Write, "snap.", 1),
    from(Access::Write, "snap.", 1, ENOSPC),
    once(Access::Write, "mark", 1),
    from(Access::Write, "mark", 1, ENOSPC),
    once(Access::Sync, "db", 1),
    once(Access::Sync, "snap.", 1),
    once(Access::SyncData, "db", 1),
    from(Access::SyncAny, "db", 1, EIO),
    from(Access::SyncAny, "db", 2, EIO),
    from(Access::SyncAny, "", 3, EIO),
    from(Access::SyncAny, "", 4, EIO),
    from(Access::Write, "", 3, ENOSPC),
];

/// When there is no database yet.
const AT_THE_FIRST_START: [Fault; 13] = [
    once(Access::Open, "db", 1),
    once(Access::Write, "conf", 1),
    from(Access::Write, "db", 1, ENOSPC),
    once(Access::Sync, "db", 1),
    once(Access::SyncAny, "db", 2),
    from(Access::Write, "snap.", 1, ENOSPC),
    from(Access::Write, "journal.", 1, ENOSPC),
    once(Access::Write, "journal.", 2),
    once(Access::Write, "mark", 1),
    once(Access::SyncAny, "mark", 1),
    from(Access::SyncAny, "db", 1, EIO),
    from(Access::SyncAny, "", 3, EIO),
    from(Access::Write, "", 6, ENOSPC),
];

fn random(rng: &mut Rng) -> Fault {
    let (what, names): (_, &[_]) = match rng.u32(..3) {
        0 => (Access::Write, &["", "db", "journal.", "mark"]),
        1 => (Access::SyncData, &["", "db", "journal."]),
        _ => (Access::SyncAny, &["", "db", "journal."]),
    };
    let name = names[rng.usize(..names.len())];
    let errno = if rng.bool() { EIO } else { ENOSPC };
    Fault { what, name, nth: rng.u32(1..30), errno, lasting: rng.bool() }
}

impl Fault {
    pub(crate) fn order(&self, rig: &Rig) {
        let Self { what, name, nth, errno, lasting } = *self;
        rig.order(Order::Fail { what, name, nth, errno, lasting });
    }

    /// The server has ended by itself, and has said why, where, and what to do.
    fn check_end(&self, status: ExitStatus, told: &str) {
        assert_eq!(status.code(), Some(1), "{self:?}: {told}");
        // What is left of sled may go on telling of it.
        let last = told.lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default();
        let (problem, advice) = match self.errno {
            ENOSPC => ("full|No space left on device", "make room"),
            _ => ("Input/output error", "see to the disk first"),
        };
        for words in ["/data", advice, problem, "start again"] {
            let is_there = words.split('|').any(|words| last.contains(words));
            assert!(is_there, "{self:?}: {words:?} is not in {last:?}");
        }
    }
}

/// A server that has answered some calls and has others in hand.
pub(crate) async fn loaded(
    rig: &Arc<Rig>,
    notes: &Arc<Notes>,
    rng: &mut Rng,
) -> (Host, Vec<Loading>, Arc<Pace>) {
    let host = rig.start(&[]).await;
    if notes.all().is_empty() {
        set_up(&host.client().await, rig, notes).await;
    }
    let loaders = (0..LOADERS).map(|name| Loader::new(rig, notes, rng.fork(), name)).collect();
    let (loading, pace) = load(&host, loaders, usize::MAX).await;
    let answered = async {
        while pace.answered.load(Ordering::SeqCst) < CALLS {
            assert!(!loading.iter().any(Loading::is_finished), "the server is gone");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(PATIENCE_S, "the calls", answered).await;
    (host, loading, pace)
}

/// Whether whoever waited learned that nobody knows what became of his call. What only reads may be
/// told that the server failed, and who comes later that it is stopping, or nothing at all.
fn is_unknown(fault: &Fault, status: &Status) -> bool {
    let refused = Refused::from(status);
    let is_fair = match refused.reason.as_str() {
        "OUTCOME_UNKNOWN" | "SHUTTING_DOWN" => status.code() == Code::Unavailable,
        "INTERNAL" => status.code() == Code::Internal,
        // The connection broke, which has no reason.
        "" => status.code() != Code::Internal || status.message().starts_with("h2 protocol error"),
        _ => false,
    };
    assert!(is_fair, "{fault:?}: {refused:?}");
    refused.reason == "OUTCOME_UNKNOWN"
}

/// Lets a disk fail under load, and then the power on the next server.
async fn try_under_load(fault: &Fault, rng: &mut Rng) {
    let (rig, notes) = (Arc::new(Rig::new()), Arc::new(Notes::default()));
    let (host, loading, _) = loaded(&rig, &notes, rng).await;
    fault.order(&rig);
    let ending = format!("{fault:?}: the end");
    let (status, told) = within(PATIENCE_S, &ending, host.ended()).await;
    fault.check_end(status, &told);
    let mut unknown = 0;
    for task in loading {
        let (_, ended) = task.await.expect("no panic");
        let gone = ended.expect_err("the server is gone");
        unknown += usize::from(is_unknown(fault, &gone.0));
    }
    assert!(unknown > 0, "{fault:?}: nobody learned that an outcome is unknown");
    rig.order(Order::Nothing);
    let failed_at = Losses::new(&rig, notes.all());
    failed_at.forget_cached(&rig);

    let (host, loading, pace) = loaded(&rig, &notes, rng).await;
    host.kill_at(&rig, rng.u32(1..20)).await;
    ended(loading, &pace).await;
    let losses = Losses::new(&rig, notes.all()).with_window(WINDOW);
    let (end, seed) = (losses.end(), rng.u64(..));
    let mut moments = vec![failed_at.end(), rng.usize(failed_at.end()..=end), end];
    moments.sort_unstable();
    let found = losses.try_out(&moments, Syncs::All, seed);
    assert_eq!(found.images, moments.len() * Model::ALL.len());
    found.assert_none(&format!("{fault:?}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_ends_the_server_and_costs_nothing_that_was_acknowledged() {
    let seed = crate::number("PAWL_POWER_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("power, failing disks: PAWL_POWER_SEED={seed}"));
    let mut rng = Rng::with_seed(seed);
    let more = crate::number("PAWL_POWER_FAULTS").unwrap_or(RANDOM);
    let more: Vec<_> = (0..more).map(|_| random(&mut rng)).collect();
    let mut count = 0;
    for fault in UNDER_LOAD.iter().chain(&more) {
        try_under_load(fault, &mut rng).await;
        count += 1;
    }
    cases("power: faults under load", count, UNDER_LOAD.len() + more.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_at_a_start_costs_nothing() {
    let mut rng = Rng::new();
    let mut count = 0;
    let (rig, notes) = (Arc::new(Rig::new()), Arc::new(Notes::default()));
    for fault in &AT_A_START {
        let (host, loading, pace) = loaded(&rig, &notes, &mut rng).await;
        host.kill_at(&rig, rng.u32(1..20)).await;
        ended(loading, &pace).await;
        fault.order(&rig);
        let (status, told) = rig.refuse(fault).await;
        fault.check_end(status, &told);
        rig.order(Order::Nothing);
        let problems = Losses::new(&rig, notes.all()).with_window(WINDOW).problems_now(&rig);
        assert!(problems.is_empty(), "{fault:?}: {problems:?}");
        count += 1;
    }
    cases("power: faults at a start", count, AT_A_START.len());
}

/// What is left of a database that could not be made is in nobody's way, and is no database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_at_the_first_start_leaves_nothing_in_the_way() {
    let mut rng = Rng::new();
    let mut count = 0;
    for fault in &AT_THE_FIRST_START {
        let (rig, notes) = (Arc::new(Rig::new()), Arc::new(Notes::default()));
        fault.order(&rig);
        let (status, told) = rig.refuse(fault).await;
        fault.check_end(status, &told);
        rig.order(Order::Nothing);
        let (host, loading, pace) = loaded(&rig, &notes, &mut rng).await;
        host.kill_at(&rig, rng.u32(1..20)).await;
        ended(loading, &pace).await;
        let problems = Losses::new(&rig, notes.all()).with_window(WINDOW).problems_now(&rig);
        assert!(problems.is_empty(), "{fault:?}: {problems:?}");
        count += 1;
    }
    cases("power: faults at the first start", count, AT_THE_FIRST_START.len());
}
