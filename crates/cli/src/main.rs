//! The `pawl` command.

use std::process::ExitCode;

/// 1.2 to 1.6 times as many events a second as with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pawl_cli::run()
}
