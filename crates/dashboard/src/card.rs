//! An entity as a card on the board, and the fields that cards show.

use maud::{Markup, html};
use pawl_domain::{Entity, Timestamp, Value};

use crate::address;
use crate::page::ago;

/// How many fields a card shows when nobody chose.
const FIELDS_UNCHOSEN: usize = 2;
/// How many fields a card may show.
const FIELDS_MAX: usize = 6;
/// How much of a value a card shows.
const VALUE_MAX_CHARS: usize = 60;

/// Which fields cards show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen(Option<Vec<String>>);

impl Chosen {
    /// Names between commas; without any, the first that an entity has.
    pub(crate) fn read(text: Option<&str>) -> Self {
        let names = |text: &str| {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.take(FIELDS_MAX).map(str::to_owned).collect()
        };
        Self(text.map(names))
    }

    pub(crate) fn text(&self) -> Option<String> {
        self.0.as_ref().map(|names| names.join(","))
    }

    fn of<'e>(&self, entity: &'e Entity) -> Vec<(&'e str, &'e Value)> {
        let all = entity.fields.as_map().iter().map(|(name, value)| (name.as_str(), value));
        match &self.0 {
            Some(names) => {
                all.filter(|(name, _)| names.iter().any(|chosen| chosen == name)).collect()
            }
            None => all.filter(|(_, value)| is_short(value)).take(FIELDS_UNCHOSEN).collect(),
        }
    }
}

fn is_short(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::List(_) | Value::Map(_))
}

/// What people call an entity.
pub(crate) fn name_of(entity: &Entity) -> &str {
    match entity.display_name.as_str() {
        "" => entity.id.as_str(),
        name => name,
    }
}

/// A value as people read it.
pub(crate) fn value(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => text.clone(),
        value => value.to_string(),
    };
    match text.char_indices().nth(VALUE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A card. What the script needs to know of it stands in its attributes.
pub(crate) fn card(entity: &Entity, chosen: &Chosen, now: Timestamp, can_move: bool) -> Markup {
    let id = entity.id.as_str();
    html! {
        li.card id={ "card-" (id) } data-id=(id) data-stage=(entity.stage_id)
            data-revision=(entity.version.revision) draggable=[can_move.then_some("true")] {
            a.name href=(address::entity(&entity.id)) { (name_of(entity)) }
            @if can_move {
                button.quiet.move type="button" title="Move by hand" aria-label={ "Move " (name_of(entity)) } { "⋯" }
            }
            @if !entity.display_name.as_str().is_empty() { span.id { (id) } }
            @let fields = chosen.of(entity);
            @if !fields.is_empty() {
                dl { @for (name, of_it) in fields { div { dt { (name) } dd { (value(of_it)) } } } }
            }
            p.foot {
                @if let Some(responsible) = &entity.responsible { span.who { (responsible) } }
                span.age title="On this stage since" { (ago(entity.stage_entered_time, now)) }
            }
            p.cause hidden {}
        }
    }
}
