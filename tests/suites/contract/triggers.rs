//! `TriggerService`.

use pawl_api::pb;
use pawl_api::pb::ErrorReason;
use pawl_tests::{trigger, trigger_type};
use prost_types::FieldMask;

use crate::row::{
    Call, EXISTS, IMMUTABLE, INVALID, KIND, PAGE_TOKEN, REQUEST_ID, RESERVED, REVISION, Row,
    absent, call, unmet,
};

fn register(trigger_type: pb::TriggerType) -> Call {
    call!(triggers.create_trigger_type(pb::CreateTriggerTypeRequest {
        trigger_type: Some(trigger_type),
        ..Default::default()
    }))
}

fn update_type(trigger_type: pb::TriggerType, paths: &[&str], expected_revision: i64) -> Call {
    let paths = paths.iter().map(ToString::to_string).collect();
    call!(triggers.update_trigger_type(pb::UpdateTriggerTypeRequest {
        trigger_type: Some(trigger_type),
        update_mask: Some(FieldMask { paths }),
        expected_revision,
        ..Default::default()
    }))
}

fn delete_type(code: &str, expected_revision: i64) -> Call {
    let code = code.to_owned();
    call!(triggers.delete_trigger_type(pb::DeleteTriggerTypeRequest { code, expected_revision }))
}

fn create(trigger: pb::Trigger) -> Call {
    call!(
        triggers.create_trigger(pb::CreateTriggerRequest {
            trigger: Some(trigger),
            ..Default::default()
        })
    )
}

fn update(trigger: pb::Trigger, paths: &[&str], expected_revision: i64) -> Call {
    let paths = paths.iter().map(ToString::to_string).collect();
    call!(triggers.update_trigger(pb::UpdateTriggerRequest {
        trigger: Some(trigger),
        update_mask: Some(FieldMask { paths }),
        expected_revision,
        ..Default::default()
    }))
}

fn get(id: &str, revision: i64) -> Call {
    let trigger_id = id.to_owned();
    call!(triggers.get_trigger(pb::GetTriggerRequest { trigger_id, revision }))
}

fn delete(id: &str, expected_revision: i64) -> Call {
    let trigger_id = id.to_owned();
    call!(triggers.delete_trigger(pb::DeleteTriggerRequest { trigger_id, expected_revision }))
}

fn list(request: pb::ListTriggersRequest) -> Call {
    call!(triggers.list_triggers(request))
}

