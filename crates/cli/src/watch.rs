mod names;
mod states;
mod text;

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use pawl_api::pb;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use pawl_api::watch::{Ended, Options, State, Update, Watch};
use tonic::Code;

use crate::args::{Output, WatchArgs};
use crate::client::{ServerError, Target};
use crate::failure::Failure;
use crate::output::{print, to_json};
use crate::signals::StopSignals;
use crate::watch::states::States;
pub(crate) use crate::watch::text::Text;

/// Where a watch starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WatchFrom {
    Now,
    Earliest,
    Snapshot,
    After(Vec<u8>),
}

/// `pawl watch`: prints what happens until ctrl-c.
pub(crate) async fn run(args: WatchArgs, target: &Target) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    // Of what is printed: what a signal keeps from being printed comes again.
    let mut token = None;
    let watching = async {
        let channel = target.connect().await?;
        let mut printer = match args.output {
            Output::Text => Printer::Text(Box::new(Text::new(channel))),
            Output::Json => Printer::Json,
        };
        let dialed = target.clone();
        let dial = move || MoveServiceClient::new(dialed.connect_lazily());
        let watch = Watch::start_dialing(dial, request(args), Options::default());
        follow(watch, &mut printer, &mut token).await
    };
    tokio::select! {
        ended = watching => ended.map(|never| match never {}),
        () = signals.next() => {
            if let Some(token) = token {
                eprintln!("{}", how_to_go_on(&token));
            }
            Ok(())
        }
    }
}

fn request(args: WatchArgs) -> pb::WatchMovesRequest {
    pb::WatchMovesRequest {
        filter: Some(pb::MoveFilter {
            entity_kinds: args.kinds,
            pipeline_ids: args.pipelines,
            from_stage_ids: args.from_stages,
            to_stage_ids: args.to_stages,
            entity_ids: args.entities,
            trigger_ids: args.triggers,
            responsibles: args.responsibles,
        }),
        start: Some(match args.from {
            WatchFrom::Now => Start::Now(pb::StartNow {}),
            WatchFrom::Earliest => Start::Earliest(pb::StartEarliest {}),
            WatchFrom::Snapshot => Start::Snapshot(pb::StartSnapshot {}),
            WatchFrom::After(token) => Start::ResumeToken(token.into()),
        }),
        heartbeat_interval: Some(span_to_pb(args.heartbeat)),
        include_entity_changes: args.entity_changes,
    }
}

fn span_to_pb(span: Duration) -> prost_types::Duration {
    // Whatever does not fit is beyond what the server allows.
    span.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

/// Prints what a watch tells, and keeps the token of what is printed, until the watch ends, which is
/// always a failure.
async fn follow(
    mut watch: Watch,
    printer: &mut Printer,
    token: &mut Option<Vec<u8>>,
) -> Result<Infallible, Failure> {
    let mut states = States::default();
    loop {
        match watch.next().await {
            Ok(Update::Frame { frame, token }) => {
                printer.print(pb::WatchFrame { resume_token: token, frame: Some(frame) }).await?;
            }
            Ok(Update::State(state)) => {
                if let Some(line) = states.line(&state) {
                    eprintln!("{line}");
                }
                if matches!(state, State::SnapshotRestarted) {
                    printer.print_restart()?;
                }
            }
            Err(ended) => return Err(failure(ended, token.as_deref())),
        }
        *token = watch.token().map(|token| token.to_vec());
    }
}

/// How moves are printed.
pub(crate) enum Printer {
    Text(Box<Text>),
    Json,
}

impl Printer {
    /// Prints what a frame says, if it says anything.
    pub(crate) async fn print(&mut self, frame: pb::WatchFrame) -> Result<(), Failure> {
        let line = match (self, &frame.frame) {
            (Self::Text(text), _) => text.line(&frame).await,
            (Self::Json, Some(Frame::Heartbeat(_)) | None) => None,
            (Self::Json, Some(_)) => Some(to_json("pawl.v1.WatchFrame", &frame).to_string()),
        };
        line.map_or(Ok(()), |line| print(&format!("{line}\n")))
    }

    /// A program is told as the contract does, in the place where it matters; people read it among
    /// the other states.
    fn print_restart(&self) -> Result<(), Failure> {
        match self {
            Self::Text(_) => Ok(()),
            Self::Json => {
                let frame = Some(Frame::Started(pb::Started {}));
                let frame = pb::WatchFrame { frame, ..Default::default() };
                print(&format!("{}\n", to_json("pawl.v1.WatchFrame", &frame)))
            }
        }
    }
}

/// Why it ended, and from where one could go on where that would help.
fn failure(ended: Ended, token: Option<&[u8]>) -> Failure {
    let error = ServerError::from(tonic::Status::from(ended));
    let is_at_fault =
        matches!(error.code(), Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange);
    match token {
        Some(token) if !is_at_fault => {
            Failure::Incomplete(format!("{error}\n  {}", how_to_go_on(token)))
        }
        _ => error.into(),
    }
}

fn how_to_go_on(token: &[u8]) -> String {
    format!("to go on from there: --from {}", BASE64_STANDARD.encode(token))
}

impl FromStr for WatchFrom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const LENIENT: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
        const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
        match text {
            "now" => Ok(Self::Now),
            "earliest" => Ok(Self::Earliest),
            "snapshot" => Ok(Self::Snapshot),
            "" => Err("expected `now`, `earliest`, `snapshot` or a resume token"),
            token => {
                STANDARD.decode(token).or_else(|_| URL_SAFE.decode(token)).map(Self::After).map_err(
                    |_| "expected `now`, `earliest`, `snapshot` or a resume token in base64",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_or_a_token() {
        assert_eq!("now".parse(), Ok(WatchFrom::Now));
        assert_eq!("earliest".parse(), Ok(WatchFrom::Earliest));
        assert_eq!("snapshot".parse(), Ok(WatchFrom::Snapshot));
        for token in ["+/8=", "+/8", "-_8"] {
            assert_eq!(token.parse(), Ok(WatchFrom::After(vec![0xfb, 0xff])), "{token}");
        }
        for text in ["", "yesterday!", "Now?"] {
            assert!(text.parse::<WatchFrom>().is_err(), "{text}");
        }
    }
}
