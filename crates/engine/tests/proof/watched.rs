//! What watches show, as lists of moves.

use pawl_domain::{Move, MoveId};
use pawl_engine::{Pick, ResumeToken, Shown, Step, Watch};

/// A move as a watch shows it.
#[derive(Debug, Clone)]
pub(crate) struct WatchedMove {
    pub(crate) id: MoveId,
    pub(crate) token: ResumeToken,
    moved: Move,
}

impl WatchedMove {
    pub(crate) fn moved(&self) -> &Move {
        &self.moved
    }
}

/// The moves that a step shows, which must be one that does.
pub(crate) fn moves_in(step: Step) -> Vec<WatchedMove> {
    let Step::Stretch { stretch, picks, resumable: true } = step else { panic!("{step:?}") };
    let mut moves = Vec::new();
    for pick in picks {
        let Pick::Items(range) = pick else { panic!("{pick:?}") };
        for (token, shown) in stretch.shown(range) {
            let Shown::Move(id, moved) = shown else { panic!("{shown:?}") };
            moves.push(WatchedMove { id, token, moved: moved.clone() });
        }
    }
    moves
}

/// Everything until a heartbeat says that the watch is at the head.
pub(crate) async fn to_head(watch: &mut Watch) -> (Vec<WatchedMove>, Vec<u8>) {
    let mut moves = Vec::new();
    loop {
        match watch.next().await.unwrap() {
            step @ Step::Stretch { .. } => moves.extend(moves_in(step)),
            Step::Heartbeat { token: Some(token), head_token, .. } if token == head_token => {
                return (moves, token.as_bytes().to_vec());
            }
            Step::Heartbeat { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}
