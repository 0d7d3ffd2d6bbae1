//! A watch that is held for weeks.
//!
//! Connections break, servers restart, proxies cut. [`Watch`] connects again, resumes with the last
//! token, notices when nothing comes any more, and tells of all this as [`State`]s between the
//! frames: nothing is missing, nothing comes twice. It ends only when trying again cannot help.
//!
//! ```no_run
//! # use pawl_api::pb::move_service_client::MoveServiceClient;
//! # type Client = MoveServiceClient<tonic::transport::Channel>;
//! # async fn example(client: Client) -> Result<(), pawl_api::watch::Ended> {
//! use pawl_api::pb::{self, watch_frame::Frame};
//! use pawl_api::watch::{Options, Update, Watch};
//!
//! let mut watch = Watch::start(client, pb::WatchMovesRequest::default(), Options::default());
//! loop {
//!     match watch.next().await? {
//!         Update::Frame { frame: Frame::Move(moved), .. } => println!("{}", moved.entity_id),
//!         Update::Frame { .. } => {}
//!         Update::State(state) => eprintln!("{state}"),
//!     }
//!     // Kept somewhere, `watch.token()` lets another process go on from here.
//! }
//! # }
//! ```
//!
//! There is no feature to switch this on: whoever brings the client brings the transport, so all it
//! adds to the crate is a clock (`tokio/time`) and the pauses between attempts.

mod options;
mod patience;
mod update;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::{Status, Streaming};

pub use crate::watch::options::Options;
pub use crate::watch::update::{Ended, Interruption, State, Update};

use crate::pb;
use crate::pb::move_service_client::MoveServiceClient;
use crate::pb::watch_frame::Frame;
use crate::pb::watch_moves_request::Start;
use crate::watch::options::Pauses;
use crate::watch::patience::Patience;

/// What the server takes when the request does not say.
const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(15);

type Messages = Streaming<pb::WatchMovesResponse>;
type Answer = Pin<Box<dyn Future<Output = Result<Messages, Status>> + Send>>;
/// Makes the call. Boxed, so that whoever keeps a [`Watch`] need not name the transport.
type Call = Box<dyn FnMut(pb::WatchMovesRequest) -> Answer + Send>;

/// A watch that goes on across interruptions. See the [module](self) for how to use it.
pub struct Watch {
    call: Call,
    /// What the next call asks for: once there is a token, what follows it.
    request: pb::WatchMovesRequest,
    options: Options,
    /// How long a standing watch may be silent.
    silence: Duration,
    pauses: Pauses,
    phase: Phase,
    /// To be told before the next frame.
    states: VecDeque<State>,
    /// Received and not yet handed on; the token is that of the last one that was.
    frames: VecDeque<pb::WatchFrame>,
    /// Whether frames were handed on that cannot be resumed after.
    snapshot_began: bool,
}

enum Phase {
    Pausing {
        until: Instant,
    },
    Calling {
        answer: Answer,
        patience: Patience,
    },
    Reading {
        messages: Box<Messages>,
        patience: Patience,
        stands: bool,
        goodbye: Option<pb::ClosingReason>,
    },
    Ended(Ended),
}

