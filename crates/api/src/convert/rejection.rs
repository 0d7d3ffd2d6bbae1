use std::collections::BTreeMap;

use pawl_domain::{Rejection, Resource};
use tonic::Code;

use crate::pb::{self, ErrorReason};

/// Longest message and longest value of metadata, in bytes. A refusal travels in HTTP trailers, which
/// some clients limit to 8 KiB, percent-encoded and once more in base64; and what it quotes may be as
/// long as the caller likes.
const TEXT_MAX_BYTES: usize = 512;

/// What a rejection tells the caller: its public reason, code and metadata, as
/// `error_reason.proto` documents them.
pub fn refusal(rejection: &Rejection) -> pb::Refusal {
    let (code, reason, metadata) = meaning(rejection);
    let message = clipped(&rejection.to_string());
    let violation = rejection.field().map(|field| pb::FieldViolation {
        field: clipped(field),
        description: match rejection {
            Rejection::Invalid { problem, .. } => clipped(problem),
            _ => message.clone(),
        },
    });
    pb::Refusal {
        code: code as i32,
        reason: reason.into(),
        message,
        metadata: metadata
            .into_iter()
            .map(|(key, value)| (key.to_owned(), clipped(&value)))
            .collect::<BTreeMap<_, _>>(),
        field_violations: violation.into_iter().collect(),
    }
}

