//! E1: what can be published.

use pawl_domain::limits::SUBJECTS_MAX;
use pawl_domain::{Event, Rejection, Subject};

use crate::build::{event, id};
use crate::{Reads, Refused, check};

fn published(event: Event) -> Result<String, Rejection> {
    event.check_published().map(|()| format!("{} subjects", event.subjects.len()))
}

fn about(count: usize) -> Event {
    let subject = |number| Subject::Entity(id(&format!("deal/{number}")));
    Event { subjects: (0..count).map(subject).collect(), ..event() }
}

fn from(source: &str) -> Event {
    Event { source: id(source), ..event() }
}

fn of_type(event_type: &str) -> Event {
    Event { event_type: id(event_type), ..event() }
}

fn subject(text: &str) -> Result<String, Rejection> {
    Subject::parse("subjects[0]", text).map(|subject| subject.to_string())
}

#[test]
fn events_that_can_be_published() {
    let rows = vec![
        ("E1 no subject", published(about(0)), Refused("subjects: has 0; an event has 1 to 100")),
        ("E1 one subject", published(about(1)), Reads("1 subjects")),
        ("E1 100 subjects", published(about(SUBJECTS_MAX)), Reads("100 subjects")),
        (
            "E1 101 subjects",
            published(about(SUBJECTS_MAX + 1)),
            Refused("subjects: has 101; an event has 1 to 100"),
        ),
        (
            "E1 the service's source",
            published(from("pawl")),
            Refused(
                "source: \"pawl\" is reserved for changes made through the service; choose another",
            ),
        ),
        (
            "E1 a source that begins so",
            published(from("pawl.mail")),
            Refused(
                "source: \"pawl.mail\" is reserved for changes made through the service; \
                 choose another",
            ),
        ),
        (
            "E1 a source that begins so, in one word",
            published(from("pawlonia")),
            Refused(
                "source: \"pawlonia\" is reserved for changes made through the service; \
                 choose another",
            ),
        ),
        ("E1 a source that only holds it", published(from("my-pawl")), Reads("1 subjects")),
        ("E1 a source in other letters", published(from("Pawl")), Reads("1 subjects")),
        (
            "E1 the service's type",
            published(of_type("entity.updated")),
            Refused(
                "type: \"entity.updated\" is reserved for changes made through the service; \
                 choose another",
            ),
        ),
        ("E1 a type that begins so", published(of_type("entity.updated.x")), Reads("1 subjects")),
        ("E1 a type that nobody knows", published(of_type("moon.full")), Reads("1 subjects")),
        (
            "E1 what the service itself makes",
            published(Event::moved_by_hand(id("m1"), id("deal/1"), None)),
            Refused(
                "source: \"pawl\" is reserved for changes made through the service; choose another",
            ),
        ),
        ("E3 a customer", subject("contact/9"), Reads("contact/9")),
        ("E2 an entity", subject("smart_process.repairs/12"), Reads("smart_process.repairs/12")),
        (
            "E1 neither",
            subject("offer/9"),
            Refused(
                "subjects[0]: \"offer\" is no entity kind; use lead, deal, estimate, invoice or \
                 smart_process.NAME",
            ),
        ),
    ];
    check("events that can be published", 16, rows);
}
