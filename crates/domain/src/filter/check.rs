//! What can be known of a filter before it runs: its names, its types, how deep it nests (T3).

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators,
};
use cel::common::types::CelDouble;
use cel::parser::Expression;
use regex::RegexBuilder;

use super::types::{ENTITY, EVENT, FUNCTIONS, Type};
use super::{Flaw, scan};
use crate::limits::FILTER_MAX_DEPTH;

/// What a compiled pattern of `matches` may take; compiling a larger one would take too long.
const PATTERN_MAX_BYTES: usize = 64 * 1_024;

/// Checks a whole filter, and says how deep it nests. Numbers without a point become doubles where they are reckoned with
/// doubles: all numbers of events and entities are doubles, and CEL does not mix the two.
pub(super) fn check(expression: &mut Expression, source: &SourceInfo) -> Result<usize, Flaw> {
    let mut checker = Checker { source, bound: Vec::new(), at: 0, deepest: 0, in_body: false };
    let result = checker.check(expression, 0)?;
    if Type::Bool.meets(result) {
        return Ok(checker.deepest);
    }
    Err(Flaw::new(0, format!("is {}; a filter is true or false", result.name())))
}

struct Checker<'s> {
    source: &'s SourceInfo,
    /// The variables of the macro that is being checked.
    bound: Vec<(String, Type)>,
    /// Where in the text the expression stands that is being checked.
    at: usize,
    /// How deep it went so far.
    deepest: usize,
    in_body: bool,
}

