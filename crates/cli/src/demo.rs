mod cast;
mod guide;
mod play;
mod setup;
mod story;

use std::convert::Infallible;

use pawl_api::pb;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::watch::{Interruption, Options, State, Update, Watch};

use crate::client::{Address, Target};
use crate::failure::Failure;
use crate::output::print;
use crate::resource::Clients;
use crate::watch::{Printer, Text};

/// The pipeline in which the demo takes place.
const PIPELINE: &str = "sales";

/// Sets up a sample pipeline, plays its customers and prints the moves, until it fails. It is a
/// client like any other.
pub(crate) async fn run(address: &Address) -> Result<Infallible, Failure> {
    let channel = Target::local(address.clone()).connect().await?;
    setup::set_up(&mut Clients::new(channel.clone())).await?;
    let mut player = play::Player::new(channel.clone()).await?;

    let filter = pb::MoveFilter { pipeline_ids: vec![PIPELINE.to_owned()], ..Default::default() };
    let request = pb::WatchMovesRequest { filter: Some(filter), ..Default::default() };
    let client = MoveServiceClient::new(channel.clone());
    let mut watch = Watch::start(client, request, Options::default());
    let mut printer = Printer::Text(Box::new(Text::new(channel).with_entity_names()));
    // Before anything moves.
    while !matches!(watch.next().await, Ok(Update::State(State::Live)) | Err(_)) {}
    let show = async {
        print(&guide::guide(address))?;
        match show(watch, &mut printer).await {
            // Nobody has to look on.
            Err(Failure::Output(_)) => std::future::pending().await,
            ended => ended,
        }
    };
    tokio::select! {
        ended = show => ended,
        never = player.play() => match never {},
    }
}

/// Prints moves until the server, which is this very process, is stopping.
async fn show(mut watch: Watch, printer: &mut Printer) -> Result<Infallible, Failure> {
    loop {
        match watch.next().await {
            Ok(Update::Frame { frame, token }) => {
                printer.print(pb::WatchFrame { resume_token: token, frame: Some(frame) }).await?;
            }
            Ok(Update::State(State::Interrupted { why, .. }))
                if matches!(why, Interruption::Closing(pb::ClosingReason::ServerShutdown)) =>
            {
                return Err(Failure::Incomplete(why.to_string()));
            }
            Ok(Update::State(_)) => {}
            Err(ended) => return Err(tonic::Status::from(ended).into()),
        }
    }
}
