//! A test bed: an engine on a directory of its own, with a clock that stands still.
//!
//! Boards and triggers read as in the domain's tests: `a b W+ L-`, `c/back/reopen`.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_domain::{
    Changes, Color, CustomerReach, Decision, Direction, DisplayName, Entity, EntityPatch,
    EntityPlace, Event, Fields, Limits, Move, MoveId, NewEntity, NewPipeline, NewTrigger,
    NewTriggerType, Outcome, Pipeline, Prose, Rejection, Semantics, Stage, Stages, Subject,
    Timestamp, Trigger, TriggerSelection, TriggerState, Value, VerdictResult,
};
use pawl_engine::{
    Changed, Clock, Engine, EngineError, MoveByHand, Options, Published, Record, RequestIdentity,
    Reserve, Retention, Start, SystemTime, Told, UpdateByHand,
};
use tempfile::TempDir;

use crate::watched::{WatchedMove, to_head};

/// For how long identities are remembered.
pub(crate) const WINDOW: Duration = Duration::from_secs(100);
/// The last moment of the window.
pub(crate) const WITHIN: Duration = Duration::new(99, 999_999_999);
pub(crate) const NANOSECOND: Duration = Duration::from_nanos(1);
/// No heartbeat while a test runs.
pub(crate) const NEVER: Duration = Duration::from_hours(24);

/// Any id or name.
pub(crate) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A field of so many bytes in which nothing repeats itself, so that it is not compressed.
pub(crate) fn noise(bytes: usize) -> Fields {
    let text = (0..bytes).map(|_| fastrand::alphanumeric()).collect();
    Fields::parse("f", [("text".to_owned(), Value::Text(text))].into_iter().collect()).unwrap()
}

/// Nanoseconds since the epoch, and since some moment, moved by hand.
#[derive(Clone)]
pub(crate) struct Hands {
    wall: Arc<AtomicU64>,
    elapsed: Arc<AtomicU64>,
}

impl Hands {
    fn new() -> Self {
        let start = Arc::new(AtomicU64::new(2_000_000_000_000_000_000));
        Self { wall: start, elapsed: Arc::default() }
    }

    /// Time passes.
    pub(crate) fn advance(&self, by: Duration) {
        self.elapsed.fetch_add(in_nanos(by), Ordering::SeqCst);
        self.set_ahead(by);
    }

    /// Somebody sets the clock.
    pub(crate) fn set_ahead(&self, by: Duration) {
        self.wall.fetch_add(in_nanos(by), Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.wall.fetch_sub(in_nanos(by), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::since_epoch(read_nanos(&self.wall))
    }

    fn clock(&self) -> Clock {
        let (wall, elapsed) = (Arc::clone(&self.wall), Arc::clone(&self.elapsed));
        Clock::new(move || SystemTime::UNIX_EPOCH + read_nanos(&wall), move || read_nanos(&elapsed))
    }
}

fn in_nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap()
}

fn read_nanos(of: &AtomicU64) -> Duration {
    Duration::from_nanos(of.load(Ordering::SeqCst))
}

/// An engine on its own directory.
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    pub(crate) hands: Hands,
    dir: TempDir,
}

impl Bed {
    /// Nothing in it.
    pub(crate) fn empty() -> Self {
        let dir = TempDir::new().unwrap();
        let hands = Hands::new();
        Self { engine: start(&dir.path().join("data"), &hands), hands, dir }
    }

    /// A pipeline `sales` for deals and the type `mail.opened`.
    pub(crate) async fn new(board: &str) -> Self {
        let bed = Self::empty();
        bed.engine.create_pipeline(pipeline("sales", "deal", board), None, false).await.unwrap();
        bed.engine.create_trigger_type(trigger_type("mail.opened"), None, false).await.unwrap();
        bed
    }

    /// Stops the engine and starts another on the same directory.
    pub(crate) async fn reopen(self) -> Self {
        self.reopen_as(|_| {}).await
    }

    /// The same with a retention.
    pub(crate) async fn reopen_with(self, retention: Retention) -> Self {
        self.reopen_as(|options| options.retention = retention).await
    }

    /// The same with other options.
    pub(crate) async fn reopen_as(self, change: impl FnOnce(&mut Options)) -> Self {
        let Self { engine, hands, dir } = self;
        engine.stop().await.unwrap();
        drop(engine);
        Self { engine: start_as(&dir.path().join("data"), &hands, change), hands, dir }
    }

