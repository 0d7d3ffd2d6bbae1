use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use pawl_api::pb::watch_frame::Frame;
use pawl_api::{convert, pb};
use pawl_engine::{Closing, Pick, ResumeToken, Shown, Step, Watch};
use tokio::time::{Instant, sleep_until};
use tonic::Status;
use tracing::{Instrument, Level, Span, debug, enabled};

use crate::frames::{Frames, Slice, WatchMessage, shown};
use crate::status::{aged, expired, internal, stopping};

/// The messages of a watch.
pub(crate) type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchMessage, Status>> + Send>>;

/// Turns the steps of a watch into messages, and ends it when it has reached its greatest age.
pub(super) struct Watching {
    watch: Watch,
    frames: Frames,
    ends_at: Option<Instant>,
    /// With what the stream ends, once its frames are sent (W6).
    end: Option<Status>,
    ended: bool,
}

impl Watching {
    pub(super) fn new(watch: Watch, max_age: Option<Duration>) -> Self {
        let mut frames = Frames::default();
        frames.push(Slice::frame(watch.token(), Frame::Started(pb::Started {})));
        // So that those who came together do not all come back together.
        let ends_at = max_age.map(|age| Instant::now() + age.mul_f64(0.9 + fastrand::f64() / 5.0));
        Self { watch, frames, ends_at, end: None, ended: false }
    }

    /// The span of the call lives as long as its stream.
    pub(super) fn into_stream(self) -> WatchStream {
        let span = Span::current();
        Box::pin(stream::unfold(self, move |mut watching| {
            async move { watching.next().await.map(|message| (message, watching)) }
                .instrument(span.clone())
        }))
    }

    async fn next(&mut self) -> Option<Result<WatchMessage, Status>> {
        loop {
            if let Some(message) = self.frames.message() {
                return Some(Ok(message));
            }
            if self.ended {
                return self.end.take().map(Err);
            }
            let step = tokio::select! {
                biased;
                step = self.watch.next() => Some(step),
                () = until(self.ends_at) => None,
            };
            match step {
                Some(Ok(step)) => self.take(step),
                Some(Err(error)) => self.finish(internal(&error)),
                None => {
                    self.close(self.watch.token(), pb::ClosingReason::Aged);
                    self.finish(aged());
                }
            }
            // Whatever else there is by now costs no message of its own.
            while !self.frames.is_full() && !self.ended {
                let Some(step) = self.watch.next_ready() else { break };
                self.take(step);
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Stretch { stretch, picks, resumable } => {
                for pick in picks {
                    match pick {
                        Pick::Items(items) => {
                            if enabled!(Level::DEBUG) {
                                stretch.shown(items.clone()).for_each(|(_, shown)| log(shown));
                            }
                            if resumable {
                                self.frames.push_shared(&stretch, items);
                            } else {
                                for (token, item) in stretch.shown(items) {
                                    self.push(token, item, resumable);
                                }
                            }
                        }
                        Pick::Entity { token, entity } => {
                            self.push(token, Shown::Entity(&entity), resumable);
                        }
                        Pick::Deleted { token, entity } => {
                            self.push(token, Shown::Deleted(&entity), resumable);
                        }
                    }
                }
            }
            Step::Entities(entities) => {
                for entity in entities {
                    self.frames.push(Slice::frame(None, Frame::Entity((&*entity).into())));
                }
            }
            Step::SnapshotComplete { token, entities } => {
                let complete = pb::SnapshotComplete { entity_count: entities.cast_signed() };
                self.frames.push(Slice::frame(Some(token), Frame::SnapshotComplete(complete)));
            }
            Step::Heartbeat { token, head_token, lag_moves, lag, now } => {
                let beat = pb::Heartbeat {
                    head_token: head_token.as_bytes().to_vec().into(),
                    lag_moves: lag_moves.cast_signed(),
                    lag: Some(convert::duration_to_pb(lag)),
                    server_time: Some(convert::timestamp_to_pb(now)),
                };
                self.frames.push(Slice::frame(token, Frame::Heartbeat(beat)));
            }
            Step::Closing { token, why: Closing::Stopping } => {
                self.close(token, pb::ClosingReason::ServerShutdown);
                self.finish(stopping());
            }
            Step::Closing { token, why: Closing::Expired(earliest) } => {
                self.close(token, pb::ClosingReason::Expired);
                self.finish(expired(&earliest));
            }
        }
    }

    /// One frame for this watch alone.
    fn push(&mut self, token: ResumeToken, item: Shown<'_>, resumable: bool) {
        self.frames.push(Slice::frame(Some(token).filter(|_| resumable), shown(item)));
    }

    fn close(&mut self, token: Option<ResumeToken>, reason: pb::ClosingReason) {
        let closing = Frame::Closing(pb::Closing { reason: reason.into() });
        self.frames.push(Slice::frame(token, closing));
    }

    fn finish(&mut self, status: Status) {
        self.end = Some(status);
        self.ended = true;
    }
}

fn log(shown: Shown<'_>) {
    if let Shown::Move(move_id, moved) = shown {
        debug!(%move_id, entity_id = %moved.entity_id, "sent a move");
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
