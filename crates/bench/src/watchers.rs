use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_api::pb;
use prost::bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Streaming;

use crate::Failure;
use crate::child::ServerProcess;
use crate::raw;

/// Watchers on one connection, at most, and connections that there are then.
const PER_CONNECTION: usize = 100;
const FEW_PER_CONNECTION: usize = 10;
/// Nothing that is measured takes so long.
const LONGEST: Duration = Duration::from_mins(2);

/// Many watches of one server that read all there is and only count it.
#[derive(Debug)]
pub(crate) struct Watchers {
    reading: JoinSet<Result<(), Failure>>,
    all: Arc<All>,
    each: Vec<Arc<AtomicU64>>,
}

/// What all of them have been sent together.
#[derive(Debug, Default)]
struct All {
    moves: AtomicU64,
    bytes: AtomicU64,
    messages: AtomicU64,
    wanted: AtomicU64,
    reached: Notify,
}

/// What watchers have been sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) moves: u64,
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
}

impl Watchers {
    /// Connects so many, ten to a hundred on each connection; each asks for what `request` says of
    /// its number. They stand when this returns.
    pub(crate) async fn connect(
        process: &ServerProcess,
        count: usize,
        request: impl Fn(usize) -> pb::WatchMovesRequest,
    ) -> Result<Self, Failure> {
        let connections = (count / FEW_PER_CONNECTION).clamp(1, PER_CONNECTION);
        let channels = process.connections(connections).await?;
        let all = Arc::new(All::default());
        let mut watchers = Self { reading: JoinSet::new(), all, each: Vec::new() };
        for index in 0..count {
            let stream = raw::watch(channels[index % connections].clone(), &request(index)).await?;
            let own = Arc::new(AtomicU64::new(0));
            watchers.reading.spawn(read(stream, Arc::clone(&own), Arc::clone(&watchers.all)));
            watchers.each.push(own);
        }
        Ok(watchers)
    }

    pub(crate) fn sent(&self) -> Sent {
        let All { moves, bytes, messages, .. } = &*self.all;
        let [moves, bytes, messages] =
            [moves, bytes, messages].map(|count| count.load(Ordering::Relaxed));
        Sent { moves, bytes, messages }
    }

    /// Waits until each of them has been sent so many moves since it began. It is an error if one
    /// has more or fewer then.
    pub(crate) async fn all_have(&mut self, moves: u64) -> Result<(), Failure> {
        let wanted = moves * self.each.len() as u64;
        self.all.wanted.store(wanted, Ordering::Relaxed);
        while self.sent().moves < wanted {
            let ended = tokio::select! {
                () = self.all.reached.notified() => None,
                ended = self.reading.join_next() => ended,
                late = timeout(LONGEST, std::future::pending::<()>()) => {
                    late.map_err(|_| format!("{} of {wanted} moves came", self.sent().moves))?;
                    None
                }
            };
            if let Some(ended) = ended {
                ended??;
            }
        }
        match self.each.iter().map(|own| own.load(Ordering::Relaxed)).find(|own| *own != moves) {
            Some(own) => Err(format!("a watcher was sent {own} moves, not {moves}").into()),
            None => Ok(()),
        }
    }
}

async fn read(
    mut stream: Streaming<Bytes>,
    own: Arc<AtomicU64>,
    all: Arc<All>,
) -> Result<(), Failure> {
    while let Some(message) = stream.message().await? {
        let (mut moves, mut bytes) = (0, 0);
        for frame in raw::moves(&message) {
            moves += 1;
            bytes += frame.bytes.len() as u64;
        }
        if moves == 0 {
            continue;
        }
        own.fetch_add(moves, Ordering::Relaxed);
        all.bytes.fetch_add(bytes, Ordering::Relaxed);
        all.messages.fetch_add(1, Ordering::Relaxed);
        let before = all.moves.fetch_add(moves, Ordering::Relaxed);
        if before + moves >= all.wanted.load(Ordering::Relaxed) {
            all.reached.notify_one();
        }
    }
    Err("a watch ended".into())
}
