use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::{Failure, setup};

/// Where the page says from where on it is to be told.
const TOKEN: &str = "data-token=\"";
/// What is read at a time.
const BUFFER_BYTES: usize = 64 * 1_024;

/// A board that is open in a browser, as far as the server sees: the page, and then its stream, of
/// which no more is looked at than how long it is.
#[derive(Debug)]
pub(crate) struct OpenBoard {
    reading: JoinHandle<()>,
    bytes: Arc<AtomicU64>,
}

impl OpenBoard {
    pub(crate) async fn at(address: SocketAddr) -> Result<Self, Failure> {
        let board = format!("/boards/{}", setup::PIPELINE);
        let mut page = String::new();
        get(address, &board, "close").await?.read_to_string(&mut page).await?;
        let token = page.split(TOKEN).nth(1).and_then(|rest| rest.split('"').next());
        let token = token.ok_or_else(|| format!("a board without a token: {page:.200}"))?;
        let path = format!("{board}/live?from={token}");
        let mut stream = get(address, &path, "keep-alive").await?;
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; BUFFER_BYTES];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                counted.fetch_add(read as u64, Ordering::Relaxed);
            }
        });
        Ok(Self { reading, bytes })
    }

    /// How much it was told, in KiB. It is an error if it is told no more.
    pub(crate) fn told(&self) -> Result<u64, Failure> {
        if self.reading.is_finished() {
            return Err("the stream of a board ended".into());
        }
        Ok(self.bytes.load(Ordering::Relaxed) / 1_024)
    }
}

async fn get(address: SocketAddr, path: &str, connection: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}
