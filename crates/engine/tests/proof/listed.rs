//! Events as a list: newest first, by what was decided about, and nothing from outside of a scope.

use std::time::Duration;

use pawl_domain::{EntityPatch, NewEntity, NewTrigger};
use pawl_engine::{Engine, EventQuery, Scope};

use crate::support::{Bed, entity_on, event, id, pipeline, trigger, viewed};

fn of_type(event_type: &str) -> EventQuery {
    EventQuery { event_type: Some(id(event_type)), ..EventQuery::default() }
}

/// Source, id and subjects of all that are found, read in pages of two.
async fn listed(engine: &Engine, query: &EventQuery) -> Vec<String> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = engine.events(query.clone(), before, 2).await.unwrap();
        assert!(page.events.len() <= 2, "{page:?}");
        found.extend(page.events.iter().map(|logged| {
            let subjects = logged.event.subjects.iter().map(ToString::to_string);
            format!("{}: {}", logged.event.id, subjects.collect::<Vec<_>>().join(" "))
        }));
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn events_are_listed_newest_first_by_what_was_decided_about() {
    let bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    for number in 1..=5 {
        bed.hands.advance(Duration::from_secs(10));
        bed.publish(viewed(&format!("e{number}"), "deal/1")).await.unwrap();
        bed.publish(event(&format!("o{number}"), "other", "deal/1")).await.unwrap();
    }
    let all = of_type("mail.opened");
    let expected = ["e5: deal/1", "e4: deal/1", "e3: deal/1", "e2: deal/1", "e1: deal/1"];
    assert_eq!(listed(&bed.engine, &all).await, expected);
    assert_eq!(listed(&bed.engine, &EventQuery::default()).await.len(), 10, "of any type");
    assert!(listed(&bed.engine, &of_type("nobody")).await.is_empty());
    let start_time = Some(bed.hands.now().before(Duration::from_secs(10)));
    let late = EventQuery { start_time, ..all };
    assert_eq!(listed(&bed.engine, &late).await, expected[..2], "at or after that time");
    let newest = bed.engine.events(late, None, 1).await.unwrap().events.remove(0);
    assert_eq!((newest.event, newest.time), (viewed("e5", "deal/1"), bed.hands.now()));
}

#[tokio::test]
async fn what_the_service_says_itself_is_listed_with_what_it_led_to() {
    let bed = Bed::new("a b c").await;
    bed.engine
        .create_pipeline(pipeline("bills", "invoice", "open paid+"), None, false)
        .await
        .unwrap();
    bed.trigger("t1", "b:invoice.paid").await;
    bed.entity("deal/1", "a").await;
    let bill = NewEntity {
        pipeline_id: id("bills"),
        parent_ids: vec![id("deal/1")],
        ..entity_on("invoice/1", "open")
    };
    bed.engine.create_entity(bill, None).await.unwrap();
    let responsible = Some(Some(id("bob")));
    let patch = EntityPatch { responsible, ..EntityPatch::default() };
    bed.update("deal/1", patch, 0, None).await.unwrap();
    bed.move_by_hand("invoice/1", "paid", 0, None).await.unwrap();
    let page = bed.engine.events(of_type("entity.updated"), None, 10).await.unwrap();
    let [updated] = &page.events[..] else { panic!("{page:?}") };
    assert!(updated.event.changes.responsible.is_some(), "X1: with what it changed");
    let page = bed.engine.events(of_type("invoice.paid"), None, 10).await.unwrap();
    let [led] = &page.events[..] else { panic!("{page:?}") };
    assert_eq!(led.event.event_type.as_str(), "entity.moved", "X2: what began the chain");
}

#[tokio::test]
async fn nothing_from_outside_of_a_scope_is_listed() {
    let bed = Bed::new("a b c").await;
    bed.engine
        .create_pipeline(pipeline("secret-p", "deal", "a secret-b"), None, false)
        .await
        .unwrap();
    let outside = NewTrigger { pipeline_id: id("secret-p"), ..trigger("secret-t", "secret-b") };
    bed.engine.create_trigger(outside, None, false).await.unwrap();
    bed.trigger("t-in", "b").await;
    bed.entity("deal/in", "a").await;
    let secret = NewEntity { pipeline_id: id("secret-p"), ..entity_on("deal/secret", "a") };
    bed.engine.create_entity(secret, None).await.unwrap();
    bed.publish(viewed("secret-e", "deal/secret")).await.unwrap();
    bed.publish(viewed("both", "deal/secret deal/in")).await.unwrap();
    bed.publish(viewed("in", "deal/in")).await.unwrap();
    bed.publish(viewed("secret-none", "deal/none")).await.unwrap();
    let query = of_type("mail.opened");
    assert_eq!(listed(&bed.engine, &query).await.len(), 4, "all of them for whoever sees all");
    let limited = bed.engine.within(Scope::of([id("sales")]));
    assert_eq!(listed(&limited, &query).await, ["in: deal/in", "both: deal/in"]);
    let nothing = bed.engine.within(Scope::of([]));
    assert!(listed(&nothing, &query).await.is_empty());
}
