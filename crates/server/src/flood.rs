//! What a client may send over HTTP/2 besides its calls.
//!
//! Pings, settings, windows and resets ask for nothing, and are read, and some of them answered, on the
//! thread that others wait for, too. So what a connection may send of them is in proportion to the work
//! on it. gRPC's own servers forgive pings whenever they send headers or data, and its clients are made
//! for that: so here what is sent pays as well.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many such frames a client may send before anything was asked. It takes the server some
/// milliseconds to read so many.
const AT_FIRST: u32 = 4_096;
/// How many it may save up.
const AT_MOST: u32 = 16 * AT_FIRST;
/// One comes back in such a time, so that a silent connection may be asked for years whether it lives.
const ONE: Duration = Duration::from_millis(10);
/// What headers and a frame of sent data pay for. A client may answer such a frame with a window for
/// the stream, one for the connection, and a ping by which it measures; and end the stream.
const EACH: u32 = 4;
/// Who reads data in small pieces tells of each; so much of it pays for one more.
const PIECE_BYTES: usize = 1_024;
/// Settings are answered, and looked at by every stream that is open.
const SETTINGS_COST: u32 = 16;
/// Data that is shorter is hardly more than its frame.
const SHORT_BYTES: usize = 16;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;
// Of RFC 9113.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What the client of a connection may still send. Over HTTP/1 there is nothing like it.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u32,
    /// Up to when time has been paid for.
    paid: Instant,
    spoken: Spoken,
    received: Frames,
    sent: Frames,
    last_stream: [u8; 4],
}

/// It sent too much.
#[derive(Debug, thiserror::Error)]
#[error("far more frames that ask for nothing than there is work on the connection")]
pub(crate) struct Flood;

#[derive(Debug)]
enum Spoken {
    /// So much of [`PREFACE`].
    Begun(usize),
    Http2,
    Other,
}

/// Finds frames in bytes, however those are cut.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; HEAD_BYTES],
    have: usize,
    /// Of the payload that follows.
    rest: usize,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: [u8; 4],
}

impl Frames {
    fn add(&mut self, mut bytes: &[u8], mut begins: impl FnMut(Head)) {
        while !bytes.is_empty() {
            let payload = self.rest.min(bytes.len());
            self.rest -= payload;
            bytes = &bytes[payload..];
            let some = bytes.len().min(HEAD_BYTES - self.have);
            self.head[self.have..][..some].copy_from_slice(&bytes[..some]);
            self.have += some;
            bytes = &bytes[some..];
            if self.have == HEAD_BYTES {
                self.have = 0;
                let [a, b, c, kind, flags, stream @ ..] = self.head;
                self.rest = u32::from_be_bytes([0, a, b, c]) as usize;
                begins(Head { length: self.rest, kind, flags, stream });
            }
        }
    }

