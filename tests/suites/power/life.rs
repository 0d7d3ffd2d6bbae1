//! The life of a database under load: made, killed, opened again, stopped, trimmed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use pawl_tests::{Client, within};
use tokio::task::JoinHandle;

use crate::load::{Gone, Loader, Pace, set_up};
use crate::notes::Notes;
use crate::rig::{Host, Rig};

/// How long a server must remember what it was told, and how long it does: so little that there is
/// something to trim.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);
pub(crate) const ARGS: [&str; 4] = ["--dedupe-window", "1s", "--retention", "1s"];
const LOADERS: usize = 3;
/// How many times the calls that are wanted each server answers, one after the other, and its end.
pub(crate) const SERVERS: [(usize, End); 4] =
    [(4, End::Killed), (1, End::Stopped), (1, End::Killed), (1, End::Killed)];
/// Longer than any of it takes.
const PATIENCE_S: u64 = 240;

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// In the middle of something that it does to its files.
    Killed,
    /// As it is asked to.
    Stopped,
}

/// Plays a whole life on a rig. Each server answers at least so many calls.
pub(crate) async fn play(rig: &Arc<Rig>, notes: &Arc<Notes>, rng: &mut Rng, calls: usize) {
    let loader = |name| Loader::new(rig, notes, rng.fork(), name);
    let mut loaders: Vec<_> = (0..LOADERS).map(loader).collect();
    for (number, (times, end)) in SERVERS.into_iter().enumerate() {
        let host = rig.start(&ARGS).await;
        let client = host.client().await;
        if number == 0 {
            set_up(&client, rig, notes).await;
        }
        let serving = serve(rig, host, client, loaders, (calls * times, rng.u32(1..40)), end);
        loaders = within(PATIENCE_S, "a server's life", serving).await;
    }
}

async fn serve(
    rig: &Arc<Rig>,
    host: Host,
    client: Client,
    loaders: Vec<Loader>,
    (calls, nth): (usize, u32),
    end: End,
) -> Vec<Loader> {
    let (loading, pace) = load(&host, loaders, calls).await;
    let begin = trimmed(&client).await;
    while pace.answered.load(Ordering::SeqCst) < calls || trimmed(&client).await == begin {
        assert!(!loading.iter().any(JoinHandle::is_finished), "the server is gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match end {
        End::Killed => {
            host.kill_at(rig, nth).await;
            ended(loading, &pace).await.0
        }
        End::Stopped => {
            let (loaders, all_well) = ended(loading, &pace).await;
            assert!(all_well, "the server is gone before it is asked to stop");
            assert!(host.terminate().await.success(), "it ends well");
            loaders
        }
    }
}

pub(crate) type Loading = JoinHandle<(Loader, Result<(), Gone>)>;

/// Lets loaders begin, each on a connection of its own.
pub(crate) async fn load(
    host: &Host,
    loaders: Vec<Loader>,
    hurried: usize,
) -> (Vec<Loading>, Arc<Pace>) {
    let pace = Arc::new(Pace { hurried, ..Pace::default() });
    let mut loading = Vec::new();
    for mut loader in loaders {
        let (client, pace) = (host.client().await, Arc::clone(&pace));
        loading.push(tokio::spawn(async move {
            let ended = loader.run(client, &pace).await;
            (loader, ended)
        }));
    }
    (loading, pace)
}

/// The loaders once they have ended, and whether the server has answered all of them to the end.
pub(crate) async fn ended(loading: Vec<Loading>, pace: &Pace) -> (Vec<Loader>, bool) {
    pace.enough.store(true, Ordering::SeqCst);
    let (mut loaders, mut all_well) = (Vec::new(), true);
    for task in loading {
        let (loader, ended) = task.await.expect("no panic");
        all_well &= ended.is_ok();
        loaders.push(loader);
    }
    (loaders, all_well)
}

/// Where the retained log begins.
async fn trimmed(client: &Client) -> Vec<u8> {
    client.info().await.retention.expect("it is told").earliest_token.clone()
}
