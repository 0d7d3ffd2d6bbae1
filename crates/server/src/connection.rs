//! Connections: how they are accepted, how many there may be, and who is at the other end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use crate::config::Connections;
use crate::flood::{Allowance, Flood};
use crate::telemetry::{self, Telemetry};
use crate::tls::{Tls, names};

/// Connections that have been accepted and wait to be served.
const ACCEPTED: usize = 128;
/// With the first words of HTTP/2 it is known that a client speaks it, which are so many bytes.
const PREFACE_BYTES: usize = 24;
/// With what the first words of a client end, whichever version of HTTP it speaks.
const BLANK_LINE: &[u8] = b"\r\n\r\n";
/// After so many bytes on end it is the turn of other connections.
const TURN_BYTES: usize = 64 * 1_024;
/// After a failed accept, as when no file can be opened any more.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The names of the client's certificate, which was verified; `None` when it showed none.
    pub(crate) certificate: Option<Arc<[Arc<str>]>>,
    /// How many of its calls wait to be decided.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// How many of its RPCs are open.
    pub(crate) open: Arc<AtomicUsize>,
}

/// A connection that was accepted.
pub(crate) struct Connection {
    stream: Stretch,
    peer: Peer,
    /// How long its client may take for its first words; `None` once they are said.
    patience: Option<(Pin<Box<Sleep>>, Words)>,
    /// How long its client may take nothing of what it is told.
    stall: Duration,
    /// Set while it does not.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What its client may send besides its calls.
    allowance: Allowance,
    /// Bytes that were read since it last waited.
    turn: usize,
    writing: Writing,
    place: Place,
}

/// How what is to be sent waits for more to go with it.
///
/// The RPCs of a connection are answered several at a time, by tasks of their own. The first answer
/// wakes the connection before the others have run, and would leave alone: a packet for each. So a
/// connection with several lets those run once that are ready to, before it writes. Nothing waits for
/// anything that has yet to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// Who is ready may add to what is to be sent.
    Open,
    /// They are running.
    Yielded,
    /// They have run.
    Due,
}

/// Among the connections that are open.
type Place = (OwnedSemaphorePermit, telemetry::Connected);

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Until its first words.
    words: Duration,
    /// While it takes nothing of what it is told.
    stall: Duration,
}

/// What a client has said so far.
#[derive(Debug, Default)]
struct Words {
    bytes: usize,
    /// How much of [`BLANK_LINE`] they end with; all of it once there was one.
    blank: usize,
}

impl Words {
    fn add(&mut self, more: &[u8]) {
        self.bytes += more.len();
        for byte in more {
            self.blank = match self.blank {
                all if all == BLANK_LINE.len() => all,
                some if *byte == BLANK_LINE[some] => some + 1,
                _ => usize::from(*byte == BLANK_LINE[0]),
            };
        }
    }

    fn are_said(&self) -> bool {
        self.bytes >= PREFACE_BYTES && self.blank == BLANK_LINE.len()
    }
}

enum Stretch {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Accepts connections until nobody takes them any more.
pub(crate) fn accept(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limits: &Connections,
    telemetry: Telemetry,
) -> impl Stream<Item = io::Result<Connection>> + Send + use<> {
    let (sender, accepted) = mpsc::channel(ACCEPTED);
    let places = Arc::new(Semaphore::new(limits.max_connections as usize));
    let patience = Patience { words: limits.handshake_timeout, stall: limits.keepalive_timeout };
    let most = limits.max_connections;
    tokio::spawn(async move {
        loop {
            let (stream, address) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        debug!(%error, "a connection was not accepted");
                        sleep(PAUSE).await;
                        continue;
                    }
                },
                // The server is stopping; who connects now is refused by the system.
                () = sender.closed() => return,
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                if telemetry.refused(address.ip()) {
                    warn!(%address, limit = most, "as many connections are open as may be: closed another");
                }
                continue;
            };
            let place = (place, telemetry.connected());
            // Every message is to leave at once: with delays an answer takes 40 ms.
            if stream.set_nodelay(true).is_err() {
                continue;
            }
            let (tls, sender) = (tls.clone(), sender.clone());
            let peer =
                Peer { address, certificate: None, waiting: Arc::default(), open: Arc::default() };
            match tls {
                None => {
                    let connection = Connection::new(Stretch::Plain(stream), peer, patience, place);
                    if sender.send(Ok(connection)).await.is_err() {
                        return;
                    }
                }
                // Who takes long for it holds up nobody else.
                Some(tls) => {
                    tokio::spawn(async move {
                        let handshake =
                            timeout(patience.words, tls.acceptor().accept(stream)).await;
                        match handshake {
                            Ok(Ok(stream)) => {
                                let shown = stream.get_ref().1.peer_certificates();
                                let certificate =
                                    shown.and_then(<[_]>::first).map(|shown| names(shown).into());
                                let peer = Peer { certificate, ..peer };
                                let stream = Stretch::Tls(Box::new(stream));
                                let connection = Connection::new(stream, peer, patience, place);
                                let _ = sender.send(Ok(connection)).await;
                            }
                            Ok(Err(error)) => debug!(%address, %error, "no TLS"),
                            Err(_) => debug!(%address, "no TLS in time"),
                        }
                    });
                }
            }
        }
    });
    ReceiverStream::new(accepted)
}

