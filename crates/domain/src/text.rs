use std::fmt;

use crate::Rejection;
use crate::limits::{DETAIL_MAX_BYTES, NAME_MAX_CHARS, PROSE_MAX_CHARS};

fn check(field: &str, text: &str, limit: usize) -> Result<(), Rejection> {
    if text.len() > limit && text.chars().count() > limit {
        return Err(Rejection::invalid(
            field,
            format!("has {} characters, the limit is {limit}; shorten it", text.chars().count()),
        ));
    }
    match text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(bad) => Err(Rejection::invalid(
            field,
            format!("contains {bad:?}; use printable characters only"),
        )),
        None => Ok(()),
    }
}

/// What people read instead of an id. Optional everywhere: empty means none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DisplayName(String);

/// A longer explanation; empty means none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prose(String);

/// What a verdict's result alone does not say; at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail(String);

/// A colour as `#rrggbb`; empty means none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Color(String);

impl DisplayName {
    /// Checks `text`; a refusal names `field`.
    pub fn parse(field: &str, text: String) -> Result<Self, Rejection> {
        check(field, &text, NAME_MAX_CHARS).map(|()| Self(text))
    }
}

impl DisplayName {
    /// A text of our own, cut off where it is too long.
    pub(crate) fn clipped(text: &str) -> Self {
        let printable: String = text.replace(char::is_control, " ");
        if printable.chars().count() <= NAME_MAX_CHARS {
            return Self(printable);
        }
        Self(printable.chars().take(NAME_MAX_CHARS - 1).chain(['…']).collect())
    }
}

impl Prose {
    /// Checks `text`; a refusal names `field`.
    pub fn parse(field: &str, text: String) -> Result<Self, Rejection> {
        check(field, &text, PROSE_MAX_CHARS).map(|()| Self(text))
    }
}

impl Detail {
    /// As much of `text` as there is room for; no more of it is ever written out.
    pub fn clipped(text: impl fmt::Display) -> Self {
        let mut detail = Self::default();
        // It ends early where there is no more room.
        let _ = fmt::write(&mut detail, format_args!("{text}"));
        detail
    }

    /// Whether there is no more room.
    pub(crate) fn is_full(&self) -> bool {
        self.0.ends_with('…') && self.0.len() > DETAIL_MAX_BYTES - 2 * '…'.len_utf8()
    }
}

impl fmt::Write for Detail {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_full() {
            return Err(fmt::Error);
        }
        let room = DETAIL_MAX_BYTES - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let end = text.floor_char_boundary(room.saturating_sub('…'.len_utf8()));
        self.0.push_str(&text[..end]);
        while self.0.len() > DETAIL_MAX_BYTES - '…'.len_utf8() {
            self.0.pop();
        }
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl Color {
    /// Checks `text`; a refusal names `field`.
    pub fn parse(field: &str, text: String) -> Result<Self, Rejection> {
        let hex = text.strip_prefix('#').unwrap_or_default();
        if text.is_empty() || (hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            Ok(Self(text))
        } else {
            Err(Rejection::invalid(field, format!("{text:?} is no colour; write #rrggbb")))
        }
    }
}

macro_rules! readable {
    ($($name:ident)+) => {$(
        impl $name {
            /// The text; empty means none.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

readable! { DisplayName Prose Detail Color }
