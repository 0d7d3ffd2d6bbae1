//! A real server with the shim between it and its files.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use pawl_tests::{Client, Program, Signal, binary, within};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::journal;

/// Longer than any start or end takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 60;
/// How often it is seen whether a server that is to give up serves instead.
const LOOK: Duration = Duration::from_millis(20);

/// The shim, built once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let dir = TempDir::with_prefix("pawl-shim-").expect("a temporary directory");
        let path = dir.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/power/shim.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut compile = Command::new(&compiler);
        compile.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(&path).arg(source);
        let built = compile.status();
        let built = built.unwrap_or_else(|error| panic!("{}: {error}", compiler.display()));
        assert!(built.success(), "the shim is compiled: {built}");
        (dir, path)
    });
    path
}

/// What the shim is to do, from the moment on at which it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order<'o> {
    /// The `nth` time that something is done to a file whose name begins with `name` it fails, and
    /// with `lasting` ever after.
    Fail { what: Access, name: &'o str, nth: u32, errno: i32, lasting: bool },
    /// Everything stands still at the `nth` thing that is done.
    Freeze { nth: u32 },
    /// Nothing of the kind.
    Nothing,
}

/// What can be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Open,
    Read,
    /// To read the `nth` sector, from 0, whenever it is read.
    ReadSector,
    Write,
    Sync,
    SyncData,
    /// Either of them.
    SyncAny,
}

impl Access {
    fn letter(self) -> char {
        match self {
            Self::Open => 'o',
            Self::Read => 'r',
            Self::ReadSector => 'b',
            Self::Write => 'w',
            Self::Sync => 's',
            Self::SyncData => 'd',
            Self::SyncAny => 'y',
        }
    }
}

/// A root for the data of servers, one after the other, and the journal of all that they do there.
#[derive(Debug)]
pub(crate) struct Rig {
    dir: TempDir,
    orders: AtomicU32,
    /// How long a sync takes at least, as on a slow disk.
    sync_ms: AtomicU32,
}

/// A server on a rig.
#[derive(Debug)]
pub(crate) struct Host {
    program: Program,
    address: SocketAddr,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let dir = TempDir::with_prefix("pawl-power-").expect("a temporary directory");
        let rig = Self { dir, orders: AtomicU32::new(0), sync_ms: AtomicU32::new(0) };
        fs::create_dir(rig.root()).expect("it is empty");
        rig.order(Order::Nothing);
        rig
    }

    /// What a disk would hold. The directory of the data is made in it by the server.
    pub(crate) fn root(&self) -> PathBuf {
        // As the kernel names it: the shim compares paths.
        self.dir.path().canonicalize().expect("it is there").join("root")
    }

    pub(crate) fn data(&self) -> PathBuf {
        data_in(&self.root())
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn control(&self) -> PathBuf {
        self.dir.path().join("control")
    }

    /// Where the journal ends now: whatever is known to have happened stands before this.
    pub(crate) fn position(&self) -> u64 {
        fs::metadata(self.journal()).expect("a server was started").size()
    }

    pub(crate) fn order(&self, order: Order<'_>) {
        let generation = self.orders.fetch_add(1, Ordering::SeqCst) + 1;
        let line = match order {
            Order::Fail { what, name, nth, errno, lasting } => {
                format!("{} {nth} {errno} {} {name}", what.letter(), u8::from(lasting))
            }
            Order::Freeze { nth } => format!("f {nth} 0 0 -"),
            Order::Nothing => "- 0 0 0 -".to_owned(),
        };
        // In one write, so that it is there as a whole or not at all.
        fs::write(self.control(), format!("{generation} {line}\n")).expect("it is written");
    }

    /// From the next server on.
    pub(crate) fn sync_ms(&self, ms: u32) {
        self.sync_ms.store(ms, Ordering::SeqCst);
    }

    fn launch(&self, args: &[&str]) -> Program {
        let data = self.data();
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data"].map(OsStr::new);
        self.command(serve.into_iter().chain([data.as_os_str()]).chain(args.iter().map(OsStr::new)))
    }

    /// Starts `pawl` with the shim between it and its files.
    fn command<'a>(&self, args: impl IntoIterator<Item = &'a OsStr>) -> Program {
        let mut command = tokio::process::Command::new(binary());
        command.args(args).env_remove("PAWL_LOG").env("LD_PRELOAD", shim());
        command.env("PAWL_SHIM_ROOT", self.root()).env("PAWL_SHIM_JOURNAL", self.journal());
        command.env("PAWL_SHIM_CONTROL", self.control());
        command.env("PAWL_SHIM_SYNC_MS", self.sync_ms.load(Ordering::SeqCst).to_string());
        Program::start(&mut command)
    }

    /// Runs a command that ends by itself. How, and what it wrote to standard error.
    pub(crate) async fn run(&self, args: &[&OsStr]) -> (ExitStatus, String) {
        let mut program = self.command(args.iter().copied());
        let status = program.ended().await;
        (status, program.err().join("\n"))
    }

    /// Starts a server and waits until it serves.
    pub(crate) async fn start(&self, args: &[&str]) -> Host {
        let program = self.launch(args);
        Host { address: listening(&program).await, program }
    }

    /// Starts a server that gives up because of `what`, and tells how.
    pub(crate) async fn refuse(&self, what: &impl Debug) -> (ExitStatus, String) {
        let mut program = self.launch(&[]);
        let ended = async {
            loop {
                assert!(program.out().is_empty(), "{what:?}: it serves all the same");
                if let Ok(status) = timeout(LOOK, program.ended()).await {
                    return (status, program.err().join("\n"));
                }
            }
        };
        within(PATIENCE_S, &format!("{what:?}: the end"), ended).await
    }
}

/// The directory of the data below a root.
pub(crate) fn data_in(root: &Path) -> PathBuf {
    root.join("data")
}

async fn listening(program: &Program) -> SocketAddr {
    let listening = |lines: &[String]| {
        lines.iter().find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
    };
    program.find("pawl listens", listening).await
}

impl Host {
    /// A server on what a power loss has left, without the shim.
    pub(crate) async fn on_image(root: &Path, args: &[&str]) -> Self {
        let mut command = tokio::process::Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data_in(root)).args(args);
        let program = Program::start(command.env_remove("PAWL_LOG"));
        Self { address: listening(&program).await, program }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await.expect("it listens")
    }

    /// Kills it in the middle of what it does to its files, but with nothing half done that the
    /// journal tells of.
    pub(crate) async fn kill_at(mut self, rig: &Rig, nth: u32) {
        rig.order(Order::Freeze { nth });
        let mut journal = fs::File::open(rig.journal()).expect("it is there");
        let frozen = async {
            while !journal::ends_frozen(&mut journal).expect("it can be read") {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        within(PATIENCE_S, "the server stands still", frozen).await;
        self.program.signal(Signal::SIGKILL);
        self.program.ended().await;
        rig.order(Order::Nothing);
    }

    pub(crate) async fn terminate(mut self) -> ExitStatus {
        self.program.signal(Signal::SIGTERM);
        self.program.ended().await
    }

    /// Waits until it has ended by itself. Its exit code, and what it wrote to standard error.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = self.program.ended().await;
        (status, self.program.err().join("\n"))
    }
}

/// By the clock that also stands in the journal.
pub(crate) fn wall_clock() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "compared with what another process notes")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).expect("later than that")
}
