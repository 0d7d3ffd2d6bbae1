//! A proxy that cuts what is idle: heartbeats keep a watch through it alive.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::watch::{Interruption, Options, State, Update, Watch};
use pawl_tests::{Client, Program, Watcher, cases, say, within};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::Instant;
use tonic::transport::Endpoint;

use crate::{line, server, swing};

/// How long nginx lets a stream be idle. The server's heartbeats come every 15 s by default.
const IDLE_S: u64 = 20;
/// Three heartbeats without a move are three quarters of a minute.
const BEATS: usize = 3;
const PATIENCE_S: u64 = 120;

/// nginx in front of a server.
struct Proxy {
    address: SocketAddr,
    _program: Program,
    _directory: TempDir,
}

impl Proxy {
    async fn start(server: SocketAddr) -> Self {
        let directory = TempDir::with_prefix("pawl-proxy-").expect("a temporary directory");
        let path = directory.path().display();
        let free = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = free.local_addr().expect("it has an address");
        drop(free);
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {path}/{what};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log stderr;\n\
             events {{}}\n\
             http {{\n{temporary}access_log off;\n\
             server {{\nlisten {address} http2;\nlocation / {{\n\
             grpc_pass grpc://{server};\n\
             grpc_read_timeout {IDLE_S}s;\ngrpc_send_timeout {IDLE_S}s;\n}}\n}}\n}}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, config).expect("it can be written");
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(directory.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
        // It lies where only the search path of root looks.
        let path = std::env::var("PATH").unwrap_or_default();
        nginx.env("PATH", format!("{path}:/usr/sbin"));
        let program = Program::start(&mut nginx);
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(30, "nginx listens", listens).await;
        Self { address, _program: program, _directory: directory }
    }

    fn watch(&self, request: pb::WatchMovesRequest) -> Watch {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address));
        let endpoint = endpoint.expect("it is an address");
        let dial = move || MoveServiceClient::new(endpoint.connect_lazy());
        Watch::start_dialing(dial, request, Options::default())
    }
}

/// Until so many heartbeats came, and nothing else; then the next move.
async fn typed(mut watch: Watch, ready: impl Future<Output = ()>) -> Vec<String> {
    let mut told = Vec::new();
    let mut beats = 0;
    while beats < BEATS {
        match watch.next().await.expect("the watch goes on") {
            Update::Frame { frame: Frame::Heartbeat(_), .. } => beats += 1,
            Update::Frame { frame, .. } => panic!("nothing happened: {frame:?}"),
            Update::State(state) => told.push(state.to_string()),
        }
    }
    ready.await;
    loop {
        match watch.next().await.expect("the watch goes on") {
            Update::Frame { frame: Frame::Move(moved), .. } => {
                told.push(line(&moved));
                return told;
            }
            Update::Frame { .. } => {}
            Update::State(state) => told.push(state.to_string()),
        }
    }
}

async fn plain(mut watcher: Watcher, ready: impl Future<Output = ()>) -> String {
    for _ in 0..BEATS {
        let (moves, _) = watcher.until_heartbeat().await.expect("the watch goes on");
        assert_eq!(moves, []);
    }
    ready.await;
    line(&watcher.next_move().await.expect("the watch goes on"))
}

/// How long a watch whose heartbeats come too seldom is left alone.
async fn seldom(mut watch: Watch) -> (Interruption, Duration) {
    let mut began = Instant::now();
    loop {
        match watch.next().await.expect("the watch goes on") {
            Update::State(State::Live) => began = Instant::now(),
            Update::State(State::Interrupted { why, .. }) => return (why, began.elapsed()),
            Update::State(_) => {}
            Update::Frame { frame, .. } => panic!("nothing happened: {frame:?}"),
        }
    }
}

#[tokio::test]
#[ignore = "needs nginx, which .ci/run installs, and most of a minute"]
async fn a_quiet_watch_outlives_a_proxy_that_cuts_what_is_idle() {
    let (server, client) = server().await;
    let proxy = Proxy::start(server.address()).await;
    // As it is by default: nothing is said of heartbeats.
    let quiet = pb::WatchMovesRequest::default;
    let heartbeat_interval = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let cut = proxy.watch(pb::WatchMovesRequest { heartbeat_interval, ..quiet() });
    let through = Client::connect(proxy.address).await.expect("the proxy answers");
    let watcher = through.watch(quiet()).await;

    let began = Instant::now();
    // Whoever has had its heartbeats waits for the others, and then for the move.
    let calm = tokio::sync::Barrier::new(3);
    let ready = || async {
        calm.wait().await;
    };
    let publishing = async {
        ready().await;
        (swing(&client, 0, 1).await, began.elapsed())
    };
    let all = async {
        tokio::join!(
            typed(proxy.watch(quiet()), ready()),
            plain(watcher, ready()),
            seldom(cut),
            publishing
        )
    };
    let (told, moved, (why, after), (moves, calm)) =
        within(PATIENCE_S, "a move", Box::pin(all)).await;

    assert_eq!(told, ["connecting", "the watch stands", &moves[0]]);
    assert_eq!(moved, moves[0]);
    assert!(calm >= Duration::from_secs(44), "only {calm:?} without a move");
    say(format!("a watch was left alone for {calm:?}, one without heartbeats cut after {after:?}"));
    assert!(matches!(why, Interruption::Failed(_) | Interruption::Cut), "{why:?}");
    assert!((IDLE_S - 1..2 * IDLE_S).contains(&after.as_secs()), "cut after {after:?}");
    cases("proxy: heartbeats", BEATS * 2, 6);
}
