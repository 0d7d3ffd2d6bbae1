//! The real log: 141,712 events of an incident management system, whose moves an independent
//! implementation of the rules has foretold. Once played through, and once with the server killed
//! again and again: both must give exactly those moves.

mod incidents;
mod play;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pawl_tests::{Client, Port, Server, cases, say, within};
use tokio::sync::watch;
use tokio::time::Instant;

use incidents::Incidents;
use play::{Following, Player, check_end, check_moves, follow, prepare};

/// Much longer than it takes: only for what would otherwise hang.
const PATIENCE_S: u64 = 600;
const KILLS: usize = 10;
/// After a kill up to so many events that were acknowledged already are published again too.
const AGAIN_MAX: usize = 400;

/// The log with a server that is ready for it, or nothing where the log is not at hand.
async fn ready(suite: &str) -> Option<(Arc<Incidents>, Server)> {
    let Some(incidents) = Incidents::load() else {
        say(format!("{suite}: SKIPPED, {} is not there", Incidents::directory().display()));
        return None;
    };
    let server = Server::start().await;
    prepare(&server.client().await, &incidents).await;
    Some((Arc::new(incidents), server))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_move_of_the_log_comes_out_in_order() {
    let Some((incidents, server)) = ready("replay").await else { return };
    let (_address, addresses) = watch::channel(server.address());
    let following = Following::start(server.client().await).await;
    let following = tokio::spawn(follow(following, addresses, incidents.moves.len()));

    let started = Instant::now();
    let client = server.client().await;
    let mut player = Player::new(Arc::clone(&incidents));
    within(PATIENCE_S, "publishing", player.play(&client, 0)).await.expect("all are accepted");
    let published = started.elapsed();
    assert_eq!(player.duplicates, 0);

    let followed = within(PATIENCE_S, "the watch", following).await.expect("the watch goes on");
    check_moves(&followed, &incidents);
    check_end(&client, &incidents).await;
    say(format!(
        "replay: published in {published:.1?}, all checked after {:.1?}",
        started.elapsed()
    ));
    cases("replay: events", player.outcomes.len(), 141_712);
    cases("replay: moves", followed.moves.len(), 72_513);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_move_comes_out_once_though_the_server_is_killed() {
    let Some((incidents, mut server)) = ready("replay with kills").await else { return };
    let seed = std::env::var("PAWL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    say(format!("replay with kills: PAWL_SEED={seed} repeats this"));
    let mut chance = fastrand::Rng::with_seed(seed);
    let (address, addresses) = watch::channel(server.address());
    let following = Following::start(server.client().await).await;
    let following = tokio::spawn(follow(following, addresses, incidents.moves.len()));

    let started = Instant::now();
    let mut player = Player::new(Arc::clone(&incidents));
    let mut landed = 0;
    for point in points(&mut chance, incidents.events.len()) {
        let from = player.outcomes.len().saturating_sub(chance.usize(..AGAIN_MAX));
        let delay = Duration::from_micros(chance.u64(..5_000));
        let in_flight = play_and_kill(&mut player, &mut server, from, point, delay).await;
        landed += usize::from(in_flight > 0);
        server.restart(Port::Any).await;
        address.send_replace(server.address());
    }
    let client = server.client().await;
    let from = player.outcomes.len().saturating_sub(AGAIN_MAX);
    within(PATIENCE_S, "publishing", player.play(&client, from)).await.expect("all are accepted");

    let followed = within(PATIENCE_S, "the watch", following).await.expect("the watch goes on");
    check_moves(&followed, &incidents);
    check_end(&client, &incidents).await;
    say(format!(
        "replay with kills: {landed} of {KILLS} kills landed with events in flight, {} events were \
         published twice, of {} the first outcome was known; {} watches; {:.1?}",
        player.duplicates,
        player.compared,
        followed.watches,
        started.elapsed()
    ));
    assert!(player.compared > 0, "no acknowledged event was published again");
    assert!(followed.watches > KILLS / 2, "the watch was hardly ever broken");
    cases("replay: kills with events in flight", landed, KILLS / 2);
    cases("replay: moves despite kills", followed.moves.len(), 72_513);
}

/// Publishes until `point` events are acknowledged and a little longer, then kills the server.
/// Gives how many events had left the client and were never acknowledged.
async fn play_and_kill(
    player: &mut Player,
    server: &mut Server,
    from: usize,
    point: usize,
    delay: Duration,
) -> usize {
    let mut progress = player.progress();
    let client: Client = server.client().await;
    let killer = async {
        within(PATIENCE_S, "the point to kill at", progress.wait_for(|done| *done >= point))
            .await
            .expect("the player plays");
        // Where in the batch it hits is a matter of chance.
        tokio::time::sleep(delay).await;
        server.kill_9().await;
    };
    let (broken, ()) = tokio::join!(player.play(&client, from), killer);
    match broken {
        Err(_) => player.in_flight(),
        Ok(()) => 0,
    }
}

/// Where to kill: in each of equal parts of the log once, the last part excepted.
fn points(chance: &mut fastrand::Rng, events: usize) -> Vec<usize> {
    let part = events / (KILLS + 1);
    (0..KILLS).map(|index| index * part + chance.usize(1..part)).collect()
}

/// Where the server is now, for a watch that has lost it.
type Addresses = watch::Receiver<SocketAddr>;
