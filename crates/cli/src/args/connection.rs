//! How to reach a server; for every client command.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::client::Address;

const CONNECTION: &str = "Connection";

/// The ids of what the environment can say too.
const FROM_ENVIRONMENT: [&str; 4] = ["address", "token", "token_file", "ca_file"];

/// What is said here goes before the environment, that before a context, that before what is usual.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Connection {
    /// The server that a client command talks to: http://HOST:PORT, https://HOST:PORT or HOST:PORT.
    /// Otherwise that of the context, or else http://127.0.0.1:7171.
    #[arg(long, global = true, value_name = "ADDRESS", env = "PAWL_ADDRESS", help_heading = CONNECTION)]
    pub(crate) address: Option<Address>,

    /// A context of the configuration file instead of the current one: see `pawl context`.
    #[arg(long, global = true, value_name = "NAME", env = "PAWL_CONTEXT", help_heading = CONNECTION)]
    pub(crate) context: Option<String>,

    /// A file with the token that says who is calling.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PAWL_TOKEN_FILE",
        help_heading = CONNECTION
    )]
    pub(crate) token_file: Option<PathBuf>,

    /// The token itself. Other users of this machine can see it in the list of processes:
    /// --token-file and PAWL_TOKEN are safer.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "PAWL_TOKEN",
        hide_env_values = true,
        help_heading = CONNECTION
    )]
    pub(crate) token: Option<String>,

    /// Sends a token also where it is not encrypted on its way to another machine.
    #[arg(long, global = true, help_heading = CONNECTION)]
    pub(crate) allow_plain_token: bool,

    /// A PEM file with the authorities that may have signed the server's certificate, instead of
    /// those that this machine trusts.
    #[arg(long, global = true, value_name = "FILE", env = "PAWL_CA_FILE", help_heading = CONNECTION)]
    pub(crate) ca_file: Option<PathBuf>,

    /// A PEM file with the certificate that says who is calling; needs --key.
    #[arg(long, global = true, value_name = "FILE", requires = "key", help_heading = CONNECTION)]
    pub(crate) cert: Option<PathBuf>,

    /// A PEM file with the private key of --cert.
    #[arg(long, global = true, value_name = "FILE", requires = "cert", help_heading = CONNECTION)]
    pub(crate) key: Option<PathBuf>,

    /// The name in the server's certificate, where it is not the one in the address.
    #[arg(long, global = true, value_name = "NAME", help_heading = CONNECTION)]
    pub(crate) server_name: Option<String>,
}

impl Connection {
    /// What the command line says of it, with the names of the options.
    pub(super) fn options_given(matches: &ArgMatches) -> impl Iterator<Item = &'static str> {
        [
            ("address", "--address"),
            ("context", "--context"),
            ("token_file", "--token-file"),
            ("token", "--token"),
            ("allow_plain_token", "--allow-plain-token"),
            ("ca_file", "--ca-file"),
            ("cert", "--cert"),
            ("key", "--key"),
            ("server_name", "--server-name"),
        ]
        .into_iter()
        .filter(|(id, _)| matches.value_source(id) == Some(ValueSource::CommandLine))
        .map(|(_, option)| option)
    }

    /// Of two ways to say who is calling the command line's goes before the environment's.
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        let is_said = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (is_said("token"), is_said("token_file")) {
            (false, true) => self.token = None,
            (true, false) => self.token_file = None,
            _ => {}
        }
    }

    /// Leaves only what the command line says: what is written down must not depend on what
    /// happened to be in the environment.
    pub(super) fn forget_environment(&mut self, matches: &ArgMatches) {
        for id in FROM_ENVIRONMENT {
            if matches.value_source(id) == Some(ValueSource::EnvVariable) {
                match id {
                    "address" => self.address = None,
                    "token" => self.token = None,
                    "token_file" => self.token_file = None,
                    _ => self.ca_file = None,
                }
            }
        }
    }
}
