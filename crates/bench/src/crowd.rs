//! What an event costs beside very many triggers: the engine alone, two of them in turns.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, TryStreamExt, stream};
use pawl_domain::{
    Changes, Color, CustomerReach, DisplayName, EntityId, Event, Fields, Limits, NewEntity,
    NewPipeline, NewTrigger, Rejection, Semantics, Stage, Stages, Subject, TriggerSelection,
    TriggerState,
};
use pawl_engine::{Clock, DEFAULT_STALL_AFTER, Engine, OnExisting, Options, Reserve, Retention};

use crate::Failure;
use crate::args::Crowd;
use crate::memory::resident_bytes;
use crate::spread::Spread;

/// Triggers on each pipeline, and how many of them listen to what is published.
const TRIGGERS_PER_PIPELINE: u64 = 100;
const LISTENING: u64 = 10;
const ENTITIES: u64 = 1_000;
/// Changes of the configuration under way at a time.
const IN_FLIGHT: usize = 1_024;
const PUBLISHED: &str = "payment.received";
const OTHER: &str = "email.viewed";

/// Measures both configurations in turns and prints the ratio.
pub(crate) async fn run(plan: &Crowd) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let alone = configured(&dir.path().join("alone"), 1).await?;
    let before = resident_bytes(std::process::id())?;
    let began = now();
    let pipelines = plan.triggers / TRIGGERS_PER_PIPELINE;
    let crowded = configured(&dir.path().join("crowded"), pipelines).await?;
    let took = began.elapsed();
    let grown = resident_bytes(std::process::id())?.saturating_sub(before);
    println!(
        "{pipelines} pipelines with {} triggers made in {took:.1?}; memory grew by {} MiB, {} bytes \
         a trigger (with the store's cache)",
        plan.triggers,
        grown / (1 << 20),
        grown / plan.triggers
    );
    let mut ratios = Vec::new();
    for round in 0..plan.rounds {
        // Who goes first takes turns too.
        let mut spans = [Duration::ZERO; 2];
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            let engine = [&alone, &crowded][which];
            spans[which] = publish(engine, round, plan.events).await?;
        }
        let ratio = spans[1].as_secs_f64() / spans[0].as_secs_f64();
        let per_event = spans.map(|span| span / u32::try_from(plan.events).unwrap_or(u32::MAX));
        println!("round {round}: {:?} alone, {:?} crowded, {ratio:.3}", per_event[0], per_event[1]);
        ratios.push(ratio);
    }
    println!("crowded / alone: {}", Spread::of(ratios));
    for engine in [alone, crowded] {
        engine.stop().await?;
    }
    let began = now();
    let again = start(&dir.path().join("crowded"))?;
    println!("opened again in {:.1?}, {} triggers", began.elapsed(), again.counts().triggers);
    again.stop().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn start(dir: &Path) -> Result<Engine, Failure> {
    #[expect(clippy::disallowed_methods, reason = "the edge is where the time comes in")]
    let clock = Clock::steady(SystemTime::now);
    let (dedupe_window, retention) = (Duration::from_hours(24), Retention::default());
    let (reserve, stall_after) = (Reserve::none(), DEFAULT_STALL_AFTER);
    let limits = Limits::default();
    let options = Options { clock, dedupe_window, retention, reserve, stall_after, limits };
    Ok(Engine::start(dir, options)?)
}

/// An engine with so many pipelines, alike; the entities stand in the first.
pub(crate) async fn configured(dir: &Path, pipelines: u64) -> Result<Engine, Failure> {
    let engine = start(dir)?;
    let made = stream::iter(0..pipelines).map(|number| {
        let engine = engine.clone();
        async move { engine.create_pipeline(pipeline(number)?, None, false).await.map(drop) }
    });
    made.buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
    let triggers = stream::iter(0..pipelines * TRIGGERS_PER_PIPELINE).map(|number| {
        let engine = engine.clone();
        async move { engine.create_trigger(trigger(number)?, None, false).await.map(drop) }
    });
    triggers.buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
    let entities = (0..ENTITIES).map(entity).collect::<Result<_, _>>()?;
    engine.import_entities(entities, OnExisting::Fail, None).await?;
    Ok(engine)
}

fn pipeline(number: u64) -> Result<NewPipeline, Rejection> {
    let stage = |id: &str| {
        Ok(Stage {
            id: id.parse()?,
            display_name: DisplayName::default(),
            semantics: Semantics::Open,
            color: Color::default(),
        })
    };
    let stages = ["new", "offer", "order"].map(stage).into_iter().collect::<Result<_, Rejection>>();
    Ok(NewPipeline {
        id: format!("p{number}").parse()?,
        display_name: DisplayName::default(),
        kind: "deal".parse()?,
        stages: Stages::parse("stages", stages?)?,
        selection: TriggerSelection::NextStage,
        reach: CustomerReach::Latest,
    })
}

/// Of those that listen, the first two move entities back and forth and the others may not.
fn trigger(number: u64) -> Result<NewTrigger, Rejection> {
    let index = number % TRIGGERS_PER_PIPELINE;
    let stage = match index {
        0 => "offer",
        1 => "order",
        _ => "new",
    };
    Ok(NewTrigger {
        id: format!("t{number}").parse()?,
        pipeline_id: format!("p{}", number / TRIGGERS_PER_PIPELINE).parse()?,
        stage_id: stage.parse()?,
        display_name: DisplayName::default(),
        type_code: if index < LISTENING { PUBLISHED } else { OTHER }.parse()?,
        parameters: Fields::default(),
        filter: None,
        allow_move_back: index < 2,
        allow_reopen: false,
        state: TriggerState::Active,
    })
}

pub(crate) fn entity(number: u64) -> Result<NewEntity, Rejection> {
    Ok(NewEntity {
        id: format!("deal/{number}").parse()?,
        pipeline_id: "p0".parse()?,
        stage_id: Some("offer".parse()?),
        display_name: DisplayName::default(),
        responsible: None,
        customer_ids: Vec::new(),
        parent_ids: Vec::new(),
        fields: Fields::default(),
    })
}

/// An event of a round, about one deal.
pub(crate) fn event(round: u32, number: u64, deal: u64) -> Result<Event, Rejection> {
    let subject: EntityId = format!("deal/{deal}").parse()?;
    Ok(Event {
        id: format!("{round}-{number}").parse()?,
        source: "bench".parse()?,
        event_type: PUBLISHED.parse()?,
        time: None,
        actor: None,
        subjects: vec![Subject::Entity(subject)],
        attributes: Fields::default(),
        changes: Changes::default(),
    })
}

/// How long it takes until all events of a round are durable.
async fn publish(engine: &Engine, round: u32, count: u64) -> Result<Duration, Failure> {
    let events = (0..count).map(|number| event(round, number, number % ENTITIES));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let began = now();
    let outcomes = engine.publish(events, false).await?.outcomes().await?;
    let took = began.elapsed();
    match outcomes.into_iter().find_map(Result::err) {
        Some(rejection) => Err(rejection.into()),
        None => Ok(took),
    }
}
