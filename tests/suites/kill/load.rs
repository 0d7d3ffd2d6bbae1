//! Everything that happens until the server is killed: many callers, each with one call at a time, and
//! streams with many events on the way.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, event, fields, is_refusal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::book::{Book, settled, without_stats};
use crate::call::{Answer, Call};
use crate::course::MARGIN;
use crate::scenario::world::{World, event_type};
use crate::truth::{Moment, Span};
use crate::writers::WRITERS;

/// Who publishes one event after the other.
const CALLERS: usize = 8;
/// Events of a stream that may be on the way.
const AHEAD: usize = 48;
const CUSTOMERS: usize = 40;
/// Moves of the log's end that are read at a time.
const READ_MOVES: i32 = 10;
/// Bytes of attributes that make a log chunk large, now and then.
const LARGE_BYTES: usize = 20 * 1_024;

/// What all of the load shares, from one start of the server to its death.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) book: Arc<Mutex<Book>>,
    pub(crate) world: Arc<World>,
    /// Turns true just before the server is killed: whatever fails before that is a defect.
    pub(crate) killing: Arc<AtomicBool>,
    /// Whether the log is trimmed.
    pub(crate) trims: bool,
    /// Which life of the server it is, for the ids of events.
    pub(crate) life: usize,
}

impl Shared {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        self.book().stage.now()
    }
}

/// Begins all of it.
pub(crate) fn start(shared: &Shared, clients: &[Client], rng: &mut Rng) -> JoinSet<()> {
    let mut load = JoinSet::new();
    let mut named = 0;
    let mut caller = || {
        named += 1;
        let client = clients[named % clients.len()].clone();
        let name = format!("{}-{named}", shared.life);
        Caller { shared: shared.clone(), client, rng: rng.fork(), name, made: 0 }
    };
    for _ in 0..CALLERS {
        load.spawn(caller().publishes());
    }
    load.spawn(caller().streams(1..=1));
    load.spawn(caller().streams(2..=24));
    for writer in 0..WRITERS {
        load.spawn(caller().writes(writer));
    }
    load.spawn(caller().configures());
    load.spawn(caller().repeats());
    load.spawn(caller().reads());
    load
}

/// One who makes calls until the server is gone.
pub(crate) struct Caller {
    pub(crate) shared: Shared,
    client: Client,
    pub(crate) rng: Rng,
    name: String,
    made: usize,
}

impl Caller {
    /// Makes a call and writes down what came of it. Says whether there is a server still.
    pub(crate) async fn call(&mut self, call: Call) -> bool {
        let asked = self.shared.now();
        let answered = call.make(&self.client).await;
        let mut book = self.shared.book();
        match answered {
            Ok(answer) => {
                let span = Span { asked: Some(asked), answered: Some(book.stage.now()) };
                book.acknowledge(&call, &answer, span, false);
                if call.is_event() {
                    book.answered();
                }
                true
            }
            Err(status) if is_refusal(&status) && !call.is_event() => true,
            Err(status) => {
                book.lose(call, asked);
                drop(book);
                self.broken(&status);
                false
            }
        }
    }

    /// The connection broke, which it may only when the server is killed.
    fn broken(&self, status: &Status) {
        let killing = self.shared.killing.load(Ordering::SeqCst);
        assert!(killing, "nobody killed the server, and a call fails: {status:?}");
    }

