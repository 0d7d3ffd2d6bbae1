//! What `pawl serve` tells while it runs: lines to standard error, and traces to a collector.

use std::env;
use std::io::{self, IsTerminal};

use pawl_server::Traces;
use tracing::{Subscriber, info, warn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::args::{LogFormat, ServeArgs};
use crate::failure::Failure;

/// By what OTEL_EXPORTER_OTLP_ENDPOINT is to be spoken to, by the standard.
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// Begins to log, and to trace where that is asked for; what is traced goes by the runtime in which
/// this is called.
pub(crate) fn start(args: &ServeArgs) -> Result<Option<Traces>, Failure> {
    let lines = lines(&args.log, args.log_format);
    let Some(config) = args.traces.config() else {
        lines.init();
        return Ok(None);
    };
    let traces = Traces::start(&config)?;
    lines.with(traces.layer()).init();
    info!(endpoint = config.endpoint, ratio = config.ratio, "traces");
    let protocol = PROTOCOLS.iter().find_map(|name| Some((name, env::var(name).ok()?)));
    if let Some((name, protocol)) = protocol.filter(|(_, protocol)| protocol != "grpc") {
        warn!(name, protocol, "traces go by grpc alone; its port is 4317 as a rule");
    }
    Ok(Some(traces))
}

/// What writes lines to standard error.
fn lines(
    filter: &str,
    format: LogFormat,
) -> impl Subscriber + for<'span> LookupSpan<'span> + Send + Sync + use<> {
    // The command line was refused if it were malformed. Any client can make the library of HTTP/2 warn,
    // with every frame that it sends, and so fill the log; who wants to see that names it.
    let filter = EnvFilter::builder().parse_lossy(format!("h2=error,{filter}"));
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Pretty => {
            let color = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
            lines.with_ansi(color).boxed()
        }
        LogFormat::Json => lines.json().boxed(),
    };
    registry().with(lines.with_filter(filter))
}

#[cfg(test)]
mod tests {
    use pawl_server::TracesConfig;
    use tracing::level_filters::LevelFilter;

    use super::*;

    #[tokio::test]
    async fn spans_of_calls_are_made_only_where_they_are_logged_or_traced() {
        let least = |filter| lines(filter, LogFormat::Json).max_level_hint();
        assert_eq!(least("info"), Some(LevelFilter::INFO), "they are at DEBUG: no span is made");
        assert_eq!(least("pawl=debug"), Some(LevelFilter::DEBUG));
        let endpoint = "http://127.0.0.1:4317".to_owned();
        let traces = Traces::start(&TracesConfig { endpoint, ratio: 1.0 }).unwrap();
        let traced = lines("info", LogFormat::Json).with(traces.layer());
        assert_ne!(traced.max_level_hint(), Some(LevelFilter::INFO));
    }
}
