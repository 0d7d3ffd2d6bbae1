//! Prints moves for as long as it runs, whatever happens to the server or the connection:
//!
//! ```sh
//! cargo run -p pawl-api --example watch -- http://127.0.0.1:7171 snapshot
//! ```
//!
//! The second argument is where to start: `now` (default), `earliest` or `snapshot`.

use std::error::Error;

use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use pawl_api::pb::{StartEarliest, StartNow, StartSnapshot, WatchMovesRequest};
use pawl_api::watch::{Options, Update, Watch};
use tonic::transport::Endpoint;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "http://127.0.0.1:7171".to_owned());
    let start = match args.next().as_deref() {
        None | Some("now") => Start::Now(StartNow {}),
        Some("earliest") => Start::Earliest(StartEarliest {}),
        Some("snapshot") => Start::Snapshot(StartSnapshot {}),
        Some(other) => {
            return Err(format!("start with now, earliest or snapshot, not {other}").into());
        }
    };
    let request = WatchMovesRequest { start: Some(start), ..Default::default() };

    // A connection of its own for each attempt: one that died without a word is not used again.
    let endpoint = Endpoint::from_shared(address)?;
    let dial = move || MoveServiceClient::new(endpoint.connect_lazy());
    let mut watch = Watch::start_dialing(dial, request, Options::default());
    loop {
        match watch.next().await? {
            Update::Frame { frame: Frame::Move(moved), .. } => {
                println!("{} {} -> {}", moved.entity_id, moved.from_stage_id, moved.to_stage_id);
            }
            Update::Frame { frame: Frame::Entity(entity), .. } => {
                println!("{} on {}", entity.entity_id, entity.stage_id);
            }
            Update::Frame { .. } => {}
            Update::State(state) => eprintln!("{state}"),
        }
    }
}
