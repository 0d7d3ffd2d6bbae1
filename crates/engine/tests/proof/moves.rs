//! Q2: listing moves, by entity along its chain and by walking the log, against a plain list.

use std::time::Duration;

use pawl_domain::{Move, MoveId};
use pawl_engine::MoveQuery;

use crate::support::{Bed, entity_on, event, id, moves, pipeline, record, trigger, trigger_type};

/// Everything that moved, newest first.
struct Model {
    moves: Vec<(MoveId, Move)>,
}

/// Three entities that move forth and back by triggers and by hand, one of which is deleted and
/// created again and one of which leaves its pipeline. A tick of the clock before every change.
async fn moved() -> (Bed, Model) {
    let bed = Bed::new("a b c").await;
    bed.engine.create_pipeline(pipeline("service", "deal", "a b"), None, false).await.unwrap();
    bed.engine.create_trigger_type(trigger_type("back"), None, false).await.unwrap();
    bed.trigger("forth", "b").await;
    bed.engine.create_trigger(trigger("back", "a/back:back"), None, false).await.unwrap();
    let mut moves_made = Vec::new();
    for name in ["deal/1", "deal/2", "deal/3"] {
        bed.entity(name, "a").await;
    }
    for round in 0..6 {
        bed.hands.advance(Duration::from_secs(1));
        // Both decided in one batch; records without moves lie between.
        let events = vec![
            event(&format!("forth-{round}"), "mail.opened", "deal/1 deal/9 deal/2"),
            event(&format!("none-{round}"), "moon.full", "deal/1"),
            event(&format!("back-{round}"), "back", "deal/2 deal/1 deal/3"),
        ];
        for outcome in bed.publish_all(events).await {
            moves_made.extend(moves(&outcome.unwrap().record));
        }
        bed.hands.advance(Duration::from_secs(1));
        if round == 3 {
            bed.engine.delete_entity(id("deal/1"), 0).await.unwrap();
            bed.engine.create_entity(entity_on("deal/1", "a"), None).await.unwrap();
        }
        let place = ["b", "c", "service/b"][round % 3];
        let by_hand = bed.move_by_hand("deal/3", place, 0, None).await.unwrap();
        moves_made.extend(moves(&record(&by_hand)));
        if place.starts_with("service") {
            let by_hand = bed.move_by_hand("deal/3", "sales/a", 0, None).await.unwrap();
            moves_made.extend(moves(&record(&by_hand)));
        }
    }
    moves_made.reverse();
    (bed, Model { moves: moves_made })
}

impl Model {
    fn list(&self, query: &MoveQuery) -> Vec<(MoveId, Move)> {
        let fits = |moved: &Move| {
            query.entity_id.as_ref().is_none_or(|id| *id == moved.entity_id)
                && query.pipeline_id.as_ref().is_none_or(|id| {
                    *id == moved.pipeline_id || Some(id) == moved.from_pipeline_id.as_ref()
                })
                && query.trigger_id.as_ref().is_none_or(|id| Some(id) == moved.cause.trigger_id())
                && query.start_time.is_none_or(|start| moved.time >= start)
                && query.end_time.is_none_or(|end| moved.time < end)
        };
        self.moves.iter().filter(|(_, moved)| fits(moved)).cloned().collect()
    }

    /// Every combination of filters, each with times in the middle of the log.
    fn queries(&self) -> Vec<MoveQuery> {
        let times =
            [None, Some(self.moves[self.moves.len() / 2].1.time), Some(self.moves[2].1.time)];
        let mut queries = Vec::new();
        for entity in [None, Some("deal/1"), Some("deal/2"), Some("deal/3"), Some("deal/9")] {
            for pipeline in [None, Some("sales"), Some("service")] {
                for trigger in [None, Some("forth"), Some("back")] {
                    for (start_time, end_time) in
                        times.iter().flat_map(|start| times.iter().map(move |end| (*start, *end)))
                    {
                        queries.push(MoveQuery {
                            entity_id: entity.map(id),
                            pipeline_id: pipeline.map(id),
                            trigger_id: trigger.map(id),
                            start_time,
                            end_time,
                        });
                    }
                }
            }
        }
        queries
    }
}

