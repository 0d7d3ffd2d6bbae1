//! What a trigger would have done with the events of the last day, had it been there.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use maud::{Markup, html};
use pawl_api::pb;
use pawl_api::sentences::{Actor, Label, Mood, Scene, because, noun_of};
use pawl_domain::{
    EntityId, EventType, Filter, Move, NewTrigger, Pipeline, Timestamp, TriggerState, Verdict,
    VerdictResult,
};
use pawl_engine::{Engine, EngineError, EventQuery, LoggedEvent, Previewed};
use tokio::time::Instant;

use super::stage_of;
use super::words::count;
use crate::address;
use crate::page::{ago, span};

/// How far back it looks.
const REACH: Duration = Duration::from_hours(24);
/// How many events are tried.
const EVENTS_MAX: usize = 200;
/// How often the log is asked for more; each time it looks at ten thousand records.
const PAGES_MAX: usize = 3;
/// How long events are tried: somebody waits.
const PATIENCE: Duration = Duration::from_millis(700);
/// How many examples are told.
const EXAMPLES_MAX: usize = 5;

/// What came of trying.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// How many events were tried.
    tried: usize,
    /// Whether there are, or may be, older ones within reach.
    is_cut: bool,
    /// Of which no more is known than that something led to them along a chain, or that cannot be
    /// decided as they are.
    unjudged: usize,
    /// That concern no entity of the pipeline.
    elsewhere: usize,
    moves: usize,
    moved: HashSet<EntityId>,
    /// How often something held it back, and what.
    held: BTreeMap<String, usize>,
    examples: Vec<Example>,
    kept: Vec<Example>,
}

#[derive(Debug)]
struct Example {
    entity_id: EntityId,
    time: Timestamp,
    /// The move; or why there would be none, in a sentence.
    became: Result<Move, String>,
}

/// The trigger that is tried, in people's words.
struct Tried<'a> {
    wish: &'a NewTrigger,
    stage: String,
}

impl Tried<'_> {
    /// Why it would not move an entity, with all that is known of the case.
    fn why(&self, verdict: &Verdict<'_>, entity_id: &EntityId) -> String {
        let filter = self.wish.filter.as_ref().map_or("", Filter::as_str).to_owned();
        let winner = verdict.winner.map(|id| Label { id: id.to_string(), ..Label::default() });
        self.told(&(*verdict).into(), entity_id, filter, winner)
    }

    /// The same, in words that are the same for all cases of a kind.
    fn kind_of_why(&self, verdict: &Verdict<'_>, entity_id: &EntityId) -> String {
        let verdict = pb::Verdict { detail: String::new(), ..(*verdict).into() };
        self.told(&verdict, entity_id, String::new(), None)
    }

    fn told(
        &self,
        verdict: &pb::Verdict,
        entity_id: &EntityId,
        filter: String,
        winner: Option<Label>,
    ) -> String {
        let who = Actor { label: Label::default(), stage: self.stage.clone(), filter };
        let scene = Scene { mood: Mood::Supposed, here: None, there: None, winner };
        because(verdict, entity_id.as_str(), &who, &scene).unwrap_or_default()
    }
}

