//! The messages of a watch. A stretch of the log is encoded once, and the messages of all watchers
//! are put together from slices of that.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use pawl_api::pb::watch_frame::Frame;
use pawl_api::{convert, pb};
use pawl_engine::{Encoded, ResumeToken, Shown, Stretch};
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

/// A message to a watcher is closed once its frames have grown to this.
const MESSAGE_BYTES: usize = 64 * 1_024;
/// The number of `WatchMovesResponse.frames`.
const FRAMES_TAG: u32 = 1;

/// What `pb::WatchMovesResponse` looks like on the wire, in slices.
#[derive(Debug, Default)]
pub(crate) struct WatchMessage(Vec<Slice>);

/// Some frames, each with its key and its length.
#[derive(Debug)]
pub(crate) enum Slice {
    /// For every watcher.
    Shared(Arc<Stretch>, Range<usize>),
    /// For this one.
    Own(Vec<u8>),
}

impl Slice {
    /// One frame for one watcher.
    pub(crate) fn frame(token: Option<ResumeToken>, frame: Frame) -> Self {
        let mut bytes = Vec::new();
        encode(token, frame, &mut bytes);
        Self::Own(bytes)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(stretch, range) => &encoded(stretch).bytes[range.clone()],
            Self::Own(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Shared(_, range) => range.len(),
            Self::Own(bytes) => bytes.len(),
        }
    }
}

/// Frames that wait to be sent; their messages are not much over 64 KiB.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    slices: VecDeque<Slice>,
    bytes: usize,
}

impl Frames {
    pub(crate) fn push(&mut self, slice: Slice) {
        self.bytes += slice.len();
        self.slices.push_back(slice);
    }

    /// Some items of a stretch as all watchers see them, cut where a message may end.
    pub(crate) fn push_shared(&mut self, stretch: &Arc<Stretch>, items: Range<usize>) {
        let ends = &encoded(stretch).ends;
        let mut begin = items.start.checked_sub(1).map_or(0, |before| ends[before]);
        let mut end = begin;
        for item in items {
            end = ends[item];
            if end - begin >= MESSAGE_BYTES {
                self.push(Slice::Shared(Arc::clone(stretch), begin..end));
                begin = end;
            }
        }
        if end > begin {
            self.push(Slice::Shared(Arc::clone(stretch), begin..end));
        }
    }

    /// Whether they fill a message.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= MESSAGE_BYTES
    }

    /// The next message; `None` when nothing waits.
    pub(crate) fn message(&mut self) -> Option<WatchMessage> {
        let mut slices = Vec::new();
        let mut bytes = 0;
        while let Some(slice) = self.slices.pop_front() {
            bytes += slice.len();
            slices.push(slice);
            if bytes >= MESSAGE_BYTES {
                break;
            }
        }
        self.bytes -= bytes;
        (!slices.is_empty()).then_some(WatchMessage(slices))
    }
}

/// A frame of what a stretch shows.
pub(crate) fn shown(shown: Shown<'_>) -> Frame {
    match shown {
        Shown::Move(id, moved) => Frame::Move(convert::move_to_pb(Some(id), moved)),
        Shown::Entity(entity) => Frame::Entity(entity.into()),
        Shown::Deleted(entity) => Frame::EntityDeleted(entity.into()),
    }
}

fn encoded(stretch: &Stretch) -> &Encoded {
    stretch.encoded(|stretch| {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(stretch.len()));
        for (token, item) in stretch.shown(0..stretch.len()) {
            encode(Some(token), shown(item), &mut bytes);
            if ends.is_empty() {
                // The others are about as long, unless it is a large entity before small moves.
                bytes.reserve((bytes.len() * stretch.len() * 9 / 8).min(MESSAGE_BYTES));
            }
            ends.push(bytes.len());
        }
        Encoded { bytes, ends }
    })
}

fn encode(token: Option<ResumeToken>, frame: Frame, bytes: &mut Vec<u8>) {
    let resume_token = token.map(|token| token.as_bytes().to_vec().into()).unwrap_or_default();
    let frame = pb::WatchFrame { resume_token, frame: Some(frame) };
    encoding::message::encode(FRAMES_TAG, &frame, bytes);
}

impl Message for WatchMessage {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.0.iter().for_each(|slice| buf.put_slice(slice.bytes()));
    }

    fn encoded_len(&self) -> usize {
        self.0.iter().map(Slice::len).sum()
    }

    /// It is only ever sent; what the trait asks for besides reads it as an unknown message.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        encoding::skip_field(wire_type, tag, buf, ctx)
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_add_up_to_the_message_of_the_contract() {
        let heartbeat =
            |lag_moves| Frame::Heartbeat(pb::Heartbeat { lag_moves, ..Default::default() });
        let mut frames = Frames::default();
        (0..3).for_each(|lag| frames.push(Slice::frame(None, heartbeat(lag))));
        let message = frames.message().expect("three frames wait");
        assert!(frames.message().is_none());
        let bytes = message.encode_to_vec();
        assert_eq!(bytes.len(), message.encoded_len());
        let read = pb::WatchMovesResponse::decode(&*bytes).expect("it is such a message");
        let read: Vec<_> = read.frames.into_iter().map(|frame| frame.frame).collect();
        assert_eq!(read, [0, 1, 2].map(|lag| Some(heartbeat(lag))));
    }

    #[test]
    fn messages_end_soon_after_they_are_full() {
        let mut frames = Frames::default();
        (0..10).for_each(|_| frames.push(Slice::Own(vec![0; 30 * 1_024])));
        let lengths = std::iter::from_fn(|| frames.message()).map(|m| m.encoded_len() / 1_024);
        assert_eq!(lengths.collect::<Vec<_>>(), [90, 90, 90, 30]);
        assert!(!frames.is_full());
    }
}