async fn all(bed: &Bed, query: &MoveQuery, limit: usize) -> Vec<(MoveId, Move)> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = bed.engine.moves(query.clone(), before, limit).await.unwrap();
        assert!(page.moves.len() <= limit);
        found.extend(page.moves.into_iter().map(|found| (found.id, found.moved)));
        match page.next {
            Some(next) => {
                assert!(before.is_none_or(|before| next < before), "pages go on");
                before = Some(next);
            }
            None => return found,
        }
    }
}

#[tokio::test]
async fn lists_are_what_happened_newest_first() {
    let (mut bed, model) = moved().await;
    assert!(model.moves.len() > 30 && model.moves.iter().any(|(id, _)| id.index > 0));
    let mut cases = 0;
    for round in 0..2 {
        for query in model.queries() {
            let limits: &[usize] = if round == 0 { &[1, 3, 100] } else { &[2] };
            for &limit in limits {
                let found = all(&bed, &query, limit).await;
                assert_eq!(found, model.list(&query), "limit {limit}, {query:?}");
                cases += 1;
            }
        }
        bed = bed.reopen().await;
    }
    println!("{cases} lists");
    assert!(cases >= 1_600);
}

#[tokio::test]
async fn a_list_goes_on_from_any_move() {
    let (bed, model) = moved().await;
    for entity_id in [None, Some(id("deal/1"))] {
        let query = MoveQuery { entity_id, ..MoveQuery::default() };
        let list = model.list(&query);
        for (before, _) in &model.moves {
            let page = bed.engine.moves(query.clone(), Some(*before), 100).await.unwrap();
            let expected: Vec<_> = list.iter().filter(|(id, _)| id < before).cloned().collect();
            let found: Vec<_> = page.moves.into_iter().map(|f| (f.id, f.moved)).collect();
            assert_eq!(found, expected, "before {before}");
        }
    }
}

#[tokio::test]
async fn nothing_lies_before_the_first_move() {
    let (bed, model) = moved().await;
    for before in [MoveId { sequence: 0, index: 0 }, model.moves.last().unwrap().0] {
        for entity_id in [None, Some(id("deal/1"))] {
            let query = MoveQuery { entity_id, ..MoveQuery::default() };
            let page = bed.engine.moves(query, Some(before), 100).await.unwrap();
            assert_eq!((page.moves.len(), page.next), (0, None), "before {before}");
        }
    }
}

/// New moves do not shift the pages of a list that was begun before.
#[tokio::test]
async fn pages_stand_still_while_moves_go_on() {
    let (bed, model) = moved().await;
    let first = bed.engine.moves(MoveQuery::default(), None, 5).await.unwrap();
    bed.publish(event("late", "mail.opened", "deal/1 deal/2")).await.unwrap();
    let second = bed.engine.moves(MoveQuery::default(), first.next, 5).await.unwrap();
    let found: Vec<_> = second.moves.into_iter().map(|found| (found.id, found.moved)).collect();
    assert_eq!(found, model.moves[5..10]);
}

/// A long log without a match ends its pages early instead of scanning on.
#[tokio::test]
async fn a_page_looks_at_a_bounded_part_of_the_log() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    bed.viewed("first", "deal/1").await;
    for batch in 0..6 {
        let event = |number| event(&format!("{batch}-{number}"), "moon.full", "deal/1");
        bed.publish_all((0..2_000).map(event).collect()).await;
    }
    let page = bed.engine.moves(MoveQuery::default(), None, 10).await.unwrap();
    assert!(page.moves.is_empty(), "what it looked at held none");
    let page = bed.engine.moves(MoveQuery::default(), page.next, 10).await.unwrap();
    assert_eq!((page.moves.len(), page.next), (1, None));
}
