//! One directory from its making to its end: loaded, killed, started again, checked, and so on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Client, Port, Server, earliest, entity, is_refusal, within};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::book::Book;
use crate::call::Call;
use crate::check::{self, Depth};
use crate::load::{self, Shared};
use crate::scenario::stage::Stage;
use crate::scenario::watchers::{Temper, Watcher};
use crate::scenario::whole::assert_whole;
use crate::scenario::world::World;
use crate::transcript::{Start, Transcript};
use crate::truth::Span;
use crate::validator::validate;

/// Longer than anything takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 120;
/// For how long a server that does not trim remembers identities, as it does unless told otherwise.
const WINDOW: Duration = Duration::from_hours(24);
/// The same for one that trims, which it does to nothing younger: longer than a start takes.
const SHORT_WINDOW: Duration = Duration::from_secs(5);
/// An identity is taken for remembered as long as it will be for so long.
pub(crate) const MARGIN: Duration = Duration::from_secs(3);
/// What a server that trims keeps of the log.
const RETENTION_BYTES: &str = "200KiB";
/// Connections that the load shares.
const CONNECTIONS: usize = 4;
/// Events that are acknowledged, at most, between a start and a kill.
const LIFE_EVENTS: usize = 1_000;
/// How long a kill waits for a trim. Without one it comes all the same.
const TRIM_PATIENCE: Duration = Duration::from_secs(3);
/// One acknowledged event in so many is published in the end with other content.
const FORGED_EVERY: usize = 20;

/// How often what was seen.
pub(crate) type Counts = BTreeMap<&'static str, usize>;

/// What becomes of one directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) seed: u64,
    pub(crate) kills: usize,
    pub(crate) trims: bool,
    /// No life begins later.
    pub(crate) until: Instant,
}

struct Run {
    course: Course,
    rng: Rng,
    stage: Arc<Stage>,
    world: Arc<World>,
    book: Arc<Mutex<Book>>,
    server: Server,
    counts: Counts,
    /// How long the last start took.
    start: Duration,
    lives: usize,
}

/// Runs a course to its end.
pub(crate) async fn run(course: Course) -> Counts {
    let mut rng = Rng::with_seed(course.seed);
    let stage = Arc::new(Stage::new());
    let sizes = [("deal", 120..=160), ("lead", 30..=50), ("invoice", 30..=50)];
    let world = Arc::new(World::of(sizes, &mut rng));
    let window = if course.trims { SHORT_WINDOW } else { WINDOW };
    let book = Arc::new(Mutex::new(Book::new(Arc::clone(&stage), window)));
    let seconds = format!("{}s", window.as_secs());
    let mut args = vec!["--dedupe-window", &seconds];
    if course.trims {
        args.extend(["--retention-bytes", RETENTION_BYTES]);
    }
    let began = Instant::now();
    let server = Server::start_with(&args).await;
    let (counts, start) = (Counts::new(), began.elapsed());
    let mut run = Run { course, rng, stage, world, book, server, counts, start, lives: 0 };
    run.set_up().await;
    let watchers = run.watchers();
    while run.count("kills") < course.kills && Instant::now() < course.until {
        run.live().await;
        run.start_again().await;
        run.resolve_and_check(Depth::Recent).await;
    }
    run.finish(watchers).await;
    run.counts
}

impl Run {
    fn add(&mut self, what: &'static str, count: usize) {
        *self.counts.entry(what).or_default() += count;
    }

    fn count(&self, what: &'static str) -> usize {
        self.counts.get(what).copied().unwrap_or_default()
    }

    fn shared(&self) -> Shared {
        Shared {
            book: Arc::clone(&self.book),
            world: Arc::clone(&self.world),
            killing: Arc::new(AtomicBool::new(false)),
            trims: self.course.trims,
            life: self.lives,
        }
    }

    async fn set_up(&mut self) {
        self.stage.listens(Some(self.server.address()));
        let client = self.server.client().await;
        self.world.set_up(&client).await;
        let triggers = client.all_triggers().await.expect("triggers are listed");
        let pipelines = client.all_pipelines().await.expect("pipelines are listed");
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        for trigger in &triggers {
            book.trigger(trigger);
        }
        for pipeline in &pipelines {
            book.pipeline(pipeline);
        }
    }

    /// Two who see everything, from the first move and from the entities on, across all kills.
    fn watchers(&mut self) -> Vec<JoinHandle<Transcript>> {
        let watchers = [(Start::Earliest, false), (Start::Snapshot, true)];
        let watch = |(start, with_entities)| {
            let (stage, world) = (Arc::clone(&self.stage), Arc::clone(&self.world));
            let (rng, filter) = (self.rng.fork(), pb::MoveFilter::default());
            let watcher =
                Watcher::new(stage, world, rng, Temper::Eager, start, filter, with_entities);
            tokio::spawn(watcher.run())
        };
        watchers.into_iter().map(watch).collect()
    }

