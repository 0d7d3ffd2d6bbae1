//! What is known of things that have revisions: pipelines and triggers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// The newest of each that was answered, by id, and of which it is not known what became of the last
/// call.
#[derive(Debug)]
pub(crate) struct Known<T> {
    latest: BTreeMap<String, (i64, Option<T>)>,
    doubts: BTreeSet<String>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { latest: BTreeMap::new(), doubts: BTreeSet::new() }
    }
}

impl<T: Debug + PartialEq> Known<T> {
    /// It was written.
    pub(crate) fn put(&mut self, id: &str, revision: i64, value: T) {
        let before = self.latest.insert(id.to_owned(), (revision, Some(value)));
        let before = before.map_or(0, |(revision, _)| revision);
        assert!(revision >= before, "{id}: revision {revision} after {before}");
    }

    /// It was deleted, which is a revision as well.
    pub(crate) fn gone(&mut self, id: &str) {
        let revision = self.revision(id) + 1;
        self.latest.insert(id.to_owned(), (revision, None));
    }

    /// A call that would have written it got no answer, and cannot be made again.
    pub(crate) fn doubt(&mut self, id: &str) {
        self.doubts.insert(id.to_owned());
    }

    /// The last revision, be it that of the deletion; 0 while there was none.
    pub(crate) fn revision(&self, id: &str) -> i64 {
        self.latest.get(id).map_or(0, |(revision, _)| *revision)
    }

    pub(crate) fn is_there(&self, id: &str) -> bool {
        self.latest.get(id).is_some_and(|(_, value)| value.is_some())
    }

    /// Holds it against all that there are now, and settles what was in doubt: it happened once or not
    /// at all.
    pub(crate) fn compare(&mut self, found: Vec<(String, i64, T)>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut missing: BTreeSet<String> = self.latest.keys().cloned().collect();
        let doubts = std::mem::take(&mut self.doubts);
        for (id, revision, value) in found {
            missing.remove(&id);
            let known = self.latest.get(&id);
            let before = known.map_or(0, |(revision, _)| *revision);
            let as_known = known.is_some_and(|(_, known)| known.as_ref() == Some(&value));
            // What is deleted and made anew was answered in between.
            let may_be = doubts.contains(&id) && (before..=before + 1).contains(&revision);
            if !as_known && !may_be {
                wrong.push(format!("{id} is {value:?}, and was {known:?}"));
            }
            self.latest.insert(id, (revision, Some(value)));
        }
        for id in missing {
            if self.is_there(&id) {
                if !doubts.contains(&id) {
                    wrong.push(format!("{id} is gone, and was {:?}", self.latest[&id]));
                }
                self.gone(&id);
            }
        }
        wrong
    }
}
