//! The fields of resources as options, and by which of them lists can be filtered.

use clap::Args;
use jiff::Timestamp;
use pawl_api::pb;
use serde_json::{Map, Value, json};

use crate::args::inquiry::attribute;
use crate::clock::moment;

/// Fields of a resource under their names in the contract.
pub(crate) type Members = Map<String, Value>;

/// Options that name fields of a resource.
pub(crate) trait Fields: Args {
    /// Those that are given.
    fn members(self) -> Members;

    /// Whether only to check.
    fn is_dry_run(&self) -> bool {
        false
    }

    /// Who does it.
    fn actor(&self) -> String {
        String::new()
    }
}

/// Fields of a kind that the server can check without creating it.
#[derive(Debug, Args)]
pub(crate) struct Checked<F: Args> {
    #[command(flatten)]
    fields: F,

    /// Creates nothing: runs the checks of the server.
    #[arg(long)]
    dry_run: bool,
}

impl<F: Fields> Fields for Checked<F> {
    fn members(self) -> Members {
        self.fields.members()
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// Adds what is given.
fn put(members: &mut Members, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}

fn put_list(members: &mut Members, name: &str, values: Vec<String>) {
    if !values.is_empty() {
        // `--customer ''` empties the list.
        let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty()).collect();
        members.insert(name.to_owned(), values.into());
    }
}

fn constant(name: Option<String>) -> Option<String> {
    name.map(|name| name.to_uppercase().replace('-', "_"))
}

#[derive(Debug, Default, Args)]
pub(crate) struct PipelineFilter {
    /// Only those of this entity kind, such as `deal`.
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    pub(crate) kind: String,
}

#[derive(Debug, Args)]
pub(crate) struct PipelineFields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// The kind of its entities, such as `deal`.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// A stage, in order, and after a colon `won` or `lost` if that is what it means. Given once,
    /// all of them must be; names and colours need a file.
    #[arg(long = "stage", value_name = "ID[:MEANING]", num_args = 1.., value_parser = stage)]
    stages: Vec<Value>,

    /// Which of several triggers that match moves the entity.
    #[arg(
        long,
        value_name = "WHICH",
        value_parser = ["earliest-stage", "next-stage", "furthest-stage"]
    )]
    trigger_selection: Option<String>,

    /// Which entities of a customer an event about the customer reaches.
    #[arg(long, value_name = "WHICH", value_parser = ["latest", "all", "none"])]
    customer_reach: Option<String>,
}

impl Fields for PipelineFields {
    fn members(self) -> Members {
        let mut members = Members::new();
        put(&mut members, "display_name", self.name);
        put(&mut members, "entity_kind", self.kind);
        put(&mut members, "stages", Some(self.stages).filter(|stages| !stages.is_empty()));
        put(&mut members, "trigger_selection", constant(self.trigger_selection));
        put(&mut members, "customer_reach", constant(self.customer_reach));
        members
    }
}

fn stage(text: &str) -> Result<Value, String> {
    // An id may have colons too.
    let (id, semantics) = match text.rsplit_once(':') {
        Some((id, "won")) => (id, "WON"),
        Some((id, "lost")) => (id, "LOST"),
        Some((id, "open")) => (id, "OPEN"),
        _ => (text, ""),
    };
    if id.is_empty() {
        return Err("the id is missing; write it as ID, ID:won or ID:lost".to_owned());
    }
    let mut stage = json!({"stage_id": id});
    if !semantics.is_empty() {
        stage["semantics"] = semantics.into();
    }
    Ok(stage)
}

#[derive(Debug, Default, Args)]
pub(crate) struct TriggerTypeFilter {
    /// Only those whose title contains this text, in any case of letters.
    #[arg(value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub(crate) query: String,

    /// Only those of this section, such as `Payment`.
    #[arg(long, value_name = "SECTION", default_value = "", hide_default_value = true)]
    pub(crate) section: String,

    /// Only those that serve this entity kind, such as `deal`.
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    pub(crate) kind: String,
}