macro_rules! on {
    ($connection:expr, $stream:ident => $do:expr) => {
        match &mut $connection.stream {
            Stretch::Plain($stream) => $do,
            Stretch::Tls($stream) => $do,
        }
    };
}

impl Connection {
    fn new(stream: Stretch, peer: Peer, patience: Patience, place: Place) -> Self {
        let Patience { words, stall } = patience;
        let patience = Some((Box::pin(sleep(words)), Words::default()));
        let allowance = Allowance::new(Instant::now());
        let (stalled, turn, writing) = (None, 0, Writing::Open);
        Self { stream, peer, patience, stall, stalled, allowance, turn, writing, place }
    }

    /// Whether it is time to write; if not, it is woken when it is.
    fn is_due(&mut self, cx: &Context<'_>) -> bool {
        if self.writing == Writing::Open && self.peer.open.load(Ordering::Relaxed) > 1 {
            self.writing = Writing::Yielded;
            // Who wakes itself while it runs comes after all others.
            cx.waker().wake_by_ref();
            return false;
        }
        self.writing = Writing::Due;
        true
    }

    /// Ends the connection of a client that floods.
    fn flooded(&mut self, cx: &mut Context<'_>, flood: Flood) -> io::Error {
        if let Some(words) = self.allowance.last_words() {
            // As far as it can be said at once: nobody waits for this client.
            let _ = on!(self, stream => Pin::new(stream).poll_write(cx, &words));
            let _ = on!(self, stream => Pin::new(stream).poll_flush(cx));
        }
        let address = self.peer.address;
        if self.place.1.flooded(address.ip()) {
            warn!(%address, "a client sent {flood}: closed it, and will any others from there");
        }
        io::Error::other(flood)
    }

    /// What came of writing; who takes nothing for long is given up.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.stall)));
        ready!(stalled.poll_unpin(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if let Some((patience, _)) = &mut this.patience
            && patience.poll_unpin(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.turn >= TURN_BYTES {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.writing == Writing::Due {
            this.writing = Writing::Open;
        }
        let read = on!(this, stream => Pin::new(stream).poll_read(cx, buf));
        let bytes = &buf.filled()[before..];
        this.turn = if read.is_pending() { 0 } else { this.turn + bytes.len() };
        if let Some((_, words)) = &mut this.patience {
            words.add(bytes);
            if words.are_said() {
                this.patience = None;
            }
        }
        if let Err(flood) = this.allowance.received(bytes, Instant::now) {
            return Poll::Ready(Err(this.flooded(cx, flood)));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_due(cx) {
            return Poll::Pending;
        }
        let wrote = on!(self, stream => Pin::new(stream).poll_write(cx, buf));
        if let Poll::Ready(Ok(bytes)) = wrote {
            self.allowance.sent(&buf[..bytes]);
        }
        self.written(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.is_due(cx) {
            return Poll::Pending;
        }
        let wrote = on!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs));
        if let Poll::Ready(Ok(mut bytes)) = wrote {
            for buf in bufs {
                let some = bytes.min(buf.len());
                self.allowance.sent(&buf[..some]);
                bytes -= some;
            }
        }
        self.written(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stretch::Plain(stream) => stream.is_write_vectored(),
            Stretch::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = on!(self, stream => Pin::new(stream).poll_flush(cx));
        self.written(cx, wrote)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = on!(self, stream => Pin::new(stream).poll_shutdown(cx));
        self.written(cx, wrote)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;
    use std::task::{Wake, Waker};

    use super::*;
    use crate::telemetry::{Given, LostSpans};

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A connection some of whose RPCs are open, and its client.
    async fn connected(open: usize) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let given =
            Given { data: PathBuf::new(), min_free_bytes: 0, lost_spans: LostSpans::default() };
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let place = (permit, Telemetry::new(given).connected());
        let peer =
            Peer { address, certificate: None, waiting: Arc::default(), open: Arc::default() };
        peer.open.store(open, Ordering::Relaxed);
        let patience = Patience { words: Duration::MAX, stall: Duration::MAX };
        (Connection::new(Stretch::Plain(stream), peer, patience, place), client)
    }

    #[tokio::test]
    async fn before_it_writes_a_connection_with_several_calls_lets_others_run_once() {
        for (open, lets_run) in [(0, false), (1, false), (2, true), (9, true)] {
            let (mut connection, _client) = connected(open).await;
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut cx = Context::from_waker(&waker);
            for turn in 0..3 {
                let first = Pin::new(&mut connection).poll_write(&mut cx, b"a");
                assert_eq!(first.is_pending(), lets_run, "{open} open, turn {turn}");
                // Else it would never be asked again.
                assert_eq!(woken.0.swap(false, Ordering::Relaxed), lets_run);
                if lets_run {
                    // What has waited goes, and whatever else there is by then.
                    let second = Pin::new(&mut connection).poll_write(&mut cx, b"a");
                    assert!(matches!(second, Poll::Ready(Ok(1))), "{second:?}");
                }
                let bufs = [io::IoSlice::new(b"b"), io::IoSlice::new(b"c")];
                let more = Pin::new(&mut connection).poll_write_vectored(&mut cx, &bufs);
                assert!(matches!(more, Poll::Ready(Ok(2))), "{more:?}");
                // With the next turn, which begins with a look at what has come.
                let mut space = [0; 8];
                let mut space = ReadBuf::new(&mut space);
                assert!(Pin::new(&mut connection).poll_read(&mut cx, &mut space).is_pending());
            }
        }
    }
}
