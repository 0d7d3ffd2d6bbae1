//! Whoever is limited to pipelines is shown what everyone is shown, less what is outside: lists,
//! boards, verdicts, events, previews and watches, compared over random histories.
//!
//! `PAWL_SCOPE_HISTORIES` says how many histories (one unless told), each on a server of its own, and
//! `PAWL_SCOPE_SEED` where chance begins.

mod eye;
mod history;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Debug;

use fastrand::Rng;
use pawl_api::pb;
use pawl_tests::{Refused, cases, event, say, within};
use tonic::Status;

use crate::file::AccessFile;
use crate::{Somebody, guarded};
use eye::Eye;
use history::{History, PIPELINES};

/// To what callers are limited; one pipeline of them never exists.
const SCOPES: [&[&str]; 4] = [
    &["north"],
    &["south", "bills"],
    &["north", "west", "fees"],
    &["west", "bills", "fees", "nowhere"],
];
/// Changes between one comparison of everything and the next.
const STEPS: usize = 10;
const ROUNDS: usize = 30;
/// The history that is played unless another is asked for.
const SEED: u64 = 14_151_190_531_066_394_637;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_limited_sees_the_same_less_what_is_outside() {
    let seed = number("PAWL_SCOPE_SEED").unwrap_or(SEED);
    let histories = number("PAWL_SCOPE_HISTORIES").unwrap_or(1);
    let (mut count, mut shown) = (0, Shown::default());
    for seed in seed..seed.saturating_add(histories) {
        say(format!("limits: PAWL_SCOPE_SEED={seed}"));
        count += play(seed, &mut shown).await;
    }
    say(format!("limits: {shown:?}"));
    // What is empty on both sides proves nothing.
    let Shown { kept, hidden } = shown;
    assert!(kept > count && hidden > count, "{kept} things were shown and {hidden} hidden");
    let least = usize::try_from(histories).expect("few") * ROUNDS * SCOPES.len() * 11;
    cases("limits: the same less what is outside", count, least);
}

/// One history. How many comparisons there were.
async fn play(seed: u64, shown: &mut Shown) -> usize {
    let file = AccessFile::new();
    let ops = file.create(&["ops", "--role", "admin"]).await;
    let mut tokens = Vec::new();
    for (index, scope) in SCOPES.iter().enumerate() {
        let name = format!("limited-{index}");
        let mut args = vec![name.as_str(), "--role", "viewer"];
        args.extend(scope.iter().flat_map(|pipeline| ["--pipeline", pipeline]));
        tokens.push(file.create(&args).await);
    }
    let server = guarded(&file).await;
    let all = Eye::new(&Somebody::with(&ops, &server).await);
    let mut limited = Vec::new();
    for (scope, token) in SCOPES.iter().zip(&tokens) {
        let scope: Scope = scope.iter().map(ToString::to_string).collect();
        limited.push((scope, Eye::new(&Somebody::with(token, &server).await)));
    }
    let mut history = History::begin(all, Rng::with_seed(seed)).await;
    let mut count = 0;
    for _ in 0..ROUNDS {
        for _ in 0..STEPS {
            within(30, "a step", history.step()).await;
        }
        history.check_places().await;
        for (scope, eye) in &limited {
            let mut case = Case { history: &mut history, scope, eye, shown };
            count += within(60, "a comparison", case.compare()).await;
        }
    }
    let watched = limited.iter().map(|(scope, eye)| history.compare_watch(scope, eye));
    count + futures_util::future::join_all(watched).await.len()
}

/// How much was compared, and how much is hidden.
#[derive(Debug, Default)]
struct Shown {
    kept: usize,
    hidden: usize,
}

type Scope = BTreeSet<String>;

/// One caller at one moment.
struct Case<'c> {
    history: &'c mut History,
    scope: &'c Scope,
    eye: &'c Eye,
    shown: &'c mut Shown,
}

