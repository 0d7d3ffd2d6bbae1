use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pawl_api::pb::event_service_server::EventServiceServer;
use pawl_server::Config;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::Failure;
use crate::args::Kind;
use crate::echo::{Answers, Echo};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs one of the two servers until the standard input ends, so that it never outlives the
/// process that measures.
pub(crate) async fn run(kind: Kind, path: PathBuf) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        // However it ends, it has ended.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = stop.send(());
    });
    let stopped = async {
        let _ = stopped.await;
    };
    match kind {
        Kind::Echo => echo(path, stopped).await,
        Kind::Pawl => pawl(path, stopped).await,
    }
}

async fn pawl(data: PathBuf, stopped: impl Future<Output = ()> + Send) -> Result<(), Failure> {
    let dedupe_window = pawl_server::DEFAULT_DEDUPE_WINDOW;
    let config = Config { data, listen: LOOPBACK, insecure: false, dedupe_window };
    let running = pawl_server::start(config).await?;
    println!("{}", running.address());
    running.run_until(stopped).await?;
    Ok(())
}

/// The same listener and settings as Pawl's, and nothing around the service.
async fn echo(answers: PathBuf, stopped: impl Future<Output = ()>) -> Result<(), Failure> {
    let echo = Echo(Arc::new(Answers::read(&answers)?));
    let listener = TcpListener::bind(LOOPBACK).await?;
    println!("{}", listener.local_addr()?);
    Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .add_service(EventServiceServer::new(echo).max_decoding_message_size(4 * 1_024 * 1_024))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped)
        .await?;
    Ok(())
}
