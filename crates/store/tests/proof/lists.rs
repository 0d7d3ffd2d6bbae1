//! Lists come in pages, in the order of ids, without what is deleted.

use std::sync::Arc;

use pawl_store::{Change, EntityRow, Page, Store, StoreError};
use tempfile::{TempDir, tempdir};

use crate::build::{Log, entity, pipeline, row, trigger, trigger_type};

/// Ids that begin with each other, and hold characters before and after the separators of keys.
const IDS: [&str; 9] = ["a", "a-b", "a.b", "a:b", "ab", "b", "b~", "c", "d"];
const DELETED: [&str; 3] = ["a.b", "b", "d"];

fn filled() -> (TempDir, Arc<Store>) {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let mut changes = Vec::new();
    let mut rows = Vec::new();
    for id in IDS {
        changes.push(Change::PipelineWritten(pipeline(id)));
        changes.push(Change::TriggerTypeWritten(trigger_type(id)));
        changes.extend((1..=3).map(|revision| Change::TriggerWritten(trigger(id, revision))));
        let deleted = DELETED.contains(&id);
        if deleted {
            changes.push(Change::PipelineDeleted(pipeline(id)));
            changes.push(Change::TriggerTypeDeleted(trigger_type(id)));
            changes.push(Change::TriggerDeleted(trigger(id, 4)));
        }
        rows.push(EntityRow { deleted, ..row(&entity(&format!("deal/{id}"))) });
    }
    log.write(changes, rows);
    (dir, log.store)
}

/// All pages, and that none is larger than `limit`.
fn all<T>(limit: usize, page: impl Fn(&str) -> Result<Page<T>, StoreError>) -> Vec<T> {
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let found = page(&after).unwrap();
        assert!(found.items.len() <= limit, "{} of {limit}", found.items.len());
        items.extend(found.items);
        match found.next {
            Some(next) => {
                assert!(next > after, "pages go on");
                after = next;
            }
            None => return items,
        }
    }
}

#[test]
fn pages_of_any_size_give_the_same_list() {
    let (_dir, store) = filled();
    let live: Vec<&str> = IDS.into_iter().filter(|id| !DELETED.contains(id)).collect();
    for limit in 1..=10 {
        let found = all(limit, |after| store.pipelines(after, limit, |_| true));
        assert_eq!(found.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), live);
        let found = all(limit, |after| store.trigger_types(after, limit, |_| true));
        assert_eq!(found.iter().map(|t| t.code.as_str()).collect::<Vec<_>>(), live);
        let found = all(limit, |after| store.triggers(after, limit, |_| true));
        assert_eq!(found.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), live);
        assert!(found.iter().all(|trigger| trigger.version.revision == 3), "only the latest");
        let found = all(limit, |after| store.entities(after, limit, |_| true));
        let ids: Vec<_> = found.iter().map(|e| e.id.as_str().trim_start_matches("deal/")).collect();
        assert_eq!(ids, live);
    }
}

#[test]
fn filters_see_only_what_is_there() {
    let (_dir, store) = filled();
    for limit in [1, 2, 100] {
        let short = all(limit, |after| store.pipelines(after, limit, |p| p.id.as_str().len() == 1));
        assert_eq!(short.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        let short = all(limit, |after| store.triggers(after, limit, |t| t.id.as_str().len() == 1));
        assert_eq!(short.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        let none = all(limit, |after| store.entities(after, limit, |_| false));
        assert!(none.is_empty());
    }
}

#[test]
fn a_page_token_need_not_name_anything() {
    let (_dir, store) = filled();
    let ids = |after: &str| {
        let page = store.triggers(after, 100, |_| true).unwrap();
        page.items.iter().map(|t| t.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids("aa"), ["ab", "b~", "c"], "between two");
    assert_eq!(ids("b"), ["b~", "c"], "a deleted one");
    assert_eq!(ids("d"), [""; 0], "the last");
    assert_eq!(ids("zzz"), [""; 0], "behind all");
}

/// A list that finds little ends its page early instead of scanning on.
#[test]
fn a_page_looks_at_a_bounded_number_of_rows() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let rows = (0..10_500).map(|number| row(&entity(&format!("deal/{number:05}")))).collect();
    log.write(vec![Change::EntityWritten(entity("deal/1"))], rows);
    let first = log.store.entities("", 10, |e| e.id.as_str() == "deal/10400").unwrap();
    assert!(first.items.is_empty());
    let next = first.next.expect("there is more");
    assert_eq!(next, "deal/10000");
    let second = log.store.entities(&next, 10, |e| e.id.as_str() == "deal/10400").unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
}
