//! `GET /metrics` and its kin, asked as Prometheus and balancers ask: plain HTTP/1.1.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pawl_tests::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks for a path, with further header lines.
pub(crate) async fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        // HTTP/1.0 is answered in one piece.
        let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.expect("it can be asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers in text");
        answer
    };
    let answer = within(30, path, asked).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("there is a code");
    Answer { code, head: head.to_lowercase(), body: body.to_owned() }
}

/// What `GET /metrics` tells.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Name, kind and meaning, in the order told.
    pub(crate) told: Vec<(String, String, String)>,
    /// Values by name with labels, as they stand there.
    pub(crate) values: BTreeMap<String, f64>,
}

pub(crate) async fn metrics(address: SocketAddr) -> Metrics {
    let answer = get(address, "/metrics", "").await;
    assert_eq!(answer.code, 200, "{answer:?}");
    assert!(answer.head.contains("content-type: application/openmetrics-text"), "{}", answer.head);
    read(&answer.body)
}

fn read(text: &str) -> Metrics {
    let (mut told, mut values) = (Vec::new(), BTreeMap::new());
    let mut help: Option<(String, String)> = None;
    assert!(text.ends_with("# EOF\n"), "it is whole: {text}");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, meaning) = rest.split_once(' ').expect("a name and a meaning");
            help = Some((name.to_owned(), meaning.to_owned()));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a kind");
            let (of, meaning) = help.take().expect("its meaning stands before");
            assert_eq!(of, name);
            told.push((of, kind.to_owned(), meaning));
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(values.insert(name.to_owned(), value).is_none(), "told twice: {line}");
        }
    }
    Metrics { told, values }
}

impl Metrics {
    /// One value; 0 when it is not told.
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or(0.0)
    }
}
