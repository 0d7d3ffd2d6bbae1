//! Those who watch: from every start, with every filter, patient and impatient, on good lines and bad.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start as Asked;
use pawl_tests::Refused;
use pb::move_service_client::MoveServiceClient;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::pipe::Pipe;
use super::stage::Stage;
use super::world::World;
use crate::transcript::{End, Place, Seen, Session, Start, Transcript};

/// The shortest that can be asked for.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long nothing may come before a watcher gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that a slow reader lets come before it has read what came before.
const NARROW_BYTES: u32 = 4 * 1_024;

/// How a watcher reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    Eager,
    /// One message, and then a rest.
    Slow,
    /// A byte at a time.
    Throttled,
    /// Goes away after so many frames, and comes back.
    Fickle,
}

/// One who watches for as long as a scenario lasts.
pub(crate) struct Watcher {
    stage: Arc<Stage>,
    world: Arc<World>,
    rng: Rng,
    temper: Temper,
    /// Where it begins when it has no token.
    fresh: Start,
    filter: pb::MoveFilter,
    entity_changes: bool,
    transcript: Transcript,
}

impl Watcher {
    pub(crate) fn random(stage: Arc<Stage>, world: Arc<World>, mut rng: Rng) -> Self {
        let temper =
            [Temper::Eager, Temper::Slow, Temper::Throttled, Temper::Fickle, Temper::Fickle]
                [rng.usize(..5)];
        let fresh = [Start::Now, Start::Earliest, Start::Snapshot, Start::Snapshot][rng.usize(..4)];
        let entity_changes = rng.bool();
        let filter = world.filter(&mut rng, entity_changes || fresh == Start::Snapshot);
        Self::new(stage, world, rng, temper, fresh, filter, entity_changes)
    }

    pub(crate) fn new(
        stage: Arc<Stage>,
        world: Arc<World>,
        rng: Rng,
        temper: Temper,
        fresh: Start,
        filter: pb::MoveFilter,
        entity_changes: bool,
    ) -> Self {
        let changes = if entity_changes { " with entities" } else { "" };
        let name = format!("{temper:?} from {fresh:?}{changes}");
        let transcript = Transcript { name, sessions: Vec::new() };
        Self { stage, world, rng, temper, fresh, filter, entity_changes, transcript }
    }

    /// Watches until everything is over and it has seen it.
    pub(crate) async fn run(mut self) -> Transcript {
        let mut start = self.fresh;
        loop {
            let Some(session) = self.session(start).await else { continue };
            let over = match &session.end {
                End::Settled | End::Late => true,
                // Refused for good, which will be told.
                End::Status { code, .. } => session.frames.is_empty() && *code != Code::OutOfRange,
                End::Dropped | End::Ok => false,
            };
            let expired = matches!(&session.end, End::Status { code: Code::OutOfRange, .. });
            self.transcript.sessions.push(session);
            if over {
                return self.transcript;
            }
            start = if expired { self.again() } else { self.next_start() };
        }
    }

    /// Where it begins when its token is of no use any more.
    fn again(&mut self) -> Start {
        if self.fresh != Start::Snapshot {
            return Start::Earliest;
        }
        // The one that it has may choose among moves only.
        self.filter = self.world.filter(&mut self.rng, true);
        Start::Snapshot
    }

    /// After one of the frames that it has seen, mostly the last.
    fn next_start(&mut self) -> Start {
        let session = self.transcript.sessions.len() - 1;
        let frames = &self.transcript.sessions[session].frames;
        let tokens = frames.iter().enumerate().filter(|(_, seen)| {
            let is_closing = matches!(seen.what(), Some(Frame::Closing(_)));
            !seen.frame.resume_token.is_empty() && (!is_closing || self.rng.bool())
        });
        let tokens: Vec<_> = tokens.collect();
        let frame = match self.rng.u32(..10) {
            0..2 => self.rng.choice(&tokens).map(|(frame, _)| *frame),
            2..5 => tokens.iter().rfind(|(_, seen)| seen.is_heartbeat()).map(|(frame, _)| *frame),
            _ => None,
        };
        let frame = frame.or(tokens.last().map(|(frame, _)| *frame));
        let Some(frame) = frame else {
            // Before a snapshot is complete there is none: it is taken again. Else the session
            // before knows more.
            let before = self.transcript.sessions[session].start;
            return before;
        };
        if !self.entity_changes && self.rng.u32(..4) == 0 {
            self.filter = self.world.filter(&mut self.rng, false);
        }
        Start::Resume(Place { session, frame })
    }

