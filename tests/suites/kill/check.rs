//! Holds what the server has after a start against what was acknowledged before it was killed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::{StreamExt, stream};
use pawl_api::pb;
use pawl_api::pb::r#move::Cause;
use pawl_tests::{Client, is_refusal};
use tonic::Code;

use crate::book::{Book, Told, Unanswered, settled, without_stats};
use crate::call::{Answer, Call};
use crate::claims::Standing;
use crate::course::MARGIN;
use crate::load::{Shared, compare};
use crate::truth::{MoveKey, Span, key_of};

/// How much of what was acknowledged last is looked for after each start.
const RECENT: usize = 1_000;
/// Calls that are made at a time.
const AT_A_TIME: usize = 32;
/// Events in one message of a stream.
const IN_MESSAGE: usize = 200;

/// What became of the calls that got no answer.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// They were done before the server died.
    pub(crate) done: usize,
    /// They were not, and now they are.
    pub(crate) new: usize,
}

/// How much to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Recent,
    All,
}

/// Makes the calls again that got no answer: each has one outcome, from now on.
pub(crate) async fn resolve(client: &Client, shared: &Shared) -> Resolved {
    let unanswered = std::mem::take(&mut shared.book().unanswered);
    let events = unanswered.iter().filter_map(|one| match &one.call {
        Call::Publish(event) => Some(event.clone()),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    let make = |Unanswered { call, asked }: Unanswered| async move {
        let answer = call.make(client).await;
        (call, asked, answer)
    };
    let mut resolved = Resolved::default();
    let mut made = stream::iter(unanswered.into_iter().map(make)).buffer_unordered(AT_A_TIME);
    while let Some((call, asked, answer)) = made.next().await {
        let mut book = shared.book();
        let is_remembered = book.is_remembered(asked);
        book.is_vague |= !is_remembered;
        match answer {
            Ok(answer) => {
                if let Answer::Published(outcome) = &answer {
                    *(if outcome.duplicate { &mut resolved.done } else { &mut resolved.new }) += 1;
                }
                let span = Span { asked: Some(asked), answered: Some(book.stage.now()) };
                book.acknowledge(&call, &answer, span, true);
            }
            // What it was about has changed meanwhile, or was never there. Once it is forgotten it may
            // also have been done itself: what it would create is there.
            Err(status) if is_refusal(&status) && !call.is_event() => {
                if !is_remembered {
                    book.doubt(&call);
                }
            }
            Err(status) => panic!("{call:?}, made again: {status:?}"),
        }
    }
    drop(made);
    send_again(client, shared, events).await;
    resolved
}

/// Publishes again what has an outcome, and is surely remembered: what is not would happen once more.
pub(crate) async fn send_again(client: &Client, shared: &Shared, events: Vec<pb::Event>) {
    let is_remembered = |event: &pb::Event| {
        let book = shared.book();
        let known = book.find(&event.source, &event.event_id).expect("it has an outcome");
        book.is_remembered_for(MARGIN, known.asked)
    };
    let events: Vec<_> = events.into_iter().filter(is_remembered).collect();
    let view = pb::DecisionView::Full.into();
    let chunks: Vec<_> = events.chunks(IN_MESSAGE).map(<[pb::Event]>::to_vec).collect();
    let messages = chunks.into_iter().map(move |events| pb::PublishEventsRequest { events, view });
    let answers = client.events.clone().publish_events(stream::iter(messages)).await;
    let mut answers = answers.expect("the stream opens").into_inner();
    let mut sent = events.into_iter();
    while let Some(answer) = answers.message().await.expect("the stream goes on") {
        for outcome in answer.outcomes {
            let event = sent.next().expect("an outcome is of an event");
            let book = shared.book();
            let known = book.find(&event.source, &event.event_id).expect("it has an outcome");
            let (first, asked) = (Answer::Published(known.outcome.clone()), known.asked);
            drop(book);
            compare(shared, &Call::Publish(event), asked, &first, Answer::Published(outcome));
        }
    }
    assert_eq!(sent.next(), None, "an event without an outcome");
}

/// Panics when something that was acknowledged is not as it was. Says how much was looked at.
pub(crate) async fn check(client: &Client, shared: &Shared, depth: Depth) -> usize {
    let mut wrong = entities(client, shared).await;
    wrong.extend(configuration(client, shared).await);
    let (looked_at, problems) = events(client, shared, depth).await;
    wrong.extend(problems);
    wrong.extend(moves(client, shared, depth).await);
    let count = wrong.len();
    wrong.truncate(10);
    assert!(wrong.is_empty(), "{count} things are not as acknowledged:\n{}", wrong.join("\n"));
    looked_at
}

/// Each entity has the newest revision that was answered, and is as it was then.
async fn entities(client: &Client, shared: &Shared) -> Vec<String> {
    let found = client.all_entities().await.expect("entities are listed");
    let mut book = shared.book();
    let at = book.stage.now();
    for entity in &found {
        book.stage.ledger().read(entity, at);
    }
    let mut found: BTreeMap<_, _> =
        found.into_iter().map(|entity| (entity.entity_id.clone(), entity)).collect();
    let doubts = std::mem::take(&mut book.doubts);
    let mut wrong = Vec::new();
    for id in &shared.world.entity_ids {
        let claims = book.entities.get(id).cloned().unwrap_or_default();
        let (revision, standing) = claims.latest();
        let in_doubt = doubts.contains(id) || book.is_vague;
        match found.remove(id) {
            Some(entity) if entity.revision == revision && standing.fits(&entity) => {
                book.entity(&entity);
            }
            Some(entity) if entity.revision > revision && in_doubt => book.entity(&entity),
            None if standing == Standing::Gone => {}
            // A deletion has no identity, so that none is done twice.
            None if doubts.contains(id) => book.gone(id, revision + 1),
            found => wrong.push(format!("{id} is {found:?}, and was {revision} {standing:?}")),
        }
    }
    wrong.extend(found.into_values().map(|entity| format!("nobody created {entity:?}")));
    wrong
}

async fn configuration(client: &Client, shared: &Shared) -> Vec<String> {
    let triggers = client.all_triggers().await.expect("triggers are listed");
    let pipelines = client.all_pipelines().await.expect("pipelines are listed");
    let mut book = shared.book();
    let found = triggers.into_iter().map(without_stats);
    let found = found.map(|trigger| (trigger.trigger_id.clone(), trigger.revision, trigger));
    let mut wrong = book.triggers.compare(found.collect());
    let found = pipelines.into_iter();
    let found = found.map(|pipeline| (pipeline.pipeline_id.clone(), pipeline.revision, pipeline));
    wrong.extend(book.pipelines.compare(found.collect()));
    wrong
}

/// Revisions of triggers that were answered can still be read (T9).
pub(crate) async fn revisions(client: &Client, shared: &Shared) -> usize {
    let revisions = shared.book().revisions.clone();
    for ((trigger_id, revision), trigger) in &revisions {
        let request = pb::GetTriggerRequest { trigger_id: trigger_id.clone(), revision: *revision };
        let found = client.triggers.clone().get_trigger(request).await;
        let found = found.expect("it was answered").into_inner().trigger.map(without_stats);
        assert_eq!(found.as_ref(), Some(trigger));
    }
    revisions.len()
}

/// Each event is there, with the outcome that it had.
async fn events(client: &Client, shared: &Shared, depth: Depth) -> (usize, Vec<String>) {
    let told: Vec<Told> = {
        let book = shared.book();
        let from = if depth == Depth::All { 0 } else { book.told.len().saturating_sub(RECENT) };
        book.told[from..].to_vec()
    };
    let count = told.len();
    let get = |told: Told| async move {
        let pb::EventOutcome { source, event_id, .. } = told.outcome.clone();
        let found = client.events.clone().get_event(pb::GetEventRequest { source, event_id }).await;
        match found {
            Ok(found) => different(&told, &found.into_inner()),
            Err(status) if status.code() == Code::NotFound => {
                // The log may begin later by now, and never reaches further back than it did.
                let oldest = client.info().await.oldest_retained_time;
                let oldest = oldest.and_then(|oldest| SystemTime::try_from(oldest).ok());
                let book = shared.book();
                let sent = book.machine_time(told.asked);
                let trimmed =
                    oldest.is_some_and(|oldest| sent < oldest) && !book.is_remembered(told.asked);
                (!trimmed).then(|| format!("{:?} is gone", told.outcome))
            }
            Err(status) => Some(format!("{:?}: {status:?}", told.outcome)),
        }
    };
    let wrong = stream::iter(told.into_iter().map(get)).buffer_unordered(AT_A_TIME);
    (count, wrong.filter_map(|wrong| async { wrong }).collect().await)
}

fn different(told: &Told, found: &pb::GetEventResponse) -> Option<String> {
    let outcome = found.outcome.as_ref().map(settled);
    if outcome.as_ref() != Some(&told.outcome) {
        return Some(format!("{:?} was {:?}", found.outcome, told.outcome));
    }
    let sent = told.event.as_ref()?;
    // It was given a time.
    let found = found.event.clone().map(|event| pb::Event { time: sent.time, ..event });
    (found.as_ref() != Some(sent)).then(|| format!("{found:?} was {sent:?}"))
}

/// Moves that were acknowledged are in the log, each once, and beside them none that an event made of
/// which all is known.
async fn moves(client: &Client, shared: &Shared, depth: Depth) -> Vec<String> {
    let enough = if depth == Depth::All { usize::MAX } else { RECENT };
    let listed = client.newest_moves(enough).await.expect("moves are listed");
    let book = shared.book();
    book.stage.ledger().listed(&listed, book.stage.now());
    let keys: Vec<MoveKey> = listed.iter().filter_map(|moved| key_of(&moved.move_id)).collect();
    let mut wrong = Vec::new();
    if !keys.is_sorted_by(|one, other| one > other) {
        wrong.push("moves are listed in another order than from the newest on".to_owned());
    }
    let Some(oldest) = keys.last() else {
        return if book.moves.is_empty() { wrong } else { vec!["no move is left".to_owned()] };
    };
    let there: BTreeMap<_, _> = keys.iter().zip(&listed).collect();
    for (key, moved) in book.moves.range(oldest..) {
        if there.get(key) != Some(&moved) {
            wrong.push(format!("{moved:?} is {:?} in the log", there.get(key)));
        }
    }
    for (key, moved) in there {
        if !book.moves.contains_key(key) && !is_unknown(&book, moved) && !book.is_vague {
            wrong.push(format!("{moved:?} was not acknowledged with its event"));
        }
    }
    wrong
}

/// Whether a move was made by an event that is not known: an update or a move by hand to which there was
/// no answer. All other events were asked for again.
fn is_unknown(book: &Book, moved: &pb::Move) -> bool {
    let (source, event_id) = match &moved.cause {
        Some(Cause::Trigger(by)) => (&by.event_source, &by.event_id),
        Some(Cause::Manual(by)) => (&by.event_source, &by.event_id),
        None => return false,
    };
    source == "pawl" && book.find(source, event_id).is_none()
}
