use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use clap::ValueEnum;
use tonic::transport::{Channel, Endpoint};

use crate::Failure;
use crate::args::{Kind, Runtime};

/// A server in a process of its own; it ends with this value.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    orders: ChildStdin,
    replies: BufReader<ChildStdout>,
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
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, stdout) = pipes.ok_or("a server without pipes")?;
        let mut replies = BufReader::new(stdout);
        let mut line = String::new();
        replies.read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| format!("{kind:?} did not start"))?;
        Ok(Self { child, orders, replies, address })
    }

    /// Gives it an order that it takes on its standard input.
    pub(crate) fn tell(&mut self, order: &str) -> Result<(), Failure> {
        Ok(writeln!(self.orders, "{order}")?)
    }

    /// The same, and waits until it is carried out.
    pub(crate) fn ask(&mut self, order: &str) -> Result<(), Failure> {
        self.tell(order)?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply)?;
        match reply.trim() {
            "done" => Ok(()),
            reply => Err(format!("a server was told to {order:?} and said {reply:?}").into()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Channel, Failure> {
        connect(self.address).await
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

/// A new connection to a server that listens there.
pub(crate) async fn connect(address: SocketAddr) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint.tcp_nodelay(true).connect().await?)
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
