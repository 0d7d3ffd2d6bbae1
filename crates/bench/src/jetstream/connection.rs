use std::io::Write;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

const CONNECT: &str =
    r#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#;

/// A connection to a NATS server, with one inbox for whatever it answers.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    inbox: String,
    received: Vec<u8>,
    queued: Vec<u8>,
}

/// What the server sends.
#[derive(Debug, PartialEq, Eq)]
enum Frame<'a> {
    Message(&'a str),
    Ping,
    Pong,
    Info,
}

impl Connection {
    /// Connects and waits until the inbox is there.
    pub(super) async fn open(address: SocketAddr, name: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let inbox = format!("_INBOX.{name}");
        let queued = format!("{CONNECT}\r\nSUB {inbox} 1\r\nPING\r\n").into_bytes();
        let mut connection = Self { stream, inbox, received: Vec::new(), queued };
        let mut greeted = false;
        while !greeted {
            connection.transfer().await?;
            connection.frames(|frame| {
                greeted |= frame == Frame::Pong;
                Ok(())
            })?;
        }
        Ok(connection)
    }

    /// Queues a message, of which duplicates are noticed if it has an id.
    pub(super) fn queue(&mut self, subject: &str, id: Option<&str>, payload: &[u8]) {
        let Self { queued, inbox, .. } = self;
        let head = id.map(|id| format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n"));
        let total = head.as_ref().map_or(0, String::len) + payload.len();
        // Writing into memory does not fail.
        let _ = match head {
            Some(head) => {
                let length = head.len();
                write!(queued, "HPUB {subject} {inbox} {length} {total}\r\n{head}")
            }
            None => write!(queued, "PUB {subject} {inbox} {total}\r\n"),
        };
        queued.extend_from_slice(payload);
        queued.extend_from_slice(b"\r\n");
    }

    /// Sends what is queued, waits for something to come back, shows each answer, and says how many
    /// there were.
    pub(super) async fn exchange(
        &mut self,
        mut look: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        self.transfer().await?;
        let mut answers = 0;
        let mut pings = 0;
        self.frames(|frame| {
            match frame {
                Frame::Message(body) => {
                    look(body)?;
                    answers += 1;
                }
                Frame::Ping => pings += 1,
                Frame::Pong | Frame::Info => {}
            }
            Ok(())
        })?;
        for _ in 0..pings {
            self.queued.extend_from_slice(b"PONG\r\n");
        }
        Ok(answers)
    }

    /// Asks the server itself something.
    pub(super) async fn ask(&mut self, subject: &str, body: &str) -> Result<Value, Failure> {
        self.queue(subject, None, body.as_bytes());
        let mut answer = Value::Null;
        let mut read = |body: &str| {
            answer = serde_json::from_str(body)?;
            Ok(())
        };
        while self.exchange(&mut read).await? == 0 {}
        Ok(answer)
    }

    async fn transfer(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.queued).await?;
        self.queued.clear();
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err("the server hung up".into()),
            _ => Ok(()),
        }
    }

    /// Takes all that has arrived whole.
    fn frames(
        &mut self,
        mut take: impl FnMut(Frame<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut used = 0;
        while let Some((frame, length)) = frame(&self.received[used..])? {
            take(frame)?;
            used += length;
        }
        self.received.drain(..used);
        Ok(())
    }
}

/// The first frame and its length, if it is there to its end.
fn frame(received: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Failure> {
    let Some(end) = received.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let line = std::str::from_utf8(&received[..end])?;
    let body = end + 2;
    let frame = match line.split(' ').next() {
        Some("PING") => Frame::Ping,
        Some("PONG") => Frame::Pong,
        Some("INFO") => Frame::Info,
        Some("MSG" | "HMSG") => {
            let length: usize = line.rsplit(' ').next().unwrap_or_default().parse()?;
            let Some(whole) = received.get(body..body + length + 2) else { return Ok(None) };
            let message = std::str::from_utf8(&whole[..length])?;
            return Ok(Some((Frame::Message(message), body + length + 2)));
        }
        _ => return Err(format!("the server says {line}").into()),
    };
    Ok(Some((frame, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_it_is_there_to_its_end() {
        let whole = b"MSG _INBOX.a 1 4\r\n{\r\n}\r\nPING\r\n";
        for end in 0..24 {
            assert_eq!(frame(&whole[..end]).unwrap(), None, "{end} bytes");
        }
        assert_eq!(frame(whole).unwrap(), Some((Frame::Message("{\r\n}"), 24)));
        assert_eq!(frame(&whole[24..]).unwrap(), Some((Frame::Ping, 6)));
        assert!(frame(b"-ERR 'Unknown Protocol Operation'\r\n").is_err());
    }
}
