//! What happens on a board, as server-sent events. The id of each is a resume token: a browser that
//! lost the connection comes back with it, and goes on where it was.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query};
use axum::response::Sse;
use axum::response::sse::Event;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{Stream, stream};
use http::HeaderMap;
use pawl_domain::{Entity, EntityId, Move, MoveId, PipelineId, StageId};
use pawl_engine::{
    Closing, MoveFilter, Pick, ResumeToken, Show, Shown, Start, Step, Watch, WatchError,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::address;
use crate::board::{CARDS, FEED, shown, triggers};
use crate::card::{Chosen, card};
use crate::cause::Names;
use crate::door::Visitor;
use crate::page::{Sorry, moment};

/// A sign of life, and how often counts and triggers are looked at when nothing moves.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// What happens within so long is told together: nobody sees more, and a browser has less to do.
const PACE: Duration = Duration::from_millis(100);
/// How often counts and triggers are told while things move.
const HEADS_PACE: Duration = Duration::from_millis(500);
/// How many steps of the log are told together at most.
const STEPS_MAX: usize = 64;
/// Up to how many moves bring their entity along; of more the browser asks for those that it shows.
const WHOLE_MAX: usize = 20;
/// How soon a browser comes back.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Listen {
    fields: Option<String>,
    /// The token in the page: only for the first time, later the browser brings its own.
    #[serde(default)]
    from: String,
}