    /// Loads the server, and kills it.
    async fn live(&mut self) {
        self.lives += 1;
        let shared = self.shared();
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(self.server.client().await);
        }
        let mut load = load::start(&shared, &clients, &mut self.rng);
        let events = match self.rng.u32(..10) {
            0 => self.rng.usize(..20),
            1..3 => self.rng.usize(20..200),
            _ => self.rng.usize(200..LIFE_EVENTS),
        };
        let target = shared.book().answers + events;
        let waits_for_trim = self.course.trims && self.rng.bool();
        let moment = async {
            self.stage.progressed(target).await;
            waits_for_trim && tokio::time::timeout(TRIM_PATIENCE, trims(&clients[0])).await.is_ok()
        };
        let trimming = tokio::select! {
            trimming = within(PATIENCE_S, "the load gets on", moment) => trimming,
            ended = load.join_next() => {
                panic!("the load ends: {ended:?}\n{}", self.server.log().join("\n"))
            }
        };
        self.kill(&shared).await;
        while let Some(ended) = within(PATIENCE_S, "the load ends", load.join_next()).await {
            ended.unwrap_or_else(|failed| panic!("seed {}: {failed}", self.course.seed));
        }
        let unanswered = shared.book().unanswered.iter().filter(|one| one.call.is_event()).count();
        self.add("kills", 1);
        self.add("kills under load", 1);
        self.add("kills with events unanswered", usize::from(unanswered > 0));
        self.add("kills while the log was trimmed", usize::from(trimming));
        self.add("events unanswered", unanswered);
    }

    async fn kill(&mut self, shared: &Shared) {
        let complaint = |line: &String| line.contains("ERROR") || line.contains("panicked");
        let complaints: Vec<_> = self.server.log().into_iter().filter(complaint).collect();
        assert_eq!(complaints, Vec::<String>::new());
        let from = self.stage.now();
        shared.killing.store(true, Ordering::SeqCst);
        self.server.kill_9().await;
        self.stage.listens(None);
        self.stage.ledger().killed(from, self.stage.now());
    }

    /// Starts the server again, now and then in several attempts.
    async fn start_again(&mut self) {
        while self.count("kills") < self.course.kills && self.rng.u32(..6) == 0 {
            let after = self.start.mul_f64(self.rng.f64());
            let came_so_far = self.server.restart_and_kill(after).await;
            self.add("kills", 1);
            self.add("kills while starting", usize::from(!came_so_far));
        }
        let began = Instant::now();
        self.server.restart(Port::Any).await;
        self.start = began.elapsed();
        self.stage.listens(Some(self.server.address()));
    }

    async fn resolve_and_check(&mut self, depth: Depth) -> Client {
        let client = self.server.client().await;
        let shared = self.shared();
        let check::Resolved { done, new } = check::resolve(&client, &shared).await;
        self.add("events unanswered that were done", done);
        self.add("events unanswered that were not done", new);
        let looked_at = check::check(&client, &shared, depth).await;
        self.add("events looked at", looked_at);
        client
    }

    /// Checks everything once more, and what was watched.
    async fn finish(&mut self, watchers: Vec<JoinHandle<Transcript>>) {
        let client = self.resolve_and_check(Depth::All).await;
        let shared = self.shared();
        let looked_at = check::revisions(&client, &shared).await;
        self.add("revisions of triggers", looked_at);
        let told = shared.book().told.clone();
        let events: Vec<_> = told.into_iter().filter_map(|told| told.event).collect();
        self.add("events acknowledged", events.len());
        let some: Vec<_> = events.iter().step_by(FORGED_EVERY).cloned().collect();
        check::send_again(&client, &shared, events).await;
        let forged = some.into_iter().filter_map(|event| Call::Publish(event).forged());
        for forged in forged.filter(|_| !self.course.trims) {
            let refused = forged.make(&client).await.expect_err("it is another event");
            assert!(is_refusal(&refused), "{refused:?}");
        }
        let moves = shared.book().moves.len();
        let vague = shared.book().is_vague;
        self.add("moves acknowledged", moves);
        self.add("courses that are vague", usize::from(vague));
        if !self.course.trims {
            self.watch_from_the_beginning(&client).await;
        }
        self.sign_off(&client).await;
        self.stage.settle();
        let mut transcripts = Vec::new();
        for watcher in watchers {
            let watched = within(PATIENCE_S, "a watcher", watcher).await;
            transcripts.push(watched.expect("it does not panic"));
        }
        // What was done twice and trimmed since only they know.
        if !(self.course.trims && vague) {
            self.judge(&client, &transcripts).await;
        }
        self.server.kill_9().await;
        assert_whole(self.server.data().to_owned()).await;
    }

    /// Who watches now from the first move on sees each move once, as they are listed.
    async fn watch_from_the_beginning(&mut self, client: &Client) {
        let listed = client.newest_moves(usize::MAX).await.expect("moves are listed");
        let mut watch = client.watch(earliest()).await;
        let watched = within(PATIENCE_S, "the end of the log", watch.until_caught_up()).await;
        let watched = watched.expect("the watch goes on");
        assert!(watched.iter().eq(listed.iter().rev()), "moves are watched as they are listed");
        let info = client.info().await;
        assert_eq!(usize::try_from(info.move_count), Ok(listed.len()));
    }

    /// The last thing that happens, so that who watches knows when everything was seen.
    async fn sign_off(&self, client: &Client) {
        let asked = Some(self.stage.now());
        let entity = client.entity(entity("lead/last", "leads")).await;
        let span = Span { asked, answered: Some(self.stage.now()) };
        self.stage.ledger().created(&entity, span);
    }

    async fn judge(&mut self, client: &Client, transcripts: &[Transcript]) {
        let moves = client.newest_moves(usize::MAX).await.expect("moves are listed");
        let entities = client.all_entities().await.expect("entities are listed");
        let truth = self.stage.close().finish(&moves, &entities, self.stage.now());
        for transcript in transcripts {
            let broken = validate(&truth, transcript);
            let broken: Vec<_> = broken.iter().take(10).map(ToString::to_string).collect();
            let Self { course: Course { seed, .. }, .. } = self;
            assert!(broken.is_empty(), "seed {seed}, {}:\n{}", transcript.name, broken.join("\n"));
            self.add("watch sessions", transcript.sessions.len());
        }
        self.add("moves trimmed", truth.retained_from);
    }
}

/// Waits until the log begins later than it did.
async fn trims(client: &Client) {
    let begins = async || client.info().await.retention.map(|retention| retention.earliest_token);
    let before = begins().await;
    while begins().await == before {}
}
