mod names;
mod text;

use std::convert::Infallible;
use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use pawl_api::{json, pb};
use tonic::Streaming;
use tonic::transport::Channel;

use crate::args::{Output, WatchArgs};
use crate::client::Address;
use crate::failure::Failure;
use crate::output::print;
use crate::signals::StopSignals;
pub(crate) use crate::watch::text::Text;

/// Where a watch starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WatchFrom {
    Now,
    Earliest,
    After(Vec<u8>),
}

/// `pawl watch`: prints moves until ctrl-c.
pub(crate) async fn run(args: WatchArgs, address: &Address) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let watching = async {
        let channel = address.connect().await?;
        let mut printer = match args.output {
            Output::Text => Printer::Text(Box::new(Text::new(channel.clone()))),
            Output::Json => Printer::Json,
        };
        let watch = open(channel, request(args)).await?;
        follow(watch, &mut printer).await
    };
    tokio::select! {
        ended = watching => ended.map(|never| match never {}),
        () = signals.next() => Ok(()),
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
            WatchFrom::After(token) => Start::ResumeToken(token.into()),
        }),
        heartbeat_interval: Some(span_to_pb(args.heartbeat)),
        include_entity_changes: false,
    }
}

fn span_to_pb(span: Duration) -> prost_types::Duration {
    // Whatever does not fit is beyond what the server allows.
    span.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

/// How moves are printed.
pub(crate) enum Printer {
    Text(Box<Text>),
    Json,
}

/// Starts a watch.
pub(crate) async fn open(
    channel: Channel,
    request: pb::WatchMovesRequest,
) -> Result<Streaming<pb::WatchMovesResponse>, Failure> {
    Ok(MoveServiceClient::new(channel).watch_moves(request).await?.into_inner())
}

/// Prints the moves of a watch until it ends, which is always a failure.
pub(crate) async fn follow(
    mut watch: Streaming<pb::WatchMovesResponse>,
    printer: &mut Printer,
) -> Result<Infallible, Failure> {
    let mut token = Vec::new();
    loop {
        let frames = match watch.message().await {
            Ok(Some(response)) => response.frames,
            Ok(None) => return Err(ended("the server ended the watch", &token)),
            Err(status) if token.is_empty() => return Err(status.into()),
            Err(status) => return Err(ended(&Failure::from(status).to_string(), &token)),
        };
        let mut lines = String::new();
        let mut closing = None;
        for frame in frames {
            match &frame.frame {
                Some(Frame::Move(moved)) => printer.print(&frame, moved, &mut lines).await,
                Some(Frame::Closing(reason)) => closing = Some(reason.reason()),
                Some(
                    Frame::Started(_)
                    | Frame::Heartbeat(_)
                    | Frame::Entity(_)
                    | Frame::EntityDeleted(_)
                    | Frame::SnapshotComplete(_),
                )
                | None => {}
            }
            if !frame.resume_token.is_empty() {
                token = frame.resume_token.to_vec();
            }
        }
        if !lines.is_empty() {
            print(&lines)?;
        }
        if let Some(reason) = closing {
            return Err(ended(reason_for_people(reason), &token));
        }
    }
}

impl Printer {
    async fn print(&mut self, frame: &pb::WatchFrame, moved: &pb::Move, lines: &mut String) {
        let line = match self {
            Self::Text(text) => text.line(moved).await,
            Self::Json => json::to_json("pawl.v1.WatchFrame", frame)
                .unwrap_or_else(|error| unreachable!("a frame of the contract: {error}"))
                .to_string(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{line}");
    }
}

fn reason_for_people(reason: pb::ClosingReason) -> &'static str {
    match reason {
        pb::ClosingReason::ServerShutdown => "the server is stopping",
        pb::ClosingReason::Aged => "the watch has reached the greatest age that the server allows",
        pb::ClosingReason::Expired => "the watch fell behind what is retained",
        pb::ClosingReason::Unspecified => "the server ended the watch",
    }
}

fn ended(why: &str, token: &[u8]) -> Failure {
    let token = BASE64_STANDARD.encode(token);
    Failure::Incomplete(format!("{why}\n  to go on from there: --from {token}"))
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
            "" => Err("expected `now`, `earliest` or a resume token"),
            token => STANDARD
                .decode(token)
                .or_else(|_| URL_SAFE.decode(token))
                .map(Self::After)
                .map_err(|_| "expected `now`, `earliest` or a resume token in base64"),
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
        for token in ["+/8=", "+/8", "-_8"] {
            assert_eq!(token.parse(), Ok(WatchFrom::After(vec![0xfb, 0xff])), "{token}");
        }
        for text in ["", "yesterday!", "Now?"] {
            assert!(text.parse::<WatchFrom>().is_err(), "{text}");
        }
    }
}
