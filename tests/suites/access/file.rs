use std::fs;
use std::path::{Path, PathBuf};

use pawl_tests::binary;
use tempfile::TempDir;
use tokio::process::Command;

/// An access file, made and changed as an operator does.
#[derive(Debug)]
pub(crate) struct AccessFile {
    dir: TempDir,
    path: PathBuf,
}

impl AccessFile {
    pub(crate) fn new() -> Self {
        let dir = TempDir::with_prefix("pawl-access-").expect("a temporary directory");
        let path = dir.path().join("access.toml");
        Self { dir, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file beside it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(binary());
        command.arg("token").args(args).arg("--access-file").arg(&self.path);
        let output = command.output().await.expect("pawl starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {told}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// `pawl token create`: the token.
    pub(crate) async fn create(&self, args: &[&str]) -> String {
        self.run(&[&["create"], args].concat()).await
    }

    /// `pawl token revoke`.
    pub(crate) async fn revoke(&self, name: &str) {
        self.run(&["revoke", name]).await;
    }

    /// A token of this name that has expired.
    pub(crate) async fn expired(&self, name: &str, role: &str) -> String {
        let token = self.create(&[name, "--role", role]).await;
        self.change(|text| {
            let line = format!("name = \"{name}\"\n");
            text.replace(&line, &format!("{line}expires = 2020-01-01T00:00:00Z\n"))
        });
        token
    }

    /// Adds to it.
    pub(crate) fn append(&self, text: &str) {
        self.change(|before| format!("{before}\n{text}\n"));
    }

    /// Changes it by hand.
    pub(crate) fn change(&self, change: impl FnOnce(&str) -> String) {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let changed = change(&text);
        assert_ne!(changed, text, "it is changed");
        fs::write(&self.path, changed).expect("it can be written");
    }
}
