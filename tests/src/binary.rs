use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The `pawl` executable: what `PAWL_BIN` names, else built once in the profile of this test.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("PAWL_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// The directory of the workspace.
pub fn workspace_root() -> &'static Path {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.unwrap_or_else(|| unreachable!("tests/ lies in the workspace"))
}

fn build() -> PathBuf {
    // This test is TARGET/PROFILE/deps/NAME-HASH.
    let this = env::current_exe().expect("a test knows where it is");
    let profile_dir = this.ancestors().nth(2).expect("tests lie in TARGET/PROFILE/deps");
    let target_dir = profile_dir.parent().expect("tests lie in TARGET/PROFILE/deps");
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    // Any test beside it: so cargo takes what the tests depend on as well into account, and finds most
    // of it built, in place of compiling TLS, tonic and the server once more with fewer features.
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test of its package: build scripts that look at it would run again, here and
    // once more in the next test run, and with them all that depends on them.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"].iter().any(|of| text.starts_with(of)) {
            cargo.env_remove(&name);
        }
    }
    let built = cargo
        .args(["build", "--workspace", "--bin", "pawl", "--test", "tidy", "--message-format=json"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target_dir)
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "cannot build pawl: {}", built.status);
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "pawl")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.expect("cargo names the executable that it built")
}
