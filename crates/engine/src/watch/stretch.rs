use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use pawl_domain::Timestamp;
use pawl_store::{DatabaseId, Head, Record};

use super::filter::Key;
use super::item::{Item, Shown};
use crate::ResumeToken;
use crate::token::Position;

/// How much one stretch takes, by weight: a watcher that does not read holds on to one of them.
const STRETCH_WEIGHT: usize = 256;

/// A run of the log as watchers see it: what its records have to show, in order. All watchers share
/// it, and what it looks like on the wire is made once.
#[derive(Debug)]
pub struct Stretch {
    database_id: DatabaseId,
    items: Vec<Item>,
    moves_only: bool,
    /// Where to go on behind it.
    end: Position,
    /// Moves in the log up to its end, and when its last record was committed.
    pub(crate) passed: Passed,
    postings: [OnceLock<Postings>; Key::COUNT],
    encoded: OnceLock<Encoded>,
}

/// How far into the log something has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) moves: u64,
    pub(crate) time: Timestamp,
}

impl From<Head> for Passed {
    fn from(head: Head) -> Self {
        Self { moves: head.moves, time: head.time }
    }
}

/// Which items have which value of one key.
type Postings = HashMap<Box<str>, Vec<u32>>;

/// What a stretch looks like on the wire.
#[derive(Debug)]
pub struct Encoded {
    /// All its items, one after the other.
    pub bytes: Vec<u8>,
    /// Where each of them ends.
    pub ends: Vec<usize>,
}

impl Stretch {
    /// Cuts what records have to show into stretches.
    pub(crate) fn cut<'r>(
        database_id: DatabaseId,
        records: impl IntoIterator<Item = &'r Arc<Record>>,
    ) -> Vec<Arc<Self>> {
        let mut stretches = Vec::new();
        let mut items: Vec<Item> = Vec::new();
        let (mut weight, mut passed) = (0, Passed { moves: 0, time: Timestamp::default() });
        let mut close = |items: Vec<Item>, passed| {
            let Some(end) = items.last().map(|item| item.after) else { return };
            stretches.push(Arc::new(Self {
                database_id,
                moves_only: items.iter().all(|item| item.moved().is_some()),
                items,
                end,
                passed,
                postings: Default::default(),
                encoded: OnceLock::new(),
            }));
        };
        for record in records {
            passed = Passed { moves: record.moves_before, time: record.time };
            for item in Item::all_of(record) {
                weight += item.weight();
                passed.moves += u64::from(item.moved().is_some());
                items.push(item);
                if weight >= STRETCH_WEIGHT {
                    close(std::mem::take(&mut items), passed);
                    weight = 0;
                }
            }
        }
        close(items, passed);
        stretches
    }

    pub(crate) fn first_sequence(&self) -> u64 {
        self.items.first().map_or(0, |item| item.at.sequence)
    }

    pub(crate) fn end(&self) -> Position {
        self.end
    }

    pub(crate) fn weight(&self) -> usize {
        self.items.iter().map(Item::weight).sum()
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether it shows moves and nothing else.
    pub(crate) fn is_moves_only(&self) -> bool {
        self.moves_only
    }

    /// Resumes before an item, after the place for the entity that enters or leaves a filter by it.
    pub(crate) fn token_before(&self, index: usize) -> ResumeToken {
        ResumeToken::new(self.database_id, self.items[index].at)
    }

    /// How many things it has to show.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has nothing to show, which never happens.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Some of what it shows, each with the token that resumes after it.
    pub fn shown(&self, range: Range<usize>) -> impl Iterator<Item = (ResumeToken, Shown<'_>)> {
        let token = |item: &Item| ResumeToken::new(self.database_id, item.after);
        self.items[range].iter().map(move |item| (token(item), item.shown()))
    }

    /// What it looks like on the wire; whoever asks first makes it.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Encoded) -> &Encoded {
        self.encoded.get_or_init(|| encode(self))
    }

    /// The items that have one of some values, in order; `None` when looking at all is less work.
    pub(crate) fn with(&self, key: Key, values: &[String]) -> Option<Vec<u32>> {
        if values.len() > self.items.len() {
            return None;
        }
        let postings = self.postings(key);
        let found = values.iter().filter_map(|value| postings.get(value.as_str()));
        let mut found: Vec<u32> = found.flatten().copied().collect();
        if values.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        Some(found)
    }

    /// Which values of a key it has.
    pub(crate) fn values(&self, key: Key) -> impl Iterator<Item = &str> {
        self.postings(key).keys().map(AsRef::as_ref)
    }

    fn postings(&self, key: Key) -> &Postings {
        self.postings[key as usize].get_or_init(|| {
            let mut postings = Postings::new();
            for (index, item) in (0..).zip(&self.items) {
                for value in item.values(key).into_iter().flatten() {
                    match postings.get_mut(value) {
                        Some(indices) => indices.push(index),
                        None => drop(postings.insert(value.into(), vec![index])),
                    }
                }
            }
            postings
        })
    }
}
