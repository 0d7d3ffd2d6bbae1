//! Imports: all or nothing.

use pawl_domain::NewEntity;
use pawl_engine::{EntityQuery, ImportSummary, OnExisting};

use crate::support::{Bed, entity_on, id, refused};

fn deals(names: &str) -> Vec<NewEntity> {
    names.split_whitespace().map(|name| entity_on(&format!("deal/{name}"), "a")).collect()
}

fn summary(created: u64, skipped: u64) -> ImportSummary {
    ImportSummary { created, skipped }
}

#[tokio::test]
async fn an_import_creates_all() {
    let bed = Bed::new("a b").await;
    let events = bed.engine.head().events;
    let done = bed.engine.import_entities(deals("1 2 3"), OnExisting::Fail, None).await.unwrap();
    assert_eq!(done, summary(3, 0));
    assert_eq!(bed.engine.counts().entities, 3);
    assert_eq!(bed.engine.head().events, events, "X1: an import is no event");
    let bed = bed.reopen().await;
    for name in ["deal/1", "deal/2", "deal/3"] {
        assert_eq!(bed.place(name).await, "sales/a r1");
    }
    assert_eq!(bed.engine.counts().entities, 3);
}

#[tokio::test]
async fn one_bad_entity_refuses_all() {
    let bed = Bed::new("a b").await;
    bed.entity("deal/5", "b").await;
    let before = (bed.engine.head(), bed.engine.counts());
    let mut bad_stage = deals("1 2");
    bad_stage[1].stage_id = Some(id("x"));
    let mut bad_kind = deals("1 2 3");
    bad_kind[2].id = id("lead/3");
    let cases = [
        (bad_stage, "entities[1].stage_id: stage \"sales/x\" does not exist; create it first"),
        (bad_kind, "entities[2].pipeline_id: serves deal, not lead"),
        (deals("1 5"), "entity \"deal/5\" exists already; update it or choose another id"),
        (deals("1 2 1"), "entity \"deal/1\" exists already; update it or choose another id"),
    ];
    for (news, expected) in cases {
        for on_existing in [OnExisting::Fail, OnExisting::Skip] {
            if on_existing == OnExisting::Skip && expected.contains("exists") {
                continue;
            }
            let result = bed.engine.import_entities(news.clone(), on_existing, None).await;
            assert_eq!(refused(result), expected);
            assert_eq!((bed.engine.head(), bed.engine.counts()), before, "nothing was written");
            refused(bed.engine.entity(id("deal/1")).await);
        }
    }
    bed.entity("deal/1", "a").await;
}

#[tokio::test]
async fn an_import_leaves_alone_what_exists() {
    let bed = Bed::new("a b").await;
    bed.entity("deal/2", "b").await;
    bed.entity("deal/4", "b").await;
    bed.engine.delete_entity(id("deal/4"), 0).await.unwrap();
    let import = |names| bed.engine.import_entities(deals(names), OnExisting::Skip, None);
    assert_eq!(import("1 2 3 1 4").await.unwrap(), summary(3, 2), "also when named twice");
    assert_eq!(bed.place("deal/2").await, "sales/b r1", "left alone");
    assert_eq!(bed.place("deal/4").await, "sales/a r3", "X6: continues");
    let head = bed.engine.head();
    assert_eq!(import("1 2 3").await.unwrap(), summary(0, 3));
    assert_eq!(bed.engine.head(), head, "nothing to write");
    assert_eq!(bed.engine.counts().entities, 4);
}

#[tokio::test]
async fn imported_entities_are_moved_like_others() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    let names: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let news = deals(&names.join(" "));
    bed.engine.import_entities(news, OnExisting::Fail, None).await.unwrap();
    assert_eq!(bed.viewed("e1", "deal/499").await, "deal/499 a>b by t1@1");
    let page = bed.engine.entities(EntityQuery::default(), String::new(), 1_000).await.unwrap();
    assert_eq!(page.items.len(), 500);
}
