//! Frames that ask for nothing, as many as a client likes to send: its connection is closed, it is told
//! why, and the operator too.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use pawl_tests::{Server, ask, cases, say, within};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::MEMORY_BYTES;
use crate::good::{Good, Process};
use crate::raw::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INFO, PADDED, PING,
    PRIORITY, PUBLISH, RST_STREAM, SETTINGS, WINDOW_UPDATE, call, frame, open, read,
};

const ENHANCE_YOUR_CALM: u32 = 11;
/// Why, in the server's words and in those of the library below it.
const OURS: &str = "too_many_frames";
const LIBRARY: &str = "too_many_data_frames";
/// How many a client may send before there is any work, and how many ms it takes until one comes back.
const AT_FIRST: u128 = 4_096;
const ONE_MS: u128 = 10;

/// How a flooded connection ended.
#[derive(Debug, Default)]
struct End {
    /// How many frames the server had answered.
    answers: u128,
    code: u32,
    why: String,
}

/// Writes the same again and again until the server ends the connection; what it says is read.
async fn flood(address: SocketAddr, first: &[u8], again: &[u8]) -> End {
    let (mut reader, mut writer) = open(address).await.expect("it listens");
    let again = again.repeat(64);
    let write = async {
        let mut wrote = writer.write_all(first).await;
        while wrote.is_ok() {
            wrote = writer.write_all(&again).await;
            tokio::task::yield_now().await;
        }
    };
    let listen = async {
        let mut end = End::default();
        while let Some(frame) = read(&mut reader).await {
            match frame.kind {
                PING | SETTINGS if frame.flags & ACK != 0 => end.answers += 1,
                GOAWAY => {
                    let code = frame.payload[4..8].try_into().expect("it has a code");
                    end.code = u32::from_be_bytes(code);
                    end.why = String::from_utf8_lossy(&frame.payload[8..]).into();
                }
                _ => {}
            }
        }
        end
    };
    within(60, "the connection is ended", async { tokio::join!(write, listen).1 }).await
}

async fn flooding(address: SocketAddr) -> f64 {
    let told = ask(Method::GET, address, "/metrics", &[], "").await.body;
    let told = String::from_utf8(told).expect("it is text");
    let line = told.lines().find_map(|line| line.strip_prefix("pawl_connections_flooding_total "));
    line.and_then(|value| value.parse().ok()).expect("it is counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_flooded_is_closed_with_its_reason() {
    let server = Server::start_with(&["--log=warn"]).await;
    let (address, process) = (server.address(), Process(server.pid()));
    let mut good = Good::connect(&server).await;
    good.calls(50, Duration::ZERO).await;
    let memory = process.memory();
    let open_call = frame(HEADERS, END_HEADERS, 1, &call(PUBLISH));
    // A message of four million bytes, which come one by one.
    let long = [&open_call[..], &frame(DATA, 0, 1, &[0, 0, 62, 0, 0])].concat();
    let whole = frame(HEADERS, END_HEADERS, 1, &call(INFO));
    let whole = [&whole[..], &frame(DATA, END_STREAM, 1, &[0; 5])].concat();
    let floods: [(&str, Vec<u8>, Vec<u8>, &str); 12] = [
        ("pings", vec![], frame(PING, 0, 0, &[7; 8]), OURS),
        ("answers to no ping", vec![], frame(PING, ACK, 0, &[7; 8]), OURS),
        ("settings", vec![], frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]), OURS),
        ("settings of nothing", vec![], frame(SETTINGS, 0, 0, &[]), OURS),
        ("windows", vec![], frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()), OURS),
        ("windows of a call", open_call, frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()), OURS),
        ("priorities", vec![], frame(PRIORITY, 0, 1, &[0; 5]), OURS),
        ("resets", whole, frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()), OURS),
        ("unknown frames", vec![], frame(0xbb, 0, 0, &[]), OURS),
        ("bytes", long.clone(), frame(DATA, 0, 1, b"a"), OURS),
        ("padding", long.clone(), frame(DATA, PADDED, 1, &[200; 201]), OURS),
        // By the library, which allows a hundred.
        ("nothing", long, frame(DATA, 0, 1, &[]), LIBRARY),
    ];
    let mut closed = 0.0;
    for (name, first, again, why) in &floods {
        let (began, cpu) = (Instant::now(), process.cpu());
        let end = flood(address, first, again).await;
        let took = began.elapsed();
        say(format!(
            "{name}: closed after {took:?}, {} answers, {:?} of CPU",
            end.answers,
            process.cpu().saturating_sub(cpu)
        ));
        assert_eq!(end.code, ENHANCE_YOUR_CALM, "{name}: {end:?}");
        // The library counts data that nobody has read yet, and may be the first to have enough of it.
        let is_data = again[3] == DATA;
        assert!(end.why == *why || is_data && end.why == LIBRARY, "{name}: {end:?}");
        // And two for what every connection begins with.
        let most = AT_FIRST + 2 + took.as_millis() / ONE_MS;
        assert!(end.answers <= most, "{name}: {end:?} in {took:?}");
        closed += f64::from(end.why == OURS);
        good.calls(1, Duration::ZERO).await;
    }
    let counted = flooding(address).await;
    assert!((counted - closed).abs() < 0.5, "{counted} were counted, {closed} closed");
    let told =
        |lines: &[String]| lines.iter().filter(|line| line.contains("far more frames")).count();
    let first = |lines: &[String]| (told(lines) > 0).then_some(());
    server.find_in_log("the log tells of it", first).await;
    assert_eq!(told(&server.log()), 1, "once of an address");
    assert!(server.log().len() < 10, "a client cannot fill the log: {:#?}", &server.log()[..10]);
    let grown = process.memory();
    assert!(grown < memory + MEMORY_BYTES, "memory grew from {memory} to {grown}");
    cases("hostile: floods", floods.len(), 12);
}

/// Headers that never end are the library's to refuse: they are one block, and may be large only once.
#[tokio::test]
async fn headers_that_never_end_close_their_connection() {
    let server = Server::start_with(&["--log=warn"]).await;
    let first = frame(HEADERS, 0, 1, &call(PUBLISH));
    // A literal header, `a: b`, many times; and none at all.
    for more in [[0, 1, b'a', 1, b'b'].repeat(2_000), vec![]] {
        let end = flood(server.address(), &first, &frame(CONTINUATION, 0, 1, &more)).await;
        assert_eq!(end.code, ENHANCE_YOUR_CALM, "{end:?}");
    }
    server.client().await.info().await;
}
