//! A server that is stopped, killed and started again: in this process, or in one of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pawl_server::{Config, Retention, RunError, Running};
use pawl_tests::{Port, Server, within};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::stage::Stage;
use super::whole::assert_whole;

/// How little a server keeps that trims: as long as nobody needs it for the identities of events...
const DEDUPE_WINDOW: Duration = Duration::from_millis(500);
/// ...and no more than this.
const RETENTION_BYTES: u64 = 8 * 1_024;
/// Longer than any start or stop takes.
const PATIENCE_S: u64 = 60;

/// Where the server of a scenario runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In this process.
    Inside,
    /// In a process of its own.
    Process,
    /// The same, and it is killed.
    Killed,
}

type Stop = oneshot::Sender<()>;
type Task = JoinHandle<Result<(), RunError>>;

/// The server of a scenario.
#[derive(Debug)]
pub(super) enum Host {
    Inside { data: TempDir, trims: bool, stop: Stop, task: Task },
    Process(Box<Server>),
}

impl Host {
    pub(super) async fn start(kind: Kind, trims: bool, stage: &Stage) -> Self {
        let (host, address) = match kind {
            Kind::Inside => {
                let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
                let (stop, task, address) = start(&data, trims).await;
                (Self::Inside { data, trims, stop, task }, address)
            }
            Kind::Process | Kind::Killed => {
                let window = format!("{}ms", DEDUPE_WINDOW.as_millis());
                let bytes = format!("{RETENTION_BYTES}B");
                let args = ["--dedupe-window", &window, "--retention-bytes", &bytes];
                let server = Server::start_with(if trims { &args } else { &[] }).await;
                let address = server.address();
                (Self::Process(Box::new(server)), address)
            }
        };
        stage.listens(Some(address));
        host
    }

    /// Stops it as it should be stopped, and starts it again.
    pub(super) async fn restart(self, stage: &Stage) -> Self {
        // Who reads slowly hurries now: the server waits for them, but not for long.
        stage.listens(None);
        let from = stage.now();
        let (host, address) = match self {
            Self::Inside { data, trims, stop, task } => {
                ended(stop, task).await;
                stage.ledger().stopped(from, stage.now());
                let (stop, task, address) = start(&data, trims).await;
                (Self::Inside { data, trims, stop, task }, address)
            }
            Self::Process(mut server) => {
                let status = server.terminate().await;
                assert_eq!(status.code(), Some(0), "{:?}", server.log());
                stage.ledger().stopped(from, stage.now());
                server.restart(Port::Any).await;
                let address = server.address();
                (Self::Process(server), address)
            }
        };
        stage.listens(Some(address));
        host
    }

    /// Kills it where it stands, and starts it again. In this process nothing can be killed.
    pub(super) async fn kill(self, stage: &Stage) -> Self {
        let Self::Process(mut server) = self else { return self.restart(stage).await };
        let from = stage.now();
        server.kill_9().await;
        stage.listens(None);
        stage.ledger().killed(from, stage.now());
        server.restart(Port::Any).await;
        stage.listens(Some(server.address()));
        Self::Process(server)
    }

    /// Stops it, and checks what it leaves on the disk.
    pub(super) async fn stop(self) {
        match self {
            Self::Inside { data, stop, task, .. } => {
                ended(stop, task).await;
                assert_whole(data.path().join("data")).await;
            }
            Self::Process(mut server) => {
                server.terminate().await;
                assert_whole(server.data().to_owned()).await;
            }
        }
    }
}

async fn start(data: &TempDir, trims: bool) -> (Stop, Task, SocketAddr) {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::new(data.path().join("data"), listen);
    if trims {
        config.dedupe_window = DEDUPE_WINDOW;
        config.retention =
            Retention { max_age: None, max_bytes: Some(RETENTION_BYTES), ..Retention::default() };
    }
    // A call that is not quite over may hold the directory for a moment.
    let again = async {
        loop {
            match pawl_server::start(config.clone()).await {
                Ok(running) => return running,
                Err(pawl_server::StartError::Open(_)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("the server does not start: {error}"),
            }
        }
    };
    let running: Running = within(PATIENCE_S, "the directory is free", again).await;
    let address = running.address();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(running.run_until(async {
        let _ = stopped.await;
    }));
    (stop, task, address)
}

async fn ended(stop: Stop, task: Task) {
    let _ = stop.send(());
    let served = within(PATIENCE_S, "the server stops", task).await.expect("it does not panic");
    served.expect("it stops well");
}
