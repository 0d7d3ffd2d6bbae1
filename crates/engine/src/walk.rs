use pawl_domain::MoveId;
use pawl_store::{Record, Store, StoreError};

/// How many records one call looks at before it ends its page early.
const SCAN_RECORDS: usize = 10_000;

/// What lists find that have to walk the log.
#[derive(Debug)]
pub(crate) struct Walked<T> {
    /// Newest first.
    pub(crate) found: Vec<T>,
    /// Go on before this; `None` at the end. A walk can end before it has found enough.
    pub(crate) next: Option<MoveId>,
}

/// Walks the log back from `before`, through a bounded part of it and not into what `is_past`.
/// `items` are what a record holds, in order, with `None` for what is not wanted; a position names
/// a record and the place among these.
pub(crate) fn walk_back<T>(
    store: &Store,
    before: MoveId,
    limit: usize,
    is_past: impl Fn(&Record) -> bool,
    mut items: impl FnMut(&Record) -> Result<Vec<Option<T>>, StoreError>,
) -> Result<Walked<T>, StoreError> {
    let mut found = Vec::new();
    let mut scanned = 0;
    // Nothing lies before it, so no page leads there.
    let tail = store.tail().sequence;
    let mut last =
        if before.index == 0 { before.sequence.saturating_sub(1) } else { before.sequence };
    while last >= tail {
        let Some(chunk) = store.chunk_with(last)? else { break };
        let first = chunk.first().map_or(tail, |record| record.sequence);
        for record in chunk.iter().rev().skip_while(|record| record.sequence > last) {
            if is_past(record) {
                return Ok(Walked { found, next: None });
            }
            let numbered: Vec<(u32, Option<T>)> = (0..).zip(items(record)?).collect();
            for (index, item) in numbered.into_iter().rev() {
                let at = MoveId { sequence: record.sequence, index };
                found.extend(item.filter(|_| at < before));
                if found.len() == limit {
                    let next = (at > MoveId { sequence: tail, index: 0 }).then_some(at);
                    return Ok(Walked { found, next });
                }
            }
            scanned += 1;
        }
        last = first - 1;
        if scanned >= SCAN_RECORDS {
            let next = (last >= tail).then_some(MoveId { sequence: first, index: 0 });
            return Ok(Walked { found, next });
        }
    }
    Ok(Walked { found, next: None })
}
