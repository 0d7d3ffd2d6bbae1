//! Disks that fail under the commands for a database that nobody has open. They must end and say what
//! is wrong, call nothing whole that they could not read, and leave what was there as it was.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use fastrand::Rng;
use pawl_tests::cases;

use crate::faults::{EIO, ENOSPC, Fault, WINDOW, from, loaded, once};
use crate::life::ended;
use crate::losses::Losses;
use crate::notes::Notes;
use crate::rig::{Access, Order, Rig};

const OF_VERIFY: [Fault; 9] = [
    // The first is only to hold it.
    once(Access::Open, "db", 2),
    once(Access::Open, "mark", 1),
    once(Access::Open, "journal.", 1),
    once(Access::Read, "db", 1),
    from(Access::Read, "db", 2, EIO),
    from(Access::Write, "db", 2, EIO),
    from(Access::Write, "db", 2, ENOSPC),
    once(Access::SyncAny, "db", 1),
    from(Access::SyncAny, "db", 2, EIO),
];

const OF_COMPACT: [Fault; 15] = [
    once(Access::Open, "db", 1),
    once(Access::Read, "db", 2),
    from(Access::Read, "db", 3, EIO),
    once(Access::Read, "mark", 1),
    once(Access::Write, "db", 1),
    from(Access::Write, "db", 1, ENOSPC),
    from(Access::Write, "db", 2, EIO),
    once(Access::SyncAny, "db", 1),
    from(Access::SyncAny, "db", 2, EIO),
    from(Access::Write, "", 3, ENOSPC),
    from(Access::SyncAny, "", 1, EIO),
    from(Access::SyncAny, "", 3, EIO),
    once(Access::SyncAny, "db", 3),
    from(Access::SyncAny, "db", 4, EIO),
    from(Access::SyncAny, "", 5, EIO),
];

const OF_RESTORE: [Fault; 12] = [
    once(Access::Open, "db", 1),
    once(Access::Write, "db", 1),
    from(Access::Write, "db", 1, ENOSPC),
    from(Access::Write, "db", 2, EIO),
    once(Access::SyncAny, "db", 1),
    from(Access::SyncAny, "", 1, EIO),
    from(Access::SyncAny, "", 2, EIO),
    from(Access::Write, "", 3, ENOSPC),
    once(Access::SyncAny, "db", 2),
    from(Access::SyncAny, "db", 3, EIO),
    from(Access::SyncAny, "", 4, EIO),
    once(Access::Read, "backup", 1),
];

/// What a command lacks that was to end because of a fault, and to say what is wrong and where.
fn lacks(fault: &Fault, status: ExitStatus, told: &str) -> Option<String> {
    let last = told.lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default();
    let problem: &[_] = match fault.errno {
        ENOSPC => &["full", "No space left on device", "no storage space"],
        _ => &["Input/output error"],
    };
    let is_told = last.contains("pawl-power-") && problem.iter().any(|words| last.contains(words));
    (status.code() != Some(1) || !is_told).then(|| format!("{fault:?}: {status}, {told}"))
}

/// Whether a directory holds a database by the names of its files.
fn holds_database(dir: &Path) -> bool {
    dir.join("sled").exists() || dir.join("mark").exists()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_under_upkeep_costs_nothing_and_is_told() {
    let mut rng = Rng::new();
    let (rig, notes) = (Arc::new(Rig::new()), Arc::new(Notes::default()));
    let (host, loading, pace) = loaded(&rig, &notes, &mut rng).await;
    let (data, backup) = (rig.data(), rig.root().join("backup"));
    let address = host.address().to_string();
    let [backing_up, at] = ["backup", "--address"].map(OsStr::new);
    let (status, told) = rig.run(&[backing_up, at, OsStr::new(&address), backup.as_os_str()]).await;
    assert!(status.success(), "{told}");
    host.kill_at(&rig, rng.u32(1..20)).await;
    ended(loading, &pace).await;

    let (mut count, mut bad) = (0, Vec::new());
    for (command, faults) in [("verify", &OF_VERIFY[..]), ("compact", &OF_COMPACT)] {
        for fault in faults {
            fault.order(&rig);
            let (status, told) = rig.run(&[OsStr::new(command), data.as_os_str()]).await;
            bad.extend(lacks(fault, status, &told).map(|lacks| format!("{command}: {lacks}")));
            rig.order(Order::Nothing);
            let problems = Losses::new(&rig, notes.all()).with_window(WINDOW).problems_now(&rig);
            assert!(problems.is_empty(), "{command}, {fault:?}: {problems:?}");
            count += 1;
        }
        let (status, told) = rig.run(&[OsStr::new(command), data.as_os_str()]).await;
        assert!(status.success(), "{command}: {told}");
    }

    let restored = rig.root().join("restored");
    let [restore, verify] = ["restore", "verify"].map(OsStr::new);
    let restoring = [restore, backup.as_os_str(), restored.as_os_str()];
    for fault in &OF_RESTORE {
        fault.order(&rig);
        let (status, told) = rig.run(&restoring).await;
        bad.extend(lacks(fault, status, &told).map(|lacks| format!("restore: {lacks}")));
        rig.order(Order::Nothing);
        if holds_database(&restored) {
            bad.push(format!("{fault:?}: half a database is left"));
        }
        count += 1;
    }
    let (status, told) = rig.run(&restoring).await;
    assert!(status.success(), "{told}");
    assert!(holds_database(&restored), "it is looked for where it is");
    let (status, told) = rig.run(&[verify, restored.as_os_str()]).await;
    assert!(status.success(), "{told}");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    cases(
        "power: faults under upkeep",
        count,
        OF_VERIFY.len() + OF_COMPACT.len() + OF_RESTORE.len(),
    );
}
