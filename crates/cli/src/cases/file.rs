use pawl_api::pb;

use super::expect::Expected;
use super::node::{Members, Node};
use crate::manifest::{Listed, Manifest, documents};

/// One case: what there is, what happens, and what should have come of the last that happened.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) given: Given,
    pub(super) steps: Vec<Step>,
    pub(super) expected: Expected,
}

/// What there is before the first step, in the order in which it is created.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) pipelines: Vec<pb::Pipeline>,
    pub(super) trigger_types: Vec<pb::TriggerType>,
    pub(super) triggers: Vec<pb::Trigger>,
    pub(super) entities: Vec<pb::Entity>,
}

/// Something that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// An event is published.
    Event(pb::Event),
    /// One is only asked about.
    Preview(pb::Event),
    /// An entity is created.
    Create(pb::Entity),
    /// The fields of an entity that are populated are changed.
    Update(pb::Entity),
    /// An entity is moved by hand.
    Move(pb::MoveEntityRequest),
    /// Something is deleted.
    Delete(Deleted),
    /// Resources are created, or changed in every field.
    Apply(Manifest),
}

/// What is deleted, by its id.
#[derive(Debug)]
pub(super) enum Deleted {
    Entity(String),
    Trigger(String),
    Pipeline(String),
    TriggerType(String),
}

/// The source of events that name none.
const SOURCE: &str = "test";
const STEPS: &str = "event, preview, create, update, move, delete, apply";
const DELETED: &str = "entity_id, trigger_id, pipeline_id, code";

/// The cases of a file in YAML or JSON; several YAML documents are like several files.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for document in documents(text)? {
        let mut members = Node::document(document).members()?;
        let shared = members.take("given").map(Given::read).transpose()?.unwrap_or_default();
        for node in members.require("cases")?.list()? {
            let case = Case::read(node, &shared)?;
            // What fails is found again by its name.
            if cases.iter().any(|earlier: &Case| earlier.name == case.name) {
                return Err(format!("two cases are called {:?}", case.name));
            }
            cases.push(case);
        }
        members.end("given, cases")?;
    }
    Ok(cases)
}

impl Case {
    fn read(node: Node, shared: &Given) -> Result<Self, String> {
        let mut members = node.members()?;
        let name = members.require("name")?.text()?;
        members.called(&name);
        let own = members.take("given").map(Given::read).transpose()?.unwrap_or_default();
        let when = members.require("when")?;
        let mistake = when.expected("at least one step");
        let steps = (1..).zip(when.list()?).map(|(number, node)| Step::read(node, number));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        if steps.is_empty() {
            return Err(mistake);
        }
        let expected = Expected::read(members.require("expect")?)?;
        members.end("name, given, when, expect")?;
        Ok(Self { name, given: shared.with(own), steps, expected })
    }
}

impl Given {
    fn read(node: Node) -> Result<Self, String> {
        let mut members = node.members()?;
        let Manifest { pipelines, trigger_types, triggers } = manifest(&mut members)?;
        let entities = resources(&mut members, "entities")?;
        members.end("pipelines, trigger_types, triggers, entities")?;
        Ok(Self { pipelines, trigger_types, triggers, entities })
    }

    fn with(&self, own: Self) -> Self {
        Self {
            pipelines: with(&self.pipelines, own.pipelines),
            trigger_types: with(&self.trigger_types, own.trigger_types),
            triggers: with(&self.triggers, own.triggers),
            entities: with(&self.entities, own.entities),
        }
    }
}

/// What the file gives and then what the case gives; what both give is the case's, in the file's
/// place.
fn with<T: Listed + Clone>(shared: &[T], own: Vec<T>) -> Vec<T> {
    let mut given = shared.to_vec();
    for own in own {
        match given.iter_mut().find(|known| known.id() == own.id()) {
            Some(known) => *known = own,
            None => given.push(own),
        }
    }
    given
}

impl Step {
    fn read(node: Node, number: usize) -> Result<Self, String> {
        let mistake = node.expected(&format!("exactly one of {STEPS}"));
        let (kind, node) = node.only_member(STEPS)?;
        Ok(match kind.as_str() {
            "event" => Self::Event(event(node, number)?),
            "preview" => Self::Preview(event(node, number)?),
            "create" => Self::Create(node.message("pawl.v1.Entity")?),
            "update" => Self::Update(node.message("pawl.v1.Entity")?),
            "move" => Self::Move(by_hand(node)?),
            "delete" => Self::Delete(Deleted::read(node)?),
            "apply" => {
                let mut members = node.members()?;
                let manifest = manifest(&mut members)?;
                members.end("pipelines, trigger_types, triggers")?;
                Self::Apply(manifest)
            }
            unknown => return Err(format!("{mistake}, not {unknown:?}")),
        })
    }
}

impl Deleted {
    fn read(node: Node) -> Result<Self, String> {
        let mistake = node.expected(&format!("exactly one of {DELETED}"));
        let (key, id) = node.only_member(DELETED)?;
        let delete = match key.as_str() {
            "entity_id" => Self::Entity,
            "trigger_id" => Self::Trigger,
            "pipeline_id" => Self::Pipeline,
            "code" => Self::TriggerType,
            unknown => return Err(format!("{mistake}, not {unknown:?}")),
        };
        id.text().map(delete)
    }
}

/// An event; without an identity it gets one of its own.
fn event(node: Node, number: usize) -> Result<pb::Event, String> {
    let mut event: pb::Event = node.message("pawl.v1.Event")?;
    if event.source.is_empty() {
        SOURCE.clone_into(&mut event.source);
    }
    if event.event_id.is_empty() {
        event.event_id = number.to_string();
    }
    Ok(event)
}

/// A move by hand, without what only calls to a server have: it would be of no effect here.
fn by_hand(node: Node) -> Result<pb::MoveEntityRequest, String> {
    let mistake = node.expected("no request_id and no validate_only");
    let request: pb::MoveEntityRequest = node.message("pawl.v1.MoveEntityRequest")?;
    let is_call = request.validate_only || !request.request_id.is_empty();
    if is_call { Err(mistake) } else { Ok(request) }
}

fn manifest(members: &mut Members) -> Result<Manifest, String> {
    Ok(Manifest {
        pipelines: resources(members, "pipelines")?,
        trigger_types: resources(members, "trigger_types")?,
        triggers: resources(members, "triggers")?,
    })
}

fn resources<T: Listed>(members: &mut Members, key: &str) -> Result<Vec<T>, String> {
    members.take(key).map(Node::resources).transpose().map(Option::unwrap_or_default)
}
