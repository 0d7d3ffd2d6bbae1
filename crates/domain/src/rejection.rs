use std::fmt;

/// Why a request was refused, with nothing changed. The caller's to mend, but for a full disk or
/// memory, which are its operator's; our own failures are other types.
///
/// Each variant has one public reason (`pawl.v1.ErrorReason`) and one status code; `pawl-api` maps
/// them in one exhaustive match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A field is missing, malformed or beyond its limit.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field in the request, such as `pipeline.stages[3].stage_id`.
        field: String,
        /// What is wrong, with the limit and the remedy.
        problem: String,
    },
    /// An update names a field that never changes (P2, T1, X5).
    #[error("{field} cannot be changed: {remedy}")]
    Immutable {
        /// Path of the field in the request.
        field: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A filter cannot be saved (T3).
    #[error("{field}: line {line}, column {column}: {problem}")]
    BadFilter {
        /// Path of the field in the request.
        field: String,
        /// Line in the filter, from 1.
        line: u32,
        /// Character in that line, from 1.
        column: u32,
        /// What is wrong there, with the remedy.
        problem: String,
    },
    /// An event uses a source or a type that belongs to the service itself (E1).
    #[error("{field}: {value:?} is reserved for changes made through the service; choose another")]
    Reserved {
        /// Path of the field in the request.
        field: String,
        /// The name that was used.
        value: String,
    },
    /// The thing that the call is about does not exist.
    #[error("{resource} {id:?} does not exist")]
    NotFound {
        /// What kind of thing.
        resource: Resource,
        /// The id that was asked for.
        id: String,
    },
    /// There is no such event, or it is no longer retained.
    #[error("event {event_id:?} of source {source_name:?} does not exist")]
    EventNotFound {
        /// The source that was asked for.
        source_name: String,
        /// The id that was asked for.
        event_id: String,
    },
    /// The request's body refers to something that does not exist.
    #[error("{field}: {resource} {id:?} does not exist; create it first")]
    Missing {
        /// Path of the field in the request.
        field: String,
        /// What kind of thing.
        resource: Resource,
        /// The id that was referred to.
        id: String,
    },
    /// A create names an id that is taken.
    #[error("{resource} {id:?} exists already; update it or choose another id")]
    AlreadyExists {
        /// What kind of thing.
        resource: Resource,
        /// The id that is taken.
        id: String,
    },
    /// A stage cannot be removed while something stands on it (P2).
    #[error(
        "stage {stage_id:?} is in use by {triggers} triggers and {entities} entities; \
         move or delete them first"
    )]
    StageInUse {
        /// The stage that would have gone.
        stage_id: String,
        /// How many triggers sit on it.
        triggers: u64,
        /// How many entities stand on it.
        entities: u64,
    },
    /// A pipeline cannot be deleted while something stands in it (P2).
    #[error(
        "pipeline {pipeline_id:?} is in use by {triggers} triggers and {entities} entities; \
         move or delete them first"
    )]
    PipelineInUse {
        /// The pipeline that would have gone.
        pipeline_id: String,
        /// How many triggers it has.
        triggers: u64,
        /// How many entities are in it.
        entities: u64,
    },
    /// A trigger type cannot be deleted while triggers are of it.
    #[error("trigger type {code:?} is in use by {triggers} triggers; delete them first")]
    TriggerTypeInUse {
        /// The type that would have gone.
        code: String,
        /// How many triggers are of it.
        triggers: u64,
    },
    /// An entity of one kind meets a pipeline or a trigger type that does not serve it.
    #[error("{field}: serves {expected}, not {actual}")]
    KindMismatch {
        /// Path of the field in the request.
        field: String,
        /// The kind or kinds that would do.
        expected: String,
        /// The kind that was given.
        actual: String,
    },
    /// The caller is limited to some pipelines, and this is not in them. Whether it exists is not
    /// said: the answer to what does not exist is the same, and names only what the caller sent.
    #[error("{}", out_of_scope(named.as_ref()))]
    OutOfScope {
        /// What the caller named; `None` for what concerns all pipelines at once.
        named: Option<(Resource, String)>,
    },
    /// The resource changed since the caller read it (X4, T9).
    #[error(
        "expected revision {expected_revision}, but it is {actual_revision}; \
         read it again and repeat the change"
    )]
    RevisionMismatch {
        /// What the caller named.
        expected_revision: i64,
        /// What it is.
        actual_revision: i64,
    },
    /// An event's identity was used before, with other content (E4).
    #[error(
        "event {event_id:?} of source {source_name:?} was published before with other content; \
         give the new event an id of its own"
    )]
    EventIdReused {
        /// Source of both events.
        source_name: String,
        /// Id of both events.
        event_id: String,
    },
    /// A request id was used before, for another request.
    #[error("request_id {request_id:?} was used before for another request; choose a fresh one")]
    RequestIdReused {
        /// The id of both requests.
        request_id: String,
    },
    /// A built-in trigger type cannot be changed or deleted.
    #[error("trigger type {code:?} is built in and cannot be changed; register one of your own")]
    BuiltInType {
        /// The type.
        code: String,
    },
    /// An event reaches more entities than one event may (E3).
    #[error(
        "the event reaches more than {limit} entities; name fewer subjects, or set the \
         customer_reach of crowded pipelines to LATEST or NONE"
    )]
    ReachTooLarge {
        /// The limit.
        limit: usize,
    },
    /// One more trigger would be too many for one event to consider.
    #[error(
        "pipeline {pipeline_id:?} has {count} triggers that listen to {event_type:?} already, \
         the limit is {limit}; delete one first"
    )]
    TriggerLimit {
        /// The crowded pipeline.
        pipeline_id: String,
        /// The event type they all listen to.
        event_type: String,
        /// How many there are: more than may be when the limit was higher once.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// One more trigger would be too many on a stage.
    #[error(
        "stage {stage_id:?} of pipeline {pipeline_id:?} has {count} triggers already, the limit is \
         {limit}; delete one first, or choose another stage"
    )]
    StageTriggerLimit {
        /// The pipeline of the stage.
        pipeline_id: String,
        /// The crowded stage.
        stage_id: String,
        /// How many it has: more than may be when the limit was higher once.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Too little room is left on the disk to write anything.
    #[error(
        "the disk of {path} has {free_bytes} bytes free, and {min_free_bytes} must stay free; nothing \
         was written. Make room on it and send the same again; reads go on meanwhile"
    )]
    DiskFull {
        /// The directory of the database.
        path: String,
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that must stay free.
        min_free_bytes: u64,
    },
    /// So many identities are remembered that there is no room for another (E4).
    #[error(
        "{count} identities of events and requests are remembered, and {limit} may be; nothing was \
         written. The oldest are forgotten when the dedupe window has passed, then send the same \
         again; a shorter --dedupe-window or a larger --max-identities prevents this"
    )]
    IdentitiesFull {
        /// How many are remembered.
        count: u64,
        /// How many may be.
        limit: u64,
    },
}

