use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use pawl_server::Role;

use super::span;

const EXAMPLES: &str = "\
Examples:
  pawl token create shop --role publisher --access-file access.toml
  pawl token create board --role viewer --pipeline sales --expires-in 90d
  pawl token create bank --webhook webhook.received --code paid

The token is printed once, alone on standard output; the file keeps its hash.";

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token or the secret of a webhook, prints it, and writes its hash into the file.
    #[command(after_help = EXAMPLES)]
    Create(TokenCreateArgs),
    /// Shows who has tokens and webhooks, and what they open.
    List {
        #[command(flatten)]
        file: AccessFile,
    },
    /// Makes a token or webhook open nothing any more; a running server knows within seconds.
    Revoke {
        /// Whose.
        #[arg(value_name = "NAME")]
        name: String,

        #[command(flatten)]
        file: AccessFile,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AccessFile {
    /// The file that says who may call; made where it is missing.
    #[arg(
        long = "access-file",
        value_name = "FILE",
        env = "PAWL_ACCESS_FILE",
        default_value = "access.toml"
    )]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreateArgs {
    /// For whom it is; stands in logs. No two are the same.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// What its bearer may: viewer (get, list, watch, preview), publisher (publish events), editor
    /// (entities, and what a viewer may), admin (everything). Can be repeated.
    #[arg(long = "role", value_name = "ROLE", required_unless_present = "webhook")]
    pub(crate) roles: Vec<Role>,

    /// Instead of a role: opens POST /v1/webhooks/TYPE for this trigger type, and nothing else.
    #[arg(long, value_name = "TYPE", conflicts_with = "roles")]
    pub(crate) webhook: Option<String>,

    /// The attribute `code` of the webhook's events, so that its callers cannot choose it.
    #[arg(long, value_name = "CODE", requires = "webhook")]
    pub(crate) code: Option<String>,

    /// Only this pipeline and what is in it. Can be repeated.
    #[arg(long = "pipeline", value_name = "ID")]
    pub(crate) pipelines: Vec<String>,

    /// After how long it opens nothing any more, such as 12h or 90d; without it never.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) expires_in: Option<Duration>,

    #[command(flatten)]
    pub(crate) file: AccessFile,
}
