use std::collections::HashSet;
use std::fmt;

use crate::limits::{KINDS_MAX, PARAMETERS_MAX, RESOURCE_MAX_BYTES};
use crate::{
    Comparison, Detail, DisplayName, ENTITY_UPDATED, EntityKind, Event, EventType, Fields,
    Parameter, Prose, Rejection, Responsible, ServedKind, Timestamp, TypeCode, Value, Version,
};

/// An entry of the catalogue: which event its triggers listen to, and what they can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerType {
    /// Its code.
    pub code: TypeCode,
    /// The section of the catalogue that lists it.
    pub section: DisplayName,
    /// What people call it.
    pub title: DisplayName,
    /// What it is for.
    pub description: Prose,
    /// The event that its triggers listen to; never changes, for triggers rely on it.
    pub event_type: EventType,
    /// What its triggers can be told; never changes either.
    pub parameters: Vec<Parameter>,
    /// The entity kinds it serves; empty means all.
    pub kinds: Vec<ServedKind>,
    /// What a built-in type adds; `None` for those that users registered.
    pub built_in: Option<BuiltIn>,
    /// Revision and times.
    pub version: Version,
}

/// What only built-in types have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// The condition as a sentence, with which the names of triggers begin (T8).
    pub sentence: &'static str,
    /// What an update must change for its triggers to match (X1).
    pub watches: Option<Watched>,
}

/// What of an entity an update must change (X1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Who is in charge.
    Responsible,
    /// One of the fields that a parameter names.
    Fields,
}

/// What a new trigger type is made of.
#[derive(Debug, Clone)]
pub struct NewTriggerType {
    /// Its code.
    pub code: TypeCode,
    /// The section of the catalogue that lists it.
    pub section: DisplayName,
    /// What people call it.
    pub title: DisplayName,
    /// What it is for.
    pub description: Prose,
    /// The event that its triggers listen to.
    pub event_type: EventType,
    /// What its triggers can be told.
    pub parameters: Vec<Parameter>,
    /// The entity kinds it serves; empty means all.
    pub kinds: Vec<ServedKind>,
}

/// What an update may change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct TriggerTypePatch {
    /// The event that the caller believes its triggers listen to: any other is refused.
    pub event_type: Option<EventType>,
    /// The parameters that the caller believes it has: any others are refused.
    pub parameters: Option<Vec<Parameter>>,
    /// Another section.
    pub section: Option<DisplayName>,
    /// A new title.
    pub title: Option<DisplayName>,
    /// A new description.
    pub description: Option<Prose>,
    /// The entity kinds anew.
    pub kinds: Option<Vec<ServedKind>>,
}

impl TriggerType {
    /// A new trigger type of a user's.
    pub fn create(new: NewTriggerType, version: Version) -> Result<Self, Rejection> {
        let NewTriggerType { code, section, title, description, event_type, parameters, kinds } =
            new;
        if event_type.as_str() == ENTITY_UPDATED {
            let (field, value) = ("event_type".to_owned(), ENTITY_UPDATED.to_owned());
            return Err(Rejection::Reserved { field, value });
        }
        check_parameters(&parameters)?;
        let built_in = None;
        Self { code, section, title, description, event_type, parameters, kinds, built_in, version }
            .within_limit()
    }