    /// What lies in the database's main file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.dir.path().join("data/sled/db")).unwrap()
    }

    /// A copy of the directory, as a backup would be; the engine must have stopped.
    pub(crate) fn copied(&self, name: &str) -> PathBuf {
        let copy = self.dir.path().join(name);
        copy_dir(&self.dir.path().join("data"), &copy);
        copy
    }

    pub(crate) async fn trigger(&self, name: &str, text: &str) -> Trigger {
        self.engine.create_trigger(trigger(name, text), None, false).await.unwrap()
    }

    pub(crate) async fn entity(&self, name: &str, stage: &str) -> Entity {
        self.engine.create_entity(entity_on(name, stage), None).await.unwrap()
    }

    /// Where an entity stands, with its revision.
    pub(crate) async fn place(&self, name: &str) -> String {
        let entity = self.engine.entity(id(name)).await.unwrap();
        format!("{}/{} r{}", entity.pipeline_id, entity.stage_id, entity.version.revision)
    }

    pub(crate) async fn publish_all(
        &self,
        events: Vec<Event>,
    ) -> Vec<Result<Published, Rejection>> {
        self.engine.publish(events, false).await.unwrap().outcomes().await.unwrap()
    }

    pub(crate) async fn publish(&self, event: Event) -> Result<Published, Rejection> {
        self.publish_all(vec![event]).await.remove(0)
    }

    /// Publishes `mail.opened` and reads what came of it.
    pub(crate) async fn viewed(&self, name: &str, subjects: &str) -> String {
        read(&self.publish(viewed(name, subjects)).await.unwrap().record)
    }

    /// Moves by hand to `stage` or `pipeline/stage`.
    pub(crate) async fn move_by_hand(
        &self,
        name: &str,
        place: &str,
        expected_revision: i64,
        request: Option<RequestIdentity>,
    ) -> Result<Changed, EngineError> {
        let (pipeline, stage) = match place.split_once('/') {
            Some((pipeline, stage)) => (Some(id(pipeline)), stage),
            None => (None, place),
        };
        let next = self.engine.head().sequence + 1;
        let wish = MoveByHand {
            id: id(name),
            place: EntityPlace { pipeline_id: pipeline, stage_id: id(stage) },
            actor: Some(id("bob")),
            comment: Prose::default(),
            event_id: id(&format!("move-{next}")),
            expected_revision,
        };
        self.engine.move_entity(wish, request, false).await
    }

    /// Updates an entity; each update is an event of its own name.
    pub(crate) async fn update(
        &self,
        name: &str,
        patch: EntityPatch,
        expected_revision: i64,
        request: Option<RequestIdentity>,
    ) -> Result<Changed, EngineError> {
        let event_id = id(&format!("update-{}", self.engine.head().sequence + 1));
        let wish = UpdateByHand { id: id(name), patch, actor: None, event_id, expected_revision };
        self.engine.update_entity(wish, request, false).await
    }

    /// All moves from `start` to the head, and the token behind them.
    pub(crate) async fn watched(&self, start: Start) -> (Vec<WatchedMove>, Vec<u8>) {
        let show = pawl_engine::MoveFilter::default();
        let watch = self.engine.watch(&start, show, Duration::ZERO).await;
        to_head(&mut watch.unwrap()).await
    }
}

/// Nothing is ever trimmed.
pub(crate) const FOREVER: Retention =
    Retention { max_age: None, max_bytes: None, max_identities: u64::MAX };

pub(crate) fn start(data: &Path, hands: &Hands) -> Engine {
    start_as(data, hands, |_| {})
}

