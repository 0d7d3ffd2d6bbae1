//! HTTP/2 by hand, for what no library would send.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames (RFC 9113).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
/// Flags of frames.
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a gRPC call, compressed in no way (RFC 7541).
pub(crate) fn call(path: &str) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = vec![u8::try_from(text.len()).expect("it is short")];
        bytes.extend(text.as_bytes());
        bytes
    };
    // POST, http; then names from the static table, and one that is not in it.
    let mut block = vec![0x83, 0x86, 0x04];
    block.extend(text(path));
    block.push(0x01);
    block.extend(text("localhost"));
    block.extend([0x0f, 0x10]);
    block.extend(text("application/grpc"));
    block.push(0x00);
    block.extend(text("te"));
    block.extend(text("trailers"));
    block
}

/// An RPC whose request is empty, and one that waits to be decided.
pub(crate) const INFO: &str = "/pawl.v1.SystemService/GetServerInfo";
pub(crate) const PUBLISH: &str = "/pawl.v1.EventService/PublishEvent";
pub(crate) const WATCH: &str = "/pawl.v1.MoveService/WatchMoves";

/// A connection that has said what HTTP/2 begins with.
pub(crate) async fn open(address: SocketAddr) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    writer.write_all(PREFACE).await?;
    writer.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    writer.write_all(&frame(SETTINGS, 1, 0, &[])).await?;
    Ok((reader, writer))
}

/// What the server says.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The next frame; `None` when the server has ended the connection.
pub(crate) async fn read(reader: &mut (impl AsyncReadExt + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await.ok()?;
    let [long, longer, longest, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, long, longer, longest]) as usize];
    reader.read_exact(&mut payload).await.ok()?;
    Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
}

/// A message as gRPC sends it.
pub(crate) fn message(message: &impl prost::Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).expect("it is short").to_be_bytes();
    [&[0], &length[..], &bytes].concat()
}

/// Reads until the server ends the connection.
pub(crate) async fn drain(mut reader: impl AsyncReadExt + Unpin) {
    let mut nowhere = vec![0; 16_384];
    while !matches!(reader.read(&mut nowhere).await, Ok(0) | Err(_)) {}
}

/// Writes what `next` gives, again and again, until the server ends the connection. What it says is
/// read.
pub(crate) async fn flood(
    address: SocketAddr,
    mut next: impl FnMut() -> Vec<u8>,
) -> io::Result<()> {
    let (reader, mut writer) = open(address).await?;
    let write = async {
        loop {
            writer.write_all(&next()).await?;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = drain(reader) => Ok(()),
        wrote = write => wrote,
    }
}
