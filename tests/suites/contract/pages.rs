//! How many results a page has, whatever is listed and however many are asked for.

use pawl_api::pb;
use pawl_tests::{Client, event, pipeline};

use crate::limits::{Table, read};

/// More than a page of what else there is too little of: pipelines, verdicts and moves.
pub(crate) async fn furnish(client: &Client) {
    for id in ["p2", "p3", "p4"] {
        client.pipeline(pipeline(id, "new won:WON")).await;
    }
    client.publish(event("judged", "a.one", "deal/1 deal/2 deal/3 deal/4")).await;
    for id in ["deal/2", "deal/3", "deal/4"] {
        let request = pb::MoveEntityRequest {
            entity_id: id.to_owned(),
            stage_id: "won".to_owned(),
            ..Default::default()
        };
        client.entities.clone().move_entity(request).await.expect("it is moved");
    }
}

macro_rules! pages {
    ($client:ident, $table:ident: $($service:ident.$call:ident($request:ident $({ $of:ident: $id:expr })?)
        $items:ident)+) => {
        $(for page_size in [0, 1_000] {
            let request = pb::$request { page_size, $($of: $id,)? ..Default::default() };
            let found = $client.$service.clone().$call(request).await;
            let found = found.expect("it is answered").into_inner();
            let (count, is_last) = (found.$items.len(), found.next_page_token.is_empty());
            assert_eq!((count, is_last), (3, false), "{} of {page_size}", stringify!($call));
            $table.count += 1;
        })+
    };
}

/// With pages of at most three.
pub(crate) async fn hold(client: &Client, table: &mut Table) {
    pages! { client, table:
        pipelines.list_pipelines(ListPipelinesRequest) pipelines
        triggers.list_trigger_types(ListTriggerTypesRequest) trigger_types
        triggers.list_triggers(ListTriggersRequest) triggers
        triggers.list_verdicts(ListVerdictsRequest { trigger_id: "t1".to_owned() }) verdicts
        entities.list_entities(ListEntitiesRequest) entities
        moves.list_moves(ListMovesRequest) moves
    }
    let board = pb::GetBoardRequest { pipeline_id: "sales".to_owned(), entities_per_stage: -1 };
    let board = client.pipelines.clone().get_board(board).await;
    table.refused("a board", read(board), "entities_per_stage", "must be 0 to 3; 0 means 3");
    let board = pb::GetBoardRequest { pipeline_id: "sales".to_owned(), entities_per_stage: 0 };
    let board = client.pipelines.clone().get_board(board).await.expect("it is answered");
    let stages = board.into_inner().stages;
    assert!(stages.iter().all(|stage| stage.entities.len() <= 3), "{stages:?}");
    assert!(stages.iter().any(|stage| stage.entities.len() == 3), "{stages:?}");
    table.count += 1;
}
