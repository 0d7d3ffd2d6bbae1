//! A form while it is filled in: what is wrong with it, and what it would have done.

use axum::extract::{Form, Path};
use maud::{Markup, html};
use pawl_domain::{
    NewTrigger, Pipeline, Rejection, Resource, Trigger, TriggerId, TriggerType, TypeCode,
};
use pawl_engine::{Engine, EngineError};

use super::filled::{Filled, Problem, patch};
use super::form::Sheet;
use super::sample::sample;
use super::{configurer, known, pipeline, title_of};
use crate::door::{Queue, Visitor};
use crate::page::{Frame, Sorry};

/// How many names are tried for a trigger to which nobody gave an id.
const NAMES_MAX: usize = 50;
/// Leaves room for a number behind it.
const NAME_MAX_CHARS: usize = 120;

/// A form that may be saved, or what is wrong with it.
pub(super) enum Checked {
    Good(NewTrigger),
    Bad(Vec<Problem>),
}

/// What is asked for: a new trigger, or another revision of one.
pub(super) struct Asked<'a> {
    pub(super) engine: &'a Engine,
    pub(super) pipeline: &'a Pipeline,
    pub(super) trigger_type: &'a TriggerType,
    /// The one that is to be changed.
    pub(super) trigger: Option<&'a Trigger>,
    pub(super) filled: &'a Filled,
}

