use std::sync::Arc;

use pawl_store::{Head, Record};

use crate::Engine;
use crate::hub::Durable;

impl Engine {
    /// Shows records to watchers as if they had just been committed, which they were not: whoever
    /// falls behind further than memory reaches does not find them in the log. They follow each
    /// other, and what was shown before.
    pub fn feed(&self, records: &[Arc<Record>]) {
        let Some(last) = records.last() else { return };
        let hub = &self.core.hub;
        let durable = hub.durable();
        let head = Head {
            sequence: last.sequence,
            time: last.time,
            moves: last.moves_before + last.moves().count() as u64,
            events: durable.head.events + records.len() as u64,
        };
        hub.show(records.iter(), Durable { head, ..durable });
    }
}
