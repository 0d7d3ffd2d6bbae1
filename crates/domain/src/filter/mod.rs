//! Filters: CEL expressions that say what else must hold for a trigger to match (T3).
//!
//! A filter is a chain of parts joined by `&&`. Parts that compare one thing with a constant run as
//! native predicates; the rest is run by the `cel` crate. Both give the same results.

mod check;
mod cost;
mod native;
mod scan;
mod scope;
mod types;

use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock, OnceLock};

use cel::parser::Expression;
use cel::{Context, Env};

use crate::limits::{FILTER_COST_MAX, FILTER_MAX_BYTES};
use crate::{Detail, Rejection, Value};
use cost::Sizes;
use native::Predicate;
pub(crate) use scope::Scope;

/// The functions and operators that filters can use; made once, since making it costs a hundred
/// times what running a filter does.
static ENV: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// Longest value that an explanation shows.
const SHOWN_MAX_BYTES: usize = 1_024;

/// A condition on event, entity and changes, in CEL (T3).
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    /// Made when it is first needed: most triggers of a large configuration sleep.
    compiled: OnceLock<Arc<Compiled>>,
}

/// One part of a filter, and what it was worth (Q1).
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPart {
    /// The part as it is written, or the value that it looks at.
    pub expression: String,
    /// Its value, or why it has none.
    pub value: Result<Value, String>,
}

impl FilterPart {
    /// What it takes, in texts and values.
    pub(crate) fn size_bytes(&self) -> usize {
        self.expression.len()
            + match &self.value {
                Ok(value) => value.size_bytes(),
                Err(problem) => problem.len(),
            }
    }
}

/// Whether a filter holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Holding {
    Holds,
    /// It does not, and this part says why.
    False(Detail),
    /// It cannot be told, and this is why: counts as not holding.
    Error(String),
}

/// A filter that was checked.
struct Compiled {
    /// Joined by `&&`.
    parts: Vec<Part>,
    /// How deep it nests, as it is written or as it is read.
    depth: usize,
    /// All of it, for what it may cost; only when at worst that is too much.
    dear: Option<Expression>,
    /// Its leaves, when somebody wants them explained.
    leaves: OnceLock<Vec<(String, Expression)>>,
}

struct Part {
    text: String,
    /// Faster, and of the same result.
    native: Option<Predicate>,
    expression: Expression,
}

impl Filter {
    /// Checks an expression: its names, its types where they are known, its limits, and that it is
    /// true or false. A refusal names `field` and the position.
    pub fn parse(field: &str, text: &str) -> Result<Self, Rejection> {
        let compiled = compile(text).map_err(|flaw| flaw.rejection(field, text))?;
        Ok(Self { text: text.into(), compiled: OnceLock::from(Arc::new(compiled)) })
    }

    /// An expression that was checked when it was saved.
    pub fn stored(text: &str) -> Self {
        Self { text: text.into(), compiled: OnceLock::new() }
    }

    /// The expression as it was sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many levels it nests; 0 when it was stored and cannot be read any more.
    pub fn depth(&self) -> usize {
        self.compiled().map_or(0, |compiled| compiled.depth)
    }

    fn compiled(&self) -> Result<&Compiled, String> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        // A newer Pawl may check more than the one that saved it did.
        let compiled = compile(&self.text)
            .map_err(|flaw| flaw.rejection("the stored filter", &self.text).to_string())?;
        Ok(self.compiled.get_or_init(|| Arc::new(compiled)))
    }

    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Holding {
        match self.compiled() {
            Ok(compiled) => compiled.holds(scope),
            Err(problem) => Holding::Error(problem),
        }
    }

    /// The values of its leaves and of what they look at.
    pub(crate) fn parts(&self, scope: &Scope<'_>) -> Vec<FilterPart> {
        let Ok(compiled) = self.compiled() else { return Vec::new() };
        if compiled.costs_too_much(scope) {
            return Vec::new();
        }
        let leaves = compiled.leaves.get_or_init(|| {
            let parse = |leaf: &str| Some((leaf.to_owned(), parse(leaf).ok()?.0));
            scan::leaves(&self.text).into_iter().filter_map(parse).collect()
        });
        let mut parts: Vec<FilterPart> = Vec::new();
        for (text, expression) in leaves {
            let leaf = (text.clone(), run(expression, scope));
            let looked_at = check::paths(expression).into_iter();
            let looked_at = looked_at.map(|(path, expression)| (path, run(expression, scope)));
            for (expression, value) in std::iter::once(leaf).chain(looked_at) {
                if parts.iter().all(|part| part.expression != expression) {
                    let value = value.and_then(shown);
                    parts.push(FilterPart { expression, value });
                }
            }
        }
        parts
    }
}

