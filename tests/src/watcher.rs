use std::collections::VecDeque;
use std::fmt;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use tonic::{Status, Streaming};

/// Asks to watch from now on.
pub fn now() -> pb::WatchMovesRequest {
    from(Start::Now(pb::StartNow {}))
}

/// Asks to watch from the earliest retained move on.
pub fn earliest() -> pb::WatchMovesRequest {
    from(Start::Earliest(pb::StartEarliest {}))
}

/// Asks to watch after the frame that carried `token`.
pub fn resume(token: &[u8]) -> pb::WatchMovesRequest {
    from(Start::ResumeToken(token.to_vec().into()))
}

/// Asks to watch from the entities on, as they stand.
pub fn snapshot() -> pb::WatchMovesRequest {
    from(Start::Snapshot(pb::StartSnapshot {}))
}

fn from(start: Start) -> pb::WatchMovesRequest {
    // The shortest, so that tests which wait for a sign of life do not wait long.
    let heartbeat_interval = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    pb::WatchMovesRequest { start: Some(start), heartbeat_interval, ..Default::default() }
}

/// A watch, frame by frame.
pub struct Watcher {
    messages: Streaming<pb::WatchMovesResponse>,
    ready: VecDeque<pb::WatchFrame>,
    token: Vec<u8>,
}

impl Watcher {
    /// A watch that was resumed with `token`, or an empty one.
    pub(crate) fn new(messages: Streaming<pb::WatchMovesResponse>, token: Vec<u8>) -> Self {
        Self { messages, ready: VecDeque::new(), token }
    }

    /// The token of the last frame, or that with which the watch was resumed.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// The next frame. The server never ends a watch with OK (W6).
    pub async fn next_frame(&mut self) -> Result<pb::WatchFrame, Status> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                self.token = frame.resume_token.to_vec();
                return Ok(frame);
            }
            match self.messages.message().await? {
                Some(message) => self.ready.extend(message.frames),
                None => panic!("the watch ended with OK"),
            }
        }
    }

    /// The next move, past any heartbeats.
    pub async fn next_move(&mut self) -> Result<pb::Move, Status> {
        loop {
            if let Some(Frame::Move(moved)) = self.next_frame().await?.frame {
                return Ok(moved);
            }
        }
    }

    /// The moves until the next heartbeat, and the heartbeat.
    pub async fn until_heartbeat(&mut self) -> Result<(Vec<pb::Move>, pb::Heartbeat), Status> {
        let mut moves = Vec::new();
        loop {
            match self.next_frame().await?.frame {
                Some(Frame::Move(moved)) => moves.push(moved),
                Some(Frame::Heartbeat(heartbeat)) => return Ok((moves, heartbeat)),
                other => panic!("neither a move nor a heartbeat: {other:?}"),
            }
        }
    }

    /// The moves until a heartbeat says that there are no more.
    pub async fn until_caught_up(&mut self) -> Result<Vec<pb::Move>, Status> {
        let mut moves = Vec::new();
        loop {
            let (more, heartbeat) = self.until_heartbeat().await?;
            moves.extend(more);
            if heartbeat.lag_moves == 0 {
                return Ok(moves);
            }
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}