#[derive(Debug, Args)]
pub(crate) struct TriggerTypeFields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Under which head catalogues list it.
    #[arg(long, value_name = "TEXT")]
    section: Option<String>,

    /// What it means, for people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// The type of the events to which it listens, if it is not its code.
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,

    /// An entity kind that it serves; without any it serves all. Can be repeated.
    #[arg(long = "kind", value_name = "KIND", num_args = 1..)]
    kinds: Vec<String>,

    /// A parameter, and how the event is compared with it; titles and options need a file. Can be
    /// repeated.
    #[arg(
        long = "parameter",
        value_name = "NAME[=COMPARISON]",
        num_args = 1..,
        value_parser = parameter
    )]
    parameters: Vec<Value>,
}

impl Fields for TriggerTypeFields {
    fn members(self) -> Members {
        let mut members = Members::new();
        put(&mut members, "section", self.section);
        put(&mut members, "title", self.title);
        put(&mut members, "description", self.description);
        put(&mut members, "event_type", self.event_type);
        put(&mut members, "parameters", Some(self.parameters).filter(|them| !them.is_empty()));
        put_list(&mut members, "entity_kinds", self.kinds);
        members
    }
}

fn parameter(text: &str) -> Result<Value, String> {
    const KNOWN: [&str; 8] = [
        "exact",
        "prefix",
        "contains",
        "at-least",
        "at-most",
        "changed",
        "changed-from",
        "changed-to",
    ];
    let Some((name, comparison)) = text.split_once('=') else { return Ok(json!({"name": text})) };
    if !KNOWN.contains(&comparison) {
        return Err(format!("no such comparison; it is one of {}", KNOWN.join(", ")));
    }
    Ok(json!({"name": name, "comparison": constant(Some(comparison.to_owned()))}))
}

#[derive(Debug, Default, Args)]
pub(crate) struct TriggerFilter {
    /// Only those of this pipeline.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,

    /// Only those on this stage.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) stage: String,

    /// Only those of this trigger type, such as `email.viewed`.
    #[arg(long = "type", value_name = "CODE", default_value = "", hide_default_value = true)]
    pub(crate) trigger_type: String,

    /// Only those in this state.
    #[arg(long, value_name = "STATE", value_parser = trigger_state)]
    pub(crate) state: Option<pb::TriggerState>,
}