impl Watch {
    /// A watch through a client, whose channel makes its connection anew when it breaks. Connects
    /// when [`next`](Self::next) is first awaited.
    ///
    /// When the connection dies without a word, each new call goes into the same dead connection
    /// until the channel notices: give it HTTP/2 keepalive, or use [`start_dialing`].
    ///
    /// [`start_dialing`]: Self::start_dialing
    pub fn start<T>(
        client: MoveServiceClient<T>,
        request: pb::WatchMovesRequest,
        options: Options,
    ) -> Self
    where
        T: GrpcService<Body> + Clone + Send + 'static,
        T::Future: Send,
        T::Error: Into<StdError>,
        T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        Self::start_dialing(move || client.clone(), request, options)
    }

    /// A watch that takes a new client for each attempt: one with a channel that connects lazily
    /// gives each attempt a connection and a name lookup of its own.
    pub fn start_dialing<T>(
        mut dial: impl FnMut() -> MoveServiceClient<T> + Send + 'static,
        request: pb::WatchMovesRequest,
        options: Options,
    ) -> Self
    where
        T: GrpcService<Body> + Send + 'static,
        T::Future: Send,
        T::Error: Into<StdError>,
        T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        let call: Call = Box::new(move |request| {
            let mut client = dial();
            Box::pin(async move { Ok(client.watch_moves(request).await?.into_inner()) })
        });
        let interval = request.heartbeat_interval.and_then(|interval| interval.try_into().ok());
        // Beyond an hour the server refuses; the bound keeps the sum from overflowing.
        let interval = interval.unwrap_or(HEARTBEAT_DEFAULT).min(Duration::from_hours(1));
        Self {
            call,
            request,
            silence: 2 * interval + options.silence_slack,
            pauses: Pauses::new(&options),
            options,
            phase: Phase::Pausing { until: Instant::now() },
            states: VecDeque::new(),
            frames: VecDeque::new(),
            snapshot_began: false,
        }
    }

    /// The token of the last frame: that which [`next`](Self::next) gave, or one after it of which
    /// nothing had to be told. `None` before there is any.
    ///
    /// Kept once what `next` gave is done with, it lets another watch go on from there.
    pub fn token(&self) -> Option<&Bytes> {
        match &self.request.start {
            Some(Start::ResumeToken(token)) => Some(token),
            _ => None,
        }
    }

    /// What comes next, for as long as it takes.
    ///
    /// It may be dropped while it waits: nothing is lost, and the next one goes on waiting for the
    /// same. Once it has [`Ended`] it gives the same error again.
    pub async fn next(&mut self) -> Result<Update, Ended> {
        loop {
            if let Some(state) = self.states.pop_front() {
                return Ok(Update::State(state));
            }
            match self.frames.pop_front() {
                Some(frame) => {
                    if let Some(update) = self.hand_on(frame) {
                        return Ok(update);
                    }
                }
                None => self.advance().await?,
            }
        }
    }

    /// The same as a stream. An error is its last item.
    pub fn into_stream(self) -> impl Stream<Item = Result<Update, Ended>> + Send {
        stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            let update = watch.next().await;
            let rest = update.is_ok().then_some(watch);
            Some((update, rest))
        })
    }

    /// Waits until something happens. What it waits for is kept in the phase, and nothing changes
    /// before it is there, so that it may be dropped meanwhile.
    async fn advance(&mut self) -> Result<(), Ended> {
        match &mut self.phase {
            Phase::Pausing { until } => {
                sleep_until(*until).await;
                self.call();
            }
            Phase::Calling { answer, patience } => match patience.wait(answer).await {
                Some(Ok(messages)) => {
                    let (messages, patience) = (Box::new(messages), *patience);
                    self.phase =
                        Phase::Reading { messages, patience, stands: false, goodbye: None };
                }
                Some(Err(status)) => self.failed(status),
                None => self.silent(false),
            },
            Phase::Reading { messages, patience, stands, .. } => {
                match patience.wait(messages.message()).await {
                    Some(Ok(Some(message))) => self.read(message.frames),
                    Some(Ok(None)) => self.interrupted(Interruption::Cut),
                    Some(Err(status)) => self.failed(status),
                    None => {
                        let stood = *stands;
                        self.silent(stood);
                    }
                }
            }
            Phase::Ended(ended) => return Err(ended.clone()),
        }
        Ok(())
    }

    fn call(&mut self) {
        let answer = (self.call)(self.request.clone());
        let patience = Patience::new(self.options.answer_timeout);
        self.phase = Phase::Calling { answer, patience };
        self.states.push_back(State::Connecting { attempt: self.pauses.attempt() });
    }

    fn read(&mut self, frames: Vec<pb::WatchFrame>) {
        let Phase::Reading { patience, stands, .. } = &mut self.phase else { return };
        if frames.is_empty() {
            return;
        }
        *patience = Patience::new(self.silence);
        *stands = true;
        // `started` alone is no progress: a server that falls over whatever comes next would be
        // called again and again without a pause.
        let progress = |frame: &pb::WatchFrame| {
            !frame.resume_token.is_empty() && !matches!(frame.frame, Some(Frame::Started(_)))
        };
        if frames.iter().any(progress) {
            self.pauses.reset();
        }
        self.frames.extend(frames);
    }

    /// Takes the token of a frame, and what there is to tell of it.
    fn hand_on(&mut self, frame: pb::WatchFrame) -> Option<Update> {
        let pb::WatchFrame { resume_token: token, frame } = frame;
        if !token.is_empty() {
            self.request.start = Some(Start::ResumeToken(token.clone()));
            self.snapshot_began = false;
        }
        match frame? {
            Frame::Started(_) => {
                if std::mem::take(&mut self.snapshot_began) {
                    self.states.push_back(State::SnapshotRestarted);
                }
                Some(Update::State(State::Live))
            }
            Frame::Closing(closing) => {
                if let Phase::Reading { patience, goodbye, .. } = &mut self.phase {
                    *goodbye = Some(closing.reason());
                    // The status follows at once.
                    *patience = Patience::new(self.options.answer_timeout);
                }
                None
            }
            frame => {
                self.snapshot_began |= token.is_empty();
                Some(Update::Frame { frame, token })
            }
        }
    }

    fn silent(&mut self, stood: bool) {
        self.interrupted(if stood {
            Interruption::Silent { limit: self.silence }
        } else {
            Interruption::Unanswered { limit: self.options.answer_timeout }
        });
    }

    fn failed(&mut self, status: Status) {
        if update::is_final(status.code()) {
            self.phase = Phase::Ended(Ended::new(status));
        } else {
            self.interrupted(Interruption::Failed(Box::new(status)));
        }
    }

    fn interrupted(&mut self, why: Interruption) {
        let why = match &self.phase {
            Phase::Reading { goodbye: Some(reason), .. } => Interruption::Closing(*reason),
            _ => why,
        };
        let retry_in = self.pauses.next();
        self.phase = Phase::Pausing { until: Instant::now() + retry_in };
        self.states.push_back(State::Interrupted { why, retry_in });
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Pausing { .. } => "pausing",
            Phase::Calling { .. } => "calling",
            Phase::Reading { .. } => "reading",
            Phase::Ended(_) => "ended",
        };
        f.debug_struct("Watch").field("phase", &phase).finish_non_exhaustive()
    }
}
