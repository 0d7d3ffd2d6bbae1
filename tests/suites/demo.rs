//! What a newcomer sees first: `pawl serve --demo` moves deals by itself.

use pawl_api::pb::r#move::Cause;
use pawl_tests::{Server, cases, earliest, within};

const MOVES: usize = 3;

#[tokio::test]
async fn the_demo_shows_moves_by_triggers_within_half_a_minute() {
    let mut server = Server::start_demo().await;
    let client = server.client().await;
    let mut watcher = client.watch(earliest()).await;
    let mut by_triggers = 0;
    let moves = async {
        while by_triggers < MOVES {
            let moved = watcher.next_move().await.expect("the demo goes on");
            by_triggers += usize::from(matches!(moved.cause, Some(Cause::Trigger(_))));
        }
    };
    within(30, "three moves by triggers", moves).await;
    let status = server.terminate().await;
    assert_eq!(status.code(), Some(0), "{:?}", server.log());
    cases("demo: moves by triggers", by_triggers, MOVES);
}
