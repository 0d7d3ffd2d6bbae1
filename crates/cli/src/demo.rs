mod cast;
mod guide;
mod play;
mod setup;
mod story;

use std::convert::Infallible;

use pawl_api::pb;

use crate::client::Address;
use crate::failure::Failure;
use crate::output::print;
use crate::resource::Clients;
use crate::watch::{self, Printer, Text};

/// The pipeline in which the demo takes place.
const PIPELINE: &str = "sales";

/// Sets up a sample pipeline, plays its customers and prints the moves, until it fails. It is a
/// client like any other.
pub(crate) async fn run(address: &Address) -> Result<Infallible, Failure> {
    let channel = address.connect().await?;
    setup::set_up(&mut Clients::new(channel.clone())).await?;
    let mut player = play::Player::new(channel.clone()).await?;

    let filter = pb::MoveFilter { pipeline_ids: vec![PIPELINE.to_owned()], ..Default::default() };
    let request = pb::WatchMovesRequest { filter: Some(filter), ..Default::default() };
    let watch = watch::open(channel.clone(), request).await?;
    let mut printer = Printer::Text(Box::new(Text::new(channel).with_entity_names()));
    let show = async {
        print(&guide::guide(address))?;
        match watch::follow(watch, &mut printer).await {
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
