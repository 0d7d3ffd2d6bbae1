//! Trying an event: what it would do, and publishing it.

use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use pawl_api::{convert, json, pb};
use pawl_domain::{Event, EventId, Pipeline, Rejection, TriggerType};
use pawl_engine::{Engine, EngineError, Published};
use serde::Deserialize;

use crate::door::{Queue, Visitor};
use crate::outcome::Outcome;
use crate::page::{Frame, Sorry};
use crate::words::Words;
use crate::{Shared, address};

/// Whose events these are when nobody says.
const SOURCE: &str = "board";
/// What the button says that publishes.
const PUBLISH: &str = "publish";
/// How many event types are suggested.
const TYPES_MAX: usize = 500;

/// What the form says: an event in parts, or whole as JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    #[serde(rename = "type")]
    event_type: String,
    subjects: String,
    source: String,
    event_id: String,
    attributes: String,
    json: String,
    action: String,
    /// The id of the event when nobody chose one: from when the form was made, so that one that is sent
    /// twice is one event.
    fresh_id: String,
}

impl Given {
    /// As a form that was not sent yet.
    fn anew(self, door: &Shared) -> Self {
        Self { fresh_id: door.fresh_id(), ..self }
    }

    fn is_publishing(&self) -> bool {
        self.action == PUBLISH
    }

    /// The event, in the domain's words.
    fn event(&self, door: &Shared) -> Result<Event, Sorry> {
        let bad = |error: json::JsonError| Sorry::bad(error.to_string());
        let mut event: pb::Event = if self.json.trim().is_empty() {
            let attributes = match self.attributes.trim() {
                "" => None,
                text => Some(
                    json::from_json("google.protobuf.Struct", text)
                        .map_err(|error| Sorry::bad(format!("attributes: {error}")))?,
                ),
            };
            let subjects = self.subjects.split([',', ' ', '\n', '\r', '\t']);
            pb::Event {
                event_id: self.event_id.trim().to_owned(),
                source: self.source.trim().to_owned(),
                r#type: self.event_type.trim().to_owned(),
                subjects: subjects.filter(|id| !id.is_empty()).map(str::to_owned).collect(),
                attributes,
                ..pb::Event::default()
            }
        } else {
            json::from_json("pawl.v1.Event", &self.json).map_err(bad)?
        };
        if event.event_id.is_empty() {
            // A preview is of nothing that was published, and can be of many.
            let kept = Some(&self.fresh_id).filter(|id| self.is_publishing() && !id.is_empty());
            event.event_id = kept.cloned().unwrap_or_else(|| door.fresh_id());
        }
        if event.source.is_empty() {
            SOURCE.clone_into(&mut event.source);
        }
        Ok(convert::event("event", event)?)
    }
}

/// Publishes one event, with its verdicts.
async fn publish(engine: &Engine, event: Event) -> Result<Published, EngineError> {
    let outcomes = engine.publish(vec![event], true).await?.outcomes().await?;
    let outcome = outcomes.into_iter().next().ok_or(EngineError::OutcomeUnknown)?;
    Ok(outcome?)
}

/// What the form is shown with.
struct Filled<'a> {
    given: &'a Given,
    types: &'a [TriggerType],
    /// What its buttons do.
    actions: Actions,
    problem: &'a str,
}

#[derive(Clone, Copy)]
struct Actions {
    preview: bool,
    publish: bool,
}

fn form(shown: &Filled<'_>) -> Markup {
    let Filled { given, types, actions, problem } = *shown;
    html! {
        form.grid method="post" data-dialog {
            @if !problem.is_empty() { p.problem role="alert" { (problem) } }
            input type="hidden" name="fresh_id" value=(given.fresh_id);
            label { "What happened"
                input name="type" value=(given.event_type) list="event-types" placeholder="email.viewed" autocomplete="off";
                datalist #event-types {
                    @for found in types { option value=(found.event_type) { (found.title) } }
                }
            }
            label { "To whom"
                input name="subjects" value=(given.subjects) placeholder="deal/57, contact/9" autocomplete="off";
                small { "Deals, contacts and so on, with commas between them" }
            }
            label.wide { "What else is known of it"
                textarea.code name="attributes" rows="3" spellcheck="false" placeholder="{\"amount\": 250}" { (given.attributes) }
                small { "Its attributes, as JSON. Empty: none." }
            }
            (more(given))
            p.actions {
                @if actions.preview { button.primary name="action" value="preview" { "Preview" } }
                @if actions.publish { button .primary[!actions.preview] name="action" value=(PUBLISH) { "Publish" } }
            }
        }
    }
}

/// What producers send and people seldom need.
fn more(given: &Given) -> Markup {
    let Given { source, event_id, json, .. } = given;
    html! {
        details.wide open[!source.is_empty() || !event_id.is_empty() || !json.is_empty()] {
            summary { "More" }
            div.grid {
                label { "Source"
                    input name="source" value=(source) placeholder=(SOURCE) autocomplete="off";
                    small { "Who says that it happened." }
                }
                label { "Event id"
                    input name="event_id" value=(event_id) autocomplete="off";
                    small { "Empty: a fresh one is made." }
                }
                label.wide { "A whole event as JSON"
                    textarea.code name="json" rows="6" spellcheck="false" { (json) }
                    small { "When it is given it counts instead of everything above." }
                }
            }
        }
    }
}

