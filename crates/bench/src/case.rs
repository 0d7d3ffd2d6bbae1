use std::fmt;

use clap::ValueEnum;

/// How the client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// PublishEvent, one call at a time.
    #[value(name = "unary-1")]
    Unary1,
    /// PublishEvent, 64 calls at a time.
    #[value(name = "unary-64")]
    Unary64,
    /// PublishEvents, one event in each message.
    #[value(name = "stream-1")]
    Stream1,
    /// PublishEvents, 64 events in each message.
    #[value(name = "stream-64")]
    Stream64,
}

/// What one lane does, and how many lanes each connection carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lane {
    /// Calls PublishEvent again and again.
    Unary,
    /// Keeps a stream of PublishEvents filled.
    Stream { messages_in_flight: usize, events_per_message: usize },
}

/// The load of a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    pub(crate) lanes_per_connection: usize,
    pub(crate) lane: Lane,
}

impl Case {
    pub(crate) fn shape(self, messages_in_flight: usize) -> Shape {
        let stream = |events_per_message| Lane::Stream { messages_in_flight, events_per_message };
        let (connections, lanes_per_connection, lane) = match self {
            Self::Unary1 => (1, 1, Lane::Unary),
            Self::Unary64 => (4, 16, Lane::Unary),
            Self::Stream1 => (4, 1, stream(1)),
            Self::Stream64 => (4, 1, stream(64)),
        };
        Shape { connections, lanes_per_connection, lane }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unary1 => "unary-1",
            Self::Unary64 => "unary-64",
            Self::Stream1 => "stream-1",
            Self::Stream64 => "stream-64",
        })
    }
}

/// What the events do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mix {
    /// One event in five moves its entity.
    Real,
    /// No event moves anything.
    NoMove,
    /// Every event moves its entity.
    AllMove,
}

impl Mix {
    /// Those that are measured unless another is named.
    pub(crate) const USUAL: [Self; 2] = [Self::Real, Self::NoMove];
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Real => "real",
            Self::NoMove => "no-move",
            Self::AllMove => "all-move",
        })
    }
}
