use std::mem;

use indicatif::ProgressBar;
use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::args::{ImportArgs, OnExisting};
use crate::client::{ServerError, Target};
use crate::failure::Failure;
use crate::ndjson::{LINE_MAX_BYTES, Line, Source};
use crate::output::print;
use crate::publish::per_second;

/// How many messages wait to be sent.
const MESSAGES_AHEAD: usize = 4;

/// `pawl entity import`: an entity in each line, in messages that are imported as a whole.
pub(crate) async fn run(args: ImportArgs, target: &Target) -> Result<(), Failure> {
    let source = Source::open(&args.file)?;
    let mut client = EntityServiceClient::new(target.connect().await?);
    let started = Instant::now();
    let mut batches = Batches::new(&args, &source);
    let entities = source.read("pawl.v1.Entity")?;

    let (messages, outgoing) = mpsc::channel(MESSAGES_AHEAD);
    let (answer, unreadable) = tokio::join!(
        client.import_entities(ReceiverStream::new(outgoing)),
        batches.send_all(entities, messages),
    );
    batches.progress.finish_and_clear();
    let answer = answer.map_err(|status| batches.explain(status.into()))?.into_inner();
    let took = started.elapsed();
    print(&format!(
        "created {}, skipped {}, in {:.2} s ({}/s)\n",
        answer.created_count,
        answer.skipped_count,
        took.as_secs_f64(),
        per_second(batches.entities, took),
    ))?;
    unreadable.map_or(Ok(()), Err)
}

/// Where the entities of one message stood.
#[derive(Debug, Default, Clone, Copy)]
struct Lines {
    first: u64,
    last: u64,
    count: u64,
}

/// Entities on their way into messages.
struct Batches {
    file: String,
    progress: ProgressBar,
    entities_per_message: usize,
    on_existing: pb::OnExisting,
    /// Of each message sent: the server counts messages where people count lines.
    sent: Vec<Lines>,
    /// How many entities were sent.
    entities: u64,
    filling: Vec<pb::Entity>,
    filling_bytes: usize,
    filling_lines: Lines,
}

impl Batches {
    fn new(args: &ImportArgs, source: &Source) -> Self {
        Self {
            file: source.name().to_owned(),
            progress: source.progress(),
            entities_per_message: args.batch as usize,
            on_existing: match args.on_existing {
                OnExisting::Fail => pb::OnExisting::Fail,
                OnExisting::Skip => pb::OnExisting::Skip,
            },
            sent: Vec::new(),
            entities: 0,
            filling: Vec::new(),
            filling_bytes: 0,
            filling_lines: Lines::default(),
        }
    }

    /// Sends until the file or the call ends. What cannot be read is given back; all that stands
    /// before it is sent.
    async fn send_all(
        &mut self,
        mut lines: mpsc::Receiver<Result<Line<pb::Entity>, Failure>>,
        messages: mpsc::Sender<pb::ImportEntitiesRequest>,
    ) -> Option<Failure> {
        loop {
            let line = tokio::select! {
                line = lines.recv() => line,
                // The server has refused: do not wait for a line that may never come.
                () = messages.closed() => return None,
            };
            match line {
                Some(Ok(line)) => {
                    if self.is_full_for(&line) {
                        self.send(&messages).await;
                    }
                    self.add(line);
                }
                end => {
                    if !self.filling.is_empty() {
                        self.send(&messages).await;
                    }
                    return end.and_then(Result::err);
                }
            }
        }
    }

    fn is_full_for(&self, line: &Line<pb::Entity>) -> bool {
        self.filling.len() == self.entities_per_message
            || self.filling_bytes + line.bytes > LINE_MAX_BYTES
    }

    fn add(&mut self, line: Line<pb::Entity>) {
        let lines = &mut self.filling_lines;
        if lines.count == 0 {
            lines.first = line.number;
        }
        lines.last = line.number;
        lines.count += 1;
        self.filling_bytes += line.bytes;
        self.filling.push(line.message);
    }

    async fn send(&mut self, messages: &mpsc::Sender<pb::ImportEntitiesRequest>) {
        let message = pb::ImportEntitiesRequest {
            entities: mem::take(&mut self.filling),
            on_existing: self.on_existing.into(),
            request_id: String::new(),
        };
        self.filling_bytes = 0;
        let lines = mem::take(&mut self.filling_lines);
        self.entities += lines.count;
        self.sent.push(lines);
        // Fails only when the call has ended: then its answer tells why.
        let _ = messages.send(message).await;
        if !self.progress.is_hidden() {
            self.progress.set_message(format!("{} entities", self.entities));
        }
    }

    /// Tells in lines how far the import came.
    fn explain(&self, error: ServerError) -> Failure {
        let applied = error.metadata("applied_messages").and_then(|count| count.parse().ok());
        let refused = applied.and_then(|applied: usize| self.sent.get(applied));
        let Some(lines) = refused else {
            let advice = "\n  it is not known how much was imported; \
                          import again with --on-existing skip";
            return Failure::At { what: self.file.clone(), error, advice: advice.to_owned() };
        };
        let place = match error.fields().first().and_then(|field| lines.of(field)) {
            Some(line) => format!("line {line}"),
            None if lines.first == lines.last => format!("line {}", lines.first),
            None => format!("lines {} to {}", lines.first, lines.last),
        };
        let mut advice = match applied {
            Some(0) => "\n  nothing was imported".to_owned(),
            _ => format!("\n  what stands before line {} was imported, no more", lines.first),
        };
        if error.code() == Code::AlreadyExists {
            advice.push_str("; --on-existing skip leaves alone what exists");
        }
        Failure::At { what: format!("{}, {place}", self.file), error, advice }
    }
}

impl Lines {
    /// The line of the entity that holds a field such as `entities[3].stage_id`, if no blank lines
    /// are in the way.
    fn of(&self, field: &str) -> Option<u64> {
        let (index, _) = field.strip_prefix("entities[")?.split_once(']')?;
        let index: u64 = index.parse().ok()?;
        let is_dense = self.last - self.first + 1 == self.count;
        (is_dense && index < self.count).then_some(self.first + index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_leads_to_its_line() {
        let lines = Lines { first: 11, last: 20, count: 10 };
        assert_eq!(lines.of("entities[3].stage_id"), Some(14));
        assert_eq!(lines.of("entities[10].stage_id"), None);
        assert_eq!(lines.of("on_existing"), None);
        assert_eq!(Lines { last: 21, ..lines }.of("entities[3].stage_id"), None);
    }
}