#[rustfmt::skip]
pub(crate) fn type_rows() -> Vec<Row> {
    let paid = || trigger_type("order.paid");
    vec![
        Row::new("a trigger type that is not sent", INVALID, "trigger_type", "is required",
            call!(triggers.create_trigger_type(pb::CreateTriggerTypeRequest::default()))),
        Row::new("a code with a slash", INVALID, "trigger_type.code", "A-Z a-z 0-9", register(trigger_type("a/b"))),
        Row::new("the service's own event type", RESERVED, "trigger_type.event_type", "choose another",
            register(pb::TriggerType { event_type: "entity.updated".to_owned(), ..trigger_type("fresh") })),
        Row::new("the service's own event type by its code", RESERVED, "trigger_type.event_type", "choose another",
            register(trigger_type("entity.updated"))),
        Row::new("a description that is too long", INVALID, "trigger_type.description", "limit is 4096",
            register(pb::TriggerType { description: "x".repeat(4_097), ..trigger_type("fresh") })),
        Row::new("a kind that does not exist", INVALID, "trigger_type.entity_kinds[1]", "lead, deal",
            register(pb::TriggerType { entity_kinds: vec!["deal".to_owned(), "offer".to_owned()], ..trigger_type("fresh") })),
        Row::new("101 kinds", INVALID, "trigger_type.entity_kinds", "limit is 100",
            register(pb::TriggerType { entity_kinds: vec!["deal".to_owned(); 101], ..trigger_type("fresh") })),
        Row::new("a trigger type that exists", EXISTS, "", "choose another id", register(paid())),
        Row::new("a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            call!(triggers.create_trigger_type(pb::CreateTriggerTypeRequest {
                trigger_type: Some(trigger_type("fresh")),
                request_id: "taken".to_owned(),
                ..Default::default()
            }))),
        Row::new("to get a trigger type that does not exist", absent(ErrorReason::TriggerTypeNotFound), "", "does not exist",
            call!(triggers.get_trigger_type(pb::GetTriggerTypeRequest { code: "none".to_owned() }))),
        Row::new("to update a type that does not exist", absent(ErrorReason::TriggerTypeNotFound), "", "does not exist",
            update_type(pb::TriggerType { title: "None".to_owned(), ..trigger_type("none") }, &[], 0)),
        Row::new("to update a type by an unknown path", INVALID, "update_mask", "section, title",
            update_type(paid(), &["name"], 0)),
        Row::new("to update the code", IMMUTABLE, "trigger_type.code", "leave it out", update_type(paid(), &["code"], 0)),
        Row::new("to update the event type", IMMUTABLE, "trigger_type.event_type", "register it again",
            update_type(pb::TriggerType { event_type: "order.sent".to_owned(), ..paid() }, &[], 0)),
        Row::new("to update another revision of a type", REVISION, "", "read it again",
            update_type(pb::TriggerType { title: "Paid".to_owned(), ..paid() }, &[], 7)),
        Row::new("a kind in use left out", unmet(ErrorReason::TriggerTypeInUse), "", "1001 triggers",
            update_type(pb::TriggerType { entity_kinds: vec!["lead".to_owned()], ..paid() }, &[], 0)),
        Row::new("to delete a type in use", unmet(ErrorReason::TriggerTypeInUse), "", "delete them first", delete_type("order.paid", 0)),
        Row::new("to delete another revision of a type", REVISION, "", "read it again", delete_type("call.missed", 7)),
        Row::new("to delete a type that does not exist", absent(ErrorReason::TriggerTypeNotFound), "", "does not exist", delete_type("none", 0)),
        Row::new("to look for a longer text than a title", INVALID, "query", "limit is 256",
            call!(triggers.list_trigger_types(pb::ListTriggerTypesRequest { query: "x".repeat(257), ..Default::default() }))),
        Row::new("to list types by a damaged page token", PAGE_TOKEN, "page_token", "start again",
            call!(triggers.list_trigger_types(pb::ListTriggerTypesRequest { page_token: "!".to_owned(), ..Default::default() }))),
    ]
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let fresh = || trigger("fresh", "sales/won", "order.paid");
    let paid = || pb::Trigger { trigger_id: "paid".to_owned(), ..Default::default() };
    vec![
        Row::new("a trigger that is not sent", INVALID, "trigger", "is required",
            call!(triggers.create_trigger(pb::CreateTriggerRequest::default()))),
        Row::new("a trigger id with a blank", INVALID, "trigger.trigger_id", "A-Z a-z 0-9",
            create(trigger("a b", "sales/won", "order.paid"))),
        Row::new("a trigger without a pipeline", INVALID, "trigger.pipeline_id", "must not be empty",
            create(trigger("fresh", "/won", "order.paid"))),
        Row::new("a trigger without a stage", INVALID, "trigger.stage_id", "must not be empty",
            create(trigger("fresh", "sales", "order.paid"))),
        Row::new("a trigger without a type", INVALID, "trigger.trigger_type", "must not be empty",
            create(trigger("fresh", "sales/won", ""))),
        Row::new("a trigger in an unknown state", INVALID, "trigger.state", "ACTIVE or PAUSED",
            create(pb::Trigger { state: 9, ..fresh() })),
        Row::new("a trigger on an unknown pipeline", unmet(ErrorReason::PipelineNotFound), "trigger.pipeline_id", "create it first",
            create(trigger("fresh", "none/won", "order.paid"))),
        Row::new("a trigger on an unknown stage", unmet(ErrorReason::StageNotFound), "trigger.stage_id", "create it first",
            create(trigger("fresh", "sales/none", "order.paid"))),
        Row::new("a trigger on another pipeline's stage", unmet(ErrorReason::StageNotFound), "trigger.stage_id", "create it first",
            create(trigger("fresh", "sales/done", "order.paid"))),
        Row::new("a trigger of an unknown type", unmet(ErrorReason::TriggerTypeNotFound), "trigger.trigger_type", "create it first",
            create(trigger("fresh", "sales/won", "none"))),
        Row::new("a trigger of a type for other kinds", KIND, "trigger.trigger_type", "serves deal, not lead",
            create(trigger("fresh", "people/known", "order.paid"))),
        Row::new("one trigger too many", unmet(ErrorReason::TriggerLimit), "", "has 1000 triggers that listen",
            create(trigger("fresh", "crowded/a", "order.paid"))),
        Row::new("a trigger that exists", EXISTS, "", "choose another id", create(trigger("paid", "sales/won", "order.paid"))),
        Row::new("a trigger with a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            call!(triggers.create_trigger(pb::CreateTriggerRequest {
                trigger: Some(trigger("fresh", "sales/won", "order.paid")),
                request_id: "taken".to_owned(),
                ..Default::default()
            }))),

        Row::new("to get a trigger that does not exist", absent(ErrorReason::TriggerNotFound), "", "does not exist", get("none", 0)),
        Row::new("to get a revision that never was", absent(ErrorReason::TriggerNotFound), "", "does not exist", get("paid", 7)),
        Row::new("to get a negative revision", INVALID, "revision", "0 is the latest", get("paid", -1)),
        Row::new("to update a trigger that does not exist", absent(ErrorReason::TriggerNotFound), "", "does not exist",
            update(pb::Trigger { allow_reopen: true, ..trigger("none", "sales/won", "order.paid") }, &[], 0)),
        Row::new("to update a trigger by an unknown path", INVALID, "update_mask", "stage_id, display_name",
            update(paid(), &["stage"], 0)),
        Row::new("to update the trigger's id", IMMUTABLE, "trigger.trigger_id", "leave it out", update(paid(), &["trigger_id"], 0)),
        Row::new("to update a time", IMMUTABLE, "trigger.update_time", "leave it out", update(paid(), &["update_time"], 0)),
        Row::new("to update the trigger's pipeline", IMMUTABLE, "trigger.pipeline_id", "create another",
            update(pb::Trigger { pipeline_id: "service".to_owned(), ..paid() }, &[], 0)),
        Row::new("to update the trigger's type", IMMUTABLE, "trigger.trigger_type", "create another",
            update(pb::Trigger { trigger_type: "call.missed".to_owned(), ..paid() }, &[], 0)),
        Row::new("to put a trigger on another pipeline's stage", unmet(ErrorReason::StageNotFound), "trigger.stage_id", "create it first",
            update(pb::Trigger { stage_id: "done".to_owned(), ..paid() }, &[], 0)),
        Row::new("to update another revision of a trigger", REVISION, "", "read it again",
            update(pb::Trigger { allow_reopen: true, ..paid() }, &[], 7)),
        Row::new("to delete another revision of a trigger", REVISION, "", "read it again", delete("paid", 7)),
        Row::new("to delete a trigger that does not exist", absent(ErrorReason::TriggerNotFound), "", "does not exist", delete("none", 0)),
        Row::new("to list triggers in an unknown state", INVALID, "state", "ACTIVE or PAUSED",
            list(pb::ListTriggersRequest { state: 9, ..Default::default() })),
        Row::new("to list triggers of a bad id", INVALID, "stage_id", "A-Z a-z 0-9",
            list(pb::ListTriggersRequest { stage_id: "a b".to_owned(), ..Default::default() })),
        Row::new("to list triggers by a damaged page token", PAGE_TOKEN, "page_token", "start again",
            list(pb::ListTriggersRequest { page_token: "AAAA".to_owned(), ..Default::default() })),
    ]
}
