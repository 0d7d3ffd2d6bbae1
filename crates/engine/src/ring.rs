use std::collections::VecDeque;
use std::sync::Arc;

use pawl_store::{Head, Record, Store, StoreError};

use crate::token::Position;
use crate::watch::Stretch;

/// How much of the log's end watchers find in memory, by weight: about as many moves. Who is further
/// behind reads the log.
const RING_WEIGHT: usize = 65_536;

/// The newest stretches of the log.
#[derive(Debug)]
pub(crate) struct Ring {
    stretches: VecDeque<Arc<Stretch>>,
    weight: usize,
    /// It knows of everything from here on.
    from: Position,
    /// And up to here, with what was committed last.
    through: Head,
}

/// What follows a position, as far as the ring knows.
#[derive(Debug)]
pub(crate) enum Following {
    /// A stretch that has something behind the position.
    Stretch(Arc<Stretch>),
    /// Nothing to show, up to here.
    Nothing(Head),
    /// It lies further back than the ring reaches.
    InLog,
}

impl Ring {
    /// A ring of the newest stretches of a log that ends at `head`.
    pub(crate) fn recover(store: &Store, head: Head) -> Result<Self, StoreError> {
        let mut ring = Self {
            stretches: VecDeque::new(),
            weight: 0,
            from: Position::after(head.sequence),
            through: head,
        };
        let tail = store.tail().sequence;
        while ring.from.sequence > tail && ring.weight < RING_WEIGHT {
            let chunk = store.chunk_with(ring.from.sequence - 1)?.unwrap_or_default();
            let Some(first) = chunk.first().map(|record: &Record| record.sequence) else { break };
            let chunk: Vec<Arc<Record>> = chunk.into_iter().map(Arc::new).collect();
            for stretch in Stretch::cut(store.database_id(), &chunk).into_iter().rev() {
                ring.weight += stretch.weight();
                ring.stretches.push_front(stretch);
            }
            ring.from = Position { sequence: first, index: 0 };
        }
        Ok(ring)
    }

    pub(crate) fn extend(&mut self, newest: Vec<Arc<Stretch>>, through: Head) {
        self.weight += newest.iter().map(|stretch| stretch.weight()).sum::<usize>();
        self.stretches.extend(newest);
        self.through = through;
        // The newest stays, however much it is.
        while self.weight > RING_WEIGHT && self.stretches.len() > 1 {
            let Some(oldest) = self.stretches.pop_front() else { break };
            self.weight -= oldest.weight();
            self.from = oldest.end();
        }
    }

    pub(crate) fn following(&self, position: Position) -> Following {
        match self.next(position).map(|next| self.stretches.get(next)) {
            None => Following::InLog,
            Some(Some(stretch)) => Following::Stretch(Arc::clone(stretch)),
            Some(None) => Following::Nothing(self.through),
        }
    }

    /// Every stretch behind a position, or `None` when the ring does not reach back that far.
    pub(crate) fn behind(&self, position: Position) -> Option<Vec<Arc<Stretch>>> {
        Some(self.stretches.range(self.next(position)?..).cloned().collect())
    }

    /// Where the first stretch stands that has something behind a position; `None` when the ring does
    /// not reach back that far.
    fn next(&self, position: Position) -> Option<usize> {
        let next = || self.stretches.partition_point(|stretch| stretch.end() <= position);
        (position >= self.from).then(next)
    }
}
