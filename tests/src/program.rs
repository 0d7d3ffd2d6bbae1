use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::within;

/// Longer than a program takes for anything, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 90;

/// A program that runs beside the test, and what it prints. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    out: Lines,
    err: Lines,
}

impl Program {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the program starts");
        let out = follow(child.stdout.take().expect("stdout is piped"));
        let err = follow(child.stderr.take().expect("stderr is piped"));
        Self { child, out, err }
    }

    /// What it has written to standard output so far.
    pub fn out(&self) -> Vec<String> {
        self.out.all()
    }

    /// What it has written to standard error so far.
    pub fn err(&self) -> Vec<String> {
        self.err.all()
    }

    /// Waits until `pick` finds something in standard output.
    pub async fn find<T>(&self, what: &str, pick: impl FnMut(&[String]) -> Option<T>) -> T {
        self.found(what, self.out.clone(), pick).await
    }

    /// Waits until `pick` finds something in standard error.
    pub async fn find_in_err<T>(&self, what: &str, pick: impl FnMut(&[String]) -> Option<T>) -> T {
        self.found(what, self.err.clone(), pick).await
    }

    async fn found<T>(
        &self,
        what: &str,
        mut lines: Lines,
        pick: impl FnMut(&[String]) -> Option<T>,
    ) -> T {
        let found = tokio::time::timeout(Duration::from_secs(PATIENCE_S), lines.find(pick)).await;
        found.ok().flatten().unwrap_or_else(|| {
            panic!("{what}: not there\n{}\n{}", self.out().join("\n"), self.err().join("\n"))
        })
    }

    /// Sends it a signal.
    pub fn signal(&self, which: Signal) {
        signal(&self.child, which);
    }

    /// Waits until it has ended and all that it printed is read.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = within(PATIENCE_S, "the program ends", self.child.wait()).await;
        for lines in [&mut self.out, &mut self.err] {
            within(PATIENCE_S, "its output ends", lines.find(|_| None::<()>)).await;
        }
        ended.expect("the program ends")
    }
}

/// Sends a signal, which the standard library cannot.
pub(crate) fn signal(child: &Child, which: Signal) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
    kill(nix::unistd::Pid::from_raw(id), which).expect("the process is there");
}

/// The lines of an output, as they come.
#[derive(Debug, Clone)]
pub(crate) struct Lines(watch::Receiver<Vec<String>>);

impl Lines {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Waits until `pick` finds something; `None` when the output ends before.
    pub(crate) async fn find<T>(
        &mut self,
        mut pick: impl FnMut(&[String]) -> Option<T>,
    ) -> Option<T> {
        loop {
            let found = pick(&self.0.borrow_and_update());
            if found.is_some() {
                return found;
            }
            self.0.changed().await.ok()?;
        }
    }
}

/// Reads an output to its end, so that the process never waits for a reader.
pub(crate) fn follow(output: impl AsyncRead + Unpin + Send + 'static) -> Lines {
    let (lines, following) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut output = BufReader::new(output).lines();
        while let Ok(Some(line)) = output.next_line().await {
            lines.send_modify(|lines: &mut Vec<String>| lines.push(line));
        }
    });
    Lines(following)
}