pub(super) async fn check(
    who: Visitor,
    queue: Queue,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Markup, Sorry> {
    let allowed = configurer(&who)?;
    let _place = queue.place(&allowed)?;
    let pipeline = pipeline(&who.engine, &id).await?;
    let filled = Filled(pairs);
    let trigger = match filled.text("trigger") {
        "" => None,
        id => Some(known(&who.engine, id).await?.trigger)
            .filter(|known| known.pipeline_id == pipeline.id),
    };
    let code = match &trigger {
        Some(trigger) => trigger.type_code.clone(),
        None => TypeCode::parse("type", filled.text("type"))?,
    };
    let trigger_type = who.engine.trigger_type(code).await?;
    let asked = Asked {
        engine: &who.engine,
        pipeline: &pipeline,
        trigger_type: &trigger_type,
        trigger: trigger.as_ref(),
        filled: &filled,
    };
    let checked = asked.checked().await?;
    let result = asked.told(&checked).await?;
    Ok(Frame::new("Check")
        .of(who.name())
        .within(&pipeline, "-")
        .page(html! { main.sheet { (result) } }))
}

impl Asked<'_> {
    /// What the form says, as far as that can be told without trying it.
    pub(super) async fn read(&self) -> Result<Checked, Sorry> {
        let id = match self.id().await {
            Ok(id) => id,
            Err(EngineError::Rejected(rejection)) => {
                return Ok(Checked::Bad(vec![Problem::of(&rejection)]));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(match self.filled.wish(id, self.pipeline, self.trigger_type) {
            Ok(wish) => Checked::Good(wish),
            Err(problems) => Checked::Bad(problems),
        })
    }

    /// Runs every check, and writes nothing.
    pub(super) async fn checked(&self) -> Result<Checked, Sorry> {
        let wish = match self.read().await? {
            Checked::Good(wish) => wish,
            bad @ Checked::Bad(_) => return Ok(bad),
        };
        let id = wish.id.clone();
        let checked = match self.trigger {
            None => self.engine.create_trigger(wish.clone(), None, true).await,
            Some(_) => self.engine.update_trigger(id, patch(wish.clone()), 0, true).await,
        };
        match checked {
            Ok(_) => Ok(Checked::Good(wish)),
            Err(EngineError::Rejected(rejection)) => {
                Ok(Checked::Bad(vec![Problem::of(&rejection)]))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The id that was given, or one that tells stage and type apart.
    async fn id(&self) -> Result<TriggerId, EngineError> {
        if let Some(trigger) = self.trigger {
            return Ok(trigger.id.clone());
        }
        match self.filled.text("id").trim() {
            "" => self.free_id().await,
            given => Ok(TriggerId::parse("trigger_id", given)?),
        }
    }

    /// An id that nobody has, nor had: the revisions of a deleted trigger stay its own (T9).
    async fn free_id(&self) -> Result<TriggerId, EngineError> {
        let base = readable(self.filled.text("stage"), self.trigger_type.code.as_str());
        for number in 1..=NAMES_MAX {
            let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
            let id = TriggerId::parse("trigger_id", &name)?;
            let is_known = match self.engine.trigger(id.clone(), 1).await {
                Ok(_) => true,
                Err(EngineError::Rejected(_)) => false,
                Err(error) => return Err(error),
            };
            if !is_known && self.is_free(&id).await? {
                return Ok(id);
            }
        }
        let problem = format!("{base} and the {NAMES_MAX} after it are taken; choose another");
        Err(Rejection::invalid("trigger_id", problem).into())
    }

    /// Whether an id can be used; ids are one space for all, also for those who see a part of it.
    async fn is_free(&self, id: &TriggerId) -> Result<bool, EngineError> {
        let Some(stage) = self.pipeline.stages.in_order().next() else { return Ok(true) };
        let mut probe = Filled::new(&stage.id);
        probe.set("state", "ACTIVE");
        let Ok(wish) = probe.wish(id.clone(), self.pipeline, self.trigger_type) else {
            return Ok(true);
        };
        match self.engine.create_trigger(wish, None, true).await {
            Err(EngineError::Rejected(
                Rejection::AlreadyExists { resource: Resource::Trigger, .. }
                | Rejection::OutOfScope { named: Some((Resource::Trigger, _)) },
            )) => Ok(false),
            // Whatever else is wrong is told when all of it is checked.
            Ok(_) | Err(EngineError::Rejected(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The form as it was sent.
    pub(super) fn sheet<'s>(
        &'s self,
        problems: &'s [Problem],
        result: Option<Markup>,
    ) -> Sheet<'s> {
        Sheet {
            pipeline: self.pipeline,
            trigger_type: self.trigger_type,
            trigger: self.trigger,
            filled: self.filled,
            problems,
            result,
        }
    }

    /// What came of a check, in words.
    pub(super) async fn told(&self, checked: &Checked) -> Result<Markup, Sorry> {
        let wish = match checked {
            Checked::Good(wish) => wish,
            Checked::Bad(problems) => {
                return Ok(html! {
                    @for problem in problems {
                        p.problem { strong { (self.label(&problem.input)) } (problem.text) }
                    }
                });
            }
        };
        let event_type = &self.trigger_type.event_type;
        let sample = sample(self.engine, event_type, self.pipeline, wish.clone()).await?;
        let now = self.engine.options().clock.now();
        Ok(html! {
            @if self.trigger.is_none() {
                p.faint { "It can be saved, and its id will be " code { (wish.id) } "." }
            }
            (sample.shown(wish, self.pipeline, event_type, now))
        })
    }

    /// What people call an input: `Condition: `.
    fn label(&self, input: &str) -> String {
        let parameter = self.trigger_type.parameters.iter().find(|parameter| {
            input.strip_prefix("p.").is_some_and(|name| parameter.name.as_str() == name)
        });
        let label = match (input, parameter) {
            (_, Some(parameter)) => super::form::title_of(parameter),
            ("filter", _) => "Condition",
            ("stage", _) => "Stage",
            ("name", _) => "Name",
            ("state", _) => "State",
            ("id", _) => "Id",
            _ => title_of(self.trigger_type),
        };
        format!("{label}: ")
    }
}

/// `offer-email-viewed`.
fn readable(stage: &str, code: &str) -> String {
    let text = format!("{stage}-{code}");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().take(NAME_MAX_CHARS).map(plain).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_what_people_know() {
        assert_eq!(readable("Offer", "email.viewed"), "offer-email-viewed");
        assert_eq!(readable("a.b~", "_c:d"), "a-b-c-d");
        assert!(readable(&"x".repeat(128), "y").len() <= NAME_MAX_CHARS);
    }
}
