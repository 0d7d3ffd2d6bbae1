use std::collections::HashMap;

use pawl_domain::{Entity, EntityId, Move, Responsible, Timestamp};
use prost::Message;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::finding::{Fault, Findings};
use super::implied::{At, Places};
use crate::{EntityRow, pb};

/// How many maps the entities are spread over, so that none is so large that its growth is felt.
const SHARDS: usize = 1_024;

/// A record before the log.
const BEFORE: u64 = u64::MAX;

/// How a record wrote an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Created or updated, or only a request remembered that changed nothing.
    Written,
    Imported,
    Updated,
    /// The record's move was taken already.
    MovedByHand,
    Deleted,
}

/// The last record that wrote an entity, as far as the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastWrite {
    /// This one.
    Sure,
    /// This one, unless it only remembers a request.
    Maybe,
    /// One before the log.
    Before,
}

/// In which state the log leaves an entity.
#[derive(Debug, Clone, Copy)]
struct State {
    /// A digest of what moves do not change; of the responsible alone while only moves were seen.
    lasting: u64,
    /// A digest of when it came to its stage and was last changed.
    times: u64,
    /// The last record that tells of it.
    told_by: u64,
    /// The last one that moved it, or [`BEFORE`] the log.
    last_move: u64,
    revision: i64,
    place: u32,
    last_write: LastWrite,
    is_whole: bool,
    deleted: bool,
    /// Whether its row was seen.
    has_row: bool,
}

/// The entities of which the log tells, by a digest of their ids.
#[derive(Debug)]
pub(super) struct Entities {
    seed: u64,
    shards: Vec<HashMap<u128, State>>,
    places: Places,
}

