//! The types of what filters see, and of the functions that they can use.

use cel::common::ast::LiteralValue;

/// The type of an expression, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Unknown,
    Bool,
    Int,
    Double,
    Text,
    Bytes,
    Time,
    Duration,
    Null,
    List,
    Map,
}

impl Type {
    pub(super) fn of(literal: &LiteralValue) -> Self {
        match literal {
            LiteralValue::Boolean(_) => Self::Bool,
            LiteralValue::Bytes(_) => Self::Bytes,
            LiteralValue::Double(_) => Self::Double,
            LiteralValue::Int(_) | LiteralValue::UInt(_) => Self::Int,
            LiteralValue::Null => Self::Null,
            LiteralValue::String(_) => Self::Text,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }

    /// Whether values of both can be compared.
    pub(super) fn meets(self, other: Self) -> bool {
        self == other
            || self == Self::Unknown
            || other == Self::Unknown
            || self.is_number() && other.is_number()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "anything",
            Self::Bool => "true or false",
            Self::Int | Self::Double => "a number",
            Self::Text => "a text",
            Self::Bytes => "bytes",
            Self::Time => "a time",
            Self::Duration => "a duration",
            Self::Null => "null",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }
}

pub(super) const EVENT: [(&str, Type); 5] = [
    ("type", Type::Text),
    ("source", Type::Text),
    ("time", Type::Time),
    ("actor", Type::Text),
    ("attributes", Type::Map),
];
pub(super) const ENTITY: [(&str, Type); 9] = [
    ("entity_id", Type::Text),
    ("kind", Type::Text),
    ("pipeline_id", Type::Text),
    ("stage_id", Type::Text),
    ("responsible", Type::Text),
    ("fields", Type::Map),
    ("customer_ids", Type::List),
    ("create_time", Type::Time),
    ("update_time", Type::Time),
];
/// The functions besides operators and macros: name, operands with the target, result.
pub(super) const FUNCTIONS: [(&str, &[Type], Type); 22] = [
    ("size", &[Type::Unknown], Type::Int),
    ("contains", &[Type::Text, Type::Text], Type::Bool),
    ("startsWith", &[Type::Text, Type::Text], Type::Bool),
    ("endsWith", &[Type::Text, Type::Text], Type::Bool),
    ("matches", &[Type::Text, Type::Text], Type::Bool),
    ("int", &[Type::Unknown], Type::Int),
    ("uint", &[Type::Unknown], Type::Unknown),
    ("double", &[Type::Unknown], Type::Double),
    ("string", &[Type::Unknown], Type::Text),
    ("bool", &[Type::Unknown], Type::Bool),
    ("timestamp", &[Type::Unknown], Type::Time),
    ("duration", &[Type::Unknown], Type::Duration),
    ("getFullYear", &[Type::Time], Type::Int),
    ("getMonth", &[Type::Time], Type::Int),
    ("getDate", &[Type::Time], Type::Int),
    ("getDayOfMonth", &[Type::Time], Type::Int),
    ("getDayOfWeek", &[Type::Time], Type::Int),
    ("getDayOfYear", &[Type::Time], Type::Int),
    ("getHours", &[Type::Unknown], Type::Int),
    ("getMinutes", &[Type::Unknown], Type::Int),
    ("getSeconds", &[Type::Unknown], Type::Int),
    ("getMilliseconds", &[Type::Unknown], Type::Int),
];
