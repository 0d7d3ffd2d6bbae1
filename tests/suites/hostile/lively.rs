//! Clients that send many more frames than calls, and mean well: none of them is closed.

use std::net::SocketAddr;

use pawl_api::pb;
use pawl_tests::{
    Client, Server, cases, earliest, entity, event, pipeline, trigger, trigger_type, within,
};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::raw::{
    ACK, DATA, END_HEADERS, END_STREAM, HEADERS, INFO, PING, RST_STREAM, SETTINGS, WATCH,
    WINDOW_UPDATE, call, frame, message, open, read,
};

/// More than anybody may send without any work.
const MANY: usize = 10_000;

/// A client by hand, which must not be closed.
struct Lively {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    sent: usize,
}

impl Lively {
    async fn connect(address: SocketAddr) -> Self {
        let (reader, writer) = open(address).await.expect("it listens");
        Self { reader, writer, sent: 0 }
    }

    async fn send(&mut self, frames: &[Vec<u8>]) {
        self.sent += frames.len();
        let sent = self.writer.write_all(&frames.concat()).await;
        sent.unwrap_or_else(|error| panic!("{error} after {} frames", self.sent));
    }

    /// The next frame of a stream.
    async fn next(&mut self, of: u32) -> crate::raw::Frame {
        loop {
            let frame = within(30, "the server says something", read(&mut self.reader)).await;
            let frame = frame.unwrap_or_else(|| panic!("closed after {} frames", self.sent));
            if frame.stream == of && (of != 0 || frame.kind == PING) {
                return frame;
            }
        }
    }

    /// What clients answer data with that measure: both windows, and a ping.
    async fn answer(&mut self, stream: u32, bytes: usize) {
        let bytes = u32::try_from(bytes).expect("it is a frame").to_be_bytes();
        self.send(&[
            frame(WINDOW_UPDATE, 0, 0, &bytes),
            frame(WINDOW_UPDATE, 0, stream, &bytes),
            frame(PING, 0, 0, &[0; 8]),
        ])
        .await;
    }

    /// Fails unless the connection stands.
    async fn stands(&mut self) {
        self.send(&[frame(PING, 0, 0, b"standing")]).await;
        while self.next(0).await.payload != b"standing" {}
    }
}

/// Twelve hundred moves, by a hundred deals that go to and fro.
async fn furnish(client: &Client) {
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    for (code, stage) in [("to.offer", "offer"), ("to.new", "new")] {
        client.trigger_type(trigger_type(code)).await;
        let trigger = trigger(code, &format!("sales/{stage}"), code);
        client.trigger(pb::Trigger { allow_move_back: true, ..trigger }).await;
    }
    let ids: Vec<_> = (0..100).map(|index| format!("deal/{index}")).collect();
    let entities = ids.iter().map(|id| entity(id, "sales")).collect();
    let import = pb::ImportEntitiesRequest { entities, ..Default::default() };
    let imported = client.entities.clone().import_entities(tokio_stream::iter([import])).await;
    imported.expect("they are taken");
    for round in 0..12 {
        let code = ["to.offer", "to.new"][round % 2];
        client.publish(event(&format!("e{round}"), code, &ids.join(" "))).await;
    }
    assert_eq!(client.info().await.move_count, 1_200);
}

/// With a small window the server sends little at a time, and every bit of it is answered.
#[tokio::test]
async fn a_watcher_may_answer_every_frame() {
    let server = Server::start().await;
    furnish(&server.client().await).await;
    let mut watcher = Lively::connect(server.address()).await;
    watcher
        .send(&[
            frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 8]),
            frame(HEADERS, END_HEADERS, 1, &call(WATCH)),
            frame(DATA, END_STREAM, 1, &message(&earliest())),
        ])
        .await;
    let (mut frames, mut bytes) = (0, 0);
    while frames < MANY {
        let next = watcher.next(1).await;
        if next.kind == DATA {
            frames += 1;
            bytes += next.payload.len();
            watcher.answer(1, next.payload.len()).await;
        }
    }
    watcher.stands().await;
    cases("hostile: frames of a watcher that answers them", watcher.sent, 3 * MANY);
    assert!(bytes <= 8 * frames, "the window was kept to: {bytes} bytes in {frames} frames");
}

#[tokio::test]
async fn a_caller_may_answer_and_reset_every_call() {
    let server = Server::start().await;
    let mut caller = Lively::connect(server.address()).await;
    for index in 0..3_000 {
        let id = 1 + 2 * index;
        caller
            .send(&[
                frame(HEADERS, END_HEADERS, id, &call(INFO)),
                frame(DATA, END_STREAM, id, &[0; 5]),
            ])
            .await;
        loop {
            let next = caller.next(id).await;
            if next.kind == DATA {
                caller.answer(id, next.payload.len()).await;
            }
            if next.flags & END_STREAM != 0 && next.kind == HEADERS {
                break;
            }
        }
        caller.send(&[frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())]).await;
    }
    caller.stands().await;
    cases("hostile: frames of a caller that measures", caller.sent, 6 * 3_000);
}

/// Whether a connection lives may be asked for long, also where nothing ever happens on it.
#[tokio::test]
async fn an_idle_connection_may_be_asked_whether_it_lives() {
    let server = Server::start().await;
    let mut idle = Lively::connect(server.address()).await;
    for _ in 0..2_000 {
        idle.send(&[frame(PING, 0, 0, &[1; 8])]).await;
        assert_eq!(idle.next(0).await.flags, ACK);
    }
    idle.stands().await;
    cases("hostile: pings of an idle connection", idle.sent, 2_000);
}
