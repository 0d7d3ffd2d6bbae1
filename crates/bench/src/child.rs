use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use tonic::transport::{Channel, Endpoint};

use crate::Failure;
use crate::args::{Kind, Runtime};

/// A server in a process of its own; it ends with this value.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts this program again as one of the servers and waits until it listens.
    pub(crate) fn start(kind: Kind, runtime: Runtime, path: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("server")
            .args(argument(&kind))
            .args(argument(&runtime))
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(|_| format!("{kind:?} did not start"))?;
        Ok(Self { child, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Channel, Failure> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
        Ok(endpoint.tcp_nodelay(true).connect().await?)
    }

    /// Some new connections.
    pub(crate) async fn connections(&self, count: usize) -> Result<Vec<Channel>, Failure> {
        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            channels.push(self.connect().await?);
        }
        Ok(channels)
    }
}

/// How the command line calls it.
fn argument(value: &impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It would say goodbye to connections on which nobody listens any more, and what it stored
        // is thrown away; if this fails it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
