use std::collections::BTreeMap;

use pawl_api::pb;

use super::node::{Members, Node};

/// What should have come of the last step. What is not named is not compared.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The reason for which it is refused.
    pub(super) error: Option<String>,
    /// What its event's only decision says.
    pub(super) only: Option<ExpectedDecision>,
    /// Each of its decisions, in order.
    pub(super) decisions: Option<Vec<ExpectedDecision>>,
    /// Each of its moves, in order.
    pub(super) moves: Option<Vec<String>>,
    /// Whether its event was published before.
    pub(super) duplicate: Option<bool>,
    /// Whether it is no event at all.
    pub(super) no_event: Option<bool>,
    /// Where entities stand afterwards.
    pub(super) stages: BTreeMap<String, String>,
    /// The revisions of triggers and entities afterwards.
    pub(super) revisions: BTreeMap<String, i64>,
    /// What triggers are called afterwards.
    pub(super) names: BTreeMap<String, String>,
}

/// What a decision should say.
#[derive(Debug, Default)]
pub(super) struct ExpectedDecision {
    pub(super) subject: Option<String>,
    pub(super) entity_id: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) hop: Option<i64>,
    pub(super) outcome: Option<String>,
    /// The verdict of each trigger: no more and no fewer.
    pub(super) verdicts: Option<BTreeMap<String, String>>,
    /// A part of the detail of some triggers' verdicts.
    pub(super) details: BTreeMap<String, String>,
}

const KEYS: &str = "outcome, verdicts, details, decisions, moves, duplicate, no_event, stages, \
    revisions, names, error";
const DECISION_KEYS: &str = "subject, entity_id, event_type, hop, outcome, verdicts, details";

impl Expected {
    pub(super) fn read(node: Node) -> Result<Self, String> {
        let nothing = node.expected(&format!("at least one of {KEYS}"));
        let alone = node.expected("beside error only stages, revisions and names");
        let mut members = node.members()?;
        if members.is_empty() {
            return Err(nothing);
        }
        let only = ["outcome", "verdicts", "details"].iter().any(|key| members.has(key));
        let expected = Self {
            only: only.then(|| ExpectedDecision::read_results(&mut members)).transpose()?,
            error: members.take("error").map(reason).transpose()?,
            decisions: members.take("decisions").map(decisions).transpose()?,
            moves: members.take("moves").map(texts).transpose()?,
            duplicate: members.take("duplicate").map(Node::flag).transpose()?,
            no_event: members.take("no_event").map(Node::flag).transpose()?,
            stages: by_id(&mut members, "stages", Node::text)?,
            revisions: by_id(&mut members, "revisions", Node::number)?,
            names: by_id(&mut members, "names", Node::text)?,
        };
        members.end(KEYS)?;
        if expected.error.is_some() && expected.is_about_outcome() {
            return Err(alone);
        }
        Ok(expected)
    }

    /// Whether it compares what only a step that was not refused has.
    fn is_about_outcome(&self) -> bool {
        self.only.is_some()
            || self.decisions.is_some()
            || self.moves.is_some()
            || self.duplicate.is_some()
            || self.no_event.is_some()
    }
}

impl ExpectedDecision {
    fn read(node: Node) -> Result<Self, String> {
        let mut members = node.members()?;
        let decision = Self {
            subject: members.take("subject").map(Node::text).transpose()?,
            entity_id: members.take("entity_id").map(Node::text).transpose()?,
            event_type: members.take("event_type").map(Node::text).transpose()?,
            hop: members.take("hop").map(Node::number).transpose()?,
            ..Self::read_results(&mut members)?
        };
        members.end(DECISION_KEYS)?;
        Ok(decision)
    }

    fn read_results(members: &mut Members) -> Result<Self, String> {
        Ok(Self {
            outcome: members.take("outcome").map(outcome).transpose()?,
            verdicts: members.take("verdicts").map(|node| node.each(verdict)).transpose()?,
            details: by_id(members, "details", Node::text)?,
            ..Self::default()
        })
    }
}

fn by_id<T>(
    members: &mut Members,
    key: &str,
    read: fn(Node) -> Result<T, String>,
) -> Result<BTreeMap<String, T>, String> {
    members.take(key).map(|node| node.each(read)).transpose().map(Option::unwrap_or_default)
}

fn texts(node: Node) -> Result<Vec<String>, String> {
    node.list()?.into_iter().map(Node::text).collect()
}

fn decisions(node: Node) -> Result<Vec<ExpectedDecision>, String> {
    node.list()?.into_iter().map(ExpectedDecision::read).collect()
}

fn reason(node: Node) -> Result<String, String> {
    node.name("an error reason", |name| {
        pb::ErrorReason::from_str_name(&format!("ERROR_REASON_{name}")).is_some()
    })
}

fn outcome(node: Node) -> Result<String, String> {
    node.name("the outcome of a decision", |name| {
        pb::DecisionOutcome::from_str_name(&format!("DECISION_OUTCOME_{name}")).is_some()
    })
}

fn verdict(node: Node) -> Result<String, String> {
    node.name("a verdict", |name| {
        pb::VerdictResult::from_str_name(&format!("VERDICT_RESULT_{name}")).is_some()
    })
}
