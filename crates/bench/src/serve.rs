use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pawl_api::pb::event_service_server::EventServiceServer;
use pawl_engine::Engine;
use pawl_server::Config;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::Failure;
use crate::args::Kind;
use crate::echo::{Answers, Echo};
use crate::fan_out::{Feed, Hub, Reel};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs one of the servers until the standard input ends, so that it never outlives the process that
/// measures.
pub(crate) async fn run(kind: Kind, path: PathBuf) -> Result<(), Failure> {
    match kind {
        Kind::Echo => {
            let answers = Arc::new(Answers::read(&path)?);
            let echo = EventServiceServer::new(Echo(answers));
            serve(echo.max_decoding_message_size(4 * 1_024 * 1_024), stopped(None)).await
        }
        Kind::Bare => {
            let reel = Reel::read(&path)?;
            serve(reel.server(), stopped(Some(Box::new(reel)))).await
        }
        Kind::Pawl => pawl(path, |_| None).await,
        Kind::Fed => pawl(path, |engine| Some(Box::new(Hub::new(engine.clone())))).await,
    }
}

/// Carries out orders, if it is one who takes them; done when the standard input has ended, however
/// it did.
fn stopped(feed: Option<Box<dyn Feed>>) -> impl Future<Output = ()> + Send {
    let (stop, stopped) = oneshot::channel::<()>();
    let orders = std::thread::Builder::new().name("orders".to_owned());
    let _ = orders.spawn(move || {
        if let Err(failure) = feed.map_or(Ok(()), obey) {
            eprintln!("error: {failure}");
        }
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = stop.send(());
    });
    async {
        let _ = stopped.await;
    }
}

fn obey(mut feed: Box<dyn Feed>) -> Result<(), Failure> {
    for order in std::io::stdin().lines() {
        match order?.split_once(' ') {
            Some(("prepare", moves)) => {
                feed.prepare(moves.parse()?)?;
                println!("done");
            }
            _ => feed.feed(),
        }
    }
    Ok(())
}

async fn pawl(
    data: PathBuf,
    feed: impl FnOnce(&Engine) -> Option<Box<dyn Feed>>,
) -> Result<(), Failure> {
    let running = pawl_server::start(Config::new(data, LOOPBACK)).await?;
    let stopped = stopped(feed(running.engine()));
    println!("{}", running.address());
    running.run_until(stopped).await?;
    Ok(())
}

/// The same listener and settings as Pawl's, and nothing around the service.
async fn serve<S>(service: S, stopped: impl Future<Output = ()>) -> Result<(), Failure>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let listener = TcpListener::bind(LOOPBACK).await?;
    println!("{}", listener.local_addr()?);
    Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(1_024)
        .add_service(service)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped)
        .await?;
    Ok(())
}
