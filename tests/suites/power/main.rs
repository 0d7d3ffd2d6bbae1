//! Power losses and disks that fail. A shim between a real server and its files writes down all that
//! is done to them, in one order; from that, and from what clients were told meanwhile, it is known
//! what a disk may hold after a power loss at any moment, and what must not be missing then.
//!
//! `PAWL_POWER_POINTS` says at how many moments the power fails (100 unless told; each time under
//! four models of what a disk makes of that), `PAWL_POWER_FAULTS` how many disks fail at random, and
//! `PAWL_POWER_SEED` where chance begins: the dice of the disk fall again as they did, but no two runs
//! of a server are the same.
#![cfg(target_os = "linux")]

mod api;
mod check;
mod disk;
mod faults;
mod image;
mod journal;
mod large;
mod life;
mod load;
mod losses;
mod notes;
mod rig;
mod upkeep;

use std::env;
use std::sync::Arc;

use fastrand::Rng;
use pawl_tests::{cases, say};
use tokio::time::Instant;

use crate::disk::Syncs;
use crate::image::Model;
use crate::losses::{Losses, Moment};
use crate::notes::Notes;
use crate::rig::Rig;

/// Calls that each of the servers answers.
const CALLS: usize = 250;

/// How many real servers are asked what they know after a power loss.
const SERVERS: usize = 20;
/// At how many moments it is seen that losses are noticed.
const WITHOUT_SYNC: usize = 20;

/// So many of them, or all, from everywhere.
fn some_of(moments: &[Moment], count: usize) -> impl Iterator<Item = Moment> {
    let wanted = count.min(moments.len());
    (0..wanted).map(move |index| moments[index * moments.len() / wanted])
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_loss() {
    let points = number("PAWL_POWER_POINTS").unwrap_or(100);
    let points = usize::try_from(points).expect("a number of points");
    let seed = number("PAWL_POWER_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(format!("power: PAWL_POWER_SEED={seed}"));
    let began = Instant::now();
    let (rig, notes) = (Arc::new(Rig::new()), Arc::new(Notes::default()));
    let mut rng = Rng::with_seed(seed);
    life::play(&rig, &notes, &mut rng, CALLS).await;
    let losses = Losses::new(&rig, notes.all());
    say(format!("power: {} after {:.1?}", losses.told(), began.elapsed()));
    losses.check_completeness(&rig);
    losses.check_coverage(life::SERVERS.len());

    let moments = losses.moments(&mut rng, points);
    let found = losses.try_out(&moments, Syncs::All, seed);
    say(format!("power: {} images after {:.1?}", found.images, began.elapsed()));
    found.assert_none("power");
    cases("power: images after a power loss", found.images, points * Model::ALL.len());

    let some: Vec<Moment> = some_of(&moments, SERVERS).collect();
    let found = losses.ask_servers(&some, seed).await;
    say(format!("power: {} servers after {:.1?}", found.images, began.elapsed()));
    found.assert_none("power, asking servers");
    cases("power: servers after a power loss", found.images, SERVERS.min(points));

    // The same, as if the store did not sync: so this can fail.
    let few: Vec<Moment> = some_of(&moments, WITHOUT_SYNC).collect();
    let found = losses.try_out(&few, Syncs::NotOfData, seed);
    for model in Model::ALL {
        say(format!("power: without sync_data, {model:?}: {} of {}", found.of(model), few.len()));
    }
    assert!(found.of(Model::Nothing) > few.len() / 2, "losses are not noticed");
    assert!(found.of(Model::Scattered) > 0, "losses are not noticed");
}