impl Checker<'_> {
    fn flaw<T>(&self, problem: impl Into<String>) -> Result<T, Flaw> {
        Err(Flaw::new(self.at, problem))
    }

    fn check(&mut self, expression: &mut Expression, depth: usize) -> Result<Type, Flaw> {
        // What a macro made has no place of its own.
        if let Some((start, _)) = self.source.offset_for(expression.id) {
            self.at = start as usize;
        }
        if depth > FILTER_MAX_DEPTH {
            return Err(scan::too_deep(self.at));
        }
        self.deepest = self.deepest.max(depth);
        let at = self.at;
        if let Some(path) = path_of(&expression.expr)
            && !self.bound.iter().any(|(name, _)| *name == path[0])
        {
            return self.check_path(&path);
        }
        match &mut expression.expr {
            Expr::Literal(literal) => Ok(Type::of(literal)),
            Expr::Ident(name) => Ok(self
                .bound
                .iter()
                .rev()
                .find(|(bound, _)| bound == name)
                .map_or(Type::Unknown, |(_, t)| *t)),
            Expr::Select(select) => self.check_select(select, depth),
            Expr::Call(call) => {
                let checked = self.check_call(call, depth, at);
                self.at = at;
                checked
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.check(element, depth + 1)?;
                }
                Ok(Type::List)
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.check(&mut entry.key, depth + 1)?;
                        self.check(&mut entry.value, depth + 1)?;
                    }
                }
                Ok(Type::Map)
            }
            Expr::Comprehension(comprehension) => self.check_macro(comprehension, depth),
            Expr::Struct(_) | Expr::Unspecified => self.flaw("is not supported here"),
        }
    }

    fn check_path(&self, path: &[&str]) -> Result<Type, Flaw> {
        let members: &[(&str, Type)] = match path[0] {
            "event" => &EVENT,
            "entity" => &ENTITY,
            "changes" => return self.check_changes(path),
            unknown => {
                return self.flaw(format!(
                    "there is no {unknown}; a filter sees event, entity and changes"
                ));
            }
        };
        let names = || members.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let Some(member) = path.get(1) else {
            return self.flaw(format!("{} alone has no value; name one of {}", path[0], names()));
        };
        match members.iter().find(|(name, _)| name == member) {
            None => self.flaw(format!("{} has no {member}; it has {}", path[0], names())),
            Some((_, Type::Map)) if path.len() > 2 => Ok(Type::Unknown),
            Some((_, known)) if path.len() > 2 => {
                self.flaw(format!("{}.{member} is {}", path[0], known.name()))
            }
            Some((_, known)) => Ok(*known),
        }
    }

    /// `changes.responsible.old`, `changes.fields.amount.new`.
    fn check_changes(&self, path: &[&str]) -> Result<Type, Flaw> {
        let pair = |name: &str| {
            if ["old", "new"].contains(&name) {
                return Ok(Type::Unknown);
            }
            self.flaw(format!("a change has no {name}; it has old and new"))
        };
        match path[1..] {
            [] | ["fields" | "responsible"] | ["fields", _] => Ok(Type::Map),
            ["responsible", name] | ["fields", _, name, ..] => pair(name),
            ["responsible", ..] => self.flaw("the responsible is a text"),
            [unknown, ..] => {
                self.flaw(format!("changes has no {unknown}; it has responsible and fields"))
            }
        }
    }

    fn check_select(&mut self, select: &mut SelectExpr, depth: usize) -> Result<Type, Flaw> {
        if select.test
            && let Some(mut path) = path_of(&select.operand.expr)
            && !self.bound.iter().any(|(name, _)| *name == path[0])
        {
            let whole = ["event", "entity"].contains(&path[0]) && path.len() == 1;
            path.push(&select.field);
            self.check_path(&path)?;
            if whole {
                let name = path.join(".");
                return self.flaw(format!("{name} is always there; compare it instead"));
            }
            return Ok(Type::Bool);
        }
        let operand = self.check(&mut select.operand, depth + 1)?;
        if !operand.meets(Type::Map) {
            return self.flaw(format!("{} has no {}", operand.name(), select.field));
        }
        Ok(if select.test { Type::Bool } else { Type::Unknown })
    }

    fn check_macro(&mut self, made: &mut ComprehensionExpr, depth: usize) -> Result<Type, Flaw> {
        if self.in_body {
            return self.flaw("macros such as exists cannot stand within each other");
        }
        let range = self.check(&mut made.iter_range, depth + 1)?;
        if !range.meets(Type::List) && range != Type::Map {
            return self.flaw(format!("goes through a list, not {}", range.name()));
        }
        let accumulated = self.check(&mut made.accu_init, depth + 1)?;
        self.bound.push((made.accu_var.clone(), accumulated));
        self.bound.push((made.iter_var.clone(), Type::Unknown));
        self.in_body = true;
        self.check(&mut made.loop_cond, depth + 1)?;
        self.check(&mut made.loop_step, depth + 1)?;
        let result = self.check(&mut made.result, depth + 1)?;
        self.in_body = false;
        self.bound.truncate(self.bound.len() - 2);
        Ok(result)
    }

    fn check_call(&mut self, call: &mut CallExpr, depth: usize, at: usize) -> Result<Type, Flaw> {
        let name = call.func_name.clone();
        let mut types = Vec::with_capacity(call.args.len() + 1);
        if let Some(target) = &mut call.target {
            types.push(self.check(target, depth + 1)?);
        }
        let chained = [operators::LOGICAL_AND, operators::LOGICAL_OR].contains(&name.as_str());
        for arg in &mut call.args {
            // A chain of the same operator is one level, however long it is.
            let same = chained && matches!(&arg.expr, Expr::Call(inner) if inner.func_name == name);
            types.push(self.check(arg, if same { depth } else { depth + 1 })?);
        }
        self.at = at;
        match (name.as_str(), types.as_slice()) {
            (operators::CONDITIONAL, [condition, one, other]) => {
                self.want(Type::Bool, *condition)?;
                Ok(if one == other { *one } else { Type::Unknown })
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                self.want(Type::Bool, *left)?;
                self.want(Type::Bool, *right)?;
                Ok(Type::Bool)
            }
            (operators::LOGICAL_NOT, [operand]) => {
                self.want(Type::Bool, *operand)?;
                Ok(Type::Bool)
            }
            (operators::NOT_STRICTLY_FALSE, _) => Ok(Type::Bool),
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [left, right],
            ) => {
                if left.meets(*right) {
                    return Ok(Type::Bool);
                }
                self.flaw(format!("compares {} with {}", left.name(), right.name()))
            }
            (operators::IN, [_, container]) => {
                if container.meets(Type::List) || *container == Type::Map {
                    return Ok(Type::Bool);
                }
                self.flaw(format!("looks into {}, which is no list", container.name()))
            }
            (operators::INDEX, [operand, _]) => {
                if operand.meets(Type::List) || *operand == Type::Map {
                    return Ok(Type::Unknown);
                }
                self.flaw(format!("{} has no members", operand.name()))
            }
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                [left, right],
            ) => self.check_arithmetic(call, *left, *right),
            (operators::NEGATE, [operand]) => Ok(*operand),
            (function, types) => self.check_function(call, function, types),
        }
    }

    fn want(&self, wanted: Type, came: Type) -> Result<(), Flaw> {
        if wanted.meets(came) {
            return Ok(());
        }
        self.flaw(format!("wants {}, but there is {}", wanted.name(), came.name()))
    }

    fn check_arithmetic(&self, call: &mut CallExpr, left: Type, right: Type) -> Result<Type, Flaw> {
        let times = [Type::Time, Type::Duration];
        if times.contains(&left) || times.contains(&right) {
            return Ok(match (left, right) {
                (Type::Time, Type::Time) => Type::Duration,
                (Type::Time, _) | (_, Type::Time) => Type::Time,
                _ => Type::Unknown,
            });
        }
        if !left.meets(right) {
            return self.flaw(format!("reckons {} with {}", left.name(), right.name()));
        }
        for (index, beside) in [(0, right), (1, left)] {
            if matches!(beside, Type::Double | Type::Unknown) {
                make_double(&mut call.args[index]);
            }
        }
        Ok(match (left, right) {
            (Type::Int, Type::Int) => Type::Int,
            (Type::Text, _) | (_, Type::Text) => Type::Text,
            (Type::List, _) | (_, Type::List) => Type::List,
            (Type::Double, _) | (_, Type::Double) => Type::Double,
            _ => Type::Unknown,
        })
    }

    fn check_function(
        &self,
        call: &CallExpr,
        function: &str,
        types: &[Type],
    ) -> Result<Type, Flaw> {
        let Some((_, wanted, result)) = FUNCTIONS.iter().find(|(name, ..)| *name == function)
        else {
            let names: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
            let names = names.join(", ");
            return self.flaw(format!(
                "there is no function {function}; there are has, exists, all, exists_one, map, \
                 filter, {names}"
            ));
        };
        // Parts of a time may be asked for in a time zone.
        let in_zone = function.starts_with("get") && types.len() == wanted.len() + 1;
        if types.len() != wanted.len() && !in_zone {
            let wanted = wanted.len();
            return self.flaw(format!("{function} takes {wanted} values, not {}", types.len()));
        }
        for (wanted, came) in wanted.iter().zip(types) {
            self.want(*wanted, *came)?;
        }
        if function == "matches" {
            self.check_pattern(call)?;
        }
        Ok(*result)
    }

    fn check_pattern(&self, call: &CallExpr) -> Result<(), Flaw> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.last().map(|a| &a.expr)
        else {
            return self.flaw("matches takes a pattern that is written out");
        };
        match RegexBuilder::new(pattern.inner()).size_limit(PATTERN_MAX_BYTES).build() {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = error.to_string();
                let line = error.lines().last().unwrap_or_default().trim().to_owned();
                self.flaw(format!("the pattern cannot be used: {line}"))
            }
        }
    }
}