    /// An id of its own.
    pub(crate) fn id(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.name, self.made)
    }

    fn event(&mut self) -> pb::Event {
        let Self { rng, shared, .. } = self;
        let subjects = (0..rng.usize(1..=4)).map(|_| match rng.u32(..6) {
            0 => customer(rng),
            _ => shared.world.entity_id(rng),
        });
        let subjects = subjects.collect::<Vec<_>>().join(" ");
        let bytes = if rng.u32(..100) == 0 { LARGE_BYTES } else { rng.usize(..200) };
        let attributes = Some(fields([("text", Some(&"x".repeat(bytes)))]));
        let event_type = event_type(rng);
        pb::Event { attributes, ..event(&self.id(), event_type, &subjects) }
    }

    async fn publishes(mut self) {
        loop {
            let event = self.event();
            if !self.call(Call::Publish(event)).await {
                return;
            }
        }
    }

    /// Publishes on one stream, so many events in a message.
    async fn streams(mut self, in_message: RangeInclusive<usize>) {
        let (sender, messages) = mpsc::channel(AHEAD);
        let opened = self.client.events.publish_events(ReceiverStream::new(messages)).await;
        let mut answers = match opened {
            Ok(answers) => answers.into_inner(),
            Err(status) => return self.broken(&status),
        };
        let mut on_the_way: VecDeque<(pb::Event, Moment)> = VecDeque::new();
        loop {
            while on_the_way.len() < AHEAD {
                let count = self.rng.usize(in_message.clone());
                let events: Vec<_> = (0..count).map(|_| self.event()).collect();
                let asked = self.shared.now();
                on_the_way.extend(events.iter().cloned().map(|event| (event, asked)));
                let message =
                    pb::PublishEventsRequest { events, view: pb::DecisionView::Full.into() };
                // Whether it is still read shows where the answers are.
                let _ = sender.send(message).await;
            }
            let status = match answers.message().await {
                Ok(Some(answer)) => {
                    self.streamed(answer.outcomes, &mut on_the_way);
                    continue;
                }
                Ok(None) => Status::unavailable("the stream ended"),
                Err(status) => status,
            };
            let mut book = self.shared.book();
            for (event, asked) in on_the_way {
                book.lose(Call::Publish(event), asked);
            }
            drop(book);
            return self.broken(&status);
        }
    }

    fn streamed(
        &self,
        outcomes: Vec<pb::EventOutcome>,
        on_the_way: &mut VecDeque<(pb::Event, Moment)>,
    ) {
        let mut book = self.shared.book();
        for outcome in outcomes {
            let (event, asked) = on_the_way.pop_front().expect("an outcome is of an event");
            assert_eq!(outcome.event_id, event.event_id, "outcomes come in the order sent");
            let span = Span { asked: Some(asked), answered: Some(book.stage.now()) };
            book.acknowledge(&Call::Publish(event), &Answer::Published(outcome), span, false);
            book.answered();
        }
    }

    /// Does again what was acknowledged before, from any life of the server: it is remembered. The same
    /// identity with something else is refused.
    async fn repeats(mut self) {
        loop {
            let Some((call, first, asked)) = self.one_of_before() else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let forged = if self.rng.u32(..4) == 0 { call.forged() } else { None };
            let asked_again = forged.as_ref().unwrap_or(&call);
            let answered = asked_again.make(&self.client).await;
            match answered {
                Ok(answer) => {
                    let in_time = self.shared.book().is_remembered(asked);
                    assert!(forged.is_none() || !in_time, "{forged:?}, not as it was: {answer:?}");
                    compare(&self.shared, asked_again, asked, &first, answer);
                }
                Err(status) if is_refusal(&status) => {
                    if !self.shared.book().is_remembered(asked) {
                        continue;
                    }
                    let code = status.code();
                    assert!(
                        forged.is_some() && code == Code::AlreadyExists,
                        "{asked_again:?}, which was acknowledged, is refused: {status:?}"
                    );
                }
                Err(status) => {
                    let mut book = self.shared.book();
                    book.is_vague |= !book.is_remembered(asked);
                    drop(book);
                    return self.broken(&status);
                }
            }
        }
    }

    /// Reads: nothing is shown that a crash takes back, so it counts as acknowledged.
    async fn reads(mut self) {
        loop {
            let entity_id = self.shared.world.entity_id(&mut self.rng);
            let found = self.client.entities.get_entity(pb::GetEntityRequest { entity_id }).await;
            match found {
                Ok(found) => {
                    let entity = found.into_inner().entity.expect("it is given");
                    self.shared.book().entity(&entity);
                }
                Err(status) if is_refusal(&status) => {}
                Err(status) => return self.broken(&status),
            }
            let request = pb::ListMovesRequest { page_size: READ_MOVES, ..Default::default() };
            match self.client.moves.list_moves(request).await {
                Ok(listed) => {
                    let mut book = self.shared.book();
                    listed.into_inner().moves.into_iter().for_each(|moved| book.moved(moved));
                }
                Err(status) => return self.broken(&status),
            }
        }
    }

    /// Something that was acknowledged not too long ago, with what was answered.
    fn one_of_before(&mut self) -> Option<(Call, Answer, Moment)> {
        let book = self.shared.book();
        let repeatable = !book.repeatable.is_empty() && self.rng.u32(..3) == 0;
        let (call, answer, asked) = if repeatable {
            book.repeatable[self.rng.usize(..book.repeatable.len())].clone()
        } else {
            let told = book.told.get(self.rng.usize(..book.told.len().max(1)))?;
            let call = Call::Publish(told.event.clone()?);
            (call, Answer::Published(told.outcome.clone()), told.asked)
        };
        // Well before it is forgotten.
        book.is_remembered_for(MARGIN, asked).then_some((call, answer, asked))
    }
}

/// The answer to a call that is made again is the first, as a duplicate where it says so. One that came
/// so late that the call may have been forgotten is another call's.
pub(crate) fn compare(shared: &Shared, call: &Call, asked: Moment, first: &Answer, again: Answer) {
    let mut book = shared.book();
    if !book.is_remembered(asked) {
        book.is_vague = true;
        let span = Span { asked: Some(asked), answered: Some(book.stage.now()) };
        book.acknowledge(call, &again, span, true);
        return;
    }
    drop(book);
    let settle = |outcome: &mut pb::EventOutcome| {
        assert!(outcome.duplicate, "done again: {call:?}");
        *outcome = settled(outcome);
    };
    let mut first = first.clone();
    let mut again = again;
    for (answer, is_again) in [(&mut first, false), (&mut again, true)] {
        let outcome = match answer {
            Answer::Published(outcome) => Some(outcome),
            Answer::Updated(updated) => updated.outcome.as_mut(),
            Answer::Moved(moved) => moved.outcome.as_mut(),
            _ => None,
        };
        match outcome {
            Some(outcome) if is_again => settle(outcome),
            Some(outcome) => *outcome = settled(outcome),
            None => {}
        }
        if let Answer::Trigger(trigger) = answer {
            *trigger = without_stats(trigger.clone());
        }
    }
    assert_eq!(again, first, "another answer to {call:?}");
}

pub(crate) fn customer(rng: &mut Rng) -> String {
    format!("contact/{}", rng.usize(..CUSTOMERS))
}
