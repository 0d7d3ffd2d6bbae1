//! What stands in the form, and what is wrong with it.

use pawl_domain::{
    DisplayName, Fields, Filter, NewTrigger, Pipeline, Rejection, Resource, StageId, Trigger,
    TriggerId, TriggerPatch, TriggerState, TriggerType, ValueMap,
};
use pawl_engine::RequestIdentity;

use super::values;
use crate::{Shared, once};

/// The states, as the form sends them and with what they mean.
pub(super) const STATES: [(TriggerState, &str, &str); 3] = [
    (TriggerState::Active, "ACTIVE", "Active: it moves entities"),
    (TriggerState::Shadow, "SHADOW", "Shadow: it only tells what it would do"),
    (TriggerState::Paused, "PAUSED", "Paused: it does nothing"),
];

/// The values of the form by their names, as they were typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Filled(pub(super) Vec<(String, String)>);

/// What is wrong, and with which input; an empty name means with the whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) input: String,
    pub(super) text: String,
}

impl Filled {
    /// An empty form for a stage.
    pub(super) fn new(stage: &StageId) -> Self {
        Self(vec![
            ("stage".to_owned(), stage.to_string()),
            ("state".to_owned(), name_of_state(TriggerState::Active).to_owned()),
        ])
    }

    /// The request that the form makes, however often it is sent.
    pub(super) fn identity(&self, what: &str) -> Result<Option<RequestIdentity>, Rejection> {
        let said = self.0.iter().filter(|(name, _)| name != once::INPUT);
        let content = said.flat_map(|(name, value)| [name.as_str(), value]);
        once::identity(what, self.text(once::INPUT), content)
    }

    /// The same as a form that was not sent yet.
    pub(super) fn anew(&self, door: &Shared) -> Self {
        let mut anew = self.clone();
        anew.set(once::INPUT, &door.fresh_id());
        anew
    }

    /// The form as a trigger fills it.
    pub(super) fn of(trigger: &Trigger, trigger_type: &TriggerType) -> Self {
        let mut filled = Self::new(&trigger.stage_id);
        filled.set("state", name_of_state(trigger.state));
        if trigger.is_named {
            filled.set("name", trigger.display_name.as_str());
        }
        filled.set("filter", trigger.filter.as_ref().map_or("", Filter::as_str));
        for (name, is_on) in
            [("allow_move_back", trigger.allow_move_back), ("allow_reopen", trigger.allow_reopen)]
        {
            if is_on {
                filled.set(name, "on");
            }
        }
        for parameter in &trigger_type.parameters {
            let Some(value) = trigger.parameters.as_map().get(parameter.name.as_str()) else {
                continue;
            };
            let input = input_of(parameter.name.as_str());
            if parameter.options.is_empty() {
                filled.set(&input, &values::write(parameter, value));
            } else {
                for option in values::all(value) {
                    if let pawl_domain::Value::Text(option) = option {
                        filled.0.push((input.clone(), option.clone()));
                    }
                }
            }
        }
        filled
    }

    pub(super) fn text<'a>(&'a self, name: &str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    pub(super) fn all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The revision on which the change rests; 0, which rests on none, is never meant here.
    pub(super) fn revision(&self) -> Result<i64, Rejection> {
        let revision = self.text("revision").parse().ok().filter(|revision| *revision > 0);
        revision.ok_or_else(|| Rejection::invalid("revision", "is missing; load the page anew"))
    }

