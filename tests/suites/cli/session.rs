//! A shell session with the command: what was typed, what came, and how it ended.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;

use pawl_tests::{Server, binary, within};
use regex::Regex;
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) struct Session {
    /// Where it runs; its configuration file lies here too.
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
    hidden: Vec<(String, &'static str)>,
    transcript: String,
    count: usize,
}

/// What one command came to.
pub(crate) struct Came {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        let directory = TempDir::with_prefix("pawl-").expect("a temporary directory");
        let place = directory.path().display().to_string();
        Self {
            directory,
            environment: Vec::new(),
            hidden: vec![(place, "DIR")],
            transcript: String::new(),
            count: 0,
        }
    }

    /// One whose commands go to this server.
    pub(crate) fn with(server: &Server) -> Self {
        let mut session = Self::new();
        session.set("PAWL_ADDRESS", server.address().to_string());
        session.hide(server.address().to_string(), "SERVER");
        session
    }

    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value));
    }

    /// Writes something else in the transcript, for what is different each time.
    pub(crate) fn hide(&mut self, text: String, instead: &'static str) {
        self.hidden.push((text, instead));
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs `pawl` with what a shell would make of the line.
    pub(crate) async fn run(&mut self, line: &str) -> Came {
        let came = self.unseen(line).await;
        let _ = write!(self.transcript, "$ pawl {line}\n{}", came.out);
        for line in came.err.lines() {
            let _ = writeln!(self.transcript, "! {line}");
        }
        if came.code != 0 {
            let _ = writeln!(self.transcript, "exit code {}", came.code);
        }
        self.transcript.push('\n');
        self.count += 1;
        came
    }

    /// The same, of which the transcript tells nothing.
    pub(crate) async fn unseen(&self, line: &str) -> Came {
        let script = format!("{} {line}", binary().display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.directory.path());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "PAWL_ADDRESS", "PAWL_CONTEXT", "PAWL_CA_FILE"] {
            command.env_remove(name);
        }
        command
            .env_remove("PAWL_TOKEN")
            .env_remove("PAWL_TOKEN_FILE")
            .env("PAWL_CONFIG", self.directory.path().join("config.toml"))
            .env("TZ", "UTC")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = within(60, line, command.output()).await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Came {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    pub(crate) async fn all(&mut self, lines: &[&str]) {
        for line in lines {
            self.run(line).await;
        }
    }

    /// The transcript without what is different each time, and how many commands it has.
    pub(crate) fn end(self) -> (String, usize) {
        let mut text = self.transcript;
        for (hidden, instead) in &self.hidden {
            text = text.replace(hidden, instead);
        }
        for (pattern, instead) in [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "LOCAL TIME"),
            (r"\b\d+[smh] ago", "NOW"),
            (r"(verification time|not valid after) \d+", "$1 SECONDS"),
            (r"\(\d+ seconds ago\)", "(SOME SECONDS AGO)"),
            // The width of a column follows from what stands in it.
            (r"(UPDATED|ENTERED|MOVED|JUDGED|NOW) {2,}", "$1  "),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", "UUID"),
            (r#""resume_token": ".*""#, r#""resume_token": "TOKEN""#),
            (r"in \d+\.\d\d s \(\d+/s\)", "in SOME TIME"),
        ] {
            let pattern = Regex::new(pattern).expect("it is a pattern");
            text = pattern.replace_all(&text, instead).into_owned();
        }
        (text, self.count)
    }
}

/// Compares a transcript with its snapshot in `snapshots/`.
macro_rules! compare {
    ($name:literal, $session:expr, $minimum:expr) => {{
        let (text, count) = $session.end();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, text);
        });
        pawl_tests::cases(concat!("cli: ", $name), count, $minimum);
    }};
}
pub(crate) use compare;
