//! Filters as text: how deep they nest, and where they can be cut, without parsing them.

use super::Flaw;
use crate::limits::FILTER_MAX_DEPTH;

/// What matters of a filter's text. Strings and comments are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    And,
    Or,
    Question,
    /// `!` or `-` before an operand.
    Unary,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    /// In bytes.
    start: usize,
    end: usize,
}

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (kind, length) = match rest {
            [b'/', b'/', ..] => {
                at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                continue;
            }
            [b, ..] if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            [b'"' | b'\'', ..] => (Kind::Other, string_length(rest, is_raw(bytes, at))),
            [b'(' | b'[' | b'{', ..] => (Kind::Open, 1),
            [b')' | b']' | b'}', ..] => (Kind::Close, 1),
            [b'&', b'&', ..] => (Kind::And, 2),
            [b'|', b'|', ..] => (Kind::Or, 2),
            [b'?', ..] => (Kind::Question, 1),
            [b'!', b'=', ..] => (Kind::Other, 2),
            [b'!' | b'-', ..] => (Kind::Unary, 1),
            _ => (Kind::Other, 1),
        };
        let end = (at + length).min(bytes.len());
        tokens.push(Token { kind, start: at, end });
        at = end;
    }
    tokens
}

/// Whether the string that begins at `at` has a prefix that leaves escapes alone.
fn is_raw(bytes: &[u8], at: usize) -> bool {
    bytes[..at]
        .iter()
        .rev()
        .take(2)
        .take_while(|b| b.is_ascii_alphabetic())
        .any(|b| b"rR".contains(b))
}

fn string_length(rest: &[u8], raw: bool) -> usize {
    let quote = rest[0];
    let triple = rest.len() >= 3 && rest[1] == quote && rest[2] == quote;
    let closing = if triple { 3 } else { 1 };
    let mut at = closing;
    while at < rest.len() {
        if rest[at] == b'\\' && !raw {
            at += 2;
        } else if rest[at..].len() >= closing && rest[at..at + closing].iter().all(|b| *b == quote)
        {
            return at + closing;
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// How deep it nests; refuses what nests deeper than the parser should go.
pub(super) fn check_depth(text: &str) -> Result<usize, Flaw> {
    let (mut depth, mut unary, mut questions) = (0_usize, 0_usize, 0_usize);
    let mut deepest = 0;
    for Token { kind, start, .. } in tokens(text) {
        unary = if kind == Kind::Unary { unary + 1 } else { 0 };
        match kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Question => questions += 1,
            Kind::And | Kind::Or | Kind::Unary | Kind::Other => {}
        }
        deepest = deepest.max(depth).max(unary).max(questions);
        if deepest > FILTER_MAX_DEPTH {
            return Err(too_deep(text[..start].chars().count()));
        }
    }
    Ok(deepest)
}

pub(super) fn too_deep(offset: usize) -> Flaw {
    let problem = format!("nests deeper than {FILTER_MAX_DEPTH} levels, the limit; split it up");
    Flaw::new(offset, problem)
}

/// The parts that are joined by `&&` at the top, without brackets around all of it.
pub(super) fn conjuncts(text: &str) -> Vec<&str> {
    match cut(text) {
        (Kind::And, parts) => parts.into_iter().flat_map(conjuncts).collect(),
        (Kind::Other, parts) => parts,
        (_, _) => vec![text.trim()],
    }
}

/// The parts that are joined by `&&` and `||` or turned by `!`, at any depth.
pub(super) fn leaves(text: &str) -> Vec<&str> {
    match cut(text) {
        (Kind::And | Kind::Or | Kind::Unary, parts) => parts.into_iter().flat_map(leaves).collect(),
        (_, parts) => parts,
    }
}

/// Cuts where the loosest operator joins: `?` before `||` before `&&` before `!`.
fn cut(text: &str) -> (Kind, Vec<&str>) {
    let mut text = text.trim();
    loop {
        let tokens = tokens(text);
        let top = at_top(&tokens);
        let has = |kind| top.iter().any(|token| token.kind == kind);
        if has(Kind::Question) {
            return (Kind::Question, vec![text]);
        }
        for kind in [Kind::Or, Kind::And] {
            if has(kind) {
                return (kind, split(text, &top, kind));
            }
        }
        let whole = matches!((top.first(), top.last()), (Some(first), Some(last))
            if first.kind == Kind::Open && last.kind == Kind::Close && top.len() == 2
                && text.starts_with('(') && last.end == text.len());
        if whole {
            text = text[1..text.len() - 1].trim();
            continue;
        }
        // `!(a && b)`, but not `!a.b(c)` or `-1`.
        if let Some(turned) = text.strip_prefix('!')
            && turned.trim_start().starts_with('(')
            && top.len() == 3
            && top[2].end == text.len()
        {
            return (Kind::Unary, vec![turned]);
        }
        return (Kind::Other, vec![text]);
    }
}

/// The tokens outside all brackets, with the brackets themselves.
fn at_top(tokens: &[Token]) -> Vec<Token> {
    let mut depth = 0_usize;
    let mut top = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open => {
                if depth == 0 {
                    top.push(*token);
                }
                depth += 1;
            }
            Kind::Close => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    top.push(*token);
                }
            }
            _ if depth == 0 => top.push(*token),
            _ => {}
        }
    }
    top
}

fn split<'t>(text: &'t str, top: &[Token], kind: Kind) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for token in top.iter().filter(|token| token.kind == kind) {
        parts.push(&text[from..token.start]);
        from = token.end;
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_cut_where_they_are_joined() {
        let rows: [(&str, &[&str]); 9] = [
            ("a", &["a"]),
            ("a && b", &["a", "b"]),
            ("(a && (b && c))", &["a", "b", "c"]),
            ("a && b || c", &["a && b || c"]),
            ("a && (b || c)", &["a", "(b || c)"]),
            ("a && b ? c : d", &["a && b ? c : d"]),
            ("a == '&&' && b == \"\\\"&&\"", &["a == '&&'", "b == \"\\\"&&\""]),
            ("a // && b\n && c", &["a // && b", "c"]),
            ("x.all(i, i && j) && [a && b]", &["x.all(i, i && j)", "[a && b]"]),
        ];
        for (text, parts) in rows {
            assert_eq!(conjuncts(text), parts, "{text}");
        }
        let rows: [(&str, &[&str]); 5] = [
            ("a && b || !(c || d)", &["a", "b", "c", "d"]),
            ("!a", &["!a"]),
            ("!(a) && -(b) > 1", &["a", "-(b) > 1"]),
            ("(a) == (b)", &["(a) == (b)"]),
            ("r'\\' == a || b", &["r'\\' == a", "b"]),
        ];
        for (text, parts) in rows {
            assert_eq!(leaves(text), parts, "{text}");
        }
    }

    #[test]
    fn nesting_is_limited_before_it_is_parsed() {
        let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        assert!(check_depth(&nested(FILTER_MAX_DEPTH)).is_ok());
        assert!(check_depth(&nested(FILTER_MAX_DEPTH + 1)).is_err());
        assert!(check_depth(&"!".repeat(FILTER_MAX_DEPTH + 1)).is_err());
        assert!(check_depth(&"a ? b : ".repeat(FILTER_MAX_DEPTH + 1)).is_err());
        assert!(check_depth("'((((((((((((((((((((((((((((((((((((((((((('").is_ok());
        assert!(check_depth(&"a && ".repeat(500)).is_ok());
    }
}
