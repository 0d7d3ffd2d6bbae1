//! Publishing the log, following its moves, and looking at where it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{Client, Watcher, now, resume, trigger, trigger_type};
use tokio::sync::watch;
use tonic::Status;

use crate::Addresses;
use crate::incidents::{Incidents, MoveLine};

/// Events in one message.
const MESSAGE_EVENTS: usize = 100;
/// Entities in one message of the import.
const IMPORT_ENTITIES: usize = 1_000;

/// Sets up the pipelines, the trigger types, the triggers and the entities.
pub(crate) async fn prepare(client: &Client, incidents: &Incidents) {
    let setup = &incidents.setup;
    for made in &setup.pipelines {
        let stages: Vec<_> =
            made.stages.iter().map(|s| format!("{}:{}", s.stage_id, s.semantics)).collect();
        let selection = format!("TRIGGER_SELECTION_{}", setup.trigger_selection);
        let pipeline = pb::Pipeline {
            entity_kind: setup.entity_kind.clone(),
            trigger_selection: pb::TriggerSelection::from_str_name(&selection)
                .expect("known")
                .into(),
            ..pawl_tests::pipeline(&made.pipeline_id, &stages.join(" "))
        };
        client.pipeline(pipeline).await;
    }
    let mut codes: Vec<_> = setup.triggers.iter().map(|made| &made.event_type).collect();
    codes.sort_unstable();
    codes.dedup();
    for code in codes {
        client.trigger_type(trigger_type(code)).await;
    }
    for made in &setup.triggers {
        let state = format!("TRIGGER_STATE_{}", made.state);
        let place = format!("{}/{}", made.pipeline_id, made.stage_id);
        let trigger = pb::Trigger {
            allow_move_back: made.allow_move_back,
            allow_reopen: made.allow_reopen,
            state: pb::TriggerState::from_str_name(&state).expect("known").into(),
            ..trigger(&made.trigger_id, &place, &made.event_type)
        };
        client.trigger(trigger).await;
    }
    let messages: Vec<_> = incidents
        .entities
        .chunks(IMPORT_ENTITIES)
        .map(|entities| pb::ImportEntitiesRequest {
            entities: entities.to_vec(),
            ..Default::default()
        })
        .collect();
    let imported = client.entities.clone().import_entities(tokio_stream::iter(messages)).await;
    let imported = imported.expect("the import succeeds").into_inner();
    assert_eq!(imported.created_count, i64::try_from(incidents.entities.len()).expect("fits"));
}

/// Publishes the log and checks each outcome as it comes.
pub(crate) struct Player {
    incidents: Arc<Incidents>,
    /// The first outcome of every event that was acknowledged.
    pub(crate) outcomes: Vec<pb::Decision>,
    /// How many events were answered as duplicates.
    pub(crate) duplicates: usize,
    /// For how many of these the first outcome had been received and was the same.
    pub(crate) compared: usize,
    /// How many events have left, counted from the first.
    sent: Arc<AtomicUsize>,
    done: watch::Sender<usize>,
}

impl Player {
    pub(crate) fn new(incidents: Arc<Incidents>) -> Self {
        Self {
            incidents,
            outcomes: Vec::new(),
            duplicates: 0,
            compared: 0,
            sent: Arc::default(),
            done: watch::Sender::new(0),
        }
    }

    /// Tells how many events are acknowledged.
    pub(crate) fn progress(&self) -> watch::Receiver<usize> {
        self.done.subscribe()
    }

    /// How many events have left the client and were not acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.sent.load(Ordering::SeqCst).saturating_sub(self.outcomes.len())
    }

    /// Publishes on one stream from event `from` to the last; ends early when the stream breaks.
    pub(crate) async fn play(&mut self, client: &Client, from: usize) -> Result<(), Status> {
        let (incidents, sent) = (Arc::clone(&self.incidents), Arc::clone(&self.sent));
        sent.store(from, Ordering::SeqCst);
        let total = incidents.events.len();
        // The transport asks for the next message once there is room for it.
        let messages = stream::iter((from..total).step_by(MESSAGE_EVENTS)).map(move |first| {
            let last = (first + MESSAGE_EVENTS).min(total);
            sent.store(last, Ordering::SeqCst);
            let events = incidents.events[first..last].to_vec();
            pb::PublishEventsRequest { events, ..Default::default() }
        });
        let mut answers = client.events.clone().publish_events(messages).await?.into_inner();
        let mut at = from;
        while let Some(answer) = answers.message().await? {
            for outcome in answer.outcomes {
                self.check(at, outcome);
                at += 1;
            }
            self.done.send_replace(self.outcomes.len());
        }
        assert_eq!(at, total, "the stream ended with OK, so every event was answered");
        Ok(())
    }

    fn check(&mut self, at: usize, mut outcome: pb::EventOutcome) {
        let event = &self.incidents.events[at];
        assert_eq!(outcome.event_id, event.event_id, "outcomes come in the order sent");
        assert_eq!((&outcome.refusal, outcome.decisions.len()), (&None, 1), "{}", event.event_id);
        let decision = outcome.decisions.remove(0);
        let foretold = self.incidents.caused[at].map(|index| self.incidents.moves[index].clone());
        assert_eq!(decision.r#move.as_ref().map(MoveLine::of), foretold, "{}", event.event_id);
        self.duplicates += usize::from(outcome.duplicate);
        match self.outcomes.get(at) {
            Some(first) => {
                assert!(outcome.duplicate, "{} was acknowledged before", event.event_id);
                assert_eq!(decision, *first, "{} is answered as the first time", event.event_id);
                self.compared += 1;
            }
            None => self.outcomes.push(decision),
        }
    }
}

