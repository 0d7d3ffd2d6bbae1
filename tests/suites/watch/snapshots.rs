//! W1 and W2 over the wire: entities as they stand, then their moves; and their changes.

use std::collections::BTreeMap;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{Watcher, cases, entity, resume, snapshot, within};

use crate::{deals, publish, server, swings};

/// Reads until the snapshot is complete, and gives its entities by their ids.
async fn taken(watcher: &mut Watcher) -> BTreeMap<String, pb::Entity> {
    let mut entities: Vec<pb::Entity> = Vec::new();
    loop {
        let frame = within(30, "a frame", watcher.next_frame()).await.expect("the watch goes on");
        match frame.frame {
            Some(Frame::Entity(entity)) => {
                assert!(frame.resume_token.is_empty(), "W2: no token before the end");
                entities.push(entity);
            }
            Some(Frame::SnapshotComplete(complete)) => {
                assert!(!frame.resume_token.is_empty(), "W2: from here on there are tokens");
                assert_eq!(complete.entity_count, i64::try_from(entities.len()).unwrap());
                assert!(entities.is_sorted_by(|a, b| a.entity_id < b.entity_id), "by their ids");
                return entities.into_iter().map(|e| (e.entity_id.clone(), e)).collect();
            }
            Some(Frame::Heartbeat(_)) => assert!(frame.resume_token.is_empty()),
            other => panic!("unexpected in a snapshot: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_snapshot_is_what_the_server_answers_and_its_token_resumes() {
    let (_server, client) = server().await;
    // More than one part of the scan, and more bytes than one message.
    let ids = deals(&client, 1_200).await;
    publish(&client, swings(&ids[..100], 0, 1)).await;
    let mut watcher = client.watch(snapshot()).await;
    let entities = taken(&mut watcher).await;
    assert_eq!(entities.len(), ids.len());
    for id in ["deal/0", "deal/99", "deal/100", "deal/1199"] {
        assert_eq!(entities[id], client.get_entity(id).await, "{id}");
    }
    let token = watcher.token().to_vec();
    let moves = publish(&client, swings(&ids[..100], 1, 2)).await;
    for mut watcher in [watcher, client.watch(resume(&token)).await] {
        for moved in &moves {
            let shown = within(30, "a move", watcher.next_move()).await;
            assert_eq!(&shown.expect("the watch goes on"), moved);
            let revision = entities[&moved.entity_id].revision;
            assert_eq!(moved.entity_revision, revision + 1, "exactly what came later");
        }
    }
    cases("watch: entities of a snapshot", entities.len(), 1_200);
}

/// A board of one stage: what is shown when a deal comes, changes, goes, and is gone.
#[tokio::test]
async fn a_board_is_told_of_all_that_concerns_it() {
    let (_server, client) = server().await;
    let ids = deals(&client, 1).await;
    let filter = pb::MoveFilter { to_stage_ids: vec!["offer".to_owned()], ..Default::default() };
    let request =
        pb::WatchMovesRequest { filter: Some(filter), include_entity_changes: true, ..snapshot() };
    let mut watcher = client.watch(request).await;
    assert_eq!(taken(&mut watcher).await.len(), 0, "nothing stands there yet");
    publish(&client, swings(&ids, 0, 1)).await;
    let update = pb::UpdateEntityRequest {
        entity: Some(pb::Entity { responsible: "ann".to_owned(), ..entity("deal/0", "") }),
        ..Default::default()
    };
    client.entities.clone().update_entity(update).await.expect("it is updated");
    publish(&client, swings(&ids, 1, 2)).await;
    client.entity(entity("deal/1", "sales/offer")).await;
    let gone = pb::DeleteEntityRequest { entity_id: "deal/1".to_owned(), ..Default::default() };
    client.entities.clone().delete_entity(gone).await.expect("it is deleted");
    let mut told = Vec::new();
    while told.len() < 6 {
        let frame = within(30, "a frame", watcher.next_frame()).await.expect("the watch goes on");
        told.push(match frame.frame {
            Some(Frame::Move(moved)) => format!("{} -> {}", moved.entity_id, moved.to_stage_id),
            // It stands as it does when it is shown, which may be later than what it is shown for.
            Some(Frame::Entity(entity)) => {
                format!("{} r{}+", entity.entity_id, entity.revision.min(2))
            }
            Some(Frame::EntityDeleted(gone)) => {
                format!("{} of {} gone r{}", gone.entity_id, gone.stage_id, gone.revision)
            }
            Some(Frame::Heartbeat(_)) => continue,
            other => panic!("unexpected: {other:?}"),
        });
    }
    let expected = [
        "deal/0 r2+",
        "deal/0 -> offer",
        "deal/0 r2+",
        "deal/0 r2+",
        "deal/1 r1+",
        "deal/1 of offer gone r2",
    ];
    assert_eq!(told, expected);
}
