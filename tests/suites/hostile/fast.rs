//! Attacks that send as much as they can. Each is one connection, and returns when the server ends it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INFO, PING, PUBLISH, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, call, drain, flood, frame, open,
};

/// How many frames are written at a time.
const AT_A_TIME: u32 = 64;

/// Frames for each of the next streams.
fn streams(next: &mut u32, frames: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let ids = (0..AT_A_TIME).map(|index| *next + 2 * index);
    let bytes = ids.flat_map(frames).collect();
    *next += 2 * AT_A_TIME;
    bytes
}

/// Opens streams only to give them up.
pub(crate) async fn rapid_reset(address: SocketAddr) -> io::Result<()> {
    let (block, mut next) = (call(PUBLISH), 1);
    flood(address, || {
        streams(&mut next, |id| {
            let mut bytes = frame(HEADERS, END_HEADERS, id, &block);
            bytes.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            bytes
        })
    })
    .await
}

/// The same with whole calls, which are begun.
pub(crate) async fn whole_calls_reset(address: SocketAddr) -> io::Result<()> {
    let (block, mut next) = (call(INFO), 1);
    flood(address, || {
        streams(&mut next, |id| {
            let mut bytes = frame(HEADERS, END_HEADERS, id, &block);
            bytes.extend(frame(DATA, END_STREAM, id, &[0; 5]));
            bytes.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            bytes
        })
    })
    .await
}

/// Opens streams and leaves them open.
pub(crate) async fn streams_beyond_the_limit(address: SocketAddr) -> io::Result<()> {
    let (block, mut next) = (call(PUBLISH), 1);
    flood(address, || streams(&mut next, |id| frame(HEADERS, END_HEADERS, id, &block))).await
}

/// Headers that never end.
pub(crate) async fn continuations_without_end(address: SocketAddr) -> io::Result<()> {
    let mut first = Some(frame(HEADERS, 0, 1, &call(PUBLISH)));
    // A literal header, `a: b`, many times.
    let more = frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b'].repeat(2_000));
    flood(address, || first.take().unwrap_or_else(|| more.clone())).await
}

/// Headers that end, and are far too many; the connection may stand.
pub(crate) async fn headers_too_large(address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    let calls = async {
        let mut sender = sender;
        loop {
            sender = sender.ready().await.map_err(io::Error::other)?;
            let mut request = http::Request::post(format!("http://localhost{PUBLISH}"));
            for index in 0..500 {
                request =
                    request.header(format!("x-{index}"), "a value that is rather long".repeat(4));
            }
            let request = request.body(()).expect("it is a request");
            let sent = sender.send_request(request, true).map_err(io::Error::other)?;
            // A refusal, of which it does not matter which one.
            let answer = sent.0.await.map_err(io::Error::other)?;
            assert_ne!(answer.status(), 200, "headers as large as that are refused");
        }
    };
    tokio::select! {
        ended = connection => ended.map_err(io::Error::other),
        ended = calls => ended,
    }
}

/// Frames that are larger than was agreed.
pub(crate) async fn frame_too_large(address: SocketAddr) -> io::Result<()> {
    let large = frame(DATA, 0, 1, &vec![0; 1 << 20]);
    flood(address, || large.clone()).await
}

/// Bytes that mean nothing.
pub(crate) async fn garbage(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(4_096).collect();
    stream.write_all(&bytes).await?;
    drain(stream).await;
    Ok(())
}

/// Pings, of which each is to be answered.
pub(crate) async fn pings(address: SocketAddr) -> io::Result<()> {
    let many = frame(PING, 0, 0, &[7; 8]).repeat(AT_A_TIME as usize);
    flood(address, || many.clone()).await
}

/// Settings, of which each is to be acknowledged.
pub(crate) async fn settings(address: SocketAddr) -> io::Result<()> {
    let many = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(AT_A_TIME as usize);
    flood(address, || many.clone()).await
}

/// Windows that grow until they overflow.
pub(crate) async fn windows(address: SocketAddr) -> io::Result<()> {
    let many = frame(WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes()).repeat(AT_A_TIME as usize);
    flood(address, || many.clone()).await
}

/// A body of nothing that goes on for ever.
pub(crate) async fn nothing_in_data(address: SocketAddr) -> io::Result<()> {
    let mut first = Some(frame(HEADERS, END_HEADERS, 1, &call(PUBLISH)));
    let many = frame(DATA, 0, 1, &[]).repeat(AT_A_TIME as usize);
    flood(address, || first.take().unwrap_or_else(|| many.clone())).await
}

/// More connections than may be open.
pub(crate) async fn connections(address: SocketAddr) -> io::Result<()> {
    let mut open_ones = Vec::new();
    for _ in 0..200 {
        // Those beyond the limit are closed at once, perhaps before they have said anything.
        open_ones.extend(open(address).await.ok());
    }
    let mut nowhere = [0; 1_024];
    // It goes on until that is so.
    while open_ones.len() > 100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        // First what the server says of itself, then the end.
        open_ones.retain(|(reader, _)| match reader.try_read(&mut nowhere) {
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        });
    }
    Ok(())
}