    /// What the form asks for, or everything that is wrong with it.
    pub(super) fn wish(
        &self,
        id: TriggerId,
        pipeline: &Pipeline,
        trigger_type: &TriggerType,
    ) -> Result<NewTrigger, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut note = |rejection: Rejection| problems.push(Problem::of(&rejection));
        let stage_id = StageId::parse("stage_id", self.text("stage")).map_err(&mut note).ok();
        let name = self.text("name").trim().to_owned();
        let display_name = DisplayName::parse("display_name", name).map_err(&mut note).ok();
        let state = self.state().map_err(&mut note).ok();
        let filter = self.filter().map_err(&mut note).ok();
        let mut map = ValueMap::new();
        for parameter in &trigger_type.parameters {
            let name = parameter.name.as_str();
            let input = input_of(name);
            let read = if parameter.options.is_empty() {
                values::read(parameter, self.text(&input))
            } else {
                Ok(values::chosen(self.all(&input)))
            };
            match read {
                Ok(value) => map.extend(value.map(|value| (name.to_owned(), value))),
                Err(rejection) => note(rejection),
            }
        }
        let parameters = Fields::parse("parameters", map).map_err(&mut note).ok();
        match (stage_id, display_name, state, filter, parameters, problems.is_empty()) {
            (
                Some(stage_id),
                Some(display_name),
                Some(state),
                Some(filter),
                Some(parameters),
                true,
            ) => Ok(NewTrigger {
                id,
                pipeline_id: pipeline.id.clone(),
                stage_id,
                display_name,
                type_code: trigger_type.code.clone(),
                parameters,
                filter,
                allow_move_back: self.has("allow_move_back"),
                allow_reopen: self.has("allow_reopen"),
                state,
            }),
            _ => Err(problems),
        }
    }

    pub(super) fn state(&self) -> Result<TriggerState, Rejection> {
        let known = STATES.iter().find(|(_, name, _)| *name == self.text("state"));
        known
            .map(|(state, ..)| *state)
            .ok_or_else(|| Rejection::invalid("state", "choose ACTIVE, SHADOW or PAUSED"))
    }

    fn filter(&self) -> Result<Option<Filter>, Rejection> {
        // Browsers end lines as mail does.
        let text = self.text("filter").replace("\r\n", "\n");
        if text.trim().is_empty() {
            return Ok(None);
        }
        Filter::parse("filter", text.trim_end()).map(Some)
    }
}

/// The change that makes a trigger what the form asks for.
pub(super) fn patch(wish: NewTrigger) -> TriggerPatch {
    TriggerPatch {
        pipeline_id: None,
        type_code: None,
        stage_id: Some(wish.stage_id),
        display_name: Some(wish.display_name),
        parameters: Some(wish.parameters),
        filter: Some(wish.filter),
        allow_move_back: Some(wish.allow_move_back),
        allow_reopen: Some(wish.allow_reopen),
        state: Some(wish.state),
    }
}

/// The input of a parameter.
pub(super) fn input_of(parameter: &str) -> String {
    format!("p.{parameter}")
}

pub(super) fn name_of_state(state: TriggerState) -> &'static str {
    STATES.iter().find(|(known, ..)| *known == state).map_or("ACTIVE", |(_, name, _)| name)
}

impl Problem {
    /// What is wrong with no single input.
    pub(super) fn whole(text: impl Into<String>) -> Self {
        Self { input: String::new(), text: text.into() }
    }

    /// A refusal at the input that it is about.
    pub(super) fn of(rejection: &Rejection) -> Self {
        let text = match rejection {
            Rejection::Invalid { problem, .. } => problem.clone(),
            Rejection::BadFilter { line, column, problem, .. } => {
                format!("line {line}, column {column}: {problem}")
            }
            other => other.to_string(),
        };
        let input = match rejection {
            Rejection::AlreadyExists { resource: Resource::Trigger, .. } => "id".to_owned(),
            other => other.field().map(input_of_field).unwrap_or_default(),
        };
        Self { input, text }
    }
}

fn input_of_field(field: &str) -> String {
    match field {
        "stage_id" => "stage".to_owned(),
        "display_name" => "name".to_owned(),
        "trigger_id" => "id".to_owned(),
        "filter" | "state" => field.to_owned(),
        other => other.strip_prefix("parameters.").map(input_of).unwrap_or_default(),
    }
}
