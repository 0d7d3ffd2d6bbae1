use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pawl_store::StoreError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::audience::Place;
use super::filter::Standing;
use super::log::{self, Ahead, Read};
use super::pick::View;
use super::sight::Sight;
use super::snapshot::{Scanned, Snapshot};
use super::step::{Closing, Pick, Start, Step};
use super::stretch::{Passed, Stretch};
use crate::core::Core;
use crate::ring::Following;
use crate::token::Position;
use crate::{ResumeToken, WatchError};

/// A cursor over the log: from memory where it reaches, from the log where not, in one and the same
/// way. It holds no queue, so who is slow costs nothing.
pub struct Watch {
    core: Arc<Core>,
    sight: Arc<Sight>,
    heartbeat: Duration,
    next_heartbeat: Instant,
    closing: watch::Receiver<bool>,
    place: Place,
    position: Position,
    /// How far the log goes up to `position`.
    passed: Passed,
    /// Up to here every record has to be looked at; behind it the audience says which ones.
    look_to: u64,
    /// What was read from the log and is not yet looked at.
    ahead: Option<Ahead>,
    snapshot: Option<Snapshot>,
    pending: Option<Pending>,
    /// Whether it has tried to go on since the last heartbeat.
    stepped: bool,
}

/// Work that is done elsewhere.
type Pending = Pin<Box<dyn Future<Output = Result<Found, StoreError>> + Send>>;

/// What came of it.
enum Found {
    /// A part of the log.
    Log(Read),
    /// A part of the snapshot.
    Scanned(Scanned),
    /// The entities that enter or leave the filter in a stretch.
    Crossed(Arc<Stretch>, Vec<Pick>),
}

/// What there is to look at.
enum Find {
    Stretch(Arc<Stretch>),
    SnapshotComplete(Step),
    /// Nothing here, but perhaps further on.
    Again,
    /// Nothing, or not before something was read.
    Nothing,
}

/// What became of looking at a stretch.
enum Looked {
    Shows(Step),
    ShowsNothing,
    /// Not before something was read.
    Waits,
}

impl Watch {
    pub(crate) async fn start(
        core: Arc<Core>,
        start: &Start,
        sight: Sight,
        heartbeat: Duration,
    ) -> Result<Self, WatchError> {
        let closing = core.closing.subscribe();
        // Before the head is looked up: of everything behind it the place will be told.
        let (place, told_to) = core.hub.join(sight.interest());
        let head = core.hub.durable().head;
        let position = match start {
            Start::Now | Start::Snapshot => Position::after(head.sequence),
            Start::Earliest => Position::before(core.store.tail().sequence),
            Start::Resume(token) => match ResumeToken::read(token, &core.store, head)? {
                Some(position) => position,
                None => return Err(WatchError::Expired(core.earliest().await?)),
            },
        };
        let passed = core.passed_before(position, head).await?;
        place.stand(position.sequence, told_to.sequence);
        let snapshot =
            (*start == Start::Snapshot).then(|| Snapshot::begin(&sight.show().filter.entity_ids));
        Ok(Self {
            sight: Arc::new(sight),
            heartbeat,
            next_heartbeat: Instant::now() + heartbeat,
            closing,
            place,
            position,
            passed,
            look_to: told_to.sequence,
            ahead: None,
            snapshot,
            pending: None,
            stepped: false,
            core,
        })
    }

    /// The token that resumes where the watch stands; `None` before its snapshot is complete.
    pub fn token(&self) -> Option<ResumeToken> {
        let token = || ResumeToken::new(self.core.store.database_id(), self.position);
        self.snapshot.is_none().then(token)
    }

    /// What comes next; waits until there is something. Safe to drop while it waits.
    pub async fn next(&mut self) -> Result<Step, StoreError> {
        loop {
            if *self.closing.borrow() {
                return Ok(self.close(Closing::Stopping));
            }
            // On its own timer (W3), but never twice without an attempt to go on between them.
            if self.stepped && Instant::now() >= self.next_heartbeat {
                if self.is_idle() {
                    self.ask();
                }
                self.stepped = false;
                self.next_heartbeat = Instant::now() + self.heartbeat;
                return Ok(self.sign_of_life());
            }
            self.stepped = true;
            if self.pending.is_none()
                && let Some(step) = self.advance()
            {
                return Ok(step);
            }
            let found = tokio::select! {
                biased;
                _ = self.closing.wait_for(|closing| *closing) => None,
                found = arrived(&mut self.pending) => Some(found?),
                () = self.place.woken(), if self.pending.is_none() => None,
                () = sleep_until(self.next_heartbeat) => None,
            };
            if let Some(found) = found {
                self.pending = None;
                if let Some(step) = self.take(found) {
                    return Ok(step);
                }
            }
        }
    }

    /// What can be shown next without waiting; `None` also when there would be something else to
    /// say.
    pub fn next_ready(&mut self) -> Option<Step> {
        let due = Instant::now() >= self.next_heartbeat || *self.closing.borrow();
        if due || self.pending.is_some() || self.snapshot.is_some() { None } else { self.advance() }
    }

    /// Goes on from memory until there is something to show, nothing left, or something to wait for.
    fn advance(&mut self) -> Option<Step> {
        loop {
            let stretch = match self.find() {
                Find::Stretch(stretch) => stretch,
                Find::SnapshotComplete(step) => return Some(step),
                Find::Again => continue,
                Find::Nothing => return None,
            };
            match self.look_at(stretch) {
                Looked::Shows(step) => return Some(step),
                Looked::ShowsNothing => {}
                Looked::Waits => return None,
            }
        }
    }

