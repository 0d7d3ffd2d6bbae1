use clap::Args;
use tonic::transport::Uri;

/// The heading of the help, of `pawl config` and of docs/configuration.md.
const TRACES: &str = "Traces";

#[derive(Debug, Args)]
pub(crate) struct TracesArgs {
    /// A collector that takes traces by OTLP over gRPC, such as http://127.0.0.1:4317. Every call is
    /// then a span, in the trace of its caller's `traceparent` if there is one. A collector that is
    /// away holds up nothing.
    ///
    /// With https its certificate has to be of an authority that the machine trusts. Without this,
    /// and without OTEL_EXPORTER_OTLP_ENDPOINT in the environment, which is asked next, nothing is
    /// traced and nothing spent on it.
    #[arg(long, value_name = "URL", value_parser = endpoint, help_heading = TRACES)]
    pub(crate) otlp_endpoint: Option<String>,

    /// Which share of the calls is traced whose caller does not say: from 0 to 1. What the caller
    /// traces is, and what it does not is not.
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share, help_heading = TRACES)]
    pub(crate) trace_ratio: f64,
}

impl TracesArgs {
    /// What was asked for, if anything.
    pub(crate) fn config(&self) -> Option<pawl_server::TracesConfig> {
        let endpoint = self.otlp_endpoint.clone()?;
        Some(pawl_server::TracesConfig { endpoint, ratio: self.trace_ratio })
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let form = || "write it as http://HOST:PORT or https://HOST:PORT".to_owned();
    let uri: Uri = text.parse().map_err(|_| form())?;
    let is_root = uri.path() == "/" && uri.query().is_none();
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !is_known || !is_root || uri.host().is_none_or(str::is_empty) {
        return Err(form());
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("what lets Pawl in belongs into OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    Ok(text.to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "it is a number from 0 to 1, such as 0.05".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_are_urls_and_shares_are_between_nothing_and_all() {
        for text in ["http://127.0.0.1:4317", "https://otel.example.com", "http://[::1]:4317/"] {
            assert_eq!(endpoint(text).as_deref(), Ok(text));
        }
        for text in ["", "127.0.0.1:4317", "grpc://a:1", "http://a:1/v1/traces", "http://a@b:1"] {
            assert!(endpoint(text).is_err(), "{text}");
        }
        assert_eq!((share("0"), share("1"), share("0.05")), (Ok(0.0), Ok(1.0), Ok(0.05)));
        for text in ["", "-0.1", "1.01", "NaN", "half", "5%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
