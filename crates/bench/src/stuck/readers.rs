use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use prost::Message;
use prost::bytes::Bytes;
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::Failure;
use crate::child::ServerProcess;
use crate::events::entity_id;
use crate::raw;

/// Watchers on one connection.
const PER_CONNECTION: u64 = 10;
/// How often it is looked whether all have arrived, and for how long.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 12_000;

/// Watchers that read, each for entities of its own; together for all.
#[derive(Debug)]
pub(crate) struct Readers {
    reading: JoinSet<Result<(), Failure>>,
    seen: Arc<Mutex<Seen>>,
    /// Moves before they began.
    before: u64,
}

#[derive(Debug)]
struct Seen {
    moves: u64,
    lags: Histogram<u64>,
}

/// From the commit time of moves until they arrived.
#[derive(Debug)]
pub(crate) struct Lags(Histogram<u64>);

impl Lags {
    /// Within which this share stayed.
    #[expect(clippy::cast_precision_loss, reason = "lags are far below 2^53 ns")]
    pub(crate) fn micros(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

impl Readers {
    /// Connects so many. `before` is how many moves there are by now.
    pub(crate) async fn connect(
        process: &ServerProcess,
        count: u64,
        entities: u64,
        before: u64,
    ) -> Result<Self, Failure> {
        let channels =
            process.connections(usize::try_from(count.div_ceil(PER_CONNECTION))?).await?;
        let seen = Arc::new(Mutex::new(Seen { moves: 0, lags: Histogram::new(3)? }));
        let mut reading = JoinSet::new();
        for (index, channel) in (0..count).zip(channels.iter().cycle()) {
            let entity_ids = (index..entities).step_by(usize::try_from(count)?).map(entity_id);
            let filter = pb::MoveFilter { entity_ids: entity_ids.collect(), ..Default::default() };
            let request = pb::WatchMovesRequest { filter: Some(filter), ..Default::default() };
            let stream = raw::watch(channel.clone(), &request).await?;
            reading.spawn(read(stream, Arc::clone(&seen)));
        }
        Ok(Self { reading, seen, before })
    }

    /// Waits until they have all of so many moves.
    pub(crate) async fn have(&mut self, moves: u64) -> Result<(), Failure> {
        let expected = moves - self.before;
        for _ in 0..LOOKS_MAX {
            if let Some(ended) = self.reading.try_join_next() {
                ended??;
            }
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).moves;
            if seen == expected {
                return Ok(());
            }
            if seen > expected {
                return Err(format!("{seen} moves arrived, there are {expected}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("{expected} moves did not arrive").into())
    }

    /// What there was since the last time.
    pub(crate) fn take_lags(&self) -> Lags {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let lags = seen.lags.clone();
        seen.lags.reset();
        Lags(lags)
    }
}

async fn read(mut stream: Streaming<Bytes>, seen: Arc<Mutex<Seen>>) -> Result<(), Failure> {
    while let Some(message) = stream.message().await? {
        let now = now()?;
        let frames = pb::WatchMovesResponse::decode(message)?.frames;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in frames {
            let Some(Frame::Move(moved)) = frame.frame else { continue };
            let time = moved.time.ok_or("a move without a time")?;
            let time = Duration::new(time.seconds.try_into()?, time.nanos.try_into()?);
            seen.moves += 1;
            seen.lags.record(now.saturating_sub(time).as_nanos().try_into()?)?;
        }
    }
    Err("a watch ended".into())
}

/// By the clock that the server has too.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
fn now() -> Result<Duration, Failure> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}
