//! Health while the writer does not get on. In this process, so that it can be held up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use http::Method;
use pawl_server::{Config, FreeSpace, Reserve};
use pawl_tests::{Client, ask, event, within};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Whose health is told; the empty name is the server as a whole.
const SERVICES: [&str; 7] = [
    "",
    "pawl.v1.PipelineService",
    "pawl.v1.TriggerService",
    "pawl.v1.EntityService",
    "pawl.v1.EventService",
    "pawl.v1.MoveService",
    "pawl.v1.SystemService",
];

/// Where the writer can be held up: it asks for the room on the disk after each batch.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn shut(&self, shut: bool) {
        *self.0.0.lock().expect("nobody panics with it") = shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let (shut, opened) = &*self.0;
        let shut = shut.lock().expect("nobody panics with it");
        drop(opened.wait_while(shut, |shut| *shut).expect("nobody panics with it"));
    }
}

/// Waits until every service is told to be so, and holds what balancers are told against it.
async fn all_become(client: &Client, address: SocketAddr, expected: ServingStatus) {
    for service in SERVICES {
        let all = async {
            loop {
                let request = HealthCheckRequest { service: service.to_owned() };
                let told = HealthClient::new(client.channel.clone()).check(request).await;
                let told = told.unwrap_or_else(|status| panic!("{service}: {status}"));
                if told.into_inner().status == expected as i32 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(60, &format!("{service:?} is {expected}"), all).await;
    }
    let is_well = expected == ServingStatus::Serving;
    let told = [("/readyz", if is_well { 200 } else { 503 }), ("/healthz", 200)];
    for (path, code) in told {
        assert_eq!(ask(Method::GET, address, path, &[], "").await.code, code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_bad_while_the_writer_is_stuck_and_good_when_it_gets_on() {
    let dir = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let gate = Gate::default();
    let held_up = gate.clone();
    let free_space = FreeSpace::new(move |_| {
        if thread::current().name() == Some("pawl-writer") {
            held_up.pass();
        }
        Ok(1_000_000)
    });
    let listen = "127.0.0.1:0".parse().expect("an address");
    let config = Config {
        reserve: Reserve { min_free_bytes: 16, free_space },
        stall_after: Duration::from_millis(100),
        ..Config::new(dir.path().join("data"), listen)
    };
    let running = pawl_server::start(config).await.expect("it starts");
    let address = running.address();
    // Who connects before it serves is not told that it does not: its answer waits until it does.
    let mut early = TcpStream::connect(address).await.expect("it listens");
    early.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.expect("it can be asked");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(running.run_until(async {
        let _ = stopped.await;
    }));
    let client = Client::connect(address).await.expect("it listens");
    all_become(&client, address, ServingStatus::Serving).await;
    let mut answer = String::new();
    let answered = within(60, "the first answer", early.read_to_string(&mut answer)).await;
    assert!(answered.is_ok() && answer.starts_with("HTTP/1.0 200"), "{answered:?} {answer}");
    for round in 0..2 {
        gate.shut(true);
        let (publisher, enough) = (client.clone(), Arc::new(AtomicBool::new(false)));
        let no_more = Arc::clone(&enough);
        // More than one: when somebody else is just looking at the disk, the writer passes.
        let published = tokio::spawn(async move {
            for number in 0.. {
                publisher
                    .publish(event(&format!("e{round}-{number}"), "moon.full", "deal/1"))
                    .await;
                if no_more.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        all_become(&client, address, ServingStatus::NotServing).await;
        enough.store(true, Ordering::SeqCst);
        gate.shut(false);
        all_become(&client, address, ServingStatus::Serving).await;
        within(60, "the events", published).await.expect("they are published");
    }
    stop.send(()).expect("it serves");
    within(60, "the server stops", served).await.expect("no panic").expect("it ends well");
}