impl Entities {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, shards: vec![HashMap::new(); SHARDS], places: Places::default() }
    }

    pub(super) fn clear(&mut self) {
        self.shards = vec![HashMap::new(); SHARDS];
    }

    fn key(&self, id: &EntityId) -> u128 {
        self.key_of(id.as_str().as_bytes())
    }

    fn key_of(&self, id: &[u8]) -> u128 {
        xxh3_128_with_seed(id, self.seed)
    }

    fn shard(&mut self, key: u128) -> &mut HashMap<u128, State> {
        // The remainder is below the number of shards.
        let index = usize::try_from(key % SHARDS as u128).unwrap_or_default();
        &mut self.shards[index]
    }

    /// Takes a state that a record holds whole.
    pub(super) fn write(&mut self, entity: &Entity, how: How, at: At, findings: &mut Findings) {
        let key = self.key(&entity.id);
        let before = self.shard(key).get(&key).copied();
        let seen = self.whole(entity, how, at);
        let mut add = |fault, problem: String| {
            findings.add(fault, format!("record {}, entity {}", at.sequence, entity.id), problem);
        };
        if how == How::MovedByHand {
            // What the move made of it is known already; this is the same.
            if let Some(before) = before {
                for difference in before.differences(&seen) {
                    add(Fault::Revision, format!("after its move it has another {difference}"));
                }
            }
            self.shard(key).insert(key, State { last_move: at.sequence, ..seen });
            return;
        }
        let revision = entity.version.revision;
        if let Some(before) = before
            && how == How::Written
            && !before.deleted
            && revision == before.revision
        {
            // It only remembers a request.
            for difference in before.differences(&seen) {
                let text =
                    format!("it has another {difference}, though revision {revision} was there");
                add(Fault::Revision, text);
            }
            let (last_write, last_move) = (before.last_write, before.last_move);
            let told_by =
                if last_write == LastWrite::Before { at.sequence } else { before.told_by };
            self.shard(key).insert(key, State { told_by, last_move, last_write, ..seen });
            return;
        }
        let creates = match before {
            Some(before) => before.deleted,
            None => at.begins_with_all() || how == How::Imported,
        };
        check(before, entity, how, creates, at, &mut add);
        if let Some(before) = before
            && !before.deleted
            && before.place != seen.place
        {
            add(Fault::MoveStart, "it stands elsewhere without a move".to_owned());
        }
        let last_move = match before {
            Some(before) => before.last_move,
            // At its first revision nothing can have moved it.
            None if at.begins_with_all() || revision == 1 => 0,
            None => BEFORE,
        };
        self.shard(key).insert(key, State { last_move, ..seen });
    }

    /// Takes a move.
    pub(super) fn take_move(
        &mut self,
        moved: &Move,
        previous: Option<u64>,
        at: At,
        findings: &mut Findings,
    ) {
        let key = self.key(&moved.entity_id);
        let before = self.shard(key).get(&key).copied();
        let from = moved.from_pipeline_id.as_ref().unwrap_or(&moved.pipeline_id);
        let from = self.places.number(from, &moved.from_stage_id);
        let place = self.places.number(&moved.pipeline_id, &moved.to_stage_id);
        let mut add = |fault, problem: String| {
            let place = format!("record {}, entity {}", at.sequence, moved.entity_id);
            findings.add(fault, place, problem);
        };
        match before {
            Some(before) => {
                if before.deleted {
                    add(Fault::MoveStart, "it is moved, but it is deleted".to_owned());
                }
                if before.place != from {
                    let stage = &moved.from_stage_id;
                    add(
                        Fault::MoveStart,
                        format!("its move leaves {stage}, where it did not stand"),
                    );
                }
                if moved.entity_revision != before.revision + 1 {
                    let (is, was) = (moved.entity_revision, before.revision);
                    add(Fault::Revision, format!("its move takes it from revision {was} to {is}"));
                }
            }
            None if at.begins_with_all() => {
                add(Fault::MoveStart, "it is moved, but nothing created it".to_owned());
            }
            None => {}
        }
        let last_move = match before {
            Some(before) => before.last_move,
            None if at.begins_with_all() => 0,
            None => BEFORE,
        };
        if let Some(said) = previous.filter(|said| !is_last(*said, last_move, at.begins)) {
            let problem =
                format!("it says the move before was by {}, not {}", told(said), told(last_move));
            add(Fault::MoveChain, problem);
        }
        let responsible = moved.responsible.as_ref().map(Responsible::as_str).unwrap_or_default();
        let responsible = xxh3_64_with_seed(responsible.as_bytes(), self.seed);
        let after = State {
            lasting: before.filter(|before| before.is_whole).map_or(responsible, |b| b.lasting),
            times: self.times(moved.time, moved.time),
            told_by: at.sequence,
            last_move: at.sequence,
            revision: moved.entity_revision,
            place,
            last_write: LastWrite::Sure,
            is_whole: before.is_some_and(|before| before.is_whole),
            deleted: false,
            has_row: false,
        };
        self.shard(key).insert(key, after);
    }

    /// In what a row differs from what the log says of it; nothing when it fits.
    pub(super) fn compare(&mut self, row: &EntityRow, begins: u64) -> Vec<String> {
        let id = &row.entity.id;
        let key = self.key(id);
        let at = At { sequence: row.last_write, time: Timestamp::default(), begins };
        let seen = State { deleted: row.deleted, ..self.whole(&row.entity, How::Updated, at) };
        let lasting = self.responsible(&row.entity);
        let Some(state) = self.shard(key).get_mut(&key) else { return Vec::new() };
        state.has_row = true;
        let seen = if state.is_whole { seen } else { State { lasting, is_whole: false, ..seen } };
        let mut found: Vec<String> = state
            .differences(&seen)
            .into_iter()
            .map(|part| format!("it has another {part} than record {} left", state.told_by))
            .collect();
        if state.deleted != row.deleted {
            let (is, was) = if row.deleted { ("deleted", "there") } else { ("there", "deleted") };
            found.push(format!("it is {is}, and record {} left it {was}", state.told_by));
        }
        let is_before = row.last_write < begins;
        let fits = match state.last_write {
            LastWrite::Sure => row.last_write == state.told_by,
            LastWrite::Maybe => row.last_write == state.told_by || is_before,
            LastWrite::Before => is_before,
        };
        if !fits {
            let (is, was) = (row.last_write, state.told_by);
            found.push(format!("it says record {is} wrote it last, and record {was} tells of it"));
        }
        if !is_last(row.last_move, state.last_move, begins) {
            let (is, was) = (told(row.last_move), told(state.last_move));
            found.push(format!("it says it was last moved by {is}, not {was}"));
        }
        found
    }

    /// There is a row of an entity, though it cannot be read.
    pub(super) fn saw_row(&mut self, id: &[u8]) {
        let key = self.key_of(id);
        if let Some(state) = self.shard(key).get_mut(&key) {
            state.has_row = true;
        }
    }

    /// Whether the log tells of an entity.
    pub(super) fn knows(&mut self, id: &EntityId) -> bool {
        let key = self.key(id);
        self.shard(key).contains_key(&key)
    }

    /// Those without a row: the record that tells of each, and what its id looks like.
    pub(super) fn without_row(&self) -> impl Iterator<Item = (u64, u128)> {
        let all = self.shards.iter().flatten();
        all.filter(|(_, state)| !state.has_row).map(|(key, state)| (state.told_by, *key))
    }

    /// Whether an id looks like this.
    pub(super) fn is(&self, id: &EntityId, key: u128) -> bool {
        self.key(id) == key
    }

    /// The state that a whole entity is.
    fn whole(&mut self, entity: &Entity, how: How, at: At) -> State {
        let update_time = entity.version.update_time;
        let last_write = match how {
            // A request that changed nothing leaves the time of what did.
            How::Written if at.begins_with_all() => LastWrite::Sure,
            How::Written if update_time != at.time => LastWrite::Before,
            How::Written => LastWrite::Maybe,
            How::Imported | How::Updated | How::MovedByHand | How::Deleted => LastWrite::Sure,
        };
        State {
            lasting: self.lasting(entity),
            times: self.times(entity.stage_entered_time, update_time),
            told_by: at.sequence,
            last_move: BEFORE,
            revision: entity.version.revision,
            place: self.places.number(&entity.pipeline_id, &entity.stage_id),
            last_write,
            is_whole: true,
            deleted: how == How::Deleted,
            has_row: false,
        }
    }

    fn lasting(&self, entity: &Entity) -> u64 {
        let mut lasting = pb::Entity::from(entity);
        lasting.pipeline_id.clear();
        lasting.stage_id.clear();
        lasting.stage_entered_time = None;
        if let Some(version) = &mut lasting.version {
            (version.revision, version.update_time) = (0, None);
        }
        xxh3_64_with_seed(&lasting.encode_to_vec(), self.seed)
    }

    fn responsible(&self, entity: &Entity) -> u64 {
        let name = entity.responsible.as_ref().map(Responsible::as_str).unwrap_or_default();
        xxh3_64_with_seed(name.as_bytes(), self.seed)
    }

    fn times(&self, entered: Timestamp, updated: Timestamp) -> u64 {
        let mut bytes = [0; 24];
        for (part, time) in bytes.chunks_exact_mut(12).zip([entered, updated]) {
            part[..8].copy_from_slice(&time.seconds().to_be_bytes());
            part[8..].copy_from_slice(&time.nanos().to_be_bytes());
        }
        xxh3_64_with_seed(&bytes, self.seed)
    }
}