    /// The next stretch to look at: of what was read from the log, or from memory.
    fn find(&mut self) -> Find {
        if let Some(ahead) = self.ahead.as_mut() {
            if let Some(stretch) = ahead.next(self.position) {
                return Find::Stretch(stretch);
            }
            let (last, passed) = ahead.end();
            self.ahead = None;
            self.pass(Position::after(last), passed);
            return Find::Again;
        }
        if let Some(found) = self.turn_page() {
            return found;
        }
        if self.is_idle() {
            return if self.ask() { Find::Again } else { Find::Nothing };
        }
        match self.core.hub.following(self.position) {
            Following::Stretch(stretch) => Find::Stretch(stretch),
            Following::Nothing(head) => {
                self.pass(Position::after(head.sequence), head.into());
                Find::Again
            }
            Following::InLog => {
                let read = log::read(Arc::clone(&self.core), self.position.sequence);
                self.pending = Some(Box::pin(async { read.await.map(Found::Log) }));
                Find::Nothing
            }
        }
    }

    /// Whether it has looked at all that it knows to look at.
    fn is_idle(&self) -> bool {
        self.ahead.is_none() && self.pending.is_none() && self.position.sequence > self.look_to
    }

    /// Asks whether there is something to look at, and goes there; past everything when not.
    fn ask(&mut self) -> bool {
        let told = self.place.ask();
        match told.first {
            None => self.pass(Position::after(told.reached.sequence), told.reached.into()),
            Some(first) => {
                self.look_to = told.reached.sequence;
                self.position = self.position.max(Position::before(first));
                self.place.stand(self.position.sequence, self.look_to);
            }
        }
        told.first.is_some()
    }

    /// Goes on with the snapshot; only when everything was looked at that its last part may have seen.
    fn turn_page(&mut self) -> Option<Find> {
        let snapshot = self.snapshot.as_ref()?;
        if self.position.sequence <= snapshot.reached() {
            return None;
        }
        if snapshot.is_done() {
            let entities = snapshot.shown();
            self.snapshot = None;
            let token = ResumeToken::new(self.core.store.database_id(), self.position);
            return Some(Find::SnapshotComplete(Step::SnapshotComplete { token, entities }));
        }
        let (core, part) = (Arc::clone(&self.core), snapshot.next_part());
        self.pending = Some(Box::pin(async move { part.scan(&core).await.map(Found::Scanned) }));
        Some(Find::Nothing)
    }

    fn take(&mut self, found: Found) -> Option<Step> {
        match found {
            Found::Log(Read::Window(window)) => self.ahead = Some(Ahead::new(window)),
            Found::Log(Read::Expired(earliest)) => {
                return Some(self.close(Closing::Expired(earliest)));
            }
            Found::Scanned(scanned) => {
                let snapshot = self.snapshot.as_mut()?;
                let sight = &self.sight;
                let entities = snapshot.take(scanned, |e| sight.holds(Standing::of(e)));
                self.look_to = self.look_to.max(snapshot.reached());
                return (!entities.is_empty()).then_some(Step::Entities(entities));
            }
            Found::Crossed(stretch, picks) => {
                self.pass(stretch.end(), stretch.passed);
                return (!picks.is_empty()).then(|| self.shows(stretch, picks));
            }
        }
        None
    }

    fn look_at(&mut self, stretch: Arc<Stretch>) -> Looked {
        let view = View {
            sight: &self.sight,
            interest: self.place.interest(),
            position: self.position,
            snapshot: self.snapshot.as_ref(),
        };
        let chosen = view.choose(&stretch);
        if !chosen.crossings.is_empty() {
            let (core, sight) = (Arc::clone(&self.core), Arc::clone(&self.sight));
            self.pending = Some(Box::pin(async move {
                let picks = chosen.with_crossings(&core, &sight, &stretch).await?;
                Ok(Found::Crossed(stretch, picks))
            }));
            return Looked::Waits;
        }
        self.pass(stretch.end(), stretch.passed);
        if chosen.picks.is_empty() {
            Looked::ShowsNothing
        } else {
            Looked::Shows(self.shows(stretch, chosen.picks))
        }
    }

    fn shows(&self, stretch: Arc<Stretch>, picks: Vec<Pick>) -> Step {
        Step::Stretch { stretch, picks, resumable: self.snapshot.is_none() }
    }

    fn pass(&mut self, to: Position, passed: Passed) {
        if to > self.position {
            (self.position, self.passed) = (to, passed);
            self.place.stand(to.sequence, self.look_to);
        }
    }

    fn close(&self, why: Closing) -> Step {
        Step::Closing { token: self.token(), why }
    }

    fn sign_of_life(&self) -> Step {
        let head = self.core.hub.durable().head;
        let caught_up = self.position.sequence > head.sequence;
        let (lag_moves, lag) = if caught_up {
            (0, Duration::ZERO)
        } else {
            (head.moves.saturating_sub(self.passed.moves), head.time.since(self.passed.time))
        };
        let head = Position::after(head.sequence).max(self.position);
        Step::Heartbeat {
            token: self.token(),
            head_token: ResumeToken::new(self.core.store.database_id(), head),
            lag_moves,
            lag,
            now: self.core.options.clock.now(),
        }
    }
}

/// Waits for pending work; for ever when there is none.
async fn arrived(pending: &mut Option<Pending>) -> Result<Found, StoreError> {
    match pending {
        Some(pending) => pending.await,
        None => std::future::pending().await,
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("position", &self.position).finish_non_exhaustive()
    }
}