/// The types that entities of a kind can be moved by.
async fn types(engine: &Engine, pipeline: &Pipeline) -> Result<Vec<TriggerType>, Sorry> {
    let kind = pipeline.kind.clone();
    let serves = move |found: &TriggerType| found.serves(kind.as_str());
    let mut types = engine.trigger_types(serves, String::new(), TYPES_MAX).await?.items;
    // An update is not published: it is made.
    types.retain(|found| found.event_type.as_str() != pawl_domain::ENTITY_UPDATED);
    types.sort_by(|one, other| one.event_type.cmp(&other.event_type));
    types.dedup_by(|one, other| one.event_type == other.event_type);
    Ok(types)
}

pub(crate) async fn page(
    who: Visitor,
    State(door): State<Shared>,
    Path(pipeline): Path<String>,
    Query(given): Query<Given>,
) -> Result<Markup, Sorry> {
    who.reader()?;
    let pipeline = who.engine.pipeline(address::pipeline_in(&pipeline)?).await?;
    let types = types(&who.engine, &pipeline).await?;
    Ok(show(&who, &pipeline, &given.anew(&door), &types, "", None))
}

fn show(
    who: &Visitor,
    pipeline: &Pipeline,
    given: &Given,
    types: &[TriggerType],
    problem: &str,
    outcome: Option<&Outcome>,
) -> Markup {
    let actions = Actions { preview: true, publish: who.may.publish };
    let body = html! {
        main.sheet {
            h1 { "Try an event" }
            p { "What an event would do, trigger by trigger. A preview changes nothing." }
            (form(&Filled { given, types, actions, problem }))
            @if let Some(outcome) = outcome { (outcome.shown()) }
        }
    };
    Frame::new("Try an event").of(who.name()).within(pipeline, "try").page(body)
}

pub(crate) async fn tried(
    who: Visitor,
    queue: Queue,
    State(door): State<Shared>,
    Path(pipeline): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Sorry> {
    who.reader()?;
    let allowed = who.require(!given.is_publishing() || who.may.publish, "publish events")?;
    let _place = queue.place(&allowed)?;
    let pipeline = who.engine.pipeline(address::pipeline_in(&pipeline)?).await?;
    let types = types(&who.engine, &pipeline).await?;
    let mut words = Words::new(&who);
    let told = match given.event(&door) {
        Err(sorry) => Err(sorry),
        Ok(event) if given.is_publishing() => {
            published(&who.engine, &door, &given, event, &mut words).await
        }
        Ok(event) => match who.engine.preview(event, Vec::new()).await {
            Ok(previewed) => Ok(Outcome::previewed(&previewed, &mut words).await?),
            Err(error) => Err(error.into()),
        },
    };
    Ok(match told {
        Ok(outcome) => {
            let given = given.anew(&door);
            show(&who, &pipeline, &given, &types, "", Some(&outcome)).into_response()
        }
        Err(sorry) => {
            let (code, problem) = sorry.told();
            (code, show(&who, &pipeline, &given, &types, &problem, None)).into_response()
        }
    })
}

async fn published(
    engine: &Engine,
    door: &Shared,
    given: &Given,
    event: Event,
    words: &mut Words,
) -> Result<Outcome, Sorry> {
    let published = match publish(engine, event.clone()).await {
        // Sent before and then filled in differently: another event.
        Err(EngineError::Rejected(Rejection::EventIdReused { .. }))
            if event.id.as_str() == given.fresh_id =>
        {
            let id = EventId::parse("event_id", &door.fresh_id())?;
            publish(engine, Event { id, ..event }).await?
        }
        published => published?,
    };
    Ok(Outcome::published(&published, words).await?)
}

/// For whoever may publish and see nothing else.
pub(crate) async fn publish_page(
    who: Visitor,
    State(door): State<Shared>,
) -> Result<Markup, Sorry> {
    who.require(who.may.publish, "publish events")?;
    Ok(show_publish(&who, &Given::default().anew(&door), "", None))
}

fn show_publish(who: &Visitor, given: &Given, problem: &str, outcome: Option<&Outcome>) -> Markup {
    let actions = Actions { preview: false, publish: true };
    let body = html! {
        main.sheet {
            h1 { "Publish an event" }
            (form(&Filled { given, types: &[], actions, problem }))
            @if let Some(outcome) = outcome { (outcome.shown()) }
        }
    };
    Frame::new("Publish an event").of(who.name()).page(body)
}

pub(crate) async fn publish_given(
    who: Visitor,
    queue: Queue,
    State(door): State<Shared>,
    Form(given): Form<Given>,
) -> Result<Response, Sorry> {
    let allowed = who.require(who.may.publish, "publish events")?;
    let _place = queue.place(&allowed)?;
    // Whatever else is said: this page does nothing but publish.
    let given = Given { action: PUBLISH.to_owned(), ..given };
    let mut words = Words::new(&who);
    let told = match given.event(&door) {
        Ok(event) => published(&who.engine, &door, &given, event, &mut words).await,
        Err(sorry) => Err(sorry),
    };
    let (code, page) = match told {
        Ok(outcome) => (StatusCode::OK, show_publish(&who, &given.anew(&door), "", Some(&outcome))),
        Err(sorry) => {
            let (code, problem) = sorry.told();
            (code, show_publish(&who, &given, &problem, None))
        }
    };
    Ok((code, page).into_response())
}
