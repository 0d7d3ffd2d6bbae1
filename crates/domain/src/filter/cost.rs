//! What running a filter may cost, from its text and the sizes of what it looks at.
//!
//! A unit is a step of the evaluation or eight bytes that it passes over, some ten to a hundred
//! nanoseconds. Lists are as long as they can be with that many bytes, and no condition stops early.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use cel::parser::Expression;

use super::Scope;
use super::check::path_of;
use crate::limits::{FIELDS_MAX_BYTES, RESOURCE_MAX_BYTES};
use crate::{CustomerId, Value};

/// Compiling a pattern of the largest size that is let through.
const PATTERN_UNITS: u64 = 5_000;
/// Running a pattern of the largest size over eight bytes, in the worst of cases.
const PATTERN_STEP_UNITS: u64 = 512;
/// Binding a variable and evaluating what a macro adds.
const ROUND_UNITS: u64 = 4;

/// The sizes of what a filter can look at, in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    attributes: u64,
    fields: u64,
    changes: u64,
    customers: u64,
}

impl Sizes {
    /// As large as they can be.
    pub(super) const MAX: Self = Self {
        attributes: FIELDS_MAX_BYTES as u64 / 8,
        fields: FIELDS_MAX_BYTES as u64 / 8,
        changes: FIELDS_MAX_BYTES as u64 / 4,
        customers: RESOURCE_MAX_BYTES as u64 / 8,
    };

    pub(super) fn of(scope: &Scope<'_>) -> Self {
        let units = |bytes: usize| (bytes as u64).div_ceil(8);
        let changes = scope.event.changes.fields.iter();
        let size = |value: &Option<Value>| 16 + value.as_ref().map_or(0, Value::size_bytes);
        // Two names of at most 256 characters.
        let responsible = scope.event.changes.responsible.as_ref().map_or(0, |_| 2 * 1_024);
        let customers = scope.entity.customer_ids.iter().map(CustomerId::as_str);
        Self {
            attributes: units(scope.event.attributes.size_bytes()),
            fields: units(scope.entity.fields.size_bytes()),
            changes: units(
                responsible
                    + changes
                        .map(|(key, change)| key.len() + size(&change.old) + size(&change.new))
                        .sum::<usize>(),
            ),
            customers: units(customers.map(|id| 8 + id.len()).sum()),
        }
    }
}

/// So much at any rate, and so much for each unit of the item at hand.
#[derive(Debug, Clone, Copy)]
struct Linear {
    fixed: u64,
    per_unit: u64,
}

impl Linear {
    const ONE: Self = Self { fixed: 1, per_unit: 0 };

    fn fixed(fixed: u64) -> Self {
        Self { fixed, per_unit: 0 }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            per_unit: self.per_unit.saturating_add(other.per_unit),
        }
    }

    fn times(self, factor: u64) -> Self {
        Self {
            fixed: self.fixed.saturating_mul(factor),
            per_unit: self.per_unit.saturating_mul(factor),
        }
    }

    /// For all items of a range: there are never more of them than units.
    fn over(self, range: u64) -> u64 {
        range.saturating_mul(self.fixed).saturating_add(range.saturating_mul(self.per_unit))
    }
}

/// What an expression costs, and how large its value is.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    work: Linear,
    size: Linear,
}

/// The most that running an expression can cost.
pub(super) fn of(expression: &Expression, sizes: &Sizes) -> u64 {
    Estimator { sizes, item: None, range: 1 }.estimate(expression).work.fixed
}

struct Estimator<'s> {
    sizes: &'s Sizes,
    /// The variable of the macro around, and what else it binds.
    item: Option<(&'s str, &'s str)>,
    /// Units of what the macro goes through.
    range: u64,
}

