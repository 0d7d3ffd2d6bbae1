//! `MoveService`.

use pawl_api::pb;
use pawl_api::pb::ErrorReason;
use pawl_api::pb::watch_moves_request::Start;
use pawl_tests::{now, resume};
use prost_types::{Duration, Timestamp};
use tonic::Code;

use crate::row::{Call, INVALID, PAGE_TOKEN, Row, call, unmet};

const DAMAGED: (Code, ErrorReason) = (Code::InvalidArgument, ErrorReason::ResumeTokenInvalid);

fn beating(seconds: i64, nanos: i32) -> Call {
    let heartbeat_interval = Some(Duration { seconds, nanos });
    call!(moves.watch_moves(pb::WatchMovesRequest { heartbeat_interval, ..now() }))
}

fn filtered(filter: pb::MoveFilter) -> Call {
    call!(moves.watch_moves(pb::WatchMovesRequest { filter: Some(filter), ..now() }))
}

fn snapshot(filter: pb::MoveFilter) -> Call {
    let start = Some(Start::Snapshot(pb::StartSnapshot {}));
    call!(moves.watch_moves(pb::WatchMovesRequest { filter: Some(filter), start, ..now() }))
}

fn list(request: pb::ListMovesRequest) -> Call {
    call!(moves.list_moves(request))
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let one = |value: &str| vec![value.to_owned()];
    vec![
        Row::new("an empty resume token", DAMAGED, "", "EARLIEST, SNAPSHOT or NOW", call!(moves.watch_moves(resume(b"")))),
        Row::new("a resume token of nobody", DAMAGED, "", "EARLIEST, SNAPSHOT or NOW", call!(moves.watch_moves(resume(&[1; 33])))),
        Row::new("a resume token with one bit turned", DAMAGED, "", "EARLIEST, SNAPSHOT or NOW",
            call!(|world| moves.watch_moves({
                let mut token = world.client.watch(now()).await.token().to_vec();
                token[20] ^= 1;
                resume(&token)
            }))),
        Row::new("half a resume token", DAMAGED, "", "EARLIEST, SNAPSHOT or NOW",
            call!(|world| moves.watch_moves({
                let token = world.client.watch(now()).await.token().to_vec();
                resume(&token[..token.len() / 2])
            }))),
        Row::new("another database's resume token", unmet(ErrorReason::ResumeTokenForeign), "", "EARLIEST, SNAPSHOT or NOW",
            call!(|world| moves.watch_moves(resume(&world.foreign_token)))),
        Row::new("a snapshot by the stage that was left", INVALID, "filter.from_stage_ids", "leave it empty",
            snapshot(pb::MoveFilter { from_stage_ids: one("new"), ..Default::default() })),
        Row::new("a snapshot by trigger", INVALID, "filter.trigger_ids", "leave it empty",
            snapshot(pb::MoveFilter { trigger_ids: one("paid"), ..Default::default() })),
        Row::new("heartbeats too often", INVALID, "heartbeat_interval", "1s to 60s", beating(0, 999_000_000)),
        Row::new("heartbeats too seldom", INVALID, "heartbeat_interval", "1s to 60s", beating(60, 1)),
        Row::new("heartbeats in no time", INVALID, "heartbeat_interval", "1s to 60s", beating(0, 0)),
        Row::new("heartbeats in negative time", INVALID, "heartbeat_interval", "negative", beating(-5, 0)),
        Row::new("to watch a kind that does not exist", INVALID, "filter.entity_kinds[0]", "lead, deal",
            filtered(pb::MoveFilter { entity_kinds: one("offer"), ..Default::default() })),
        Row::new("to watch a bad pipeline id", INVALID, "filter.pipeline_ids[0]", "A-Z a-z 0-9",
            filtered(pb::MoveFilter { pipeline_ids: one("a b"), ..Default::default() })),
        Row::new("to watch a bad stage id", INVALID, "filter.to_stage_ids[0]", "A-Z a-z 0-9",
            filtered(pb::MoveFilter { to_stage_ids: one("a b"), ..Default::default() })),
        Row::new("to watch a bad entity id", INVALID, "filter.entity_ids[0]", "such as deal/57",
            filtered(pb::MoveFilter { entity_ids: one("57"), ..Default::default() })),
        Row::new("to watch 1,001 triggers", INVALID, "filter.trigger_ids", "limit is 1000",
            filtered(pb::MoveFilter { trigger_ids: vec!["t".to_owned(); 1_001], ..Default::default() })),
        Row::new("to list moves of a bad entity id", INVALID, "entity_id", "such as deal/57",
            list(pb::ListMovesRequest { entity_id: "57".to_owned(), ..Default::default() })),
        Row::new("to list moves since a time that does not exist", INVALID, "start_time", "",
            list(pb::ListMovesRequest { start_time: Some(Timestamp { seconds: 0, nanos: -1 }), ..Default::default() })),
        Row::new("to list moves by a damaged page token", PAGE_TOKEN, "page_token", "start again",
            list(pb::ListMovesRequest { page_token: "AAAA".to_owned(), ..Default::default() })),
        Row::new("to list moves by a page token of pipelines", PAGE_TOKEN, "page_token", "repeat the arguments",
            call!(|world| moves.list_moves(pb::ListMovesRequest {
                page_token: world.page_token.clone(),
                ..Default::default()
            }))),
    ]
}