    fn request(&self, start: Start) -> pb::WatchMovesRequest {
        let start = match start {
            Start::Now => Asked::Now(pb::StartNow {}),
            Start::Earliest => Asked::Earliest(pb::StartEarliest {}),
            Start::Snapshot => Asked::Snapshot(pb::StartSnapshot {}),
            Start::Resume(Place { session, frame }) => {
                let seen = &self.transcript.sessions[session].frames[frame];
                Asked::ResumeToken(seen.frame.resume_token.clone())
            }
        };
        pb::WatchMovesRequest {
            filter: Some(self.filter.clone()),
            start: Some(start),
            heartbeat_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            include_entity_changes: self.entity_changes,
        }
    }

    /// One call; `None` when there was no server to answer it.
    async fn session(&mut self, start: Start) -> Option<Session> {
        let server = self.stage.address().await;
        let pipe = match self.temper {
            Temper::Throttled => Some(Pipe::to(server).await),
            _ => None,
        };
        let address = pipe.as_ref().map_or(server, |pipe| pipe.address);
        let mut endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        if self.temper != Temper::Eager {
            endpoint = endpoint.initial_stream_window_size(NARROW_BYTES);
        }
        let asked = self.stage.now();
        let mut session = Session {
            start,
            filter: self.filter.clone(),
            entity_changes: self.entity_changes,
            heartbeat: HEARTBEAT,
            eager: matches!(self.temper, Temper::Eager | Temper::Fickle),
            narrow: self.temper == Temper::Throttled,
            asked,
            frames: Vec::new(),
            end: End::Dropped,
            ended: asked,
        };
        let called = async {
            let channel = endpoint.connect().await.map_err(|_| None)?;
            let called = MoveServiceClient::new(channel).watch_moves(self.request(start)).await;
            called.map_err(Some)
        };
        let end = match tokio::time::timeout(PATIENCE, called).await {
            Ok(Ok(messages)) => self.read(messages.into_inner(), &mut session).await,
            Ok(Err(Some(status))) if is_refusal(&status) => ended(&status),
            Ok(Err(_)) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return None;
            }
            Err(_) => End::Late,
        };
        // One that broke before anything came is none: the request may not even have been read.
        if session.frames.is_empty()
            && matches!(&end, End::Status { reason, .. } if reason.is_empty())
        {
            return None;
        }
        session.end = end;
        session.ended = self.stage.now();
        Some(session)
    }

    async fn read(
        &mut self,
        mut messages: Streaming<pb::WatchMovesResponse>,
        session: &mut Session,
    ) -> End {
        let restless = self.temper == Temper::Fickle && self.stage.settled().is_none();
        let goes_after = if restless { self.rng.usize(1..60) } else { usize::MAX };
        loop {
            let since = self.stage.now();
            let message = tokio::time::timeout(PATIENCE, messages.message()).await;
            let at = self.stage.now();
            let frames = match message {
                Ok(Ok(Some(message))) => message.frames,
                Ok(Ok(None)) => return End::Ok,
                Ok(Err(status)) => return ended(&status),
                Err(_) => return End::Late,
            };
            for frame in frames {
                session.frames.push(Seen { at, waited: at.saturating_sub(since), frame });
                if session.frames.len() == goes_after {
                    return End::Dropped;
                }
                if let Some(end) = self.seen(session) {
                    return end;
                }
            }
            if self.temper == Temper::Slow {
                self.rest().await;
            }
        }
    }

    /// Whether the newest frame says that everything was seen, or that it never will be.
    fn seen(&self, session: &Session) -> Option<End> {
        let settled = self.stage.settled()?;
        let Some(Frame::Heartbeat(heartbeat)) = session.frames.last()?.what() else { return None };
        let made = SystemTime::try_from(heartbeat.server_time?).ok()?;
        let late = heartbeat.lag.is_some_and(|lag| lag.seconds != 0 || lag.nanos != 0);
        if made > settled && heartbeat.lag_moves == 0 && !late {
            return Some(End::Settled);
        }
        (made > settled + PATIENCE).then_some(End::Late)
    }

    /// Lets the server wait, unless everybody waits for the end.
    async fn rest(&mut self) {
        let rest = Duration::from_millis(self.rng.u64(20..250));
        let mut signal = self.stage.signal();
        let hurry = signal.wait_for(|signal| signal.address.is_none() || signal.settled.is_some());
        let _ = tokio::time::timeout(rest, hurry).await;
    }
}

fn ended(status: &Status) -> End {
    let Refused { code, reason, message, .. } = Refused::from(status);
    End::Status { code, reason, message }
}

/// Whether the server refused it, and will again.
fn is_refusal(status: &Status) -> bool {
    !matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}
