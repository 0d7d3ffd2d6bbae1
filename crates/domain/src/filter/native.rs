//! Parts of filters that compare one thing with constants, run without CEL: some ten nanoseconds
//! instead of some hundred.

use std::cmp::Ordering;

use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::parser::Expression;

use super::Scope;
use super::check::path_of;
use crate::Value;

/// Beyond these, integers and doubles are no longer the same numbers.
const EXACT_INTEGERS: std::ops::RangeInclusive<i64> = -(1 << 53)..=(1 << 53);

/// A condition on one thing that a filter sees.
#[derive(Debug)]
pub(super) struct Predicate {
    subject: Subject,
    test: Test,
}

#[derive(Debug)]
enum Subject {
    Attribute(String),
    Field(String),
    EventType,
    Source,
    Actor,
    EntityId,
    Kind,
    PipelineId,
    StageId,
    Responsible,
}

#[derive(Debug)]
enum Test {
    Is(Constant),
    IsNot(Constant),
    /// It stands so to the constant.
    Orders(fn(Ordering) -> bool, Constant),
    OneOf(Vec<Constant>),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Exists,
}

#[derive(Debug)]
enum Constant {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// What is found at a subject.
enum Found<'a> {
    Text(&'a str),
    Value(&'a Value),
}

impl Predicate {
    /// `None` where only CEL will do.
    pub(super) fn of(expression: &Expression) -> Option<Self> {
        match &expression.expr {
            Expr::Call(call) => Self::of_call(call),
            Expr::Select(select) if select.test => {
                let mut path = path_of(&select.operand.expr)?;
                path.push(&select.field);
                let subject = Subject::of(&path)?;
                matches!(subject, Subject::Attribute(_) | Subject::Field(_))
                    .then_some(Self { subject, test: Test::Exists })
            }
            _ => None,
        }
    }

    fn of_call(call: &CallExpr) -> Option<Self> {
        if let (Some(target), [arg]) = (&call.target, call.args.as_slice()) {
            let subject = Subject::of(&path_of(&target.expr)?)?;
            let Constant::Text(text) = Constant::of(arg)? else { return None };
            let test = match call.func_name.as_str() {
                "startsWith" => Test::StartsWith(text),
                "endsWith" => Test::EndsWith(text),
                "contains" => Test::Contains(text),
                _ => return None,
            };
            return Some(Self { subject, test });
        }
        let ([left, right], None) = (call.args.as_slice(), &call.target) else { return None };
        let operator = call.func_name.as_str();
        let (path, other, flipped) = match (path_of(&left.expr), path_of(&right.expr)) {
            (Some(path), None) => (path, right, false),
            (None, Some(path)) => (path, left, true),
            _ => return None,
        };
        let subject = Subject::of(&path)?;
        if operator == operators::IN {
            let (Expr::List(list), false) = (&other.expr, flipped) else { return None };
            let constants = list.elements.iter().map(Constant::of).collect::<Option<_>>()?;
            return Some(Self { subject, test: Test::OneOf(constants) });
        }
        let constant = Constant::of(other)?;
        let ordered: fn(Ordering) -> bool = match (operator, flipped) {
            (operators::EQUALS, _) => return Some(Self { subject, test: Test::Is(constant) }),
            (operators::NOT_EQUALS, _) => {
                return Some(Self { subject, test: Test::IsNot(constant) });
            }
            (operators::LESS, false) | (operators::GREATER, true) => Ordering::is_lt,
            (operators::LESS_EQUALS, false) | (operators::GREATER_EQUALS, true) => Ordering::is_le,
            (operators::GREATER, false) | (operators::LESS, true) => Ordering::is_gt,
            (operators::GREATER_EQUALS, false) | (operators::LESS_EQUALS, true) => Ordering::is_ge,
            _ => return None,
        };
        match constant {
            Constant::Number(_) | Constant::Text(_) => {
                Some(Self { subject, test: Test::Orders(ordered, constant) })
            }
            Constant::Null | Constant::Bool(_) => None,
        }
    }

    /// `None` when CEL has to say what is wrong.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> Option<bool> {
        let found = self.subject.find(scope);
        if matches!(self.test, Test::Exists) {
            return Some(found.is_some());
        }
        let found = found?;
        match &self.test {
            Test::Is(constant) => Some(constant.is(&found)),
            Test::IsNot(constant) => Some(!constant.is(&found)),
            Test::Orders(ordered, constant) => found.compare(constant).map(ordered),
            Test::OneOf(constants) => Some(constants.iter().any(|constant| constant.is(&found))),
            Test::StartsWith(text) => found.text().map(|found| found.starts_with(text)),
            Test::EndsWith(text) => found.text().map(|found| found.ends_with(text)),
            Test::Contains(text) => found.text().map(|found| found.contains(text)),
            Test::Exists => None,
        }
    }
}

impl Subject {
    fn of(path: &[&str]) -> Option<Self> {
        Some(match path {
            ["event", "attributes", key] => Self::Attribute((*key).to_owned()),
            ["entity", "fields", key] => Self::Field((*key).to_owned()),
            ["event", "type"] => Self::EventType,
            ["event", "source"] => Self::Source,
            ["event", "actor"] => Self::Actor,
            ["entity", "entity_id"] => Self::EntityId,
            ["entity", "kind"] => Self::Kind,
            ["entity", "pipeline_id"] => Self::PipelineId,
            ["entity", "stage_id"] => Self::StageId,
            ["entity", "responsible"] => Self::Responsible,
            _ => return None,
        })
    }