fn make_double(expression: &mut Expression) {
    if let Expr::Literal(literal @ LiteralValue::Int(_)) = &mut expression.expr
        && let LiteralValue::Int(int) = literal
        // Spelled by one and read by the other, so that nothing is lost on the way.
        && let Ok(double) = int.inner().to_string().parse::<f64>()
    {
        *literal = LiteralValue::Double(CelDouble::from(double));
    }
}

/// `a.b.c` as its names.
pub(super) fn path_of(expression: &Expr) -> Option<Vec<&str>> {
    match expression {
        Expr::Ident(name) => Some(vec![name]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand.expr)?;
            path.push(&select.field);
            Some(path)
        }
        _ => None,
    }
}

/// What an expression looks at of event, entity and changes, without what its macros bind.
pub(super) fn paths(expression: &Expression) -> Vec<(String, &Expression)> {
    let mut paths = Vec::new();
    if path_of(&expression.expr).is_none() {
        collect(expression, &mut paths);
    }
    paths
}

fn collect<'e>(expression: &'e Expression, into: &mut Vec<(String, &'e Expression)>) {
    if let Some(path) = path_of(&expression.expr) {
        if path.len() > 1 {
            into.push((path.join("."), expression));
        }
        return;
    }
    match &expression.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| collect(target, into));
            call.args.iter().for_each(|arg| collect(arg, into));
        }
        Expr::Comprehension(made) => collect(&made.iter_range, into),
        Expr::List(list) => list.elements.iter().for_each(|element| collect(element, into)),
        _ => {}
    }
}