/// A watch and what it has shown.
pub(crate) struct Following {
    watcher: Watcher,
    pub(crate) moves: Vec<MoveLine>,
    pub(crate) backward: usize,
    /// How many watches it took.
    pub(crate) watches: usize,
}

impl Following {
    /// A watch from now on, which stands when this returns.
    pub(crate) async fn start(client: Client) -> Self {
        let watcher = client.watch(now()).await;
        Self { watcher, moves: Vec::new(), backward: 0, watches: 1 }
    }

    /// Reads until the watch breaks, or has caught up and shown at least `expected` moves.
    async fn read(&mut self, expected: usize) -> Result<(), Status> {
        loop {
            match self.watcher.next_frame().await?.frame {
                Some(Frame::Move(moved)) => {
                    self.backward += usize::from(moved.direction() == pb::MoveDirection::Backward);
                    self.moves.push(MoveLine::of(&moved));
                }
                // One that is too many would have come before this.
                Some(Frame::Heartbeat(beat)) if beat.lag_moves == 0 => {
                    if self.moves.len() >= expected {
                        return Ok(());
                    }
                }
                Some(Frame::Heartbeat(_) | Frame::Started(_)) => {}
                other => panic!("an unexpected frame: {other:?}"),
            }
        }
    }
}

/// Follows the moves through every death of the server, always going on after the last frame.
pub(crate) async fn follow(
    mut following: Following,
    mut addresses: Addresses,
    expected: usize,
) -> Following {
    addresses.mark_unchanged();
    while following.read(expected).await.is_err() {
        let token = following.watcher.token().to_vec();
        following.watcher = loop {
            addresses.changed().await.expect("the test goes on");
            let address = *addresses.borrow();
            let Ok(client) = Client::connect(address).await else { continue };
            if let Ok(watcher) = client.try_watch(resume(&token)).await {
                break watcher;
            }
        };
        following.watches += 1;
    }
    following
}

/// The entities as they stand, the counts, and what the server says of itself.
pub(crate) async fn check_end(client: &Client, incidents: &Incidents) {
    let mut ends = BTreeMap::new();
    let mut stages = BTreeMap::<_, BTreeMap<_, usize>>::new();
    let mut request = pb::ListEntitiesRequest { page_size: 1_000, ..Default::default() };
    loop {
        let page = client.entities.clone().list_entities(request.clone()).await;
        let page = page.expect("the entities are listed").into_inner();
        for entity in page.entities {
            let stage = entity.stage_id.clone();
            *stages.entry(entity.pipeline_id.clone()).or_default().entry(stage).or_default() += 1;
            // An entity starts at revision 1, and nothing but moves has changed it.
            let end = (entity.pipeline_id, entity.stage_id, entity.revision - 1);
            assert_eq!(ends.insert(entity.entity_id, end), None, "each entity is listed once");
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert!(ends == incidents.ends, "the final stages and counts of moves are as foretold");
    for (pipeline, counts) in &incidents.summary.final_stages {
        let nonzero = counts.iter().filter(|(_, count)| **count > 0);
        let nonzero: BTreeMap<_, _> = nonzero.map(|(id, count)| (id.clone(), *count)).collect();
        assert_eq!(stages.get(pipeline), Some(&nonzero), "final stages of {pipeline}");
    }
    let info = client.info().await;
    let count = |count: usize| i64::try_from(count).expect("fits");
    assert_eq!(info.event_count, count(incidents.summary.events));
    assert_eq!(info.move_count, count(incidents.summary.moves));
    assert_eq!(info.entity_count, count(incidents.summary.entities));
}

/// The moves line by line, naming the first that differs, and the counts of the summary.
pub(crate) fn check_moves(followed: &Following, incidents: &Incidents) {
    let moves = &followed.moves;
    let differs = moves.iter().zip(&incidents.moves).position(|(came, foretold)| came != foretold);
    if let Some(line) = differs {
        panic!("move {line} is {:?}, foretold was {:?}", moves[line], incidents.moves[line]);
    }
    assert_eq!(moves.len(), incidents.moves.len(), "all moves alike as far as they go");
    assert_eq!(followed.backward, incidents.summary.moves_backward);
    let mut counts: BTreeMap<_, _> =
        incidents.setup.triggers.iter().map(|made| (made.trigger_id.clone(), 0)).collect();
    for line in moves {
        *counts.entry(line.trigger.clone()).or_default() += 1;
    }
    assert_eq!(counts, incidents.summary.moves_per_trigger);
}
