use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Checks a file, the environment and the files that these name, and prints what `pawl serve` would use and where each value
    /// comes from.
    Check(CheckArgs),
    /// Prints a file with every setting of `pawl serve`, explained, and its default.
    Example,
}

const CHECK_NOTES: &str = "\
Exit code 0 when `pawl serve` would start with all of it, and 1 when it would not; then what is wrong
is printed, in the words of `pawl serve`. The files that are named (access file, certificates, keys)
are read, so run it as the user of the server. No directory is opened and no address is taken: what
is in the way there shows at the start. What is secret is not shown.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_NOTES)]
pub(crate) struct CheckArgs {
    /// The file; without one, the environment alone is checked.
    #[arg(value_name = "FILE", env = "PAWL_CONFIG_FILE", hide_env_values = true)]
    pub(crate) file: Option<PathBuf>,
}