pub(crate) async fn stream(
    who: Visitor,
    Path(pipeline): Path<String>,
    Query(listen): Query<Listen>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Sorry> {
    who.reader()?;
    let pipeline = address::pipeline_in(&pipeline)?;
    who.engine.pipeline(pipeline.clone()).await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let token = last.filter(|last| !last.is_empty()).unwrap_or(&listen.from);
    let start = match BASE64_URL_SAFE_NO_PAD.decode(token) {
        Ok(token) if !token.is_empty() => Start::Resume(token),
        _ => return Err(Sorry::bad("from: is no token of a board; load the page anew")),
    };
    let filter =
        MoveFilter { pipeline_ids: HashSet::from([pipeline.clone()]), ..MoveFilter::default() };
    let show = Show { filter, entity_changes: true };
    let chosen = Chosen::read(listen.fields.as_deref());
    let watch = match who.engine.watch(&start, show, HEARTBEAT).await {
        Ok(watch) => Some(watch),
        Err(WatchError::Store(error)) => return Err(pawl_engine::EngineError::from(error).into()),
        // Too old, or of another database: only a fresh page is right.
        Err(WatchError::Damaged | WatchError::Foreign | WatchError::Expired(_)) => None,
    };
    let teller = Teller {
        who,
        pipeline,
        chosen,
        watch,
        heads: String::new(),
        names: Names::default(),
        next: Instant::now(),
        next_heads: Instant::now(),
        owes_heads: false,
        has_begun: false,
    };
    Ok(Sse::new(stream::unfold(Some(teller), |teller| async {
        let mut teller = teller?;
        match teller.next().await {
            Next::Tell(event) => Some((Ok(event), Some(teller))),
            Next::Anew => Some((Ok(Event::default().event("reset").data("anew")), None)),
            Next::End => None,
        }
    })))
}

/// Tells one browser.
struct Teller {
    who: Visitor,
    pipeline: PipelineId,
    chosen: Chosen,
    /// `None` when there is nothing to go on with.
    watch: Option<Watch>,
    /// What was told last of counts and triggers.
    heads: String,
    /// What triggers are called.
    names: Names,
    next: Instant,
    next_heads: Instant,
    /// Whether something moved since.
    owes_heads: bool,
    has_begun: bool,
}

/// What comes next.
enum Next {
    Tell(Event),
    /// There is nothing to go on with: only a page that is loaded anew is right.
    Anew,
    /// The connection ends, and the browser comes back.
    End,
}

/// What happened since it was told last, each entity once.
#[derive(Default)]
struct News {
    token: Option<ResumeToken>,
    /// The last move of each entity that moved, and its place among all.
    moves: HashMap<EntityId, (usize, Noted)>,
    /// The latest moves, also those that were not an entity's last.
    latest: VecDeque<Noted>,
    /// Which entities were written last, as cards.
    cards: HashMap<String, Value>,
    gone: HashSet<String>,
    /// What those are called that moved.
    called: HashMap<String, String>,
    count: usize,
}

/// A move, which is put into words only if it is told: most are not where much moves.
type Noted = (MoveId, Arc<Move>);

impl News {
    /// Those that moved, the latest first: to each stage of `here` no more than a column shows; and the
    /// others.
    fn split(&self, here: &PipelineId) -> (Vec<(&EntityId, &Noted)>, Vec<&EntityId>) {
        let mut moves: Vec<_> = self.moves.iter().collect();
        moves.sort_by_key(|(_, (order, _))| std::cmp::Reverse(*order));
        let mut on_stage: HashMap<Option<&StageId>, usize> = HashMap::new();
        let (mut shown, mut left) = (Vec::new(), Vec::new());
        for (id, (_, noted)) in moves {
            let (_, moved) = noted;
            let to = (moved.pipeline_id == *here).then_some(&moved.to_stage_id);
            let count = on_stage.entry(to).or_default();
            *count += 1;
            if *count <= CARDS { shown.push((id, noted)) } else { left.push(id) }
        }
        (shown, left)
    }
}

impl Teller {
    async fn next(&mut self) -> Next {
        let Some(mut watch) = self.watch.take() else { return Next::Anew };
        if !self.has_begun {
            self.has_begun = true;
            self.watch = Some(watch);
            let heads = self.heads().await;
            let heads = self.told(&News::default(), heads).to_string();
            return Next::Tell(Event::default().retry(RETRY).event("news").data(heads));
        }
        loop {
            sleep_until(self.next).await;
            let step = tokio::select! {
                step = watch.next() => step.map(Some),
                // What moved last is counted soon, also when nothing follows.
                () = sleep_until(self.next_heads), if self.owes_heads => Ok(None),
                () = &mut self.who.ended => return Next::End,
            };
            self.next = Instant::now() + PACE;
            let mut news = News::default();
            let mut step = match step {
                Ok(step) => step,
                Err(problem) => {
                    warn!(%problem, "a board's watch failed");
                    return Next::End;
                }
            };
            for _ in 0..STEPS_MAX {
                match step.take() {
                    Some(Step::Closing { why: Closing::Stopping, .. }) => return Next::End,
                    Some(Step::Closing { why: Closing::Expired(_), .. }) => return Next::Anew,
                    Some(step) => self.take(step, &mut news),
                    None => break,
                }
                step = watch.next_ready();
            }
            if let Some(step) = step {
                self.take(step, &mut news);
            }
            self.complete(&mut news).await;
            let is_due = news.count == 0 || Instant::now() >= self.next_heads;
            let heads = if is_due { self.heads().await } else { None };
            self.owes_heads = !is_due;
            if news.count == 0 && heads.is_none() && news.token.is_none() {
                continue;
            }
            self.watch = Some(watch);
            let mut event =
                Event::default().event("news").data(self.told(&news, heads).to_string());
            if let Some(token) = &news.token {
                event = event.id(shown(token));
            }
            return Next::Tell(event);
        }
    }

    /// Brings along what the entities are called that moved to where they are seen; when few moved,
    /// their cards.
    async fn complete(&mut self, news: &mut News) {
        let ids: Vec<_> =
            news.split(&self.pipeline).0.into_iter().map(|(id, _)| id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        // Without, they are told by their ids.
        let Ok(entities) = self.who.engine.entities_by_id(ids).await else { return };
        let is_whole = news.moves.len() <= WHOLE_MAX;
        // Who has gone meanwhile, or to where one may not look, is not among them.
        for entity in entities {
            let id = entity.id.to_string();
            if !entity.display_name.as_str().is_empty() {
                news.called.insert(id.clone(), entity.display_name.to_string());
            }
            if is_whole && entity.pipeline_id == self.pipeline {
                news.cards.insert(id, self.written(&entity));
            }
        }
    }

    fn take(&self, step: Step, news: &mut News) {
        match step {
            Step::Stretch { stretch, picks, .. } => {
                for pick in picks {
                    match pick {
                        Pick::Items(range) => {
                            for (token, item) in stretch.shown(range) {
                                self.note(item, news);
                                news.token = Some(token);
                            }
                        }
                        Pick::Entity { token, entity } => {
                            self.note(Shown::Entity(&entity), news);
                            news.token = Some(token);
                        }
                        Pick::Deleted { token, entity } => {
                            self.note(Shown::Deleted(&entity), news);
                            news.token = Some(token);
                        }
                    }
                }
            }
            Step::Heartbeat { token, .. } => news.token = token.or(news.token.take()),
            Step::Entities(_) | Step::SnapshotComplete { .. } | Step::Closing { .. } => {}
        }
    }

    fn note(&self, item: Shown<'_>, news: &mut News) {
        news.count += 1;
        match item {
            Shown::Move(id, moved) => {
                let noted = (id, Arc::new(moved.clone()));
                news.latest.push_back(noted.clone());
                if news.latest.len() > FEED {
                    news.latest.pop_front();
                }
                news.moves.insert(moved.entity_id.clone(), (news.count, noted));
            }
            Shown::Entity(entity) => {
                news.gone.remove(entity.id.as_str());
                news.cards.insert(entity.id.to_string(), self.written(entity));
            }
            Shown::Deleted(entity) => {
                news.cards.remove(entity.id.as_str());
                news.gone.insert(entity.id.to_string());
            }
        }
    }

    fn written(&self, entity: &Entity) -> Value {
        let now = self.who.engine.options().clock.now();
        json!({
            "id": entity.id.as_str(),
            "stage": entity.stage_id.as_str(),
            "revision": entity.version.revision,
            "html": card(entity, &self.chosen, now, self.who.may.edit).into_string(),
        })
    }

    /// What the script reads. Of those that a column does not show only that they left.
    fn told(&self, news: &News, heads: Option<String>) -> Value {
        let (shown, left) = news.split(&self.pipeline);
        json!({
            "moves": shown.iter().rev().map(|(_, noted)| self.moved(noted)).collect::<Vec<_>>(),
            "latest": news.latest.iter().map(|noted| self.moved(noted)).collect::<Vec<_>>(),
            "left": left.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
            "cards": news.cards.values().collect::<Vec<_>>(),
            "gone": news.gone,
            "called": news.called,
            "heads": heads.and_then(|heads| serde_json::from_str::<Value>(&heads).ok()),
        })
    }

    fn moved(&self, (id, moved): &Noted) -> Value {
        let is_here = moved.pipeline_id == self.pipeline;
        let was_here = moved.from_pipeline_id.as_ref().is_none_or(|from| *from == self.pipeline);
        json!({
            "move": id.to_string(),
            "id": moved.entity_id.as_str(),
            "from": was_here.then(|| moved.from_stage_id.as_str()),
            "to": is_here.then(|| moved.to_stage_id.as_str()),
            "revision": moved.entity_revision,
            "by": self.names.told(&moved.cause),
            "time": moment(moved.time),
        })
    }

    /// Counts and triggers by stage, if they are not what was told last.
    async fn heads(&mut self) -> Option<String> {
        self.next_heads = Instant::now() + HEADS_PACE;
        let board = self.who.engine.board(self.pipeline.clone(), 0).await.ok()?;
        self.names = Names::of(&board);
        let heads: HashMap<&str, Value> = board
            .stages
            .iter()
            .map(|stage| {
                let triggers = triggers(&self.who, &stage.triggers).into_string();
                let head = json!({ "count": stage.entity_count, "triggers": triggers });
                (stage.stage_id.as_str(), head)
            })
            .collect();
        let heads = json!(heads).to_string();
        (heads != self.heads).then(|| {
            self.heads.clone_from(&heads);
            heads
        })
    }
}
