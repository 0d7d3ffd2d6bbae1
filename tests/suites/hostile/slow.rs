//! Attacks that take their time, or take nothing. Each is one connection, and returns when the server
//! ends it, or the call on it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::raw::{
    DATA, END_HEADERS, END_STREAM, HEADERS, INFO, PREFACE, PUBLISH, call, drain, frame, open,
};

/// Between one byte and the next.
const BEAT: Duration = Duration::from_millis(100);

/// Writes byte by byte, and something for ever after, until the server ends the connection.
async fn trickle(
    reader: impl AsyncReadExt + Unpin,
    mut writer: impl AsyncWriteExt + Unpin,
    bytes: &[u8],
) -> io::Result<()> {
    let write = async {
        for byte in bytes.iter().chain(std::iter::repeat(&b'a')) {
            writer.write_all(&[*byte]).await?;
            sleep(BEAT).await;
        }
        Ok(())
    };
    tokio::select! {
        () = drain(reader) => Ok(()),
        wrote = write => wrote,
    }
}

/// Connects and never speaks.
pub(crate) async fn silence(address: SocketAddr) -> io::Result<()> {
    drain(TcpStream::connect(address).await?).await;
    Ok(())
}

/// The first words of HTTP/2, byte by byte.
pub(crate) async fn preface(address: SocketAddr) -> io::Result<()> {
    let (reader, writer) = TcpStream::connect(address).await?.into_split();
    trickle(reader, writer, PREFACE).await
}

/// The head of a request of HTTP/1, byte by byte and without end.
pub(crate) async fn head(address: SocketAddr) -> io::Result<()> {
    let (reader, mut writer) = TcpStream::connect(address).await?.into_split();
    writer.write_all(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\nx-long: ").await?;
    trickle(reader, writer, b"").await
}

/// The headers of HTTP/2, byte by byte.
pub(crate) async fn headers(address: SocketAddr) -> io::Result<()> {
    let (reader, mut writer) = open(address).await?;
    // Longer than what follows.
    writer.write_all(&frame(HEADERS, END_HEADERS, 1, &[0; 4_096])[..9]).await?;
    trickle(reader, writer, &call(PUBLISH)).await
}

/// A body of HTTP/1, byte by byte.
pub(crate) async fn body_http1(address: SocketAddr) -> io::Result<()> {
    let (reader, mut writer) = TcpStream::connect(address).await?.into_split();
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 100000\r\n\r\n";
    writer.write_all(head.as_bytes()).await?;
    trickle(reader, writer, b"{").await
}

/// A call of HTTP/2 that comes byte by byte; everything else on the connection is as it should be.
pub(crate) async fn body_http2(address: SocketAddr) -> io::Result<()> {
    bodies(address, 1).await
}

/// As many calls as one connection may have, none of which becomes whole.
pub(crate) async fn body_of_many(address: SocketAddr) -> io::Result<()> {
    bodies(address, 32).await
}

async fn bodies(address: SocketAddr, count: usize) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    let calls = async {
        let mut open = Vec::new();
        for _ in 0..count {
            sender = sender.ready().await.map_err(io::Error::other)?;
            let request = http::Request::post(format!("http://localhost{PUBLISH}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            let request = request.body(()).expect("it is a request");
            open.push(sender.send_request(request, false).map_err(io::Error::other)?);
        }
        let (answers, mut bodies): (Vec<_>, Vec<_>) = open.into_iter().unzip();
        for body in &mut bodies {
            body.send_data(vec![0, 0, 1, 0, 0].into(), false).map_err(io::Error::other)?;
        }
        let trickle = async {
            loop {
                sleep(BEAT).await;
                for body in &mut bodies {
                    // Fails once its call is over; others may go on.
                    let _ = body.send_data(vec![b'a'].into(), false);
                }
            }
        };
        let ended = async {
            for answer in answers {
                let answer = answer.await.map_err(io::Error::other)?;
                let status = answer.headers().get("grpc-status").map(http::HeaderValue::as_bytes);
                assert_eq!(status, Some(&b"4"[..]), "DEADLINE_EXCEEDED: {answer:?}");
            }
            Ok(())
        };
        tokio::select! {
            never = trickle => never,
            ended = ended => ended,
        }
    };
    tokio::select! {
        ended = connection => ended.map_err(io::Error::other),
        ended = calls => ended,
    }
}

/// Asks and asks over HTTP/1, and takes no answer.
pub(crate) async fn deaf_http1(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let asked = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(64);
    loop {
        stream.write_all(&asked).await?;
    }
}

/// Asks and asks over HTTP/2, and takes no answer.
pub(crate) async fn deaf_http2(address: SocketAddr) -> io::Result<()> {
    let (_deaf, mut writer) = open(address).await?;
    let block = call(INFO);
    for id in (1..).step_by(2) {
        writer.write_all(&frame(HEADERS, END_HEADERS, id, &block)).await?;
        writer.write_all(&frame(DATA, END_STREAM, id, &[0; 5])).await?;
    }
    Ok(())
}
