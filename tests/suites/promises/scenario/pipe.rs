//! A line on which bytes come one by one.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the system may keep of what was not read yet, so that the server feels it.
const BUFFER_BYTES: u32 = 4 * 1_024;
/// How many bytes come before the line rests.
const BURST: usize = 1_024;
const REST: Duration = Duration::from_millis(1);

/// Listens, and hands on what a server sends, a byte at a time. Broken when dropped.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Pipe {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        let task = tokio::spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                lines.spawn(line(client, server));
            }
        });
        Self { address, task }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection. When one side is gone so is the other.
async fn line(client: TcpStream, server: SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(BUFFER_BYTES).expect("a small buffer");
    let Ok(server) = socket.connect(server).await else { return };
    let (Ok(()), Ok(())) = (client.set_nodelay(true), server.set_nodelay(true)) else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        // A server that has gone is still to be read to its end.
        if copy(&mut from_client, &mut to_server).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let back = async {
        let mut passed = 0_usize;
        let mut byte = [0];
        while from_server.read_exact(&mut byte).await.is_ok() {
            if to_client.write_all(&byte).await.is_err() {
                return;
            }
            passed += 1;
            if passed.is_multiple_of(BURST) {
                tokio::time::sleep(REST).await;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}
