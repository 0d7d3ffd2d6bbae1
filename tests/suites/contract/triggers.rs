//! `TriggerService`.

use pawl_api::pb;
use pawl_api::pb::ErrorReason;
use pawl_tests::{fields, trigger, trigger_type};
use prost_types::FieldMask;

use crate::row::{
    Call, EXISTS, FILTER, IMMUTABLE, INVALID, KIND, PAGE_TOKEN, REQUEST_ID, RESERVED, REVISION,
    Row, absent, call, unmet,
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

fn parameter(name: &str, comparison: i32) -> pb::Parameter {
    pb::Parameter { name: name.to_owned(), comparison, ..Default::default() }
}

fn with_parameters<const N: usize>(parameters: [pb::Parameter; N]) -> pb::TriggerType {
    pb::TriggerType { parameters: parameters.to_vec(), ..trigger_type("fresh") }
}

#[rustfmt::skip]
pub(crate) fn type_rows() -> Vec<Row> {
    let paid = || trigger_type("bill.paid");
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
        Row::new("a built-in type", EXISTS, "", "choose another id", register(trigger_type("email.viewed"))),
        Row::new("a parameter without a name", INVALID, "trigger_type.parameters[1].name", "must not be empty",
            register(with_parameters([parameter("a", 0), parameter("", 0)]))),
        Row::new("two parameters of one name", INVALID, "trigger_type.parameters[1].name", "earlier one",
            register(with_parameters([parameter("a", 0), parameter("a", 0)]))),
        Row::new("a parameter that compares what changed", INVALID, "trigger_type.parameters[0].comparison", "choose EXACT",
            register(with_parameters([parameter("a", 7)]))),
        Row::new("51 parameters", INVALID, "trigger_type.parameters", "limit is 50",
            register(pb::TriggerType { parameters: vec![parameter("a", 0); 51], ..trigger_type("fresh") })),
        Row::new("a type that is too large", INVALID, "trigger_type.parameters", "limit is 65536",
            register(pb::TriggerType {
                parameters: (0..6).map(|number| pb::Parameter { options: vec!["x".repeat(256); 50], ..parameter(&format!("p{number}"), 0) }).collect(),
                ..trigger_type("fresh")
            })),
        Row::new("to update a built-in type", unmet(ErrorReason::TriggerTypeBuiltIn), "", "register one of your own",
            update_type(pb::TriggerType { title: "Mine".to_owned(), ..trigger_type("email.viewed") }, &[], 0)),
        Row::new("to delete a built-in type", unmet(ErrorReason::TriggerTypeBuiltIn), "", "register one of your own", delete_type("email.viewed", 0)),
        Row::new("to update the parameters of a type", IMMUTABLE, "trigger_type.parameters", "register it again",
            update_type(pb::TriggerType { parameters: vec![parameter("a", 0)], ..paid() }, &[], 0)),
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
        Row::new("to delete a type in use", unmet(ErrorReason::TriggerTypeInUse), "", "delete them first", delete_type("bill.paid", 0)),
        Row::new("to delete another revision of a type", REVISION, "", "read it again", delete_type("phone.missed", 7)),
        Row::new("to delete a type that does not exist", absent(ErrorReason::TriggerTypeNotFound), "", "does not exist", delete_type("none", 0)),
        Row::new("to look for a longer text than a title", INVALID, "query", "limit is 256",
            call!(triggers.list_trigger_types(pb::ListTriggerTypesRequest { query: "x".repeat(257), ..Default::default() }))),
        Row::new("to list types by a damaged page token", PAGE_TOKEN, "page_token", "start again",
            call!(triggers.list_trigger_types(pb::ListTriggerTypesRequest { page_token: "!".to_owned(), ..Default::default() }))),
    ]
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let fresh = || trigger("fresh", "sales/won", "bill.paid");
    let signed = || trigger("fresh", "sales/won", "document.signed");
    let paid = || pb::Trigger { trigger_id: "paid".to_owned(), ..Default::default() };
    vec![
        Row::new("a trigger that is not sent", INVALID, "trigger", "is required",
            call!(triggers.create_trigger(pb::CreateTriggerRequest::default()))),
        Row::new("a trigger id with a blank", INVALID, "trigger.trigger_id", "A-Z a-z 0-9",
            create(trigger("a b", "sales/won", "bill.paid"))),
        Row::new("a trigger without a pipeline", INVALID, "trigger.pipeline_id", "must not be empty",
            create(trigger("fresh", "/won", "bill.paid"))),
        Row::new("a trigger without a stage", INVALID, "trigger.stage_id", "must not be empty",
            create(trigger("fresh", "sales", "bill.paid"))),
        Row::new("a trigger without a type", INVALID, "trigger.trigger_type", "must not be empty",
            create(trigger("fresh", "sales/won", ""))),
        Row::new("a parameter that the type does not take", INVALID, "trigger.parameters.colour", "takes template_id, by",
            create(pb::Trigger { parameters: Some(fields([("colour", Some("red"))])), ..signed() })),
        Row::new("a parameter that is none of the options", INVALID, "trigger.parameters.by", "choose from initiator, member, all",
            create(pb::Trigger { parameters: Some(fields([("by", Some("nobody"))])), ..signed() })),
        Row::new("a parameter that is null", INVALID, "trigger.parameters.by", "leave it out",
            create(pb::Trigger { parameters: Some(fields([("by", None)])), ..signed() })),
        Row::new("a required parameter left out", INVALID, "trigger.parameters.code", "is required",
            create(trigger("fresh", "sales/won", "webhook.received"))),
        Row::new("a filter that cannot be read", FILTER, "trigger.filter", "line 1, column",
            create(pb::Trigger { filter: "event.type ==".to_owned(), ..fresh() })),
        Row::new("a filter that names what is not there", FILTER, "trigger.filter", "event has no kind",
            create(pb::Trigger { filter: "event.kind == 'x'".to_owned(), ..fresh() })),
        Row::new("a filter that is a text", FILTER, "trigger.filter", "true or false",
            create(pb::Trigger { filter: "event.type".to_owned(), ..fresh() })),
        Row::new("a filter that is too long", FILTER, "trigger.filter", "the limit is 4096",
            create(pb::Trigger { filter: " ".repeat(4_097), ..fresh() })),
        Row::new("a filter that is too deep", FILTER, "trigger.filter", "deeper than 32",
            create(pb::Trigger { filter: format!("{}true{}", "(".repeat(900), ")".repeat(900)), ..fresh() })),
        Row::new("to update a filter badly", FILTER, "trigger.filter", "there is no foo",
            update(pb::Trigger { filter: "foo".to_owned(), ..paid() }, &["filter"], 0)),
        Row::new("to update statistics", IMMUTABLE, "trigger.stats", "leave it out", update(paid(), &["stats"], 0)),
        Row::new("to list verdicts of nothing", INVALID, "trigger_id", "unless entity_id is given",
            call!(triggers.list_verdicts(pb::ListVerdictsRequest::default()))),
        Row::new("to list verdicts of a bad id", INVALID, "entity_id", "lacks its kind",
            call!(triggers.list_verdicts(pb::ListVerdictsRequest { entity_id: "57".to_owned(), ..Default::default() }))),
        Row::new("to list verdicts by a damaged page token", PAGE_TOKEN, "page_token", "start again",
            call!(triggers.list_verdicts(pb::ListVerdictsRequest { trigger_id: "paid".to_owned(), page_token: "!".to_owned(), ..Default::default() }))),
        Row::new("a trigger in an unknown state", INVALID, "trigger.state", "ACTIVE, PAUSED or SHADOW",
            create(pb::Trigger { state: 9, ..fresh() })),
        Row::new("a trigger on an unknown pipeline", unmet(ErrorReason::PipelineNotFound), "trigger.pipeline_id", "create it first",
            create(trigger("fresh", "none/won", "bill.paid"))),
        Row::new("a trigger on an unknown stage", unmet(ErrorReason::StageNotFound), "trigger.stage_id", "create it first",
            create(trigger("fresh", "sales/none", "bill.paid"))),
        Row::new("a trigger on another pipeline's stage", unmet(ErrorReason::StageNotFound), "trigger.stage_id", "create it first",
            create(trigger("fresh", "sales/done", "bill.paid"))),
        Row::new("a trigger of an unknown type", unmet(ErrorReason::TriggerTypeNotFound), "trigger.trigger_type", "create it first",
            create(trigger("fresh", "sales/won", "none"))),
        Row::new("a trigger of a type for other kinds", KIND, "trigger.trigger_type", "serves deal, not lead",
            create(trigger("fresh", "people/known", "bill.paid"))),
        Row::new("one trigger too many", unmet(ErrorReason::TriggerLimit), "", "has 1000 triggers that listen",
            create(trigger("fresh", "crowded/a", "bill.paid"))),
        Row::new("a trigger that exists", EXISTS, "", "choose another id", create(trigger("paid", "sales/won", "bill.paid"))),
        Row::new("a trigger with a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            call!(triggers.create_trigger(pb::CreateTriggerRequest {
                trigger: Some(trigger("fresh", "sales/won", "bill.paid")),
                request_id: "taken".to_owned(),
                ..Default::default()
            }))),

        Row::new("to get a trigger that does not exist", absent(ErrorReason::TriggerNotFound), "", "does not exist", get("none", 0)),
        Row::new("to get a revision that never was", absent(ErrorReason::TriggerNotFound), "", "does not exist", get("paid", 7)),
        Row::new("to get a negative revision", INVALID, "revision", "0 is the latest", get("paid", -1)),
        Row::new("to update a trigger that does not exist", absent(ErrorReason::TriggerNotFound), "", "does not exist",
            update(pb::Trigger { allow_reopen: true, ..trigger("none", "sales/won", "bill.paid") }, &[], 0)),
        Row::new("to update a trigger by an unknown path", INVALID, "update_mask", "stage_id, display_name",
            update(paid(), &["stage"], 0)),
        Row::new("to update the trigger's id", IMMUTABLE, "trigger.trigger_id", "leave it out", update(paid(), &["trigger_id"], 0)),
        Row::new("to update a time", IMMUTABLE, "trigger.update_time", "leave it out", update(paid(), &["update_time"], 0)),
        Row::new("to update the trigger's pipeline", IMMUTABLE, "trigger.pipeline_id", "create another",
            update(pb::Trigger { pipeline_id: "service".to_owned(), ..paid() }, &[], 0)),
        Row::new("to update the trigger's type", IMMUTABLE, "trigger.trigger_type", "create another",
            update(pb::Trigger { trigger_type: "phone.missed".to_owned(), ..paid() }, &[], 0)),
        Row::new("to put a trigger on another pipeline's stage", unmet(ErrorReason::StageNotFound), "trigger.stage_id", "create it first",
            update(pb::Trigger { stage_id: "done".to_owned(), ..paid() }, &[], 0)),
        Row::new("to update another revision of a trigger", REVISION, "", "read it again",
            update(pb::Trigger { allow_reopen: true, ..paid() }, &[], 7)),
        Row::new("to delete another revision of a trigger", REVISION, "", "read it again", delete("paid", 7)),
        Row::new("to delete a trigger that does not exist", absent(ErrorReason::TriggerNotFound), "", "does not exist", delete("none", 0)),
        Row::new("to list triggers in an unknown state", INVALID, "state", "ACTIVE, PAUSED or SHADOW",
            list(pb::ListTriggersRequest { state: 9, ..Default::default() })),
        Row::new("to list triggers of a bad id", INVALID, "stage_id", "A-Z a-z 0-9",
            list(pb::ListTriggersRequest { stage_id: "a b".to_owned(), ..Default::default() })),
        Row::new("to list triggers by a damaged page token", PAGE_TOKEN, "page_token", "start again",
            list(pb::ListTriggersRequest { page_token: "AAAA".to_owned(), ..Default::default() })),
    ]
}
