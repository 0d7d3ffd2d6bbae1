//! What an answer says besides its answer: by which name its caller knows it, and whether others are to
//! ask here.

use std::net::SocketAddr;

use pawl_api::pb;
use pawl_tests::{Server, Signal, cases, within};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request};

use crate::scrape::get;

const REQUEST_ID: &str = "x-request-id";

fn given_back(metadata: &MetadataMap) -> Option<&str> {
    metadata.get(REQUEST_ID).map(|name| name.to_str().expect("it is text"))
}

/// What the log tells of the calls that have ended, by how their callers know them.
fn logged(lines: &[String], request_id: &str) -> Option<(String, String)> {
    let of = |line: &String| {
        let line: Value = serde_json::from_str(line).ok()?;
        let span = line["spans"].as_array()?.iter().find(|span| span["name"] == "rpc")?;
        let is_it = line["fields"]["message"] == "answered" && span["request_id"] == request_id;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        is_it.then(|| (text(&span["rpc.method"]), text(&line["fields"]["code"])))
    };
    lines.iter().find_map(of)
}

#[tokio::test]
async fn a_call_is_answered_and_logged_by_the_name_that_its_caller_gave_it() {
    let server = Server::start_with(&["--log=pawl=debug", "--log-format=json"]).await;
    let client = server.client().await;
    let mut pipelines = client.pipelines.clone();
    let named = |name: &str| {
        let mut request = Request::new(pb::GetPipelineRequest { pipeline_id: "none".to_owned() });
        request.metadata_mut().insert(REQUEST_ID, name.parse().expect("it can be sent"));
        request
    };
    let mut system = client.system.clone();
    let mut asked = Request::new(pb::GetServerInfoRequest {});
    asked.metadata_mut().insert(REQUEST_ID, "granted-1".parse().expect("it can be sent"));
    let answer = system.get_server_info(asked).await.expect("it is answered");
    assert_eq!(given_back(answer.metadata()), Some("granted-1"));

    let refused = pipelines.get_pipeline(named("refused-2")).await.expect_err("there is none");
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(given_back(refused.metadata()), Some("refused-2"), "{refused:?}");

    // Neither is a name: the call is answered, and nothing is given back.
    for odd in ["with blanks", &"x".repeat(129)] {
        let refused = pipelines.get_pipeline(named(odd)).await.expect_err("there is none");
        assert_eq!((refused.code(), given_back(refused.metadata())), (Code::NotFound, None));
    }
    let unnamed = system.get_server_info(pb::GetServerInfoRequest {}).await;
    assert_eq!(given_back(unnamed.expect("it is answered").metadata()), None);

    for (name, method, code) in
        [("granted-1", "GetServerInfo", "OK"), ("refused-2", "GetPipeline", "NOT_FOUND")]
    {
        let told = server.find_in_log(name, |lines| logged(lines, name)).await;
        assert_eq!(told, (method.to_owned(), code.to_owned()), "{name}");
    }
    assert!(!server.log().iter().any(|line| line.contains("with blanks")), "it is not logged");
    cases("ops: names of calls", 7, 7);
}

/// HTTP/2 by hand: a client that does not say that it has heard of the end is still answered.
struct Holdout(TcpStream);

impl Holdout {
    async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let begin = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]];
        stream.write_all(&begin.concat()).await.expect("it can be told");
        Self(stream)
    }

    /// GET, on a new stream.
    async fn ask(&mut self, stream: u8, path: &str) {
        let length = u8::try_from(path.len()).expect("it is short");
        let fields = [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'x']].concat();
        let length = u8::try_from(fields.len()).expect("it is short");
        let head = [0, 0, length, 1, 5, 0, 0, 0, stream];
        self.0.write_all(&[&head[..], &fields].concat()).await.expect("it can be asked");
    }

    /// Reads until a frame of this kind comes; gives its payload.
    async fn find(&mut self, wanted: u8) -> Vec<u8> {
        let found = async {
            loop {
                let mut head = [0; 9];
                self.0.read_exact(&mut head).await.expect("the connection stands");
                let [a, b, c, kind, ..] = head;
                let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
                self.0.read_exact(&mut payload).await.expect("the frame is whole");
                if kind == wanted {
                    return payload;
                }
            }
        };
        within(30, "a frame comes", found).await
    }
}

const DATA: u8 = 0;
const GOAWAY: u8 = 7;

#[tokio::test]
async fn a_server_that_stops_is_not_ready_for_those_who_can_still_ask() {
    let mut server = Server::start().await;
    let address = server.address();
    let mut holdout = Holdout::connect(address).await;
    holdout.ask(1, "/readyz").await;
    assert_eq!(holdout.find(DATA).await, b"SERVING\n");
    assert_eq!(get(address, "/readyz", "").await.code, 200);
    server.signal(Signal::SIGTERM);
    holdout.find(GOAWAY).await;
    for (stream, path, said) in
        [(3, "/readyz", &b"NOT_SERVING\n"[..]), (5, "/healthz", &b"ALIVE\n"[..])]
    {
        holdout.ask(stream, path).await;
        assert_eq!(holdout.find(DATA).await, said, "{path}");
    }
    // Nobody else gets as far.
    within(30, "nobody is let in", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(holdout);
    assert_eq!(server.ended().await.code(), Some(0));
    cases("ops: readiness of a server that stops", 4, 4);
}
