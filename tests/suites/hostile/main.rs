//! Clients that mean harm, or have lost their way, beside one that does neither: the server answers it
//! as before, keeps its memory, and has forgotten the others when they are gone.

mod fast;
mod floods;
mod good;
mod lively;
mod overload;
mod raw;
mod slow;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use good::{Good, Process};
use pawl_tests::{Server, cases, say, within};
use tokio::time::Instant;

/// How much more memory the server may take under attack than before.
const MEMORY_BYTES: u64 = 192 << 20;

/// Attackers have threads of their own, so that they do not slow down who measures.
fn attackers() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("threads can be had")
}

/// Attacks again and again on some connections until it is dropped; counts those that came to an end.
struct Attack {
    ended: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Attack {
    fn begin<F>(
        on: &tokio::runtime::Runtime,
        connections: usize,
        attack: impl Fn() -> F + Send + Sync + Clone + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<()>> + Send,
    {
        let ended = Arc::new(AtomicUsize::new(0));
        let one = |_| {
            let (attack, ended) = (attack.clone(), Arc::clone(&ended));
            on.spawn(async move {
                loop {
                    let _ = attack().await;
                    ended.fetch_add(1, Ordering::Relaxed);
                    // So that it is the server that is measured, and not how soon two cores are busy.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        };
        let tasks = (0..connections).map(one).collect();
        Self { ended, tasks }
    }

    fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

macro_rules! attacks {
    ($($module:ident::$name:ident $connections:literal $ends:literal)+) => {
        [$((
            stringify!($name),
            $ends,
            (|on, address| Attack::begin(on, $connections, move || $module::$name(address)))
                as fn(&tokio::runtime::Runtime, SocketAddr) -> Attack,
        )),+]
    };
}

#[tokio::test]
async fn a_client_that_behaves_is_answered_beside_any_that_do_not() {
    let server = Server::start_with(&[
        "--handshake-timeout=1s",
        "--keepalive-interval=1s",
        "--keepalive-timeout=2s",
        "--max-connections=64",
        "--max-streams-per-connection=32",
        "--max-waiting-calls=64",
        "--log=warn",
    ])
    .await;
    let (address, process) = (server.address(), Process(server.pid()));
    let on = attackers();
    let mut good = Good::connect(&server).await;
    good.calls(200, Duration::ZERO).await;
    let (memory, files) = (process.memory(), process.files());

    // All at once, because they take their time: how many connections, each of which has to end.
    let slow = attacks! {
        slow::silence 6 true
        slow::preface 4 true
        slow::head 4 true
        slow::headers 4 true
        slow::body_http1 4 true
        slow::body_http2 2 true
        slow::body_of_many 1 true
        slow::deaf_http1 2 true
        slow::deaf_http2 2 true
    };
    let before = good.calls(200, Duration::ZERO).await;
    let begun: Vec<_> = slow.iter().map(|(name, _, begin)| (name, begin(&on, address))).collect();
    let during = good.calls(200, Duration::from_secs(4)).await;
    good::compare("slow ones", &before, &during);
    within(20, "every slow connection is ended", async {
        for (name, attack) in &begun {
            while attack.ended() == 0 {
                good.calls(10, Duration::from_millis(50)).await;
            }
            say(format!("{name}: ended"));
        }
    })
    .await;
    drop(begun);
    process.returns_to(files).await;

    let fast = attacks! {
        fast::rapid_reset 2 true
        fast::whole_calls_reset 2 false
        fast::streams_beyond_the_limit 2 true
        fast::continuations_without_end 2 true
        fast::headers_too_large 2 false
        fast::frame_too_large 2 true
        fast::garbage 2 true
        fast::pings 1 true
        fast::settings 1 true
        fast::windows 2 true
        fast::nothing_in_data 2 true
        fast::connections 1 true
    };
    let mut most = process.memory();
    for (name, ends, begin) in &fast {
        let before = good.calls(100, Duration::ZERO).await;
        let (attack, cpu, began) = (begin(&on, address), process.cpu(), Instant::now());
        let during = good.calls(200, Duration::from_secs(1)).await;
        let (ended, cpu) = (attack.ended(), process.cpu().saturating_sub(cpu));
        say(format!("{name}: {ended} connections ended, {cpu:?} of CPU in {:?}", began.elapsed()));
        assert!(!ends || ended > 0, "{name}: no connection was ended");
        good::compare(name, &before, &during);
        most = most.max(process.memory());
        drop(attack);
        process.returns_to(files).await;
    }
    say(format!("memory: {} MiB before, {} MiB at most", memory >> 20, most >> 20));
    assert!(most < memory + MEMORY_BYTES, "memory grew from {memory} to {most}");
    server.client().await.info().await;
    on.shutdown_background();
    cases("hostile: attacks", slow.len() + fast.len(), 21);
}