    /// Whether no frame is begun and not whole.
    fn is_between(&self) -> bool {
        self.have == 0 && self.rest == 0
    }
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            left: AT_FIRST,
            paid: now,
            spoken: Spoken::Begun(0),
            received: Frames::default(),
            sent: Frames::default(),
            last_stream: [0; 4],
        }
    }

    /// Counts what the client sent. The clock is asked only when nothing is left.
    pub(crate) fn received(
        &mut self,
        mut bytes: &[u8],
        now: impl Fn() -> Instant,
    ) -> Result<(), Flood> {
        if let Spoken::Begun(so_far) = self.spoken {
            let begin = bytes.len().min(PREFACE.len() - so_far);
            self.spoken = match so_far + begin {
                _ if bytes[..begin] != PREFACE[so_far..][..begin] => Spoken::Other,
                all if all == PREFACE.len() => Spoken::Http2,
                some => Spoken::Begun(some),
            };
            bytes = &bytes[begin..];
        }
        if !matches!(self.spoken, Spoken::Http2) {
            return Ok(());
        }
        let Self { left, paid, received, last_stream, .. } = self;
        let mut is_flood = false;
        received.add(bytes, |head| {
            let cost = match head.kind {
                HEADERS => {
                    *last_stream = head.stream;
                    earn(left, EACH);
                    0
                }
                DATA if head.flags & PADDED == 0 && head.length >= SHORT_BYTES => {
                    earn(left, 1);
                    0
                }
                // The last one of a call is empty as a rule.
                DATA if head.flags & END_STREAM != 0 => 0,
                SETTINGS if head.flags & ACK == 0 => SETTINGS_COST,
                _ => 1,
            };
            if *left < cost {
                let now = now();
                let back = now.duration_since(*paid).as_millis() / ONE.as_millis();
                *left = left.saturating_add(u32::try_from(back).unwrap_or(AT_FIRST)).min(AT_FIRST);
                *paid = now;
            }
            is_flood |= *left < cost;
            *left = left.saturating_sub(cost);
        });
        if is_flood { Err(Flood) } else { Ok(()) }
    }

    /// Counts what was sent to the client.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        if matches!(self.spoken, Spoken::Http2) {
            let left = &mut self.left;
            self.sent.add(bytes, |head| {
                if matches!(head.kind, DATA | HEADERS) {
                    earn(left, EACH.saturating_add(pieces(head.length)));
                }
            });
        }
    }

    /// GOAWAY, which says what became of the connection; nothing while another frame is not whole.
    pub(crate) fn last_words(&self) -> Option<Vec<u8>> {
        if !self.sent.is_between() {
            return None;
        }
        let why = b"too_many_frames";
        let length = 8 + u8::try_from(why.len()).ok()?;
        let mut frame = vec![0, 0, length, 7, 0, 0, 0, 0, 0];
        frame.extend(self.last_stream);
        frame.extend(ENHANCE_YOUR_CALM.to_be_bytes());
        frame.extend(why);
        Some(frame)
    }
}

fn earn(left: &mut u32, more: u32) {
    *left = left.saturating_add(more).min(AT_MOST);
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes / PIECE_BYTES).unwrap_or(u32::MAX)
}

/// Addresses of which the log has told lately, so that an attack does not fill it.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<(Option<Instant>, HashSet<IpAddr>)>);

impl Told {
    /// Of an address is told once in such a time.
    const LATELY: Duration = Duration::from_hours(1);
    /// And of so many addresses.
    const MOST: usize = 1_024;

