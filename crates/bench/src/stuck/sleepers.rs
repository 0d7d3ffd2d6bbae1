use pawl_api::pb;
use prost::bytes::Bytes;
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::Failure;
use crate::child::ServerProcess;
use crate::raw;

/// Watchers on one connection, which they have for themselves: what its window holds would be held
/// back from others on it.
const PER_CONNECTION: u64 = 10;

/// Watchers of all moves that do not read.
pub(crate) struct Sleepers(Vec<Streaming<Bytes>>);

impl Sleepers {
    /// Connects so many; they will have all moves from now on.
    pub(crate) async fn connect(process: &ServerProcess, count: u64) -> Result<Self, Failure> {
        let channels =
            process.connections(usize::try_from(count.div_ceil(PER_CONNECTION))?).await?;
        let mut streams = Vec::new();
        for (_, channel) in (0..count).zip(channels.iter().cycle()) {
            let request = pb::WatchMovesRequest::default();
            streams.push(raw::watch(channel.clone(), &request).await?);
        }
        Ok(Self(streams))
    }

    /// Reads until each has been sent so many moves. It is an error if one was sent a move twice or
    /// out of order; so none is missing then.
    pub(crate) async fn read_all(self, moves: u64) -> Result<(), Failure> {
        let mut reading = JoinSet::new();
        for stream in self.0 {
            reading.spawn(read(stream, moves));
        }
        while let Some(read) = reading.join_next().await {
            read??;
        }
        Ok(())
    }
}

async fn read(mut stream: Streaming<Bytes>, moves: u64) -> Result<(), Failure> {
    let (mut seen, mut last) = (0, None);
    while seen < moves {
        let message = stream.message().await?.ok_or("a watch ended")?;
        for frame in raw::moves(&message) {
            let id = frame.id()?;
            let before = last.replace(id);
            if before.is_some_and(|before| before >= id) {
                return Err(format!("{id:?} came behind {before:?}").into());
            }
            seen += 1;
        }
    }
    if seen == moves { Ok(()) } else { Err(format!("{seen} of {moves} moves came").into()) }
}
