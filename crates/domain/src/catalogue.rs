//! The built-in trigger types, as data: validation, matching, `ListTriggerTypes` and
//! `docs/catalogue.md` are derived from this one table.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::Comparison::{
    AtLeast, AtMost, Changed, ChangedFrom, ChangedTo, Contains, Exact, Prefix,
};
use crate::ParameterKind::{Any, Number, Text};
use crate::trigger_type::{BuiltIn, Watched};
use crate::{
    Comparison, DisplayName, ENTITY_UPDATED, Parameter, ParameterKind, Prose, Rejection,
    TriggerType, TypeCode, Version,
};

/// A row: code, title, the condition as a sentence, what it is for, kinds, parameters.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [Given],
);

/// A parameter of a row.
#[derive(Clone, Copy)]
struct Given {
    name: &'static str,
    title: &'static str,
    kind: ParameterKind,
    comparison: Comparison,
    attribute: &'static str,
    required: bool,
    options: &'static [&'static str],
}

/// A parameter that is compared exactly with the attribute of its name.
const fn exact(name: &'static str, title: &'static str) -> Given {
    Given {
        name,
        title,
        kind: Any,
        comparison: Exact,
        attribute: name,
        required: false,
        options: &[],
    }
}

impl Given {
    const fn by(self, kind: ParameterKind, comparison: Comparison) -> Self {
        Self { kind, comparison, ..self }
    }

    /// Compared with an attribute of another name.
    const fn of(self, attribute: &'static str) -> Self {
        Self { attribute, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn one_of(self, options: &'static [&'static str]) -> Self {
        Self { kind: Text, options, ..self }
    }
}

const ALL: &[&str] = &[];
const LEAD_DEAL: &[&str] = &["lead", "deal"];
const LEAD_DEAL_SMART: &[&str] = &["lead", "deal", SMART];
const NOT_SMART: &[&str] = &["lead", "deal", "estimate", "invoice"];
const DEAL: &[&str] = &["deal"];
/// Stands for every smart process.
const SMART: &str = "smart_process";

const LINE: Given = exact("line_number", "Line");
const CHANNEL: Given = exact("channel", "Channel");
const TEXT: Given = exact("text_contains", "Text contains").by(Text, Contains).of("text");
const FORM: Given = exact("form_id", "Form");
const TEMPLATE: Given = exact("template_id", "Template");
const FROM: Given = exact("from", "From").by(Any, ChangedFrom);
const TO: Given = exact("to", "To").by(Any, ChangedTo);

#[rustfmt::skip]
const SECTIONS: [(&str, &[Row]); 8] = [
    ("Client communication", &[
        ("email.received", "Track incoming email", "Email received", "The customer wrote an email.", ALL, &[
            exact("from", "From").by(Text, Contains),
            exact("subject_contains", "Subject contains").by(Text, Contains).of("subject"),
        ]),
        ("email.sent", "Track email message to customer", "Email sent to customer", "An email left for the customer.", ALL, &[]),
        ("email.viewed", "Track email message view", "Email viewed", "The customer opened an email.", ALL, &[]),
        ("email.link_clicked", "Track link clicks", "Link clicked", "The customer followed a link in an email.", ALL, &[
            exact("url", "Address begins with").by(Text, Prefix),
        ]),
        ("call.inbound", "Track inbound call", "Inbound call", "The customer called.", ALL, &[LINE]),
        ("call.outbound", "Track outbound call", "Outbound call", "A colleague called the customer.", ALL, &[LINE]),
        ("call.missed", "Track missed call", "Missed call", "The customer called and nobody answered.", ALL, &[LINE]),
        ("chat.started", "Track customer's initial message", "Chat started", "The customer wrote the first message of a chat.", LEAD_DEAL_SMART, &[CHANNEL, TEXT]),
        ("chat.message", "Track customer messages", "Chat message", "The customer wrote in a chat.", LEAD_DEAL_SMART, &[CHANNEL, TEXT]),
        ("chat.accepted", "Track chat accepted", "Chat accepted", "A colleague took over a chat, after some seconds.", LEAD_DEAL_SMART, &[
            CHANNEL,
            exact("operator", "Operator"),
            exact("answered_within_seconds", "Answered within seconds").by(Number, AtMost).of("answer_seconds"),
            exact("answered_after_seconds", "Answered after seconds").by(Number, AtLeast).of("answer_seconds"),
        ]),
        ("callback.requested", "Track callback request", "Callback requested", "The customer asked to be called back.", NOT_SMART, &[FORM]),
    ]),
    ("Site", &[
        ("form.submitted", "Track CRM form submit", "Form submitted", "The customer filled in a form.", NOT_SMART, &[FORM]),
        ("site.returned", "Track site visitor return", "Visitor returned", "The customer came back to the site.", ALL, &[
            exact("page", "Page begins with").by(Text, Prefix),
        ]),
        ("visit.recorded", "Track visit", "Visit recorded", "The customer came by in person.", LEAD_DEAL, &[]),
        ("qr.scanned", "Track QR code scan", "QR code scanned", "The customer scanned a QR code.", LEAD_DEAL_SMART, &[exact("qr_id", "QR code")]),
        ("resource.booked", "Track resource booking", "Resource booked", "The customer booked a resource.", LEAD_DEAL, &[exact("resource_id", "Resource")]),
    ]),
    ("Payment", &[
        ("invoice.paid", "Track invoice payment", "Invoice paid", "An invoice of the entity was paid: published, or because the invoice entered a WON stage.", &["deal", "estimate", SMART], &[]),
        ("payment.received", "Track payment", "Payment received", "Money came in.", &["deal", "invoice", SMART], &[
            exact("min_amount", "Amount at least").by(Number, AtLeast).of("amount"),
            exact("currency", "Currency"),
            exact("method", "Method"),
        ]),
        ("order.paid", "Track order payment", "Order paid", "An order was paid.", &["deal", SMART], &[]),
        ("order.canceled", "Track order cancellation", "Order canceled", "An order was canceled.", DEAL, &[]),
    ]),
    ("Delivery", &[
        ("shipment.approved", "Track delivery permission", "Delivery permitted", "A delivery may leave.", DEAL, &[]),
        ("shipment.shipped", "Track shipment", "Shipment sent", "A delivery left.", DEAL, &[]),
        ("shipment.tracking_number", "Track tracking number", "Tracking number assigned", "A delivery got its tracking number.", DEAL, &[exact("delivery_id", "Delivery")]),
        ("shipment.updated", "Track shipment change", "Shipment changed", "A delivery has another status.", DEAL, &[exact("status", "Status")]),
        ("delivery.finished", "Track delivery finished", "Delivery finished", "A delivery arrived.", DEAL, &[]),
    ]),
    ("Documents", &[
        ("document.created", "Track document creation", "Document created", "A document was made.", ALL, &[TEMPLATE]),
        ("document.viewed", "Track document view", "Document viewed", "The customer looked at a document.", ALL, &[TEMPLATE]),
        ("document.signed", "Track document signing", "Document signed", "A document was signed.", LEAD_DEAL_SMART, &[
            TEMPLATE,
            exact("by", "By").one_of(&["initiator", "member", "all"]),
        ]),
    ]),
    ("Tasks", &[
        ("task.status_changed", "Track task status", "Task status changed", "A task of the entity has another status.", ALL, &[
            exact("status", "Status").one_of(&["pending", "in_progress", "awaiting_control", "completed", "deferred", "declined"]),
        ]),
    ]),
    ("Element control", &[
        ("responsible.changed", "Track responsible person change", "Responsible person changed", "Another employee is in charge.", ALL, &[
            FROM.of("responsible"),
            TO.of("responsible"),
        ]),
        ("field.changed", "Track field value change", "Field changed", "One of the named fields has another value.", ALL, &[
            exact("fields", "Fields").by(Text, Changed).required(),
            FROM.of("fields"),
            TO.of("fields"),
        ]),
    ]),
    ("Apps and webhooks", &[
        ("webhook.received", "Track incoming webhook", "Webhook received", "An incoming webhook was called.", ALL, &[
            exact("code", "Code").required(),
        ]),
    ]),
];

static BY_CODE: LazyLock<BTreeMap<TypeCode, Arc<TriggerType>>> = LazyLock::new(|| {
    let rows =
        SECTIONS.iter().flat_map(|(section, rows)| rows.iter().map(move |row| (section, row)));
    let built = rows.map(|(section, row)| build(section, row));
    match built.collect::<Result<_, Rejection>>() {
        Ok(by_code) => by_code,
        Err(rejection) => unreachable!("the catalogue is well-formed: {rejection}"),
    }
});

/// The built-in trigger types by their codes. Users cannot change them.
pub fn built_in_types() -> &'static BTreeMap<TypeCode, Arc<TriggerType>> {
    &BY_CODE
}