fn start_as(data: &Path, hands: &Hands, change: impl FnOnce(&mut Options)) -> Engine {
    let mut options = Options {
        clock: hands.clock(),
        dedupe_window: WINDOW,
        retention: FOREVER,
        reserve: Reserve::none(),
        stall_after: NEVER,
        limits: Limits::default(),
    };
    change(&mut options);
    Engine::start(data, options).unwrap()
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_dir(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

pub(crate) fn stages(board: &str) -> Stages {
    let stage = |text: &str| Stage {
        id: id(text.trim_end_matches(['+', '-'])),
        display_name: DisplayName::default(),
        semantics: match text.chars().last() {
            Some('+') => Semantics::Won,
            Some('-') => Semantics::Lost,
            _ => Semantics::Open,
        },
        color: Color::default(),
    };
    Stages::parse("stages", board.split_whitespace().map(stage).collect()).unwrap()
}

pub(crate) fn pipeline(name: &str, kind: &str, board: &str) -> NewPipeline {
    NewPipeline {
        id: id(name),
        display_name: DisplayName::default(),
        kind: id(kind),
        stages: stages(board),
        selection: TriggerSelection::default(),
        reach: CustomerReach::default(),
    }
}

/// A type that listens to the event of its own name.
pub(crate) fn trigger_type(code: &str) -> NewTriggerType {
    NewTriggerType {
        code: id(code),
        section: DisplayName::default(),
        title: DisplayName::default(),
        description: Prose::default(),
        event_type: id(code),
        parameters: Vec::new(),
        kinds: Vec::new(),
    }
}

/// On `sales`, of the type `mail.opened`, or the one after a colon: `b:phone.missed`.
pub(crate) fn trigger(name: &str, text: &str) -> NewTrigger {
    let (text, code) = text.split_once(':').unwrap_or((text, "mail.opened"));
    let stage = text.split('/').next().unwrap();
    let state = if text.contains("/paused") { TriggerState::Paused } else { TriggerState::Active };
    NewTrigger {
        id: id(name),
        pipeline_id: id("sales"),
        stage_id: id(stage),
        display_name: DisplayName::default(),
        type_code: id(code),
        parameters: Fields::default(),
        filter: None,
        allow_move_back: text.contains("/back"),
        allow_reopen: text.contains("/reopen"),
        state,
    }
}

pub(crate) fn entity_on(name: &str, stage: &str) -> NewEntity {
    NewEntity {
        id: id(name),
        pipeline_id: id("sales"),
        stage_id: Some(id(stage)),
        display_name: DisplayName::default(),
        responsible: Some(id("ann")),
        customer_ids: Vec::new(),
        parent_ids: Vec::new(),
        fields: Fields::default(),
    }
}

/// An event of the source `mail` about entities.
pub(crate) fn event(name: &str, event_type: &str, subjects: &str) -> Event {
    Event {
        id: id(name),
        source: id("mail"),
        event_type: id(event_type),
        time: None,
        actor: None,
        subjects: subjects
            .split_whitespace()
            .map(|subject| Subject::parse("subjects", subject).unwrap())
            .collect(),
        attributes: Fields::default(),
        changes: Changes::default(),
    }
}

pub(crate) fn viewed(name: &str, subjects: &str) -> Event {
    event(name, "mail.opened", subjects)
}

pub(crate) fn request(name: &str, fingerprint: u64) -> RequestIdentity {
    RequestIdentity { id: id(name), fingerprint }
}

/// The moves of a record, each with its id.
pub(crate) fn moves(record: &Record) -> Vec<(MoveId, Move)> {
    let id = |index| MoveId { sequence: record.sequence, index };
    (0..).zip(record.moves()).map(|(index, moved)| (id(index), moved.clone())).collect()
}

/// `deal/1 a>b by t1@1; deal/2 stays [PAUSED]`.
pub(crate) fn read(record: &Record) -> String {
    let words: Vec<String> = record.decisions().iter().map(read_decision).collect();
    words.join("; ")
}

fn read_decision(decision: &Decision) -> String {
    let id = decision.outcome.entity_id().map(ToString::to_string).unwrap_or_default();
    match &decision.outcome {
        Outcome::Moved(moved) => format!("{id} {}", read_move(moved)),
        Outcome::NotMoved(_) => {
            let word = |verdict: pawl_domain::Verdict<'_>| match verdict.result {
                VerdictResult::WouldMove => "WOULD_MOVE",
                VerdictResult::ParametersDiffer(_) => "PARAMETERS_DIFFER",
                VerdictResult::FilterFalse(_) => "FILTER_FALSE",
                VerdictResult::EvaluationError(_) => "EVALUATION_ERROR",
                VerdictResult::Loop => "LOOP",
                VerdictResult::HopLimit => "HOP_LIMIT",
                VerdictResult::Moved => "MOVED",
                VerdictResult::Paused => "PAUSED",
                VerdictResult::SameStage => "SAME_STAGE",
                VerdictResult::EntityClosed => "ENTITY_CLOSED",
                VerdictResult::WouldMoveBack => "WOULD_MOVE_BACK",
                VerdictResult::Outranked => "OUTRANKED",
            };
            let words: Vec<_> = decision.verdicts.iter().map(word).collect();
            format!("{id} stays [{}]", words.join(" "))
        }
        Outcome::NoTrigger(_) => format!("{id} NO_TRIGGER"),
        Outcome::EntityNotFound(_) => format!("{id} NOT_FOUND"),
        Outcome::NotReached => format!("{} NOT_REACHED", decision.subject),
    }
}

pub(crate) fn read_move(moved: &Move) -> String {
    let arrow = match moved.direction {
        Some(Direction::Forward) => '>',
        Some(Direction::Backward) => '<',
        None => '~',
    };
    let by = match &moved.cause {
        pawl_domain::Cause::Trigger { trigger_id, trigger_revision, .. } => {
            format!("{trigger_id}@{trigger_revision}")
        }
        pawl_domain::Cause::Manual { .. } => "hand".to_owned(),
    };
    format!("{}{arrow}{} by {by}", moved.from_stage_id, moved.to_stage_id)
}

/// The rejection in an engine's answer, in words.
pub(crate) fn refused<T: Debug>(result: Result<T, EngineError>) -> String {
    match result {
        Err(EngineError::Rejected(rejection)) => rejection.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

/// The record that a change through the service made.
pub(crate) fn record(changed: &Changed) -> Arc<Record> {
    match &changed.told {
        Some(Told::Published(published)) => Arc::clone(&published.record),
        other => panic!("no record: {other:?}"),
    }
}

/// Which revision of a pipeline this is.
pub(crate) fn revision(pipeline: &Pipeline) -> i64 {
    pipeline.version.revision
}
