//! A real server on a machine whose clock can be set and whose disk can be made to hang.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use pawl_tests::{Client, Program, Signal, binary};
use tempfile::TempDir;

/// The machine of servers that are started on it, one after the other, and their directory.
#[derive(Debug)]
pub(crate) struct Rig {
    dir: TempDir,
    /// What the shim looks at.
    told: File,
    /// By how many seconds its clock is ahead of that of the test.
    pub(crate) ahead: i64,
}

/// A server on it.
#[derive(Debug)]
pub(crate) struct Host {
    program: Program,
    address: SocketAddr,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let dir = TempDir::with_prefix("pawl-machine-").expect("a temporary directory");
        compile(&shim(dir.path()));
        let told = File::create_new(told(dir.path())).expect("it is empty");
        told.set_len(16).expect("it is written");
        Self { dir, told, ahead: 0 }
    }

    /// Sets the clock ahead, or back.
    pub(crate) fn set(&mut self, by: i64) {
        self.ahead += by;
        self.told.write_all_at(&self.ahead.to_ne_bytes(), 0).expect("it is written");
    }

    /// From now on no sync ends, or all go on.
    pub(crate) fn hang(&self, hangs: bool) {
        self.told.write_all_at(&i64::from(hangs).to_ne_bytes(), 8).expect("it is written");
    }

    /// Starts a server and waits until it serves.
    pub(crate) async fn start(&self, args: &[&str]) -> Host {
        let mut command = tokio::process::Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(self.dir.path().join("data")).args(args).env_remove("PAWL_LOG");
        command.env("LD_PRELOAD", shim(self.dir.path())).env("PAWL_SHIM", told(self.dir.path()));
        let program = Program::start(&mut command);
        let listening = |lines: &[String]| {
            lines.iter().find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
        };
        Host { address: program.find("pawl listens", listening).await, program }
    }
}

fn told(dir: &Path) -> PathBuf {
    dir.join("told")
}

fn shim(dir: &Path) -> PathBuf {
    dir.join("shim.so")
}

fn compile(shim: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/machine/shim.c");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = Command::new(&compiler);
    compile.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(shim).arg(source);
    let built = compile.status();
    let built = built.unwrap_or_else(|error| panic!("{}: {error}", compiler.display()));
    assert!(built.success() && fs::metadata(shim).is_ok(), "the shim is compiled: {built}");
}

impl Host {
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await.expect("it listens")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.program.err()
    }

    /// Waits until `pick` finds something in the log.
    pub(crate) async fn find_in_log<T>(
        &self,
        what: &str,
        pick: impl FnMut(&[String]) -> Option<T>,
    ) -> T {
        self.program.find_in_err(what, pick).await
    }

    /// Stops it, as it is asked to or as a power failure would.
    pub(crate) async fn end(mut self, signal: Signal) {
        self.program.signal(signal);
        let status = self.program.ended().await;
        assert_eq!(status.success(), signal == Signal::SIGTERM, "{status}");
    }
}

/// Since 1970, by the clock of the machine, which nobody sets.
#[expect(clippy::disallowed_methods, reason = "compared with what another process notes")]
pub(crate) fn machine_time() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("later than that")
}
