//! W1: which moves a watch shows.

use pawl_api::pb;
use pawl_tests::{Client, cases, earliest, entity, event, pipeline, within};

use crate::server;

/// The moves that there are, by a letter each.
async fn play(client: &Client) -> Vec<(char, pb::Move)> {
    let leads = pipeline("leads", "met known");
    client.pipeline(pb::Pipeline { entity_kind: "lead".to_owned(), ..leads }).await;
    client.pipeline(pipeline("service", "open done:WON")).await;
    client.entity(pb::Entity { responsible: "ann".to_owned(), ..entity("deal/1", "sales") }).await;
    client.entity(entity("deal/2", "sales")).await;
    client.entity(pb::Entity { responsible: "bob".to_owned(), ..entity("lead/1", "leads") }).await;
    let mut moves = Vec::new();
    // a: deal/1, by trigger `go`, new to offer. b: back by trigger `back`.
    for (letter, event_type) in [('a', "go"), ('b', "back")] {
        let outcome = client.publish(event(event_type, event_type, "deal/1")).await;
        moves.push((letter, outcome.decisions[0].r#move.clone().expect("it moved")));
    }
    // c: deal/2 by hand, new to won. d: deal/2 to another pipeline. e: lead/1, met to known.
    for (letter, id, pipeline_id, stage_id) in [
        ('c', "deal/2", "", "won"),
        ('d', "deal/2", "service", "open"),
        ('e', "lead/1", "", "known"),
    ] {
        let request = pb::MoveEntityRequest {
            entity_id: id.to_owned(),
            pipeline_id: pipeline_id.to_owned(),
            stage_id: stage_id.to_owned(),
            ..Default::default()
        };
        let answer = client.entities.clone().move_entity(request).await.expect("it moves");
        moves.push((letter, answer.into_inner().r#move.expect("it moved")));
    }
    moves
}

/// A list of the filter, by its name.
fn list<'a>(filter: &'a mut pb::MoveFilter, name: &str) -> &'a mut Vec<String> {
    match name {
        "kind" => &mut filter.entity_kinds,
        "pipeline" => &mut filter.pipeline_ids,
        "from" => &mut filter.from_stage_ids,
        "to" => &mut filter.to_stage_ids,
        "entity" => &mut filter.entity_ids,
        "trigger" => &mut filter.trigger_ids,
        "responsible" => &mut filter.responsibles,
        other => panic!("no list {other:?}"),
    }
}

#[tokio::test]
async fn a_watch_shows_what_its_filter_matches_and_nothing_else() {
    let (_server, client) = server().await;
    let moves = play(&client).await;
    let table = [
        ("", "abcde"),
        ("kind=deal", "abcd"),
        ("kind=lead", "e"),
        ("kind=deal kind=lead", "abcde"),
        ("kind=invoice", ""),
        ("pipeline=sales", "abcd"),
        ("pipeline=service", "d"),
        ("pipeline=leads pipeline=service", "de"),
        ("from=new", "ac"),
        ("from=won", "d"),
        ("to=offer", "a"),
        ("to=won to=known", "ce"),
        ("entity=deal/1", "ab"),
        ("entity=deal/1 entity=lead/1", "abe"),
        ("trigger=go", "a"),
        ("trigger=go trigger=back", "ab"),
        ("responsible=ann", "ab"),
        ("responsible=bob", "e"),
        ("from=new to=won", "c"),
        ("entity=deal/1 to=won", ""),
        ("kind=deal responsible=bob", ""),
        ("pipeline=sales from=offer trigger=back", "b"),
        ("entity=deal/none", ""),
        ("trigger=none", ""),
    ];
    for (text, expected) in table {
        let mut filter = pb::MoveFilter::default();
        for condition in text.split_whitespace() {
            let (name, value) = condition.split_once('=').expect("name=value");
            list(&mut filter, name).push(value.to_owned());
        }
        let request = pb::WatchMovesRequest { filter: Some(filter), ..earliest() };
        let mut watcher = client.watch(request).await;
        let shown = within(30, text, watcher.until_caught_up()).await.expect("the watch goes on");
        let letter = |shown: &pb::Move| {
            let known = moves.iter().find(|(_, moved)| moved == shown);
            known.map_or('?', |(letter, _)| *letter)
        };
        assert_eq!(shown.iter().map(letter).collect::<String>(), expected, "{text:?}");
    }
    cases("watch: filters", table.len(), 24);
}
