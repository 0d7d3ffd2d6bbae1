//! Watching without decoding: messages as they come, and the frames in them.

use pawl_api::pb;
use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::decode_varint;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::Failure;

/// The key of `WatchMovesResponse.frames`, of `WatchFrame.resume_token` and of `Move.move_id`.
const FIRST_FIELD: u64 = 0x0A;
/// The key of `WatchFrame.move`.
const MOVE_FIELD: u64 = 0x32;

/// Messages are what their bytes are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(message.len());
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

/// Asks to watch; the messages come as they are.
pub(crate) async fn watch(
    channel: Channel,
    request: &pb::WatchMovesRequest,
) -> Result<Streaming<Bytes>, Failure> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await?;
    let path = PathAndQuery::from_static("/pawl.v1.MoveService/WatchMoves");
    let request = Request::new(request.encode_to_vec().into());
    Ok(client.server_streaming(request, path, RawCodec).await?.into_inner())
}

/// A frame that shows a move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MoveFrame<'m> {
    /// With its key and its length.
    pub(crate) bytes: &'m [u8],
    pub(crate) moved: &'m [u8],
}

impl MoveFrame<'_> {
    /// Where in the log the move stands.
    pub(crate) fn id(&self) -> Result<(u64, u64), Failure> {
        let mut rest = self.moved;
        let id = std::str::from_utf8(field(&mut rest, FIRST_FIELD).ok_or("a move has no id")?)?;
        let (sequence, index) = id.split_once('-').ok_or("a move's id has no dash")?;
        Ok((sequence.parse()?, index.parse()?))
    }
}

/// The moves in a message; other frames are passed over.
pub(crate) fn moves(message: &[u8]) -> impl Iterator<Item = MoveFrame<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let all = rest;
            let mut frame = field(&mut rest, FIRST_FIELD)?;
            let bytes = &all[..all.len() - rest.len()];
            // A frame without a token begins with what it shows.
            if frame.first().is_some_and(|key| u64::from(*key) == FIRST_FIELD) {
                field(&mut frame, FIRST_FIELD)?;
            }
            if let Some(moved) = field(&mut frame, MOVE_FIELD) {
                return Some(MoveFrame { bytes, moved });
            }
        }
        None
    })
}

/// Takes a field with a length off the front, if it has this key.
fn field<'m>(rest: &mut &'m [u8], key: u64) -> Option<&'m [u8]> {
    if decode_varint(rest).ok()? != key {
        return None;
    }
    let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
    let (value, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(value)
}

#[cfg(test)]
mod tests {
    use pawl_api::pb::watch_frame::Frame;

    use super::*;

    #[test]
    fn moves_are_found_among_other_frames() {
        let moved = |id: &str| {
            Frame::Move(pb::Move {
                move_id: id.to_owned(),
                entity_id: "deal/1".to_owned(),
                ..Default::default()
            })
        };
        let frame = |token: &[u8], frame| pb::WatchFrame {
            resume_token: token.to_vec().into(),
            frame: Some(frame),
        };
        let frames = vec![
            frame(b"token", Frame::Started(pb::Started {})),
            frame(b"token", moved("1000000007-0")),
            frame(b"", Frame::Heartbeat(pb::Heartbeat { lag_moves: 7, ..Default::default() })),
            frame(b"", moved("1000000008-12")),
        ];
        let message = pb::WatchMovesResponse { frames: frames.clone() }.encode_to_vec();
        let ids: Vec<_> = moves(&message).map(|frame| frame.id().unwrap()).collect();
        assert_eq!(ids, [(1_000_000_007, 0), (1_000_000_008, 12)]);
        let bytes: usize = moves(&message).map(|frame| frame.bytes.len()).sum();
        let others = [&frames[0], &frames[2]].map(|frame| frame.encoded_len() + 2);
        assert_eq!(bytes, message.len() - others.iter().sum::<usize>());
    }
}