    /// Whether there is to be told of this one.
    pub(crate) fn is_news(&self, address: IpAddr, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, addresses) = &mut *told;
        if since.is_none_or(|since| now.duration_since(since) > Self::LATELY) {
            *since = Some(now);
            addresses.clear();
        }
        addresses.len() < Self::MOST && addresses.insert(address)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;
    const CONTINUATION: u8 = 9;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(vec![0; length.into()]);
        frame
    }

    /// A connection, and a clock that stands unless it is set.
    struct Talk(Allowance, Cell<Instant>);

    impl Talk {
        fn begin() -> Self {
            let now = Instant::now();
            let mut allowance = Allowance::new(now);
            allowance.received(PREFACE, || now).unwrap();
            Self(allowance, Cell::new(now))
        }

        fn take(&mut self, bytes: &[u8]) -> bool {
            self.0.received(bytes, || self.1.get()).is_ok()
        }

        /// How many of these are taken.
        fn taken(&mut self, frame: &[u8]) -> u32 {
            (0..1_000_000).find(|_| !self.take(frame)).unwrap_or(1_000_000)
        }
    }

    #[test]
    fn what_asks_for_nothing_is_taken_only_so_often() {
        for (kind, flags, length, times) in [
            (PING, 0, 8, AT_FIRST),
            (PING, ACK, 8, AT_FIRST),
            (SETTINGS, 0, 6, AT_FIRST / SETTINGS_COST),
            (SETTINGS, ACK, 0, AT_FIRST),
            (WINDOW_UPDATE, 0, 4, AT_FIRST),
            (CONTINUATION, 0, 200, AT_FIRST),
            (77, 0, 0, AT_FIRST),
            (DATA, 0, 1, AT_FIRST),
            (DATA, PADDED, 200, AT_FIRST),
            (DATA, END_STREAM, 0, 1_000_000),
            (DATA, 0, 16, 1_000_000),
            (HEADERS, 0, 30, 1_000_000),
        ] {
            let taken = Talk::begin().taken(&frame(kind, flags, length));
            assert_eq!(taken, times, "kind {kind}, flags {flags}, {length} bytes");
        }
    }

    #[test]
    fn what_was_sent_pays_up_to_a_bound() {
        let mut talk = Talk::begin();
        let ping = frame(PING, 0, 8);
        // A watch: each of its messages is answered.
        for _ in 0..100_000 {
            talk.0.sent(&frame(DATA, 0, 30));
            assert!((0..4).all(|_| talk.take(&ping)));
        }
        assert_eq!(talk.taken(&ping), AT_FIRST, "nothing was lost on the way");
        (0..1_000_000).for_each(|_| talk.0.sent(&frame(HEADERS, 0, 30)));
        assert_eq!(talk.taken(&ping), AT_MOST);
        (0..1_000).for_each(|_| talk.0.sent(&frame(PING, ACK, 8)));
        assert_eq!(talk.taken(&ping), 0, "what is only answered pays nothing");
        talk.0.sent(&[&[0, 0x40, 0, DATA, 0, 0, 0, 0, 1][..], &[7; 0x4000]].concat());
        assert_eq!(talk.taken(&ping), 4 + 16, "a long frame is told of in pieces");
    }

    #[test]
    fn a_silent_connection_may_be_asked_for_ever_whether_it_lives() {
        let mut talk = Talk::begin();
        let ping = frame(PING, 0, 8);
        for _ in 0..1_000_000 {
            talk.1.set(talk.1.get() + ONE);
            assert!(talk.take(&ping));
        }
        talk.1.set(talk.1.get() + Duration::from_hours(1_000));
        let taken = talk.taken(&ping);
        assert!(taken <= 2 * AT_FIRST, "time saves up nothing: {taken}");
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut all = PREFACE.to_vec();
        for index in 0..200_u8 {
            let kind = [PING, DATA, SETTINGS, HEADERS, CONTINUATION][usize::from(index % 5)];
            all.extend(frame(kind, 0, index));
        }
        let now = Instant::now();
        let read = |cut: &mut dyn FnMut() -> usize| {
            let (mut allowance, mut rest) = (Allowance::new(now), &all[..]);
            while !rest.is_empty() {
                let (some, others) = rest.split_at(cut().clamp(1, rest.len()));
                assert!(allowance.received(some, || now).is_ok());
                rest = others;
            }
            assert!(allowance.received.is_between());
            (allowance.left, allowance.last_stream)
        };
        let whole = {
            let mut allowance = Allowance::new(now);
            assert!(allowance.received(&all, || now).is_ok());
            allowance.left
        };
        let expected = AT_FIRST + 40 * EACH + 37 - 40 - 40 * SETTINGS_COST - 40 - 3;
        assert_eq!(whole, expected);
        let mut random = fastrand::Rng::with_seed(7);
        let one = read(&mut || 1);
        for _ in 0..100 {
            assert_eq!(read(&mut || random.usize(1..30)), one);
        }
    }

    #[test]
    fn other_protocols_are_left_alone() {
        let now = Instant::now();
        for text in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/1.1\r\n\r\n", &[6; 64]] {
            let mut allowance = Allowance::new(now);
            assert!((0..100_000).all(|_| allowance.received(text, || now).is_ok()));
        }
    }

    #[test]
    fn last_words_do_not_break_into_a_frame() {
        let mut talk = Talk::begin();
        assert!(talk.take(&[0, 0, 0, HEADERS, 4, 0, 0, 0, 9]));
        let said = talk.0.last_words().expect("nothing is begun");
        assert_eq!(said[..17], [0, 0, 23, 7, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 11]);
        assert_eq!(said.len(), 9 + 23);
        talk.0.sent(&frame(DATA, 0, 30)[..20]);
        assert_eq!(talk.0.last_words(), None);
        talk.0.sent(&frame(DATA, 0, 30)[20..]);
        assert!(talk.0.last_words().is_some());
    }

    #[test]
    fn of_an_address_is_told_once_an_hour() {
        let (told, now) = (Told::default(), Instant::now());
        let address = |last: u32| IpAddr::V4(Ipv4Addr::from_bits(last));
        assert!(told.is_news(address(1), now) && !told.is_news(address(1), now));
        let all = (2..10_000).filter(|last| told.is_news(address(*last), now)).count();
        assert_eq!(all, Told::MOST - 1);
        assert!(told.is_news(address(1), now + Told::LATELY + Duration::from_secs(1)));
    }
}
