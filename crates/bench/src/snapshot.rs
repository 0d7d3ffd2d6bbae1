//! What the writer notices of a snapshot of very many entities: the engine alone, with a watch that
//! takes snapshots one after the other, and without, in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use pawl_engine::{Engine, MoveFilter, OnExisting, Start, Step};

use crate::Failure;
use crate::args::Snapshot;
use crate::crowd::{configured, entity, event, now};
use crate::spread::Spread;

/// Entities in one message of the import, and messages under way.
const IMPORTED_AT_ONCE: u64 = 1_000;
const IN_FLIGHT: usize = 8;

/// Measures both in turns and prints the ratios.
pub(crate) async fn run(plan: &Snapshot) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let engine = configured(&dir.path().join("data"), 1).await?;
    let began = now();
    import(&engine, plan.entities).await?;
    println!("{} entities imported in {:.1?}", plan.entities, began.elapsed());
    let (mut spans, mut p50, mut p99, mut worst) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let alone = publish_for(&engine, round * 2, plan).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let taking = tokio::spawn(take_snapshots(engine.clone(), Arc::clone(&stop)));
        let beside = publish_for(&engine, round * 2 + 1, plan).await?;
        stop.store(true, Ordering::Relaxed);
        let taken = taking.await??;
        for (entities, span) in &taken {
            if *entities < plan.entities {
                return Err(format!("a snapshot had {entities} entities").into());
            }
            spans.push(span.as_secs_f64());
        }
        let micros = |histogram: &Histogram<u64>, q| number(histogram.value_at_quantile(q));
        println!(
            "round {round}: publish p50 {} us alone, {} us beside {} snapshots; p99 {} and {} us; \
             longest {} and {} us",
            micros(&alone, 0.5),
            micros(&beside, 0.5),
            taken.len(),
            micros(&alone, 0.99),
            micros(&beside, 0.99),
            alone.max(),
            beside.max()
        );
        p50.push(micros(&beside, 0.5) / micros(&alone, 0.5));
        p99.push(micros(&beside, 0.99) / micros(&alone, 0.99));
        worst.push(number(beside.max()) / 1_000.0);
    }
    println!("a snapshot takes, in seconds: {}", Spread::of(spans));
    println!("publish p50 beside / alone: {}", Spread::of(p50));
    println!("publish p99 beside / alone: {}", Spread::of(p99));
    println!("longest publish beside, in ms: {}", Spread::of(worst));
    engine.stop().await?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn number(micros: u64) -> f64 {
    micros as f64
}

async fn import(engine: &Engine, entities: u64) -> Result<(), Failure> {
    let messages = (0..entities.div_ceil(IMPORTED_AT_ONCE)).map(|message| {
        let first = message * IMPORTED_AT_ONCE;
        let engine = engine.clone();
        async move {
            let some = first..(first + IMPORTED_AT_ONCE).min(entities);
            let some = some.map(entity).collect::<Result<Vec<_>, _>>()?;
            engine.import_entities(some, OnExisting::Skip, None).await?;
            Ok::<_, Failure>(())
        }
    });
    stream::iter(messages).buffer_unordered(IN_FLIGHT).try_collect().await
}

/// Publishes one event after the other, and says how long each took, in microseconds.
async fn publish_for(
    engine: &Engine,
    run: u32,
    plan: &Snapshot,
) -> Result<Histogram<u64>, Failure> {
    let mut taken = Histogram::new(3)?;
    let began = now();
    for number in 0_u64.. {
        let sent = now();
        if sent.duration_since(began) >= plan.seconds {
            break;
        }
        // Spread over all entities.
        let event = event(run, number, number.wrapping_mul(7_919) % plan.entities)?;
        for outcome in engine.publish(vec![event], false).await?.outcomes().await? {
            outcome?;
        }
        taken.record(u64::try_from(sent.elapsed().as_micros())?)?;
    }
    Ok(taken)
}

/// Takes snapshots until it is told to stop, and finishes the last.
async fn take_snapshots(
    engine: Engine,
    stop: Arc<AtomicBool>,
) -> Result<Vec<(u64, Duration)>, Failure> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = now();
        let heartbeat = Duration::from_secs(15);
        let mut watch = engine.watch(&Start::Snapshot, MoveFilter::default(), heartbeat).await?;
        loop {
            match watch.next().await? {
                Step::SnapshotComplete { entities, .. } => {
                    taken.push((entities, began.elapsed()));
                    break;
                }
                Step::Closing { why, .. } => return Err(format!("{why:?}").into()),
                Step::Entities(_) | Step::Stretch { .. } | Step::Heartbeat { .. } => {}
            }
        }
    }
    Ok(taken)
}
