use std::future::Future;
use std::io::Write;
use std::time::Duration;

/// Prints a line that is seen also when the test passes: `cargo test` holds back what goes through
/// `println!`.
pub fn say(line: impl AsRef<str>) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "    {}", line.as_ref());
}

/// Tells how many cases a suite has run, and fails below the minimum: a table that lost its rows
/// would pass all too easily.
pub fn cases(suite: &str, count: usize, minimum: usize) {
    say(format!("{suite}: {count} cases (at least {minimum})"));
    assert!(count >= minimum, "{suite} ran {count} cases, which is fewer than {minimum}");
}

/// Waits for `future`, but not for ever: a test that hangs tells nobody what is wrong.
pub async fn within<T>(seconds: u64, what: &str, future: impl Future<Output = T>) -> T {
    let value = tokio::time::timeout(Duration::from_secs(seconds), future).await;
    value.unwrap_or_else(|_| panic!("{what}: not within {seconds} s"))
}
