//! Whatever happened to a server, its database is whole.

use std::path::PathBuf;

use pawl_tests::within;
use tempfile::TempDir;

/// Longer than a check takes.
const PATIENCE_S: u64 = 60;

/// Checks a database, every row against the log, that no server has open any more.
pub(crate) async fn assert_whole(data: PathBuf) {
    // A call that is not quite over may hold the directory for a moment.
    let verify = move || loop {
        let scratch = TempDir::with_prefix("pawl-").expect("a temporary directory");
        match pawl_store::verify(&data, scratch.path(), 20, &mut |_| ()) {
            Err(pawl_store::OpenError::InUse { .. }) => {}
            report => return report.expect("it opens"),
        }
    };
    let verified = tokio::task::spawn_blocking(verify);
    let report = within(PATIENCE_S, "a check", verified).await.expect("it does not panic");
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "the database is not whole:\n{}", findings.join("\n"));
}
