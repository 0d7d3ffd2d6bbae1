//! W4: one who does not read.

use pawl_tests::{cases, now, within};

use crate::{deals, publish, server, swings};

/// Moves of one event.
const DEALS: usize = 100;
/// Enough for more moves than the server keeps in memory, and more bytes than any buffer holds.
const EVENTS: usize = 750;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_loses_nothing_and_holds_up_nobody() {
    let (server, client) = server().await;
    let deals = deals(&client, DEALS).await;
    // Connections of their own: what is not read fills the buffers of its connection.
    let mut slow = server.client().await.watch(now()).await;
    let mut fast = server.client().await.watch(now()).await;
    let total = EVENTS * DEALS;
    let reading = tokio::spawn(async move {
        let mut ids = Vec::new();
        while ids.len() < total {
            ids.push(fast.next_move().await.expect("the watch goes on").move_id);
        }
        ids
    });
    let moves = within(120, "publishing", publish(&client, swings(&deals, 0, EVENTS))).await;
    let moves: Vec<_> = moves.into_iter().map(|moved| moved.move_id).collect();
    let fast = within(120, "the other reader", reading).await.expect("it reads on");
    assert!(fast == moves, "the other reader has all moves in order");

    let mut late = Vec::new();
    while late.len() < total {
        let moved = within(30, "a move for the slow reader", slow.next_move()).await;
        late.push(moved.expect("the watch goes on").move_id);
    }
    assert!(late == moves, "the slow reader has all moves in order");
    let (more, heartbeat) = within(30, "a heartbeat", slow.until_heartbeat()).await.expect("alive");
    assert_eq!((more.len(), heartbeat.lag_moves), (0, 0));
    cases("watch: moves for a slow reader", late.len(), 75_000);
}
