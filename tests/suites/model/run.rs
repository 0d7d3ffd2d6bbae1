//! Does the same to the service and to the model, and finds the first answer that differs.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::Instant;

use pawl_tests::within;

use crate::model::Model;
use crate::service::Service;
use crate::words::{Answer, Decision, Operation};

/// How many operations are under way at a time: they share a commit.
const TOGETHER: usize = 64;
/// When every history begins.
const BEGINNING: u64 = 1_800_000_000;
/// How long shrinking may take.
const SHRINKING: Duration = Duration::from_secs(30);

/// How often what came out.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Where service and model disagree.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) index: usize,
    pub(crate) operation: Operation,
    pub(crate) model: Answer,
    pub(crate) service: Answer,
}

impl Difference {
    /// Both answers; of long ones only what surrounds the first line that differs.
    pub(crate) fn told(&self) -> String {
        let lines = |answer: &Answer| -> Vec<String> {
            format!("{answer:#?}").lines().map(str::to_owned).collect()
        };
        let (model, service) = (lines(&self.model), lines(&self.service));
        let same = model.iter().zip(&service).take_while(|(one, other)| one == other).count();
        let around = |lines: &[String]| {
            let part = lines.iter().skip(same.saturating_sub(20)).take(40);
            part.map(String::as_str).collect::<Vec<_>>().join("\n")
        };
        let (model, service) = (around(&model), around(&service));
        format!("on {:?}\nmodel:\n{model}\nservice:\n{service}", self.operation)
    }
}

/// An operation under way, with what the model says of it.
struct Pending {
    index: usize,
    model: Answer,
    service: Result<Answer, Pin<Box<dyn Future<Output = Answer>>>>,
}

/// Plays a history on a new database; an answer that differs ends it.
pub(crate) async fn play(
    history: &[Operation],
    counts: &mut Counts,
) -> Result<(), Box<Difference>> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut model = Model::new(BEGINNING);
    let mut service = Service::open(directory.path(), BEGINNING).await;
    let mut pending = Vec::new();
    for (index, operation) in history.iter().enumerate() {
        let waits = pending.len() == TOGETHER;
        if waits || !is_queued(operation) {
            settle(history, &mut pending, counts).await?;
        }
        let (made, expected) = (format!("made-{index}"), model.expected(operation));
        let answer = model.apply(operation, &made, expected);
        if *operation == Operation::Reopen {
            service.engine.stop().await.expect("it stops");
            drop(service);
            service = Service::open(directory.path(), model.board.now).await;
        }
        service.wait_until(model.board.now);
        // Unconstrained: the first poll always reaches the queue, so that the order is kept.
        let mut asked: Pin<Box<dyn Future<Output = Answer>>> =
            Box::pin(unconstrained(service.ask(operation.clone(), made, expected)));
        let service = match poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => Err(asked),
        };
        pending.push(Pending { index, model: answer, service });
        if !is_queued(operation) {
            settle(history, &mut pending, counts).await?;
        }
    }
    settle(history, &mut pending, counts).await?;
    service.engine.stop().await.expect("it stops");
    drop(service);
    assert_whole(directory.path());
    Ok(())
}

/// What a history leaves on the disk, reopened again and again, fits together.
fn assert_whole(data: &Path) {
    let scratch = tempfile::tempdir().expect("a directory");
    let report = pawl_store::verify(data, scratch.path(), 20, &mut |_| ()).expect("it opens");
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "the database is not whole:\n{}", findings.join("\n"));
}

/// Whether the service's one writer answers it, in the order asked; else it stands alone.
fn is_queued(operation: &Operation) -> bool {
    !matches!(
        operation,
        Operation::GetEvent(..)
            | Operation::GetTrigger(..)
            | Operation::ListVerdicts(..)
            | Operation::ListMoves(..)
            | Operation::ListEntities(..)
            | Operation::Everything
            | Operation::Wait(_)
            | Operation::Reopen
    )
}

/// Waits for all answers and compares them, in order.
async fn settle(
    history: &[Operation],
    pending: &mut Vec<Pending>,
    counts: &mut Counts,
) -> Result<(), Box<Difference>> {
    for Pending { index, model, service } in pending.drain(..) {
        let service = match service {
            Ok(answer) => answer,
            Err(asked) => within(30, "an answer", asked).await,
        };
        let operation = &history[index];
        if in_any_order(model.clone()) != in_any_order(service.clone()) {
            let operation = operation.clone();
            return Err(Box::new(Difference { index, operation, model, service }));
        }
        count(operation, &model, counts);
    }
    Ok(())
}

/// The rules give verdicts of one decision no order.
fn in_any_order(mut answer: Answer) -> Answer {
    if let Answer::Verdicts(verdicts) = &mut answer {
        let together = verdicts.chunk_by_mut(|one, other| {
            (&one.0, &one.1, one.3, one.5) == (&other.0, &other.1, other.3, other.5)
        });
        for decision in together {
            decision.sort_by(|one, other| one.4.trigger.cmp(&other.4.trigger));
        }
    }
    answer
}

fn count(operation: &Operation, answer: &Answer, counts: &mut Counts) {
    let text = format!("{operation:?}");
    let name = text.split('(').next().unwrap_or_default();
    *counts.entry(format!("operation {name}")).or_default() += 1;
    count_answer(answer, counts);
}

fn count_answer(answer: &Answer, counts: &mut Counts) {
    let mut add = |what: String| *counts.entry(what).or_default() += 1;
    let decisions: &[Decision] = match answer {
        Answer::Refused(why) => {
            // Without the counts and ids that some refusals name.
            let kind = if why.contains("in use") { "in use" } else { why };
            add(format!("refused: {kind}"));
            &[]
        }
        Answer::Many(answers) => {
            for answer in answers {
                count_answer(answer, counts);
            }
            return;
        }
        Answer::Published { duplicate: true, .. } => {
            add("duplicate".to_owned());
            &[]
        }
        Answer::Published { decisions, .. } | Answer::Changed(_, Some(decisions)) => decisions,
        _ => &[],
    };
    for decision in decisions {
        add(format!("outcome {}", decision.outcome));
        for verdict in &decision.verdicts {
            add(format!("verdict {}", verdict.result));
        }
    }
}

/// Leaves out of a history whatever is not needed for it to fail, by halves, while time lasts.
pub(crate) async fn shrink(
    history: &[Operation],
    difference: Box<Difference>,
) -> (Vec<Operation>, Box<Difference>) {
    let start = Instant::now();
    let mut smallest = history[..=difference.index].to_vec();
    let mut last = difference;
    let mut part = smallest.len().div_ceil(2);
    loop {
        let mut at = 0;
        let mut found = false;
        while at < smallest.len() {
            if start.elapsed() > SHRINKING {
                return (smallest, last);
            }
            let mut fewer = smallest.clone();
            fewer.drain(at..(at + part).min(smallest.len()));
            match play(&fewer, &mut Counts::new()).await {
                Ok(()) => at += part,
                Err(difference) => {
                    fewer.truncate(difference.index + 1);
                    (smallest, last, found) = (fewer, difference, true);
                }
            }
        }
        if part == 1 && !found {
            return (smallest, last);
        }
        part = part.div_ceil(2);
    }
}
