use std::path::PathBuf;
use std::process;
use std::thread;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tracing::info;

use crate::args::ServeArgs;
use crate::client::Address;
use crate::demo;
use crate::failure::Failure;
use crate::log;
use crate::output::print;
use crate::signals::StopSignals;

/// Where the data is kept unless the command line says otherwise.
const DEFAULT_DATA: &str = "./pawl-data";

/// `pawl serve`: runs the server until it is asked to stop.
pub(crate) fn run(args: ServeArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System { what: "start the runtime", source })?;
    let traces = {
        let _in = runtime.enter();
        log::start(&args)?
    };
    if let Some(file) = &args.config {
        info!(file = %file.display(), "settings");
    }
    let demo = args.demo;
    let data = Data::choose(args.data.clone(), demo)?;
    let mut config = config(args, data.path());
    if let Some(traces) = &traces {
        config.lost_spans = traces.lost();
    }
    let served = runtime.block_on(serve(config, demo));
    if let Some(traces) = traces {
        traces.stop();
    }
    if served.is_err() {
        // A disk that fails may hold up reads for ever.
        runtime.shutdown_background();
    }
    served
}

/// Whether the server would start with these, as far as can be said without starting it.
pub(crate) fn check(args: ServeArgs) -> Result<(), Failure> {
    if let Some(traces) = args.traces.config() {
        traces.check()?;
    }
    let data = args.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    Ok(pawl_server::check(&config(args, data))?)
}

fn config(args: ServeArgs, data: PathBuf) -> pawl_server::Config {
    let tls = args.tls_cert.zip(args.tls_key).map(|(certificate, key)| pawl_server::TlsFiles {
        certificate,
        key,
        client_ca: args.tls_client_ca,
    });
    let mut config = pawl_server::Config {
        insecure: args.insecure,
        access_file: args.access_file,
        tls,
        cors_origins: args.cors_origin,
        dedupe_window: args.dedupe_window,
        retention: pawl_server::Retention {
            max_age: args.retention.0,
            max_bytes: Some(args.retention_bytes).filter(|bytes| *bytes > 0),
            max_identities: args.max_identities,
        },
        stall_after: args.stall_after,
        backup_patience: args.backup_patience,
        connections: pawl_server::Connections {
            keepalive_interval: args.keepalive_interval.0,
            keepalive_timeout: args.keepalive_timeout,
            max_streams: args.max_streams_per_connection,
            max_connections: args.max_connections,
            handshake_timeout: args.handshake_timeout,
            max_age: args.max_connection_age.0,
        },
        max_waiting: args.max_waiting_calls,
        limits: args.limits.into(),
        ..pawl_server::Config::new(data, args.listen)
    };
    config.reserve.min_free_bytes = args.min_free_bytes;
    config
}

async fn serve(config: pawl_server::Config, with_demo: bool) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let running = tokio::select! {
        running = pawl_server::start(config) => running?,
        // Nothing was served yet, and opening cannot be interrupted otherwise.
        () = signals.next() => process::exit(0),
    };
    let listening = running.address();
    // Nobody has to read it.
    let _ = print(&format!("listening on {}://{listening}\n", running.scheme()));

    let mut demo_failure = None;
    let stop = async {
        let demo_ended = async {
            if with_demo {
                start_demo(Address::of_local(listening)).await
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            () = signals.next() => {}
            failure = demo_ended => demo_failure = Some(failure),
        }
        tokio::spawn(async move {
            signals.next().await;
            eprintln!("stopped at once; nothing that was acknowledged is lost");
            process::exit(1);
        });
    };
    running.run_until(stop).await?;
    demo_failure.map_or(Ok(()), Err)
}

/// Plays the demo on a thread of its own, so that a terminal that does not read holds up nothing
/// else. Ends only when the demo fails.
async fn start_demo(address: Address) -> Failure {
    let (sender, failed) = oneshot::channel();
    let play = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let failure = match runtime {
            Ok(runtime) => match runtime.block_on(demo::run(&address)) {
                Ok(never) => match never {},
                Err(failure) => failure,
            },
            Err(source) => Failure::System { what: "start the runtime of the demo", source },
        };
        // Nobody listens once the server is stopping.
        let _ = sender.send(failure);
    };
    match thread::Builder::new().name("pawl-demo".to_owned()).spawn(play) {
        Ok(_) => failed.await.unwrap_or_else(|_| {
            Failure::Incomplete("the demo ended without saying why".to_owned())
        }),
        Err(source) => Failure::System { what: "start the demo", source },
    }
}

/// Where the data is kept.
#[derive(Debug)]
enum Data {
    Lasting(PathBuf),
    /// Removed in the end.
    Temporary(TempDir),
}

impl Data {
    fn choose(given: Option<PathBuf>, demo: bool) -> Result<Self, Failure> {
        match given {
            Some(path) => Ok(Self::Lasting(path)),
            None if demo => tempfile::Builder::new()
                .prefix("pawl-demo-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|source| Failure::System { what: "make a temporary directory", source }),
            None => Ok(Self::Lasting(PathBuf::from(DEFAULT_DATA))),
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Lasting(path) => path.clone(),
            // A directory of its own in it: some stores mind one that exists.
            Self::Temporary(directory) => directory.path().join("data"),
        }
    }
}
