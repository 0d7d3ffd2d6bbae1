//! The client that behaves, and what its server takes of the machine.

use std::fs;
use std::time::Duration;

use pawl_tests::{Client, Server, event, say, within};
use tokio::time::Instant;

/// Half of its calls may take so many times as long beside an attack.
const TIMES: u32 = 3;
/// What is faster than this counts as fast: two cores that are shared with others, attackers among
/// them, are no place to measure.
const FAST: Duration = Duration::from_millis(20);

pub(crate) struct Good {
    client: Client,
    published: usize,
}

impl Good {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self { client: server.client().await, published: 0 }
    }

    /// Publishes one event after the other, at least so many and for so long; each is accepted. Gives
    /// how long each took, sorted.
    pub(crate) async fn calls(&mut self, least: usize, span: Duration) -> Vec<Duration> {
        let began = Instant::now();
        let mut took = Vec::new();
        while took.len() < least || began.elapsed() < span {
            self.published += 1;
            let one = event(&format!("good-{}", self.published), "call", "deal/1");
            let began = Instant::now();
            let published = within(10, "the good client is answered", self.client.try_publish(one));
            published.await.expect("the good client's event is accepted");
            took.push(began.elapsed());
        }
        took.sort_unstable();
        took
    }
}

/// Fails when calls beside an attack take much longer than without.
pub(crate) fn compare(what: &str, before: &[Duration], during: &[Duration]) {
    let median = |took: &[Duration]| took[took.len() / 2];
    let (before, now) = (median(before), median(during));
    let last = during[during.len() * 99 / 100];
    say(format!(
        "{what}: {} calls, median {now:?} (before {before:?}), p99 {last:?}",
        during.len()
    ));
    assert!(now < (before * TIMES).max(FAST), "{what}: median {now:?}, {before:?} before");
}

/// The server's process, by its id.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Bytes of memory it has.
    pub(crate) fn memory(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
        let number = line.split_whitespace().next().expect("a number");
        number.parse::<u64>().expect("a number") << 10
    }

    /// Time that processors have given to it, to a hundredth of a second.
    pub(crate) fn cpu(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("it runs");
        // After the name, which may have spaces: user and system are the 14th and 15th of all.
        let (_, rest) = stat.rsplit_once(')').expect("there is a name");
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(10 * ticks)
    }

    /// Files and connections that it has open.
    pub(crate) fn files(self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0)).expect("it runs").count()
    }

    /// Waits until it has no more open than it had; sled opens and closes a few by itself.
    pub(crate) async fn returns_to(self, files: usize) {
        within(20, &format!("{files} files are open again"), async {
            while self.files() > files {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}