fn trigger_state(text: &str) -> Result<pb::TriggerState, String> {
    let name = format!("TRIGGER_STATE_{}", text.to_uppercase());
    let state = pb::TriggerState::from_str_name(&name);
    let state = state.filter(|state| *state != pb::TriggerState::Unspecified);
    state.ok_or_else(|| "it is one of active, paused, shadow".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct TriggerFields {
    /// The pipeline whose entities it moves.
    #[arg(long, value_name = "ID")]
    pipeline: Option<String>,

    /// The stage to which it moves them.
    #[arg(long, value_name = "ID")]
    stage: Option<String>,

    /// What it listens to, such as `email.viewed`: see `pawl trigger-type list`.
    #[arg(long = "type", value_name = "CODE")]
    trigger_type: Option<String>,

    /// A parameter of its type. The value is JSON if it can be read as such (`250`, `["a"]`), and
    /// else a text. Given once, all of them must be.
    #[arg(long = "parameter", value_name = "KEY=VALUE", num_args = 1.., value_parser = attribute)]
    parameters: Vec<(String, Value)>,

    /// What must hold besides, in CEL.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,

    /// Whether it may move an entity back to an earlier stage.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_move_back: Option<bool>,

    /// Whether it may move an entity that was won or lost.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_reopen: Option<bool>,

    /// Whether it moves anything: a paused one is not judged, one in shadow is judged and never moves.
    #[arg(long, value_name = "STATE", value_parser = ["active", "paused", "shadow"])]
    state: Option<String>,

    /// What people call it; without a name it gets a sentence that says what it does.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

impl Fields for TriggerFields {
    fn members(self) -> Members {
        let mut members = Members::new();
        put(&mut members, "pipeline_id", self.pipeline);
        put(&mut members, "stage_id", self.stage);
        put(&mut members, "display_name", self.name);
        put(&mut members, "trigger_type", self.trigger_type);
        if !self.parameters.is_empty() {
            let parameters: Members = self.parameters.into_iter().collect();
            put(&mut members, "parameters", Some(parameters));
        }
        put(&mut members, "filter", self.filter);
        put(&mut members, "allow_move_back", self.allow_move_back);
        put(&mut members, "allow_reopen", self.allow_reopen);
        put(&mut members, "state", constant(self.state));
        members
    }
}

#[derive(Debug, Default, Args)]
pub(crate) struct EntityFilter {
    /// Only those in this pipeline.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,

    /// Only those on this stage.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) stage: String,

    /// Only those of this customer, such as `contact/9`.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) customer: String,

    /// Only those of this employee.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) responsible: String,

    /// Only those that last changed at or after this time in RFC 3339, or since a span such as `2h`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) updated_after: Option<Timestamp>,

    /// Only those that last changed before this time, or longer ago than a span such as `7d`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) updated_before: Option<Timestamp>,
}

/// What an entity can be given when it is created, and later.
#[derive(Debug, Args)]
struct EntityValues {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// The employee who is responsible for it.
    #[arg(long, value_name = "NAME")]
    responsible: Option<String>,

    /// A customer that it belongs to, such as `contact/9`. Given once, all of them must be; an empty
    /// one leaves none.
    #[arg(long = "customer", value_name = "ID", num_args = 1..)]
    customers: Vec<String>,

    /// An entity from which it arose, such as `lead/3`. Given once, all of them must be; an empty one
    /// leaves none.
    #[arg(long = "parent", value_name = "ID", num_args = 1..)]
    parents: Vec<String>,

    /// A field of its own. The value is JSON if it can be read as such (`250`, `true`), and else a
    /// text. Can be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", num_args = 1.., value_parser = attribute)]
    fields: Vec<(String, Value)>,
}

impl EntityValues {
    fn put(self, members: &mut Members) {
        put(members, "display_name", self.name);
        put(members, "responsible", self.responsible);
        put_list(members, "customer_ids", self.customers);
        put_list(members, "parent_ids", self.parents);
        if !self.fields.is_empty() {
            put(members, "fields", Some(self.fields.into_iter().collect::<Members>()));
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct EntityFields {
    /// The pipeline that it enters.
    #[arg(long, value_name = "ID")]
    pipeline: Option<String>,

    /// The stage on which it begins, if not the first.
    #[arg(long, value_name = "ID")]
    stage: Option<String>,

    #[command(flatten)]
    values: EntityValues,
}

impl Fields for EntityFields {
    fn members(self) -> Members {
        let mut members = Members::new();
        put(&mut members, "pipeline_id", self.pipeline);
        put(&mut members, "stage_id", self.stage);
        self.values.put(&mut members);
        members
    }
}

#[derive(Debug, Args)]
pub(crate) struct EntityChanges {
    #[command(flatten)]
    values: EntityValues,

    /// Removes a field of its own. Can be repeated.
    #[arg(long = "unset", value_name = "KEY", num_args = 1..)]
    unset: Vec<String>,

    /// Who changes it.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    actor: String,
}

impl Fields for EntityChanges {
    fn members(self) -> Members {
        let mut members = Members::new();
        self.values.put(&mut members);
        if !self.unset.is_empty() {
            let fields = members.entry("fields").or_insert_with(|| Members::new().into());
            for key in self.unset {
                fields[key] = Value::Null;
            }
        }
        members
    }

    fn actor(&self) -> String {
        self.actor.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_read_with_what_they_mean() {
        assert_eq!(stage("new"), Ok(json!({"stage_id": "new"})));
        assert_eq!(stage("a:b:won"), Ok(json!({"stage_id": "a:b", "semantics": "WON"})));
        assert_eq!(stage("a:b"), Ok(json!({"stage_id": "a:b"})));
        assert!(stage(":won").is_err());
    }

    #[test]
    fn parameters_are_read_with_their_comparison() {
        assert_eq!(parameter("url"), Ok(json!({"name": "url"})));
        let wanted = json!({"name": "amount", "comparison": "AT_LEAST"});
        assert_eq!(parameter("amount=at-least"), Ok(wanted));
        assert!(parameter("amount=most").unwrap_err().contains("at-most"));
    }
}
