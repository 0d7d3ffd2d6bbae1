use pawl_tests::{Server, cases, say, within, workspace_root};
use tokio::process::Command;

/// Long enough to generate the stubs on a busy machine.
const PATIENCE_S: u64 = 120;
/// The script prints a line for each thing that it checked.
const CHECKS_MIN: usize = 6;

#[tokio::test]
#[ignore = "needs Python with grpcio, grpcio-tools and grpcio-status in target/foreign: run by .ci/run"]
async fn grpcio_publishes_watches_and_reads_errors() {
    let server = Server::start().await;
    let stubs = tempfile::tempdir().expect("a temporary directory");
    let python = workspace_root().join("target/foreign/bin/python");
    let output = Command::new(python)
        .arg(workspace_root().join("tests/suites/foreign/client.py"))
        .arg(server.address().to_string())
        .arg(workspace_root().join("proto"))
        .arg(stubs.path())
        .output();
    let output = within(PATIENCE_S, "the Python client", output).await.expect("python runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    out.lines().for_each(say);
    let checks = out.lines().filter(|line| line.starts_with("ok ")).count();
    cases("grpcio", checks, CHECKS_MIN);
}