/// Tries a trigger on what happened, as if it were active.
pub(super) async fn sample(
    engine: &Engine,
    event_type: &EventType,
    pipeline: &Pipeline,
    wish: NewTrigger,
) -> Result<Sample, EngineError> {
    let wish = NewTrigger { state: TriggerState::Active, ..wish };
    let stage = stage_of(pipeline, &wish.stage_id).to_owned();
    let tried = Tried { wish: &wish, stage };
    let mut sample = Sample::default();
    let events = recent(engine, event_type, &mut sample).await?;
    let until = Instant::now() + PATIENCE;
    for LoggedEvent { event, time } in events {
        if Instant::now() >= until {
            sample.is_cut = true;
            break;
        }
        sample.tried += 1;
        if event.event_type != *event_type {
            sample.unjudged += 1;
            continue;
        }
        let happened = event.time.unwrap_or(time);
        let event = pawl_domain::Event { time: Some(happened), ..event };
        match engine.preview(event, vec![wish.clone()]).await {
            Ok(previewed) => sample.note(&previewed, &tried, happened),
            Err(EngineError::Rejected(_)) => sample.unjudged += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(sample)
}

/// The newest events of the type, as many as are tried.
async fn recent(
    engine: &Engine,
    event_type: &EventType,
    sample: &mut Sample,
) -> Result<Vec<LoggedEvent>, EngineError> {
    let query = EventQuery {
        event_type: Some(event_type.clone()),
        start_time: Some(engine.options().clock.now().before(REACH)),
    };
    let (mut events, mut before) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = engine.events(query.clone(), before, EVENTS_MAX - events.len()).await?;
        events.extend(page.events);
        before = page.next;
        if before.is_none() || events.len() == EVENTS_MAX {
            break;
        }
    }
    sample.is_cut = before.is_some();
    Ok(events)
}

impl Sample {
    fn note(&mut self, previewed: &Previewed, tried: &Tried<'_>, time: Timestamp) {
        let mut is_elsewhere = true;
        for decision in &previewed.decisions {
            let own = |verdict: &Verdict<'_>| verdict.asked.trigger_id == tried.wish.id;
            let Some(verdict) = decision.verdicts.iter().find(own) else { continue };
            let Some(entity_id) = decision.outcome.entity_id() else { continue };
            is_elsewhere = false;
            let moved = decision.moved().filter(|_| *verdict.result == VerdictResult::Moved);
            let (entity_id, examples) = (
                entity_id.clone(),
                if moved.is_some() {
                    self.moves += 1;
                    self.moved.insert(entity_id.clone());
                    &mut self.examples
                } else {
                    *self.held.entry(tried.kind_of_why(&verdict, entity_id)).or_default() += 1;
                    &mut self.kept
                },
            );
            if examples.len() < EXAMPLES_MAX {
                let became = moved.cloned().ok_or_else(|| tried.why(&verdict, &entity_id));
                examples.push(Example { entity_id, time, became });
            }
        }
        self.elsewhere += usize::from(is_elsewhere);
    }

    pub(super) fn shown(
        &self,
        wish: &NewTrigger,
        pipeline: &Pipeline,
        event_type: &EventType,
        now: Timestamp,
    ) -> Markup {
        if self.tried == 0 {
            return html! {
                p.faint { "No event " code { (event_type) } " came within the last " (span(REACH))
                    @if self.is_cut { ", as far as the log was looked through" }
                    ": there is nothing to try it on." }
            };
        }
        let noun = noun_of(pipeline.kind.as_str());
        let events = count(self.tried, "event", "events");
        let moved = match self.moved.len() {
            0 => format!("no {noun}"),
            number => count(number, noun, &format!("{noun}s")),
        };
        html! {
            p { strong { "It would have moved " (moved) } ", had it been active: tried on "
                @if self.is_cut { "the newest " }
                (events) " " code { (event_type) } " of the last " (span(REACH)) "." }
            ul.plain.counts {
                @if self.moves > self.moved.len() {
                    li { (self.moves) " times in all, some more than once" }
                }
                @for (why, number) in &self.held {
                    li { "Held back " (count(*number, "time", "times")) ": " (why) }
                }
                @if self.elsewhere > 0 {
                    li { (count(self.elsewhere, "event concerns", "events concern")) " nothing that stands in " (crate::page::name_of(pipeline)) }
                }
                @if self.unjudged > 0 {
                    li { (count(self.unjudged, "event", "events")) " cannot be judged: they came along a chain, or would be refused today" }
                }
            }
            @let examples = self.examples.iter().chain(&self.kept).take(EXAMPLES_MAX);
            ul.plain.examples { @for example in examples { (example.shown(wish, pipeline, now)) } }
            p.faint { "Each event is judged by itself, against the " (noun) " as it stands today, not as it "
                "stood when the event came." }
        }
    }
}

impl Example {
    fn shown(&self, wish: &NewTrigger, pipeline: &Pipeline, now: Timestamp) -> Markup {
        let to = stage_of(pipeline, &wish.stage_id);
        html! {
            li {
                a href=(address::entity(&self.entity_id)) { (self.entity_id) }
                " "
                @match &self.became {
                    Ok(moved) => {
                        span.way { (stage_of(pipeline, &moved.from_stage_id)) " → " (to) }
                        " " span.good { "would move" }
                    }
                    Err(why) => span.care { "would stay: " (why) },
                }
                " " span.faint { "event of " (ago(self.time, now)) " ago" }
            }
        }
    }
}