/// The names of the sections, in the order in which people read them.
pub fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(section, _)| *section)
}

fn build(
    section: &str,
    (code, title, sentence, description, kinds, parameters): &Row,
) -> Result<(TypeCode, Arc<TriggerType>), Rejection> {
    let name = |text: &str| DisplayName::parse("title", text.to_owned());
    let watches = match *code {
        "responsible.changed" => Some(Watched::Responsible),
        "field.changed" => Some(Watched::Fields),
        _ => None,
    };
    let code: TypeCode = code.parse()?;
    let event_type = if watches.is_some() { ENTITY_UPDATED } else { code.as_str() };
    let built = TriggerType {
        section: name(section)?,
        title: name(title)?,
        description: Prose::parse("description", (*description).to_owned())?,
        event_type: event_type.parse()?,
        parameters: parameters.iter().map(parameter).collect::<Result<_, _>>()?,
        kinds: kinds.iter().map(|kind| kind.parse()).collect::<Result<_, _>>()?,
        built_in: Some(BuiltIn { sentence, watches }),
        version: Version { revision: 1, ..Version::default() },
        code: code.clone(),
    };
    Ok((code, Arc::new(built)))
}

fn parameter(given: &Given) -> Result<Parameter, Rejection> {
    Ok(Parameter {
        name: given.name.parse()?,
        title: DisplayName::parse("title", given.title.to_owned())?,
        kind: given.kind,
        comparison: given.comparison,
        attribute: given.attribute.parse()?,
        required: given.required,
        options: given.options.iter().map(ToString::to_string).collect(),
    })
}