/// The path of the field, shared or to be changed; each variant says whether it has one.
macro_rules! field_of {
    ($rejection:expr) => {
        match $rejection {
            Rejection::Invalid { field, .. }
            | Rejection::Immutable { field, .. }
            | Rejection::BadFilter { field, .. }
            | Rejection::Reserved { field, .. }
            | Rejection::Missing { field, .. }
            | Rejection::KindMismatch { field, .. } => Some(field),
            Rejection::NotFound { .. }
            | Rejection::EventNotFound { .. }
            | Rejection::AlreadyExists { .. }
            | Rejection::StageInUse { .. }
            | Rejection::PipelineInUse { .. }
            | Rejection::TriggerTypeInUse { .. }
            | Rejection::OutOfScope { .. }
            | Rejection::RevisionMismatch { .. }
            | Rejection::EventIdReused { .. }
            | Rejection::RequestIdReused { .. }
            | Rejection::BuiltInType { .. }
            | Rejection::ReachTooLarge { .. }
            | Rejection::TriggerLimit { .. }
            | Rejection::StageTriggerLimit { .. }
            | Rejection::DiskFull { .. }
            | Rejection::IdentitiesFull { .. } => None,
        }
    };
}

impl Rejection {
    /// A field that is missing, malformed or beyond its limit.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// The call's own subject is not there.
    pub fn not_found(resource: Resource, id: &impl ToString) -> Self {
        Self::NotFound { resource, id: id.to_string() }
    }

    /// Something the body refers to is not there.
    pub fn missing(field: &str, resource: Resource, id: &impl ToString) -> Self {
        Self::Missing { field: field.to_owned(), resource, id: id.to_string() }
    }

    /// The id is taken.
    pub fn already_exists(resource: Resource, id: &impl ToString) -> Self {
        Self::AlreadyExists { resource, id: id.to_string() }
    }

    /// It is not in the pipelines to which the caller is limited, or not there at all.
    pub fn out_of_scope(resource: Resource, id: &impl ToString) -> Self {
        Self::OutOfScope { named: Some((resource, id.to_string())) }
    }

    /// Path of the offending field, where there is one.
    pub fn field(&self) -> Option<&str> {
        field_of!(self).map(String::as_str)
    }

    /// The same rejection with its field path under `prefix`, for a value nested in a request.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        if let Some(field) = field_of!(&mut self) {
            *field = format!("{prefix}.{field}");
        }
        self
    }
}

fn out_of_scope(named: Option<&(Resource, String)>) -> String {
    match named {
        Some((resource, id)) => format!(
            "{resource} {id:?} does not exist or is outside of the pipelines to which the caller is \
             limited"
        ),
        None => "this concerns all pipelines, and the caller is limited to some of them".to_owned(),
    }
}

/// The kinds of things that requests name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A pipeline.
    Pipeline,
    /// A stage of a pipeline.
    Stage,
    /// A trigger type.
    TriggerType,
    /// A trigger.
    Trigger,
    /// An entity.
    Entity,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pipeline => "pipeline",
            Self::Stage => "stage",
            Self::TriggerType => "trigger type",
            Self::Trigger => "trigger",
            Self::Entity => "entity",
        })
    }
}
