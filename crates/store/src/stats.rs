use pawl_domain::{TriggerId, TriggerStats};
use prost::Message;

use crate::convert::{from_nanos_since_epoch, nanos_since_epoch};
use crate::keys::{self, Family};
use crate::{Store, StoreError, pb};

/// What is known of a trigger, and the sequence of the last record that is counted in it. Whoever
/// reads it adds what later records tell.
pub type StatsRow = (TriggerId, TriggerStats, u64);

/// Statistics of triggers outlive the records that they were counted from. The caller writes them
/// before it trims those records. They need no sync of their own: a crash that takes a write takes
/// every later one with it, the trim too.
impl Store {
    /// Writes rows, all of them or none. Holds up the writer for as long as that takes: give a few
    /// hundred at a time.
    pub fn put_trigger_stats(&self, rows: &[StatsRow]) -> Result<(), StoreError> {
        let mut writes = sled::Batch::default();
        for (id, stats, position) in rows {
            let row = pb::TriggerStatsRow {
                considered: stats.considered,
                matched: stats.matched,
                moved: stats.moved,
                last_considered_time_nanos: stats.last_considered_time.map(nanos_since_epoch),
                last_moved_time_nanos: stats.last_moved_time.map(nanos_since_epoch),
                position: *position,
            };
            writes.insert(keys::trigger_stats(id), row.encode_to_vec());
        }
        Ok(self.db.apply_batch(writes)?)
    }

    /// All rows, in the order of their ids.
    pub fn trigger_stats(&self) -> impl Iterator<Item = Result<StatsRow, StoreError>> {
        self.db.scan_prefix(keys::all(Family::TriggerStats)).map(|entry| {
            let (key, value) = entry?;
            let id = String::from_utf8_lossy(&key[1..]);
            let damaged = |problem: String| {
                StoreError::damaged(format!("the statistics of trigger {id}"), problem)
            };
            let row = pb::TriggerStatsRow::decode(&*value).map_err(|e| damaged(e.to_string()))?;
            let trigger_id =
                TriggerId::parse("trigger_id", &id).map_err(|e| damaged(e.to_string()))?;
            let stats = TriggerStats {
                considered: row.considered,
                matched: row.matched,
                moved: row.moved,
                last_considered_time: row.last_considered_time_nanos.map(from_nanos_since_epoch),
                last_moved_time: row.last_moved_time_nanos.map(from_nanos_since_epoch),
            };
            Ok((trigger_id, stats, row.position))
        })
    }

    /// Removes the rows of triggers that are deleted, all of them or none: before their deletion is
    /// trimmed, since nothing else would say that they are to be forgotten.
    pub fn remove_trigger_stats(&self, ids: &[TriggerId]) -> Result<(), StoreError> {
        let mut writes = sled::Batch::default();
        for id in ids {
            writes.remove(keys::trigger_stats(id));
        }
        Ok(self.db.apply_batch(writes)?)
    }
}