impl<'s> Estimator<'s> {
    fn estimate(&self, expression: &'s Expression) -> Estimate {
        let value = |size: Linear| Estimate { work: Linear::ONE, size };
        if let Some(path) = path_of(&expression.expr) {
            return value(self.size_of(&path));
        }
        match &expression.expr {
            Expr::Literal(literal) => value(Linear::fixed(match literal {
                LiteralValue::String(text) => 1 + text.inner().len() as u64 / 8,
                LiteralValue::Bytes(bytes) => 1 + bytes.inner().len() as u64 / 8,
                _ => 1,
            })),
            Expr::Select(select) => {
                let operand = self.estimate(&select.operand);
                Estimate { work: operand.work.plus(Linear::ONE), size: operand.size }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.sum(list.elements.iter()),
            Expr::Map(map) => self.sum(map.entries.iter().flat_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
                EntryExpr::StructField(field) => vec![&field.value],
            })),
            Expr::Comprehension(made) => self.comprehension(made),
            Expr::Ident(_) | Expr::Struct(_) | Expr::Unspecified => value(Linear::ONE),
        }
    }

    fn size_of(&self, path: &[&str]) -> Linear {
        match (self.item, path) {
            (Some((item, _)), [name, ..]) if *name == item => Linear { fixed: 1, per_unit: 1 },
            (Some((_, accumulated)), [name, ..]) if *name == accumulated => Linear::ONE,
            (_, ["event", "attributes", ..]) => Linear::fixed(self.sizes.attributes),
            (_, ["entity", "fields", ..]) => Linear::fixed(self.sizes.fields),
            (_, ["entity", "customer_ids"]) => Linear::fixed(self.sizes.customers),
            (_, ["changes", ..]) => Linear::fixed(self.sizes.changes),
            // A name has at most 256 characters.
            _ => Linear::fixed(128),
        }
    }

    fn sum(&self, parts: impl Iterator<Item = &'s Expression>) -> Estimate {
        let none = Estimate { work: Linear::ONE, size: Linear::ONE };
        parts.map(|part| self.estimate(part)).fold(none, |sum, part| Estimate {
            work: sum.work.plus(part.work).plus(part.size),
            size: sum.size.plus(part.size),
        })
    }

    fn call(&self, call: &'s CallExpr) -> Estimate {
        let operands: Vec<Estimate> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .map(|a| self.estimate(a))
            .collect();
        let work = operands.iter().fold(Linear::ONE, |work, operand| work.plus(operand.work));
        let all = operands.iter().fold(Linear::ONE, |size, operand| size.plus(operand.size));
        let smallest = operands.iter().map(|operand| operand.size);
        let smallest = smallest.min_by_key(|size| size.over(self.range)).unwrap_or(Linear::ONE);
        let (own, size) = match call.func_name.as_str() {
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => (smallest, Linear::ONE),
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE => (Linear::ONE, Linear::ONE),
            operators::CONDITIONAL | operators::ADD => (all, all),
            operators::INDEX => (Linear::ONE, all),
            "matches" => {
                (all.times(PATTERN_STEP_UNITS).plus(Linear::fixed(PATTERN_UNITS)), Linear::ONE)
            }
            "string" => (all, all),
            _ => (all, Linear::ONE),
        };
        Estimate { work: work.plus(own), size }
    }

    fn comprehension(&self, made: &'s ComprehensionExpr) -> Estimate {
        let range = self.estimate(&made.iter_range);
        // Checked filters have no macro within a macro, so the range has a size of its own.
        let units = range.size.fixed.max(1);
        let inner = Estimator {
            sizes: self.sizes,
            item: Some((&made.iter_var, &made.accu_var)),
            range: units,
        };
        let condition = inner.estimate(&made.loop_cond);
        let step = inner.estimate(&made.loop_step);
        let round = condition.work.plus(step.work).plus(Linear::fixed(ROUND_UNITS));
        // Each item is copied to be bound.
        let round = round.plus(Linear { fixed: 1, per_unit: 1 });
        let work = range.work.plus(Linear::fixed(round.over(units)));
        Estimate { work, size: Linear::fixed(step.size.over(units)) }
    }
}
