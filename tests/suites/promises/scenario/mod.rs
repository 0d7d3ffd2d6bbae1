//! A scenario: a server that is stopped and killed, a load, watchers of every kind; and in the end
//! what they saw, held against what happened.

mod host;
mod load;
mod pipe;
mod stage;
mod watchers;
mod whole;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{Client, within};
use tokio::task::{JoinHandle, JoinSet};
use tonic::Code;

use crate::transcript::{End, Start, Transcript};
use crate::truth::Truth;
use crate::validator::{Violation, validate};
use host::Host;
use load::Load;
use stage::Stage;
use watchers::Watcher;
use world::World;

pub(crate) use host::Kind;

/// Longer than any scenario takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 120;
/// Who writes entities and publishes.
const LOADS: usize = 2;

/// How often what was seen.
pub(crate) type Counts = BTreeMap<&'static str, usize>;

/// What came of a scenario.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) counts: Counts,
    /// Which watcher saw what broken.
    pub(crate) violations: Vec<(String, Violation)>,
}

/// Plays a scenario to its end.
pub(crate) async fn play(seed: u64, kind: Kind) -> Played {
    let mut rng = Rng::with_seed(seed);
    let stage = Arc::new(Stage::new());
    let world = Arc::new(World::random(&mut rng));
    // What was not answered only the log can tell, which must not be trimmed then.
    let trims = kind != Kind::Killed && rng.bool();
    let mut host = Host::start(kind, trims, &stage).await;
    let client = connect(&stage).await;
    world.set_up(&client).await;

    let calls = rng.usize(30..100);
    let loads = loads(&stage, &world, &mut rng, calls);
    let watchers = watchers(&stage, &world, &mut rng, calls * LOADS);
    let scribe = trims.then(|| tokio::spawn(scribe(Arc::clone(&stage))));
    let mut counts = Counts::new();
    for interruption in interruptions(kind, &mut rng, calls * LOADS) {
        stage.progressed(interruption.after).await;
        let what = if interruption.kill { "kills" } else { "stops" };
        host = if interruption.kill { host.kill(&stage).await } else { host.restart(&stage).await };
        *counts.entry(what).or_default() += 1;
    }
    within(PATIENCE_S, "the load", loads.join_all()).await;
    if let Some(scribe) = scribe {
        scribe.abort();
        *counts.entry("scenarios with trims").or_default() += 1;
    }
    sign_off(&stage).await;
    stage.settle();
    let mut transcripts = Vec::new();
    for watcher in watchers {
        transcripts
            .push(within(PATIENCE_S, "a watcher", watcher).await.expect("it does not panic"));
    }
    let truth = truth(&stage).await;
    host.stop().await;
    judge(&truth, &transcripts, counts)
}

/// When a server is to stop or to be killed.
struct Interruption {
    after: usize,
    kill: bool,
}

fn interruptions(kind: Kind, rng: &mut Rng, calls: usize) -> Vec<Interruption> {
    let most = match kind {
        Kind::Killed => rng.usize(1..=2),
        Kind::Inside | Kind::Process => rng.usize(0..=2),
    };
    let mut times: Vec<_> = (0..most).map(|_| rng.usize(1..=calls * 9 / 10)).collect();
    times.sort_unstable();
    let interruption = |(index, after)| {
        // The first at least.
        let kill = kind == Kind::Killed && (index == 0 || rng.bool());
        Interruption { after, kill }
    };
    times.into_iter().enumerate().map(interruption).collect()
}

/// Each entity has one who creates and deletes it.
fn loads(stage: &Arc<Stage>, world: &Arc<World>, rng: &mut Rng, calls: usize) -> JoinSet<()> {
    let mut loads = JoinSet::new();
    for name in 0..LOADS {
        let own = world.entity_ids.iter().skip(name).step_by(LOADS);
        let own = own.map(|id| (id.clone(), None)).collect();
        let mut load = Load::new(Arc::clone(stage), Arc::clone(world), rng.fork(), name, own);
        loads.spawn(async move {
            let ids: Vec<_> = load.own.keys().cloned().collect();
            for id in ids {
                if load.rng.u32(..4) > 0 {
                    load.create(id).await;
                }
            }
            load.run(calls).await;
        });
    }
    loads
}

