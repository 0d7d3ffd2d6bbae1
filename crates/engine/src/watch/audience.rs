use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pawl_store::Head;
use tokio::sync::Notify;

use super::filter::{Interest, Key};
use super::stretch::Stretch;

/// All keys, by their numbers.
const KEYS: [Key; Key::COUNT] = [
    Key::Entity,
    Key::Trigger,
    Key::Pipeline,
    Key::ToStage,
    Key::FromStage,
    Key::Responsible,
    Key::Kind,
];

/// Who watches what: so that a commit wakes those who may have something to show, and costs the
/// others nothing.
#[derive(Debug)]
pub(crate) struct Audience(Mutex<Seats>);

#[derive(Debug)]
struct Seats {
    /// Up to where everybody has been told.
    reached: Head,
    next: u64,
    by_id: HashMap<u64, Seat>,
    /// Who looks at everything.
    all: HashSet<u64>,
    /// Who looks at which value of which key.
    by_value: [HashMap<String, Vec<u64>>; Key::COUNT],
}

#[derive(Debug)]
struct Seat {
    /// The first record not yet looked at that may have something for it.
    first: Option<u64>,
    wake: Arc<Notify>,
    stands: Arc<Stands>,
}

/// Where a watcher stands, as it says itself: for who looks from outside.
#[derive(Debug, Default)]
struct Stands {
    at: AtomicU64,
    /// Up to here it knows to look.
    look_to: AtomicU64,
}

/// A watcher's place in the audience; given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    audience: Arc<Audience>,
    id: u64,
    interest: Interest,
    wake: Arc<Notify>,
    stands: Arc<Stands>,
}

/// What a watcher has been told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// Up to where this is known.
    pub(crate) reached: Head,
    /// The first record since it last asked that may have something for it.
    pub(crate) first: Option<u64>,
}

impl Audience {
    pub(crate) fn new(reached: Head) -> Self {
        let (by_id, all, by_value) = Default::default();
        Self(Mutex::new(Seats { reached, next: 0, by_id, all, by_value }))
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, and says from where on its watcher will be told.
    pub(crate) fn join(self: &Arc<Self>, interest: Interest) -> (Place, Head) {
        let (wake, stands) = (Arc::new(Notify::new()), Arc::<Stands>::default());
        let mut seats = self.lock();
        let id = seats.next;
        seats.next += 1;
        seats
            .by_id
            .insert(id, Seat { first: None, wake: Arc::clone(&wake), stands: Arc::clone(&stands) });
        match &interest {
            Interest::All => drop(seats.all.insert(id)),
            Interest::Some(key, values) => {
                for value in values {
                    seats.by_value[*key as usize].entry(value.clone()).or_default().push(id);
                }
            }
        }
        let reached = seats.reached;
        drop(seats);
        (Place { audience: Arc::clone(self), id, interest, wake, stands }, reached)
    }

    /// Whether nobody watches.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    /// How many watch, and by how many records the one that is furthest behind is behind.
    pub(crate) fn lag(&self) -> (usize, u64) {
        let seats = self.lock();
        let lag = |seat: &Seat| {
            let at = seat.stands.at.load(Ordering::Relaxed);
            let looks = at <= seat.stands.look_to.load(Ordering::Relaxed);
            let next = if looks { Some(at) } else { seat.first };
            next.map_or(0, |next| (seats.reached.sequence + 1).saturating_sub(next))
        };
        (seats.by_id.len(), seats.by_id.values().map(lag).max().unwrap_or(0))
    }

    /// How far everybody has been told.
    pub(crate) fn reached(&self) -> Head {
        self.lock().reached
    }

    /// Tells of everything up to `head`: wakes those for whom something may be in the stretches, and
    /// says how many. With `None` what is new is no longer in memory, and everybody has to look.
    pub(crate) fn tell(&self, stretches: Option<&[Arc<Stretch>]>, head: Head) -> usize {
        let mut seats = self.lock();
        let mut woken = Vec::new();
        let begins = seats.reached.sequence + 1;
        let Seats { by_id, all, by_value, reached, .. } = &mut *seats;
        let mut mark = |id: &u64, sequence: u64| {
            let Some(seat) = by_id.get_mut(id) else { return };
            if seat.first.is_none() {
                seat.first = Some(sequence);
                woken.push(Arc::clone(&seat.wake));
            }
        };
        match stretches {
            None => {
                let named = by_value.iter().flat_map(HashMap::values).flatten();
                all.iter().chain(named).for_each(|id| mark(id, begins));
            }
            Some(stretches) => {
                for stretch in stretches {
                    let sequence = stretch.first_sequence().max(begins);
                    for id in all.iter() {
                        mark(id, sequence);
                    }
                    for key in KEYS {
                        let by_value = &by_value[key as usize];
                        if by_value.is_empty() {
                            continue;
                        }
                        let ids = stretch.values(key).filter_map(|value| by_value.get(value));
                        ids.flatten().for_each(|id| mark(id, sequence));
                    }
                }
            }
        }
        *reached = head;
        drop(seats);
        for wake in &woken {
            wake.notify_one();
        }
        woken.len()
    }
}

impl Place {
    pub(crate) fn interest(&self) -> &Interest {
        &self.interest
    }

    /// Says which record is the next that its watcher looks at, and up to where it knows to look.
    pub(crate) fn stand(&self, at: u64, look_to: u64) {
        self.stands.at.store(at, Ordering::Relaxed);
        self.stands.look_to.store(look_to, Ordering::Relaxed);
    }

    /// What there is to know since the last time.
    pub(crate) fn ask(&self) -> Told {
        let mut seats = self.audience.lock();
        let reached = seats.reached;
        let first = seats.by_id.get_mut(&self.id).and_then(|seat| seat.first.take());
        Told { reached, first }
    }

    /// Waits until there may be something to look at; also when it came before this call.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut seats = self.audience.lock();
        seats.by_id.remove(&self.id);
        seats.all.remove(&self.id);
        if let Interest::Some(key, values) = &self.interest {
            let by_value = &mut seats.by_value[*key as usize];
            for value in values {
                let Some(ids) = by_value.get_mut(value) else { continue };
                ids.retain(|id| *id != self.id);
                if ids.is_empty() {
                    by_value.remove(value);
                }
            }
        }
    }
}