    fn find<'a>(&self, scope: &Scope<'a>) -> Option<Found<'a>> {
        let (event, entity) = (scope.event, scope.entity);
        Some(Found::Text(match self {
            Self::Attribute(key) => return event.attributes.as_map().get(key).map(Found::Value),
            Self::Field(key) => return entity.fields.as_map().get(key).map(Found::Value),
            Self::EventType => event.event_type.as_str(),
            Self::Source => event.source.as_str(),
            Self::Actor => event.actor.as_ref().map_or("", |actor| actor.as_str()),
            Self::EntityId => entity.id.as_str(),
            Self::Kind => entity.id.kind(),
            Self::PipelineId => entity.pipeline_id.as_str(),
            Self::StageId => entity.stage_id.as_str(),
            Self::Responsible => entity.responsible.as_ref().map_or("", |name| name.as_str()),
        }))
    }
}

impl Constant {
    fn of(expression: &Expression) -> Option<Self> {
        let Expr::Literal(literal) = &expression.expr else { return None };
        Some(match literal {
            LiteralValue::Null => Self::Null,
            LiteralValue::Boolean(bool) => Self::Bool(*bool.inner()),
            LiteralValue::Double(double) if double.inner().is_finite() => {
                Self::Number(*double.inner())
            }
            LiteralValue::Int(int) if EXACT_INTEGERS.contains(int.inner()) => {
                Self::Number(int.inner().to_string().parse().ok()?)
            }
            LiteralValue::String(text) => Self::Text(text.inner().to_owned()),
            _ => return None,
        })
    }

    /// As CEL compares: what is of another type is not the same.
    fn is(&self, found: &Found<'_>) -> bool {
        match (self, found) {
            (Self::Text(text), found) => found.text() == Some(text),
            (Self::Null, Found::Value(Value::Null)) => true,
            (Self::Bool(bool), Found::Value(Value::Bool(found))) => bool == found,
            #[expect(clippy::float_cmp, reason = "equality is what was asked for")]
            (Self::Number(number), Found::Value(Value::Number(found))) => number == found,
            _ => false,
        }
    }
}

impl Found<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(Value::Text(text)) => Some(text),
            Self::Value(_) => None,
        }
    }

    fn compare(&self, constant: &Constant) -> Option<Ordering> {
        match (self, constant) {
            (Self::Value(Value::Number(found)), Constant::Number(number)) => {
                found.partial_cmp(number)
            }
            (found, Constant::Text(text)) => found.text().map(|found| found.cmp(text.as_str())),
            _ => None,
        }
    }
}