    /// This type after `patch`; the same revision when nothing changes. `served` are the kinds on
    /// which triggers of this type sit: they cannot be left out.
    pub fn revised<'a>(
        &self,
        patch: TriggerTypePatch,
        served: impl Iterator<Item = &'a EntityKind>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let TriggerTypePatch { event_type, parameters, section, title, description, kinds } = patch;
        let immutable = |field: &str| Rejection::Immutable {
            field: field.to_owned(),
            remedy: "delete the trigger type and register it again",
        };
        if event_type.is_some_and(|event_type| event_type != self.event_type) {
            return Err(immutable("event_type"));
        }
        if parameters.is_some_and(|parameters| parameters != self.parameters) {
            return Err(immutable("parameters"));
        }
        let mut revised = Self {
            section: section.unwrap_or_else(|| self.section.clone()),
            title: title.unwrap_or_else(|| self.title.clone()),
            description: description.unwrap_or_else(|| self.description.clone()),
            kinds: kinds.unwrap_or_else(|| self.kinds.clone()),
            ..self.clone()
        };
        let left_out = served.filter(|kind| !revised.serves(kind.as_str())).count();
        if left_out > 0 {
            let triggers = left_out as u64;
            return Err(Rejection::TriggerTypeInUse { code: self.code.to_string(), triggers });
        }
        if revised != *self {
            revised.version = self.version.next(now);
        }
        revised.within_limit()
    }

    /// Whether triggers of this type may sit on pipelines of `kind`.
    pub fn serves(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|served| served.covers(kind))
    }

    /// Refuses parameters of a trigger that this type does not take.
    pub(crate) fn check(&self, given: &Fields) -> Result<(), Rejection> {
        for (name, value) in given.as_map() {
            let field = format!("parameters.{name}");
            let known = self.parameters.iter().find(|known| known.name.as_str() == name);
            let Some(known) = known else {
                let names: Vec<&str> = self.parameters.iter().map(|p| p.name.as_str()).collect();
                let takes = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let problem = format!("is no parameter of {}, which takes {takes}", self.code);
                return Err(Rejection::invalid(field, problem));
            };
            known.check(&field, value)?;
        }
        let missing = |p: &&Parameter| p.required && !given.as_map().contains_key(p.name.as_str());
        match self.parameters.iter().find(missing) {
            Some(missing) => {
                let problem = format!("is required by {}", self.code);
                Err(Rejection::invalid(format!("parameters.{}", missing.name), problem))
            }
            None => Ok(()),
        }
    }

    /// The first parameter that an event differs from, and what came instead; `None` when it
    /// matches (T2).
    pub(crate) fn differs(&self, given: &Fields, event: &Event) -> Option<Detail> {
        match self.built_in.and_then(|built_in| built_in.watches) {
            Some(Watched::Responsible) => {
                let Some(change) = &event.changes.responsible else {
                    return Some(Detail::clipped("responsible: did not change"));
                };
                let text = |name: &Responsible| Value::Text(name.to_string());
                let (old, new) = (change.old.as_ref().map(text), change.new.as_ref().map(text));
                self.differs_in(given, vec![("responsible", old.as_ref(), new.as_ref())])
            }
            Some(Watched::Fields) => {
                let fields = event.changes.fields.iter();
                let changed = fields.map(|(key, c)| (key.as_str(), c.old.as_ref(), c.new.as_ref()));
                self.differs_in(given, changed.collect())
            }
            None if given.as_map().is_empty() => None,
            None => self.parameters.iter().find_map(|parameter| {
                let wanted = given.as_map().get(parameter.name.as_str())?;
                parameter.differs(wanted, event)
            }),
        }
    }

    /// Which changes will do is narrowed down parameter by parameter: one of them has to do for all.
    fn differs_in(&self, given: &Fields, mut changed: Vec<Changed<'_>>) -> Option<Detail> {
        for parameter in &self.parameters {
            let Some(wanted) = given.as_map().get(parameter.name.as_str()) else { continue };
            let holds = |came: Option<&Value>| came.is_some_and(|c| parameter.holds(wanted, c));
            let before = changed.clone();
            changed.retain(|(key, old, new)| match parameter.comparison {
                Comparison::ChangedFrom => holds(*old),
                Comparison::ChangedTo => holds(*new),
                _ => parameter.holds(wanted, &Value::Text((*key).to_owned())),
            });
            if changed.is_empty() {
                let came = Came { comparison: parameter.comparison, changed: &before };
                let name = &parameter.name;
                return Some(Detail::clipped(format_args!("{name}: wants {wanted}, but {came}")));
            }
        }
        None
    }

    /// The condition as a sentence: how a trigger is called that nobody named (T8).
    pub(crate) fn sentence(&self, given: &Fields) -> String {
        let mut sentence = match self.built_in {
            Some(built_in) => built_in.sentence,
            None if self.title.as_str().is_empty() => self.code.as_str(),
            None => self.title.as_str(),
        }
        .to_owned();
        let mut separator = ": ";
        for parameter in &self.parameters {
            let Some(value) = given.as_map().get(parameter.name.as_str()) else { continue };
            sentence.push_str(separator);
            separator = ", ";
            if parameter.comparison != Comparison::Changed {
                let title = parameter.title.as_str();
                let title = if title.is_empty() { parameter.name.as_str() } else { title };
                sentence.push_str(&title.to_lowercase());
                sentence.push(' ');
            }
            let items = match value {
                Value::List(items) => items.as_slice(),
                value => std::slice::from_ref(value),
            };
            let plain = |value: &Value| match value {
                Value::Text(text) => text.clone(),
                value => value.to_string(),
            };
            let comma = if parameter.comparison == Comparison::Changed { ", " } else { " or " };
            sentence.push_str(&items.iter().map(plain).collect::<Vec<_>>().join(comma));
        }
        sentence
    }

    fn within_limit(self) -> Result<Self, Rejection> {
        if self.kinds.len() > KINDS_MAX {
            return Err(Rejection::invalid(
                "entity_kinds",
                format!(
                    "has {} kinds, the limit is {KINDS_MAX}; leave it empty to serve all",
                    self.kinds.len()
                ),
            ));
        }
        let texts = [self.section.as_str(), self.title.as_str(), self.description.as_str()];
        let bytes = texts.iter().map(|text| text.len()).sum::<usize>()
            + self.parameters.iter().map(Parameter::size_bytes).sum::<usize>()
            + self.kinds.iter().map(|kind| 8 + kind.as_str().len()).sum::<usize>();
        if bytes > RESOURCE_MAX_BYTES {
            return Err(Rejection::invalid(
                "parameters",
                format!(
                    "and texts take {bytes} bytes, the limit is {RESOURCE_MAX_BYTES}; shorten options"
                ),
            ));
        }
        Ok(self)
    }
}

/// A field that changed, with what it was and what it is.
type Changed<'a> = (&'a str, Option<&'a Value>, Option<&'a Value>);

/// What changed instead of what was wanted, in words.
struct Came<'a> {
    comparison: Comparison,
    changed: &'a [Changed<'a>],
}

impl fmt::Display for Came<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changed.is_empty() {
            return f.write_str("no field changed");
        }
        for (index, (key, old, new)) in self.changed.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            match self.comparison {
                Comparison::ChangedFrom => {
                    write!(f, "{separator}{key} was {}", old.unwrap_or(&Value::Null))?;
                }
                Comparison::ChangedTo => {
                    write!(f, "{separator}{key} became {}", new.unwrap_or(&Value::Null))?;
                }
                _ => write!(f, "{separator}{key} changed")?,
            }
        }
        Ok(())
    }
}

fn check_parameters(parameters: &[Parameter]) -> Result<(), Rejection> {
    if parameters.len() > PARAMETERS_MAX {
        let problem = format!("has {}, the limit is {PARAMETERS_MAX}", parameters.len());
        return Err(Rejection::invalid("parameters", problem));
    }
    let mut names = HashSet::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let field = format!("parameters[{index}]");
        if !names.insert(&parameter.name) {
            let problem = format!("{:?} is the name of an earlier one", parameter.name);
            return Err(Rejection::invalid(format!("{field}.name"), problem));
        }
        parameter.check_definition(&field)?;
    }
    Ok(())
}