impl State {
    /// In what another differs, but for the records that made it.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let lasting = if self.is_whole && other.is_whole {
            "name, responsible, customers, parents, fields or creation time"
        } else {
            "responsible"
        };
        // One that is whole has nothing to be held against one that is not.
        let comparable = self.is_whole == other.is_whole;
        let parts = [
            (lasting, comparable && self.lasting != other.lasting),
            ("pipeline or stage", self.place != other.place),
            ("revision", self.revision != other.revision),
            ("time of entering its stage or of its last change", self.times != other.times),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
    }
}

/// Whether a move may be the last of which something else tells.
fn is_last(said: u64, last_move: u64, begins: u64) -> bool {
    if last_move == BEFORE { said < begins } else { said == last_move }
}

fn told(last_move: u64) -> String {
    match last_move {
        0 => "none".to_owned(),
        BEFORE => "a record before the log".to_owned(),
        sequence => format!("record {sequence}"),
    }
}

/// Whether a whole state may follow the one before.
fn check(
    before: Option<State>,
    entity: &Entity,
    how: How,
    creates: bool,
    at: At,
    add: &mut impl FnMut(Fault, String),
) {
    let version = entity.version;
    let last = match before {
        Some(before) => Some(before.revision),
        None => at.begins_with_all().then_some(0),
    };
    if let Some(last) = last.filter(|last| version.revision != last + 1) {
        add(Fault::Revision, format!("it goes from revision {last} to {}", version.revision));
    }
    let (is_there, is_gone) = (before.is_some_and(|b| !b.deleted), creates);
    match how {
        How::Imported if is_there => {
            add(Fault::Revision, "it is imported, but it is there".to_owned());
        }
        How::Updated | How::Deleted if is_gone => {
            add(Fault::Revision, "it is changed, but it is not there".to_owned());
        }
        _ => {}
    }
    // One that is met first may tell of a request that changed nothing.
    let surely_writes = how != How::Written || before.is_some() || at.begins_with_all();
    if surely_writes && version.update_time != at.time {
        let problem = format!("it says it was changed at {}, not {}", version.update_time, at.time);
        add(Fault::VersionTime, problem);
    }
    if creates && version.create_time != at.time {
        let problem = format!("it says it was created at {}, not {}", version.create_time, at.time);
        add(Fault::VersionTime, problem);
    }
}
