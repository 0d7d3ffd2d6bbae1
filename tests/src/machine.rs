//! A real server on a machine whose clock can be set and whose disk can be made to hang or to fail.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Client, Program, binary};

/// The machine of servers that are started on it, one after the other, and their directory.
#[derive(Debug)]
pub struct Rig {
    dir: TempDir,
    /// What the shim looks at.
    told: File,
    /// By how many seconds its clock is ahead of that of the test.
    pub ahead: i64,
}

/// A server on it.
#[derive(Debug)]
pub struct Host {
    program: Program,
    address: SocketAddr,
}

impl Rig {
    /// A machine on which nothing happens yet.
    #[expect(clippy::new_without_default, reason = "it compiles the shim and makes a directory")]
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("pawl-machine-").expect("a temporary directory");
        compile(&shim(dir.path()));
        let told = File::create_new(told(dir.path())).expect("it is empty");
        told.set_len(16).expect("it is written");
        Self { dir, told, ahead: 0 }
    }

    /// Sets the clock ahead, or back.
    pub fn set(&mut self, by: i64) {
        self.ahead += by;
        self.told.write_all_at(&self.ahead.to_ne_bytes(), 0).expect("it is written");
    }

    /// From now on no sync ends, or all go on.
    pub fn hang(&self, hangs: bool) {
        self.sync(i64::from(hangs));
    }

    /// From now on every sync fails.
    pub fn fail(&self) {
        self.sync(2);
    }

    fn sync(&self, how: i64) {
        self.told.write_all_at(&how.to_ne_bytes(), 8).expect("it is written");
    }

    /// Starts a server and waits until it serves.
    pub async fn start(&self, args: &[&str]) -> Host {
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
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/machine.c");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = Command::new(&compiler);
    compile.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(shim).arg(source);
    let built = compile.status();
    let built = built.unwrap_or_else(|error| panic!("{}: {error}", compiler.display()));
    assert!(built.success() && fs::metadata(shim).is_ok(), "the shim is compiled: {built}");
}

impl Host {
    /// A new connection.
    pub async fn client(&self) -> Client {
        Client::connect(self.address).await.expect("it listens")
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.program.err()
    }

    /// Waits until `pick` finds something in the log.
    pub async fn find_in_log<T>(&self, what: &str, pick: impl FnMut(&[String]) -> Option<T>) -> T {
        self.program.find_in_err(what, pick).await
    }

    /// Stops it, as it is asked to or as a power failure would.
    pub async fn end(mut self, signal: Signal) {
        self.program.signal(signal);
        let status = self.program.ended().await;
        assert_eq!(status.success(), signal == Signal::SIGTERM, "{status}");
    }
}

/// Since 1970, by the clock of the machine, which nobody sets.
#[expect(clippy::disallowed_methods, reason = "compared with what another process notes")]
pub fn machine_time() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("later than that")
}