/// Watchers, some from the beginning and some later.
fn watchers(
    stage: &Arc<Stage>,
    world: &Arc<World>,
    rng: &mut Rng,
    calls: usize,
) -> Vec<JoinHandle<Transcript>> {
    let mut watchers = Vec::new();
    for _ in 0..rng.usize(3..=8) {
        let watcher = Watcher::random(Arc::clone(stage), Arc::clone(world), rng.fork());
        let after = if rng.bool() { 0 } else { rng.usize(..calls) };
        let stage = Arc::clone(stage);
        watchers.push(tokio::spawn(async move {
            stage.progressed(after).await;
            watcher.run().await
        }));
    }
    watchers
}

/// Writes down what is in the log before it can be trimmed.
async fn scribe(stage: Arc<Stage>) {
    loop {
        // A server that is just stopping gives no answer, which does not matter.
        if let Ok(client) = Client::connect(stage.address().await).await
            && let Ok(moves) = client.newest_moves(usize::MAX).await
        {
            stage.ledger().listed(&moves, stage.now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn connect(stage: &Stage) -> Client {
    let address = stage.address().await;
    Client::connect(address).await.expect("the server is there")
}

/// The last thing that happens, later than all others by any clock: who has seen the log up to
/// here has seen all of it, and who has not lags behind by some time.
async fn sign_off(stage: &Stage) {
    tokio::time::sleep(Duration::from_millis(3)).await;
    let client = connect(stage).await;
    let asked = Some(stage.now());
    let entity = client.entity(pawl_tests::entity("lead/last", "leads")).await;
    let span = crate::truth::Span { asked, answered: Some(stage.now()) };
    stage.ledger().created(&entity, span);
}

async fn truth(stage: &Stage) -> Truth {
    let client = connect(stage).await;
    let moves = client.newest_moves(usize::MAX).await.expect("moves are listed");
    let entities = client.all_entities().await.expect("entities are listed");
    stage.close().finish(&moves, &entities, stage.now())
}

fn judge(truth: &Truth, transcripts: &[Transcript], mut counts: Counts) -> Played {
    let mut violations = Vec::new();
    let mut add = |what, count| *counts.entry(what).or_default() += count;
    add("moves", truth.moves.len());
    add("moves trimmed", truth.retained_from);
    add("watchers", transcripts.len());
    for transcript in transcripts {
        let found = validate(truth, transcript);
        violations.extend(found.into_iter().map(|one| (transcript.name.clone(), one)));
        for session in &transcript.sessions {
            add("sessions", 1);
            add("frames", session.frames.len());
            add(
                match session.start {
                    Start::Now => "sessions from now",
                    Start::Earliest => "sessions from the earliest move",
                    Start::Snapshot => "sessions from a snapshot",
                    Start::Resume(_) => "sessions resumed",
                },
                1,
            );
            add(
                match &session.end {
                    End::Settled => "ends: caught up",
                    End::Late => "ends: never caught up",
                    End::Dropped => "ends: by the client",
                    End::Ok => "ends: with OK",
                    End::Status { reason, .. } if reason.is_empty() => "ends: cut",
                    End::Status { code: Code::OutOfRange, .. } => "ends: expired",
                    End::Status { .. } => "ends: with a reason",
                },
                1,
            );
            for seen in &session.frames {
                match seen.what() {
                    Some(Frame::Move(_)) => add("frames: moves", 1),
                    Some(Frame::Heartbeat(_)) => add("frames: heartbeats", 1),
                    Some(Frame::Entity(_)) => add("frames: entities", 1),
                    Some(Frame::EntityDeleted(_)) => add("frames: deletions", 1),
                    Some(Frame::Closing(_)) => add("frames: closing", 1),
                    _ => {}
                }
            }
        }
    }
    Played { counts, violations }
}
