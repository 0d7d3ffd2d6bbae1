use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use prost::bytes::Bytes;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};

use super::{BATCH, Feed};
use crate::Failure;
use crate::raw::{self, RawCodec};

/// Sends messages that lie ready to whoever watches: nothing but a cursor over them, and a head
/// that moves.
#[derive(Debug, Clone)]
pub(crate) struct Bare {
    messages: Arc<[Bytes]>,
    head: watch::Receiver<Head>,
}

/// How many messages were shown by now, and how many before this run, which has the first ones
/// again.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    before: usize,
    shown: usize,
}

/// Moves the head.
#[derive(Debug)]
pub(crate) struct Reel {
    messages: Arc<[Bytes]>,
    head: watch::Sender<Head>,
    run: usize,
}

impl Reel {
    /// Reads the frames that Pawl made, and cuts them into messages.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let frames = Bytes::from(std::fs::read(path)?);
        let (mut messages, mut begin, mut end) = (Vec::new(), 0, 0);
        for (number, frame) in (1..).zip(raw::moves(&frames)) {
            end += frame.bytes.len();
            if number % BATCH == 0 {
                messages.push(frames.slice(begin..end));
                begin = end;
            }
        }
        if end != frames.len() || begin != end {
            return Err(format!("{} does not hold whole messages of moves", path.display()).into());
        }
        Ok(Self { messages: messages.into(), head: watch::Sender::default(), run: 0 })
    }

    pub(crate) fn server(&self) -> Bare {
        Bare { messages: Arc::clone(&self.messages), head: self.head.subscribe() }
    }
}

impl Feed for Reel {
    fn prepare(&mut self, moves: u64) -> Result<(), Failure> {
        self.run = usize::try_from(moves)? / BATCH;
        if self.run > self.messages.len() {
            return Err(format!("there are {} messages", self.messages.len()).into());
        }
        // Everybody has seen all of the last run.
        self.head.send_modify(|head| head.before = head.shown);
        Ok(())
    }

    fn feed(&mut self) {
        (0..self.run).for_each(|_| self.head.send_modify(|head| head.shown += 1));
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl ServerStreamingService<Bytes> for Bare {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = std::future::Ready<Result<Response<Messages>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let (messages, head) = (Arc::clone(&self.messages), self.head.clone());
        let cursor = head.borrow().shown;
        let next = |(messages, mut head, cursor): (Arc<[Bytes]>, watch::Receiver<Head>, usize)| async move {
            loop {
                let Head { before, shown } = *head.borrow_and_update();
                if cursor < shown {
                    let message = messages[cursor - before].clone();
                    return Some((Ok(message), (messages, head, cursor + 1)));
                }
                head.changed().await.ok()?;
            }
        };
        let messages: Messages = Box::pin(stream::unfold((messages, head, cursor), next));
        std::future::ready(Ok(Response::new(messages)))
    }
}

impl Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(Grpc::new(RawCodec).server_streaming(service, request).await) })
    }
}

impl NamedService for Bare {
    const NAME: &'static str = "pawl.v1.MoveService";
}
