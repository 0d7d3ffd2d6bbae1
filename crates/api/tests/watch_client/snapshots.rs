//! A snapshot that is interrupted is taken again, and its reader is told to drop what came of it.

use pawl_api::pb;
use pawl_api::pb::watch_moves_request::Start;
use tonic::Code;

use crate::fake::{Call, End, Fake, status};
use crate::{from, story, watch};

fn snapshot() -> Start {
    Start::Snapshot(pb::StartSnapshot {})
}

/// Of three entities and two moves; the first calls end after so many frames, of which the first is
/// `started`.
fn fake(cuts: &[usize]) -> Fake {
    let cut = |frames: &usize| Call::Stream {
        frames: *frames,
        end: End::Status(status(Code::Unavailable)),
    };
    Fake { entities: 3, ..Fake::new(2, cuts.iter().map(cut)) }
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_again_until_it_is_complete_and_then_resumed() {
    let token = |position: u64| Start::ResumeToken(position.to_be_bytes().to_vec().into());
    let table = [
        // Undisturbed.
        (vec![], "CLeeecmmh", vec![snapshot()]),
        // In the middle, twice.
        (vec![3, 2], "CLeeICLReICLReeecmmh", vec![snapshot(); 3]),
        // All entities were there, but not that they are all.
        (vec![4], "CLeeeICLReeecmmh", vec![snapshot(); 2]),
        // Nothing came of it: nothing is to be dropped.
        (vec![1], "CLICLeeecmmh", vec![snapshot(); 2]),
        // Something did, then nothing, and it was told.
        (vec![2, 1], "CLeICLRICLeeecmmh", vec![snapshot(); 3]),
        // Something did, and then no call came through: told when it begins anew, once.
        (vec![2, 0], "CLeICICLReeecmmh", vec![snapshot(); 3]),
        // Complete: what follows is resumed.
        (vec![5], "CLeeecICLmmh", vec![snapshot(), token(0)]),
        (vec![6], "CLeeecmICLmh", vec![snapshot(), token(1)]),
    ];
    for (cuts, wanted, starts) in table {
        let fake = fake(&cuts);
        let mut watch = watch(&fake, from(snapshot()));
        assert_eq!(story(&mut watch, 'h').await, wanted, "cut after {cuts:?}");
        assert_eq!(fake.starts(), starts, "cut after {cuts:?}");
        assert_eq!(watch.token().map(AsRef::as_ref), Some(&2_u64.to_be_bytes()[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_token_before_it_is_complete() {
    let mut watch = watch(&fake(&[]), from(snapshot()));
    assert_eq!(story(&mut watch, 'e').await, "CLe");
    assert_eq!(watch.token(), None);
    assert_eq!(story(&mut watch, 'c').await, "eec");
    assert_eq!(watch.token().map(AsRef::as_ref), Some(&0_u64.to_be_bytes()[..]));
}
