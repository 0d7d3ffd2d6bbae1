//! A backup waits for who takes it, and not for ever: it holds up trimming.

use std::time::Duration;

use pawl_engine::{BACKUP_MAX_TIME, Backup, BackupFailure, EngineError, Retention};
use tokio::time::{Instant, sleep};

use crate::support::{Bed, FOREVER, event, noise};

const PATIENCE: Duration = Duration::from_mins(1);
const AGE: Duration = Duration::from_secs(1_000);

/// A database of a megabyte and more: several blocks.
async fn heavy() -> Bed {
    let bed = Bed::new("a b").await;
    let event = |number| {
        let attributes = noise(30_000);
        pawl_domain::Event { attributes, ..event(&format!("e{number}"), "rain", "deal/1") }
    };
    for outcome in bed.publish_all((0..60).map(event).collect()).await {
        outcome.unwrap();
    }
    bed
}

/// Takes the rest; how many blocks there were, and how it ended.
async fn drain(backup: &mut Backup) -> (usize, Option<BackupFailure>) {
    let mut count = 0;
    loop {
        match backup.next().await {
            Some(Ok(block)) => {
                assert!(block.len() <= 64 * 1_024);
                count += 1;
            }
            Some(Err(failure)) => return (count, Some(failure)),
            None => return (count, None),
        }
    }
}

#[tokio::test]
async fn who_takes_it_gets_all_of_it() {
    let bed = heavy().await;
    let mut backup = bed.engine.backup(PATIENCE);
    let (count, failure) = drain(&mut backup).await;
    assert!(failure.is_none() && count > 20, "{count} blocks, {failure:?}");
    assert!(backup.next().await.is_none(), "it stays at its end");
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_waited_for_as_long_as_the_patience_lasts() {
    let bed = heavy().await;
    let mut backup = bed.engine.backup(PATIENCE);
    assert!(matches!(backup.next().await, Some(Ok(_))));
    // Slowly, and so often that in all it takes longer than the patience lasts.
    for _ in 0..4 {
        sleep(PATIENCE * 3 / 4).await;
        assert!(matches!(backup.next().await, Some(Ok(_))));
    }
    let stopped = Instant::now();
    sleep(PATIENCE * 2).await;
    let (count, failure) = drain(&mut backup).await;
    assert!(count < 10, "{count} blocks lay ready");
    assert!(matches!(failure, Some(BackupFailure::TooSlow { idle: PATIENCE, .. })), "{failure:?}");
    assert_eq!(stopped.elapsed(), PATIENCE * 2);
    assert!(backup.next().await.is_none(), "it stays at its end");
}

#[tokio::test(start_paused = true)]
async fn no_backup_takes_longer_than_a_day() {
    let bed = heavy().await;
    let mut backup = bed.engine.backup(BACKUP_MAX_TIME * 10);
    sleep(BACKUP_MAX_TIME * 99 / 100).await;
    assert!(matches!(backup.next().await, Some(Ok(_))), "it is not over yet");
    sleep(BACKUP_MAX_TIME / 50).await;
    let (_, failure) = drain(&mut backup).await;
    assert!(matches!(failure, Some(BackupFailure::TooSlow { .. })), "{failure:?}");
}

#[tokio::test]
async fn nothing_is_trimmed_while_a_backup_runs() {
    let retention = Retention { max_age: Some(AGE), ..FOREVER };
    let bed = heavy().await.reopen_with(retention).await;
    let mut backup = bed.engine.backup(BACKUP_MAX_TIME);
    assert!(matches!(backup.next().await, Some(Ok(_))));
    let before = bed.engine.retained().await.unwrap();
    bed.hands.advance(AGE * 2);
    bed.publish(event("late", "rain", "deal/1")).await.unwrap();
    // Longer than it takes to look whether something is to be trimmed.
    sleep(Duration::from_millis(2_500)).await;
    let kept = bed.engine.retained().await.unwrap();
    assert_eq!(kept.events, before.events + 1);
    drop(backup);
    while bed.engine.retained().await.unwrap().events > 1 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_stop_ends_it() {
    let bed = heavy().await;
    let mut backup = bed.engine.backup(PATIENCE);
    assert!(matches!(backup.next().await, Some(Ok(_))));
    bed.engine.stop().await.unwrap();
    let (_, failure) = drain(&mut backup).await;
    let stopping = Some(BackupFailure::Engine(EngineError::Stopping));
    assert_eq!(format!("{failure:?}"), format!("{stopping:?}"));
}
