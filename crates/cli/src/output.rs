use std::io::{self, Write};

use crate::failure::Failure;

/// Writes lines to standard output at once, also when it is a pipe.
pub(crate) fn print(lines: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(lines.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)
}

/// A text that others wrote, without what would break a line or steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}