impl Case<'_> {
    /// How many comparisons there were.
    async fn compare(&mut self) -> usize {
        self.pipelines().await;
        self.triggers().await;
        self.entities().await;
        self.moves().await;
        self.verdicts().await;
        self.board().await;
        self.one().await;
        self.event().await;
        self.preview().await;
        self.types().await;
        self.snapshot().await;
        11
    }

    fn is_inside(&self, pipeline: &str) -> bool {
        self.scope.contains(pipeline)
    }

    /// Whether a list is the other one less what is outside.
    fn less<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        all: Vec<T>,
        own: &[T],
        inside: impl Fn(&T) -> bool,
    ) {
        let before = all.len();
        let wanted: Vec<_> = all.into_iter().filter(inside).collect();
        assert_eq!(own, wanted, "{what}, limited to {:?}", self.scope);
        self.shown.kept += wanted.len();
        self.shown.hidden += before - wanted.len();
    }

    async fn pipelines(&mut self) {
        let (all, own) = (self.history.all.pipelines().await, self.eye.pipelines().await);
        let scope = self.scope;
        self.less("pipelines", all, &own, |it| scope.contains(&it.pipeline_id));
    }

    async fn triggers(&mut self) {
        let request = pb::ListTriggersRequest {
            pipeline_id: self.history.maybe_pipeline(),
            page_size: self.history.page_size(),
            ..Default::default()
        };
        let all = self.history.all.triggers(request.clone()).await;
        let own = self.eye.triggers(request.clone()).await;
        let scope = self.scope;
        self.less(&format!("{request:?}"), all, &own, |it| scope.contains(&it.pipeline_id));
    }

    async fn entities(&mut self) {
        let mut request =
            pb::ListEntitiesRequest { page_size: self.history.page_size(), ..Default::default() };
        match self.history.rng.u8(0..4) {
            0 => request.pipeline_id = self.history.pipeline(),
            1 => request.customer_id = self.history.customer(),
            2 => request.responsible = self.history.responsible(),
            _ => {}
        }
        let all = self.history.all.entities(request.clone()).await;
        let own = self.eye.entities(request.clone()).await;
        let scope = self.scope;
        self.less(&format!("{request:?}"), all, &own, |it| scope.contains(&it.pipeline_id));
    }

    async fn moves(&mut self) {
        let mut request =
            pb::ListMovesRequest { page_size: self.history.page_size(), ..Default::default() };
        match self.history.rng.u8(0..4) {
            0 => request.pipeline_id = self.history.pipeline(),
            1 => request.entity_id = self.history.entity(),
            2 => request.trigger_id = self.history.trigger(),
            _ => {}
        }
        let all = self.history.all.moves(request.clone()).await;
        let own = self.eye.moves(request.clone()).await;
        let scope = self.scope;
        self.less(&format!("{request:?}"), all, &own, |moved| shows(scope, moved));
    }

    async fn verdicts(&mut self) {
        let mut request =
            pb::ListVerdictsRequest { page_size: self.history.page_size(), ..Default::default() };
        let by = self.history.rng.u8(0..3);
        if by != 0 {
            request.trigger_id = self.history.trigger();
        }
        if by != 1 {
            request.entity_id = self.history.entity();
        }
        let all = self.history.all.verdicts(request.clone()).await;
        let own = self.eye.verdicts(request.clone()).await;
        let (scope, of) = (self.scope, self.history.triggers.clone());
        self.less(&format!("{request:?}"), all, &own, |it| scope.contains(&of[&it.trigger_id]));
    }

    /// What is inside is the same, and what is not is out of scope.
    fn same<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        is_inside: bool,
        all: Result<T, Status>,
        own: Result<T, Status>,
    ) {
        match (is_inside, all, own) {
            (true, Ok(all), Ok(own)) => {
                assert_eq!(own, all, "{what}, limited to {:?}", self.scope);
                self.shown.kept += 1;
            }
            (true, Err(all), Err(own)) => assert_eq!(Refused::from(&own), Refused::from(&all)),
            (false, _, Err(own)) => {
                assert_eq!(Refused::from(&own).reason, "OUT_OF_SCOPE", "{what}");
                self.shown.hidden += 1;
            }
            (_, all, own) => panic!("{what}, limited to {:?}: {own:?}, not {all:?}", self.scope),
        }
    }

    async fn board(&mut self) {
        let pipeline_id = self.history.pipeline();
        let request =
            pb::GetBoardRequest { pipeline_id: pipeline_id.clone(), entities_per_stage: 3 };
        let (all, own) =
            (self.history.all.board(request.clone()).await, self.eye.board(request).await);
        self.same(&format!("board of {pipeline_id}"), self.is_inside(&pipeline_id), all, own);
    }

    async fn one(&mut self) {
        let id = self.history.entity();
        let is_inside = self.history.places.get(&id).is_some_and(|place| self.is_inside(place));
        let (all, own) = (self.history.all.entity(&id).await, self.eye.entity(&id).await);
        self.same(&id, is_inside, all, own);
        let id = self.history.trigger();
        let (all, own) = (self.history.all.trigger(&id).await, self.eye.trigger(&id).await);
        let is_inside = all.is_ok() && self.is_inside(&self.history.triggers[&id]);
        self.same(&id, is_inside, all, own);
    }

    /// An event that was published: its decisions about entities that stood inside then, and of its
    /// subjects those that led to them.
    async fn event(&mut self) {
        let Some((id, places)) = self.history.event() else { return };
        let all = self.history.all.event(&id).await.expect("it is retained");
        let own = self.eye.event(&id).await;
        let (mut event, mut outcome) =
            (all.event.expect("it is given"), all.outcome.expect("it is given"));
        let before = outcome.decisions.len();
        let scope = self.scope;
        outcome.decisions.retain(|it| places.get(&it.entity_id).is_some_and(|p| scope.contains(p)));
        self.shown.kept += outcome.decisions.len();
        self.shown.hidden += before - outcome.decisions.len();
        if outcome.decisions.is_empty() {
            let told = own.expect_err("nothing of it is inside");
            assert_eq!(Refused::from(&told).reason, "EVENT_NOT_FOUND", "{id}");
            return;
        }
        let led = |subject: &String| {
            outcome.decisions.iter().any(|d| d.hop == 0 && d.subject == *subject)
        };
        event.subjects.retain(led);
        if event.subjects.is_empty() {
            event.attributes = Some(prost_types::Struct::default());
        }
        let wanted = pb::GetEventResponse { event: Some(event), outcome: Some(outcome) };
        assert_eq!(own.expect("some of it is inside"), wanted, "{id}, limited to {scope:?}");
    }

    /// What an event would do: the same as when subjects that are outside do not exist, and without
    /// what follows outside.
    async fn preview(&mut self) {
        let subjects = self.history.subjects(2);
        let mut nobody = Vec::new();
        for (number, subject) in subjects.iter().enumerate() {
            let (kind, _) = subject.split_once('/').expect("a kind");
            let is_reached = match kind {
                "contact" => self.reaches(subject).await,
                _ => self.history.places.get(subject).is_some_and(|place| self.is_inside(place)),
            };
            let stands = format!("{kind}/nobody-{number}");
            nobody.push((if is_reached { subject.clone() } else { stands }, subject.clone()));
        }
        let kind = self.history.event_type();
        let reached: Vec<_> = nobody.iter().map(|(stands, _)| stands.as_str()).collect();
        let mut wanted = self.history.all.preview(event("what-if", kind, &reached.join(" "))).await;
        let mut own = self.eye.preview(event("what-if", kind, &subjects.join(" "))).await;
        let before = wanted.decisions.len();
        let (scope, places) = (self.scope, &self.history.places);
        let is_outside =
            |it: &pb::Decision| places.get(&it.entity_id).is_some_and(|p| !scope.contains(p));
        // A customer reaches only what is inside, so what else it would have moved leads to nothing. Who
        // sees everything is not told what led to what.
        if wanted.decisions.iter().any(|it| it.hop == 0 && it.r#move.is_some() && is_outside(it)) {
            wanted.decisions.retain(|it| it.hop == 0);
            own.decisions.retain(|it| it.hop == 0);
        }
        wanted.decisions.retain(|it| match places.get(&it.entity_id) {
            Some(place) => scope.contains(place),
            // Of parents that do not exist nothing is said.
            None => it.hop == 0,
        });
        self.shown.kept += wanted.decisions.len();
        self.shown.hidden += before - wanted.decisions.len();
        for decision in &mut wanted.decisions {
            for (stands, subject) in &nobody {
                for text in [&mut decision.subject, &mut decision.entity_id] {
                    if text == stands {
                        text.clone_from(subject);
                    }
                }
            }
        }
        assert_eq!(own, wanted, "{subjects:?}, limited to {scope:?}");
    }

    /// Whether a customer reaches anything inside.
    async fn reaches(&self, customer: &str) -> bool {
        let told = self.history.all.preview(event("reach", "bell.one", customer)).await;
        let place = |it: &pb::Decision| self.history.places.get(&it.entity_id);
        told.decisions.iter().any(|it| it.hop == 0 && place(it).is_some_and(|p| self.is_inside(p)))
    }

    async fn types(&mut self) {
        let (all, own) = (self.history.all.types().await, self.eye.types().await);
        self.less("trigger types", all, &own, |_| true);
    }

    /// The entities with which a watch begins.
    async fn snapshot(&mut self) {
        let all = self.history.all.snapshot().await;
        let own = self.eye.snapshot().await;
        let scope = self.scope;
        self.less("a snapshot", all, &own, |it| scope.contains(&it.pipeline_id));
    }
}

/// Whether a move neither begins nor ends outside.
fn shows(scope: &Scope, moved: &pb::Move) -> bool {
    scope.contains(&moved.pipeline_id)
        && (moved.from_pipeline_id.is_empty() || scope.contains(&moved.from_pipeline_id))
}

impl History {
    /// All moves, as a watch shows them.
    async fn compare_watch(&self, scope: &Scope, eye: &Eye) {
        let all = self.all.watched().await;
        let own = eye.watched().await;
        assert!(all.len() > PIPELINES.len(), "something moved");
        let wanted: Vec<_> = all.into_iter().filter(|moved| shows(scope, moved)).collect();
        assert_eq!(own, wanted, "a watch, limited to {scope:?}");
    }
}