impl Compiled {
    /// `false && error` is false, in either order, as CEL has it.
    fn holds(&self, scope: &Scope<'_>) -> Holding {
        if self.costs_too_much(scope) {
            return Holding::Error(
                "looks at too much for one event: its lists are too long".to_owned(),
            );
        }
        let mut error = None;
        for part in &self.parts {
            let native = part.native.as_ref().and_then(|predicate| predicate.holds(scope));
            let holds = match native {
                Some(holds) => Ok(holds),
                // Also for what the native predicate cannot tell: CEL has the words for it.
                None => run(&part.expression, scope).and_then(|value| match value {
                    Value::Bool(bool) => Ok(bool),
                    value => Err(format!("{} is {value}, neither true nor false", part.text)),
                }),
            };
            match holds {
                Ok(true) => {}
                Ok(false) => return Holding::False(part.came(scope)),
                Err(problem) => error = Some(problem),
            }
        }
        error.map_or(Holding::Holds, Holding::Error)
    }

    fn costs_too_much(&self, scope: &Scope<'_>) -> bool {
        self.dear.as_ref().is_some_and(|whole| cost::of(whole, &Sizes::of(scope)) > FILTER_COST_MAX)
    }
}

impl Part {
    /// The part, with the value that came where it looks at one.
    fn came(&self, scope: &Scope<'_>) -> Detail {
        let mut detail = Detail::clipped(&self.text);
        let mut seen = Vec::new();
        for (path, expression) in check::paths(&self.expression) {
            // As much as there is room for, and each only once.
            if detail.is_full() {
                break;
            }
            if !seen.contains(&path)
                && let Ok(value) = run(expression, scope)
            {
                let _ = write!(detail, ", {path} is {value}");
                seen.push(path);
            }
        }
        detail
    }
}

/// A value that can be shown: a whole document would explain nothing.
fn shown(value: Value) -> Result<Value, String> {
    match value.size_bytes() {
        bytes if bytes > SHOWN_MAX_BYTES => Err(format!("{bytes} bytes, too long to be shown")),
        _ => Ok(value),
    }
}

/// What an expression is worth, copied out of what it looked at.
fn run(expression: &Expression, scope: &Scope<'_>) -> Result<Value, String> {
    let mut context = Context::with_env(Arc::clone(&ENV));
    context.set_variable_resolver(scope);
    match cel::Value::resolve_val(expression, &context) {
        Ok(value) => Ok(scope::value_of(&*value)),
        Err(error) => Err(scope::problem_of(&error)),
    }
}

/// What is wrong with a filter, and where in it.
#[derive(Debug)]
struct Flaw {
    /// In characters.
    offset: usize,
    problem: String,
}

impl Flaw {
    fn new(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into() }
    }

    fn rejection(self, field: &str, text: &str) -> Rejection {
        let before: String = text.chars().take(self.offset).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Rejection::BadFilter {
            field: field.to_owned(),
            line: small(line),
            column: small(column),
            problem: self.problem,
        }
    }
}

fn parse(text: &str) -> Result<(Expression, cel::common::ast::SourceInfo), Flaw> {
    ENV.parser().parse_with_source_info(text).map_err(|errors| match errors.errors.first() {
        Some(error) => {
            let line = usize::try_from(error.pos.0 - 1).unwrap_or_default();
            let column = usize::try_from(error.pos.1 - 1).unwrap_or_default();
            let before = text.split_inclusive('\n').take(line);
            let offset = before.map(|line| line.chars().count()).sum::<usize>() + column;
            // The parser names every token of the grammar that it would have taken.
            let message = error.msg.lines().next().unwrap_or_default();
            let message = message.split(" expecting").next().unwrap_or_default();
            let message = message.replace("'<EOF>'", "the end");
            Flaw::new(offset, format!("cannot be read: {message}"))
        }
        None => Flaw::new(0, "cannot be read"),
    })
}

fn compile(text: &str) -> Result<Compiled, Flaw> {
    if text.len() > FILTER_MAX_BYTES {
        let problem = format!("has {} bytes, the limit is {FILTER_MAX_BYTES}", text.len());
        return Err(Flaw::new(0, problem));
    }
    // Before the parser, whose stack grows with the nesting.
    let nested = scan::check_depth(text)?;
    let (mut whole, source) = parse(text)?;
    let depth = check::check(&mut whole, &source)?.max(nested);
    let dear = cost::of(&whole, &Sizes::MAX) > FILTER_COST_MAX;
    let part = |text: &str| {
        let (mut expression, source) = parse(text)?;
        // What the whole passed its parts pass; this makes the same constants of the same numbers.
        check::check(&mut expression, &source)?;
        let native = Predicate::of(&expression);
        Ok(Part { text: text.to_owned(), native, expression })
    };
    let parts = scan::conjuncts(text).into_iter().map(part).collect::<Result<_, Flaw>>()?;
    Ok(Compiled { parts, depth, dear: dear.then_some(whole), leaves: OnceLock::new() })
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({:?})", self.text)
    }
}

#[cfg(test)]
mod tests;