type Metadata = Vec<(&'static str, String)>;

/// The one place that knows how rejections look from outside.
#[expect(clippy::too_many_lines, reason = "one exhaustive match, a row for each rejection")]
fn meaning(rejection: &Rejection) -> (Code, ErrorReason, Metadata) {
    let text = str::to_owned;
    match rejection {
        Rejection::Invalid { field, problem } => (
            Code::InvalidArgument,
            ErrorReason::InvalidField,
            vec![("field", text(field)), ("problem", text(problem))],
        ),
        Rejection::Immutable { field, remedy } => (
            Code::InvalidArgument,
            ErrorReason::ImmutableField,
            vec![("field", text(field)), ("remedy", text(remedy))],
        ),
        Rejection::BadFilter { field, line, column, problem } => (
            Code::InvalidArgument,
            ErrorReason::InvalidFilter,
            vec![
                ("field", text(field)),
                ("line", line.to_string()),
                ("column", column.to_string()),
                ("problem", text(problem)),
            ],
        ),
        Rejection::Reserved { field, value } => (
            Code::InvalidArgument,
            ErrorReason::ReservedName,
            vec![("field", text(field)), ("value", text(value))],
        ),
        Rejection::NotFound { resource, id } => {
            (Code::NotFound, not_found(*resource), named(*resource, id))
        }
        Rejection::EventNotFound { source_name, event_id } => (
            Code::NotFound,
            ErrorReason::EventNotFound,
            vec![("source", text(source_name)), ("event_id", text(event_id))],
        ),
        Rejection::Missing { field, resource, id } => {
            let mut metadata = named(*resource, id);
            metadata.push(("field", text(field)));
            (Code::FailedPrecondition, not_found(*resource), metadata)
        }
        Rejection::AlreadyExists { resource, id } => {
            (Code::AlreadyExists, ErrorReason::AlreadyExists, named(*resource, id))
        }
        Rejection::StageInUse { stage_id, triggers, entities } => (
            Code::FailedPrecondition,
            ErrorReason::StageInUse,
            vec![
                ("stage_id", text(stage_id)),
                ("trigger_count", triggers.to_string()),
                ("entity_count", entities.to_string()),
            ],
        ),
        Rejection::PipelineInUse { pipeline_id, triggers, entities } => (
            Code::FailedPrecondition,
            ErrorReason::PipelineInUse,
            vec![
                ("pipeline_id", text(pipeline_id)),
                ("trigger_count", triggers.to_string()),
                ("entity_count", entities.to_string()),
            ],
        ),
        Rejection::TriggerTypeInUse { code, triggers } => (
            Code::FailedPrecondition,
            ErrorReason::TriggerTypeInUse,
            vec![("code", text(code)), ("trigger_count", triggers.to_string())],
        ),
        Rejection::KindMismatch { field, expected, actual } => (
            Code::FailedPrecondition,
            ErrorReason::KindMismatch,
            vec![("field", text(field)), ("expected", text(expected)), ("actual", text(actual))],
        ),
        Rejection::OutOfScope { named: about } => (
            Code::PermissionDenied,
            ErrorReason::OutOfScope,
            about.as_ref().map(|(resource, id)| named(*resource, id)).unwrap_or_default(),
        ),
        Rejection::RevisionMismatch { expected_revision, actual_revision } => (
            Code::Aborted,
            ErrorReason::RevisionMismatch,
            vec![
                ("expected_revision", expected_revision.to_string()),
                ("actual_revision", actual_revision.to_string()),
            ],
        ),
        Rejection::EventIdReused { source_name, event_id } => (
            Code::AlreadyExists,
            ErrorReason::EventIdReused,
            vec![("source", text(source_name)), ("event_id", text(event_id))],
        ),
        Rejection::RequestIdReused { request_id } => (
            Code::AlreadyExists,
            ErrorReason::RequestIdReused,
            vec![("request_id", text(request_id))],
        ),
        Rejection::BuiltInType { code } => {
            (Code::FailedPrecondition, ErrorReason::TriggerTypeBuiltIn, vec![("code", text(code))])
        }
        Rejection::ReachTooLarge { limit } => (
            Code::FailedPrecondition,
            ErrorReason::ReachTooLarge,
            vec![("limit", limit.to_string())],
        ),
        Rejection::TriggerLimit { pipeline_id, event_type, limit, .. } => (
            Code::FailedPrecondition,
            ErrorReason::TriggerLimit,
            vec![
                ("pipeline_id", text(pipeline_id)),
                ("event_type", text(event_type)),
                ("limit", limit.to_string()),
            ],
        ),
        Rejection::StageTriggerLimit { pipeline_id, stage_id, limit, .. } => (
            Code::FailedPrecondition,
            ErrorReason::TriggerLimit,
            vec![
                ("pipeline_id", text(pipeline_id)),
                ("stage_id", text(stage_id)),
                ("limit", limit.to_string()),
            ],
        ),
        Rejection::DiskFull { path, free_bytes, min_free_bytes } => (
            Code::ResourceExhausted,
            ErrorReason::DiskFull,
            vec![
                ("path", text(path)),
                ("free_bytes", free_bytes.to_string()),
                ("min_free_bytes", min_free_bytes.to_string()),
            ],
        ),
        Rejection::IdentitiesFull { count, limit } => (
            Code::ResourceExhausted,
            ErrorReason::IdentitiesFull,
            vec![("count", count.to_string()), ("limit", limit.to_string())],
        ),
    }
}

fn not_found(resource: Resource) -> ErrorReason {
    match resource {
        Resource::Pipeline => ErrorReason::PipelineNotFound,
        Resource::Stage => ErrorReason::StageNotFound,
        Resource::TriggerType => ErrorReason::TriggerTypeNotFound,
        Resource::Trigger => ErrorReason::TriggerNotFound,
        Resource::Entity => ErrorReason::EntityNotFound,
    }
}

/// A resource's id under the names of its fields.
fn named(resource: Resource, id: &str) -> Metadata {
    let pair = |separator, whole: &'static str, part: &'static str| match id.split_once(separator) {
        Some((first, second)) => vec![(whole, first.to_owned()), (part, second.to_owned())],
        None => vec![(whole, id.to_owned())],
    };
    match resource {
        Resource::Pipeline => vec![("pipeline_id", id.to_owned())],
        // The domain names it as PIPELINE/STAGE.
        Resource::Stage => pair('/', "pipeline_id", "stage_id"),
        Resource::TriggerType => vec![("code", id.to_owned())],
        // Of an old revision it is TRIGGER@REVISION.
        Resource::Trigger => pair('@', "trigger_id", "revision"),
        Resource::Entity => vec![("entity_id", id.to_owned())],
    }
}

/// At most [`TEXT_MAX_BYTES`] of a text, with an ellipsis where it was cut off.
fn clipped(text: &str) -> String {
    if text.len() <= TEXT_MAX_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_MAX_BYTES - '…'.len_utf8());
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::FILE_DESCRIPTOR_SET;

    /// At least one of each variant, and each resource in each role that it can have.
    fn samples() -> Vec<Rejection> {
        let s = str::to_owned;
        let absent = |resource, id: &str| Rejection::not_found(resource, &id);
        let missing = |resource, id: &str| Rejection::missing("trigger.x_id", resource, &id);
        let taken = |resource, id: &str| Rejection::already_exists(resource, &id);
        vec![
            Rejection::invalid("event.source", "is required"),
            Rejection::Immutable { field: s("entity.stage_id"), remedy: "move it" },
            Rejection::BadFilter {
                field: s("trigger.filter"),
                line: 1,
                column: 7,
                problem: s("there is no foo"),
            },
            Rejection::Reserved { field: s("event.source"), value: s("pawl") },
            Rejection::BuiltInType { code: s("email.viewed") },
            Rejection::ReachTooLarge { limit: 1_000 },
            absent(Resource::Pipeline, "sales"),
            absent(Resource::TriggerType, "call.missed"),
            absent(Resource::Trigger, "t1"),
            absent(Resource::Trigger, "t1@7"),
            absent(Resource::Entity, "deal/57"),
            Rejection::EventNotFound { source_name: s("mailer"), event_id: s("e1") },
            missing(Resource::Pipeline, "sales"),
            missing(Resource::Stage, "sales/won"),
            missing(Resource::TriggerType, "call.missed"),
            taken(Resource::Pipeline, "sales"),
            taken(Resource::TriggerType, "call.missed"),
            taken(Resource::Trigger, "t1"),
            taken(Resource::Entity, "deal/57"),
            Rejection::StageInUse { stage_id: s("won"), triggers: 1, entities: 2 },
            Rejection::PipelineInUse { pipeline_id: s("sales"), triggers: 1, entities: 2 },
            Rejection::TriggerTypeInUse { code: s("call.missed"), triggers: 1 },
            Rejection::KindMismatch {
                field: s("entity.pipeline_id"),
                expected: s("deal"),
                actual: s("lead"),
            },
            Rejection::OutOfScope { named: None },
            Rejection::out_of_scope(Resource::Pipeline, &"sales"),
            Rejection::out_of_scope(Resource::Trigger, &"t1"),
            Rejection::out_of_scope(Resource::Entity, &"deal/57"),
            Rejection::RevisionMismatch { expected_revision: 1, actual_revision: 2 },
            Rejection::EventIdReused { source_name: s("mailer"), event_id: s("e1") },
            Rejection::RequestIdReused { request_id: s("r1") },
            Rejection::TriggerLimit {
                pipeline_id: s("sales"),
                event_type: s("x"),
                count: 1_001,
                limit: 1_000,
            },
            Rejection::StageTriggerLimit {
                pipeline_id: s("sales"),
                stage_id: s("won"),
                count: 1_001,
                limit: 1_000,
            },
            Rejection::DiskFull { path: s("/data"), free_bytes: 7, min_free_bytes: 1_000 },
            Rejection::IdentitiesFull { count: 1_001, limit: 1_000 },
        ]
    }

    /// The comment on a reason, on one line.
    fn documentation(reason: ErrorReason) -> String {
        let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let of_reasons = |name: &str| name.ends_with("error_reason.proto");
        let file = files.file.into_iter().find(|file| of_reasons(file.name())).unwrap();
        let values = &file.enum_type[0].value;
        let index = values.iter().position(|value| value.name() == reason.as_str_name()).unwrap();
        // enum_type is field 5 of a file, value is field 2 of an enum.
        let path = [5, 0, 2, i32::try_from(index).unwrap()];
        let locations = file.source_code_info.unwrap().location;
        let comment = locations.iter().find(|location| location.path == path).unwrap();
        comment.leading_comments().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn codes_and_metadata_are_those_that_the_contract_documents() {
        let mut produced = BTreeMap::<String, (ErrorReason, BTreeSet<String>)>::new();
        for rejection in samples() {
            let refusal = refusal(&rejection);
            let documentation = documentation(refusal.reason());
            let code = format!("{:?}", Code::from_i32(refusal.code)).to_uppercase();
            let (_, documented) = documentation.split_once("Code: ").unwrap();
            assert!(documented.replace('_', "").contains(&code), "{code}: {documentation}");
            for value in refusal.metadata.values() {
                assert!(refusal.message.contains(value), "{value:?}: {:?}", refusal.message);
            }
            produced
                .entry(refusal.reason().as_str_name().to_owned())
                .or_insert((refusal.reason(), BTreeSet::new()))
                .1
                .extend(refusal.metadata.into_keys());
        }
        for (reason, keys) in produced.into_values() {
            let documentation = documentation(reason);
            let (_, metadata) = documentation.split_once("Metadata: ").unwrap();
            let documented = metadata.split('`').skip(1).step_by(2).map(str::to_owned);
            assert_eq!(keys, documented.collect(), "{reason:?}");
        }
    }

    #[test]
    fn a_reference_and_a_subject_differ_in_code_only() {
        let absent = refusal(&Rejection::not_found(Resource::Pipeline, &"sales"));
        let missing =
            refusal(&Rejection::missing("entity.pipeline_id", Resource::Pipeline, &"sales"));
        assert_eq!(absent.reason, missing.reason);
        assert_eq!(absent.code, Code::NotFound as i32);
        assert_eq!(missing.code, Code::FailedPrecondition as i32);
        assert!(absent.field_violations.is_empty());
        assert_eq!(missing.field_violations[0].field, "entity.pipeline_id");
    }

    #[test]
    fn what_a_caller_sent_cannot_make_a_refusal_long() {
        let refusal = refusal(&Rejection::invalid("event.source", "𝄞".repeat(1_000_000)));
        assert!((TEXT_MAX_BYTES - 4..=TEXT_MAX_BYTES).contains(&refusal.message.len()));
        assert!(refusal.message.starts_with("event.source: 𝄞") && refusal.message.ends_with('…'));
        // In HTTP trailers the message is percent-encoded and everything is there in base64 again.
        assert!(refusal.message.len() * 3 + refusal.encoded_len() * 4 / 3 < 8 * 1_024);
    }
}
