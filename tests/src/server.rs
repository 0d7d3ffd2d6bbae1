use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::program::{Lines, follow, signal};
use crate::{Client, binary, within};

/// Longer than any start or stop takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 60;

/// A `pawl serve` process on a directory of its own. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// `None` when the process brings its own, as with `--demo`.
    data: Option<Arc<TempDir>>,
    args: Vec<String>,
    log: Lines,
}

/// Where a server listens after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Where it did.
    Same,
    /// Anywhere.
    Any,
}

/// How a process ended that did not serve.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Server {
    /// Starts a server on a fresh directory and waits until it serves.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with further arguments of `pawl serve`.
    pub async fn start_with(args: &[&str]) -> Self {
        let data = Arc::new(TempDir::with_prefix("pawl-").expect("a temporary directory"));
        Self::launch(Some(data), args.iter().map(ToString::to_string).collect(), 0).await
    }

    /// `pawl serve --demo`, which keeps its data where it likes.
    pub async fn start_demo() -> Self {
        Self::launch(None, vec!["--demo".to_owned()], 0).await
    }

    /// A server that keeps its data where its arguments say.
    pub async fn start_there(args: &[&str]) -> Self {
        Self::launch(None, args.iter().map(ToString::to_string).collect(), 0).await
    }

    /// Starts a server that may refuse to: it serves, or it has ended.
    pub async fn attempt(args: &[&str]) -> Result<Self, Ended> {
        Self::try_launch(None, args.iter().map(ToString::to_string).collect(), 0).await
    }

    async fn launch(data: Option<Arc<TempDir>>, args: Vec<String>, port: u16) -> Self {
        let launched = Self::try_launch(data, args, port).await;
        launched.unwrap_or_else(|ended| panic!("pawl ended before it listened:\n{}", ended.stderr))
    }

    async fn try_launch(
        data: Option<Arc<TempDir>>,
        args: Vec<String>,
        port: u16,
    ) -> Result<Self, Ended> {
        let mut child = spawn(data.as_deref(), &args, port);
        let mut log = follow(child.stderr.take().expect("stderr is piped"));
        let mut printed = follow(child.stdout.take().expect("stdout is piped"));
        let found = within(PATIENCE_S, "pawl listens", printed.find(listening)).await;
        if let Some(address) = found {
            return Ok(Self { child, address, data, args, log });
        }
        let status = within(PATIENCE_S, "pawl ends", child.wait()).await.expect("the process ends");
        within(PATIENCE_S, "its output ends", log.find(|_| None::<()>)).await;
        Err(Ended { status, stderr: log.all().join("\n") })
    }

    /// Runs `pawl serve` with arguments on which it does not start.
    pub async fn refuse(args: &[&str]) -> Ended {
        let output = within(PATIENCE_S, "pawl gives up", command().args(args).output()).await;
        let output = output.expect("pawl starts");
        Ended { status: output.status, stderr: String::from_utf8_lossy(&output.stderr).into() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its data.
    pub fn data(&self) -> &Path {
        self.data.as_ref().expect("this server has a directory").path()
    }

    /// A new connection.
    pub async fn client(&self) -> Client {
        let connected = Client::connect(self.address).await;
        connected.unwrap_or_else(|error| {
            panic!("no server at {}: {error:?}\n{}", self.address, self.log.all().join("\n"))
        })
    }

    /// Kills the process where it stands, as a power failure would.
    pub async fn kill_9(&mut self) {
        self.child.start_kill().expect("the process is there");
        self.child.wait().await.expect("the process ends");
    }

    /// Starts it again on the same directory.
    pub async fn restart(&mut self, port: Port) {
        let port = if port == Port::Same { self.address.port() } else { 0 };
        *self = Self::launch(self.data.clone(), self.args.clone(), port).await;
    }

    /// Starts it again on the same directory, with other arguments.
    pub async fn restart_with(&mut self, args: &[&str]) {
        self.args = args.iter().map(ToString::to_string).collect();
        self.restart(Port::Any).await;
    }

    /// Starts it again on the same directory and kills it after so long, most likely before it serves.
    /// Says whether it had said by then that it listens.
    pub async fn restart_and_kill(&mut self, after: Duration) -> bool {
        let mut child = spawn(self.data.as_deref(), &self.args, 0);
        let log = follow(child.stderr.take().expect("stderr is piped"));
        let mut printed = follow(child.stdout.take().expect("stdout is piped"));
        let ended = tokio::time::timeout(after, child.wait()).await;
        assert!(ended.is_err(), "pawl ended by itself:\n{}", log.all().join("\n"));
        child.start_kill().expect("the process is there");
        child.wait().await.expect("the process ends");
        printed.find(listening).await.is_some()
    }

    /// Asks it to stop, as a supervisor does.
    pub fn sigterm(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process is there")
    }

    /// Sends it a signal.
    pub fn signal(&self, which: Signal) {
        signal(&self.child, which);
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        within(PATIENCE_S, "pawl ends", self.child.wait()).await.expect("the process ends")
    }

    /// Asks it to stop and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.sigterm();
        self.ended().await
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.all()
    }

    /// Waits until `pick` finds something in the log.
    pub async fn find_in_log<T>(&self, what: &str, pick: impl FnMut(&[String]) -> Option<T>) -> T {
        let found = within(PATIENCE_S, what, self.log.clone().find(pick)).await;
        found.unwrap_or_else(|| {
            panic!("{what}: not in the log, which has ended:\n{}", self.log.all().join("\n"))
        })
    }
}

/// Where it listens, once it has said so.
fn listening(lines: &[String]) -> Option<SocketAddr> {
    let address =
        |line: &String| line.strip_prefix("listening on ")?.split_once("://")?.1.parse().ok();
    lines.iter().find_map(address)
}

fn spawn(data: Option<&TempDir>, args: &[String], port: u16) -> Child {
    let mut command = command();
    command.args(args).args(["--listen", &format!("127.0.0.1:{port}")]);
    if let Some(data) = data {
        command.arg("--data").arg(data.path());
    }
    command.spawn().expect("pawl starts")
}

fn is_setting(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("PAWL_"))
}

fn command() -> Command {
    let mut command = Command::new(binary());
    // Settings of whoever runs the suite are none of the server's.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
