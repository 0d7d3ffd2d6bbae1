//! The page itself.

use std::env;
use std::fmt::Write as _;
use std::fs;

use pawl_api::pb::ErrorReason;
use pawl_tests::workspace_root;

use super::answer::{Answered, short};
use super::elsewhere::Elsewhere;
use crate::documented::Documented;

const MADE: &str = "<!-- From here on made of what servers answer: \
                    UPDATE_DOCS=1 cargo test -p pawl-tests --test contract errors -->\n";

/// All that is made.
pub(super) fn text(answers: &[(&str, Answered)], elsewhere: &Elsewhere) -> String {
    let reasons: Vec<_> = Documented::in_order().collect();
    let mut text = String::from("\n| reason | code | try again |\n|---|---|---|\n");
    for (reason, told) in &reasons {
        let name = short(*reason);
        let anchor = name.to_lowercase();
        let code = told.code.trim_end_matches('.');
        let retry = told.retry.trim_end_matches('.');
        let _ = writeln!(text, "| [`{name}`](#{anchor}) | {code} | {retry} |");
    }
    let Elsewhere { refusal, bad, full } = elsewhere;
    let _ = write!(
        text,
        "\n## On a stream of events\n\nEach event of `PublishEvents` is answered for itself; one \
         that is refused has a `Refusal` in its outcome, and the stream goes on. Here its source is \
         missing:\n\n```json\n{refusal}\n```\n\n## Over HTTP\n\nTo `POST /v1/events`, an event \
         whose subject lacks its kind:\n\n```http\n{bad}\n```\n\nThe same when the disk is full. \
         `retry-after` says in seconds what RetryInfo says:\n\n```http\n{full}\n```\n\n## Reasons\n"
    );
    for (reason, told) in reasons {
        section(&mut text, reason, told, answers);
    }
    text
}

fn section(
    text: &mut String,
    reason: ErrorReason,
    told: &Documented,
    answers: &[(&str, Answered)],
) {
    let name = short(reason);
    let Documented { meaning, code, retry, metadata_text, .. } = told;
    let _ = write!(
        text,
        "\n### `{name}`\n\n{meaning}\n\n- Code: {code}\n- Try again: {retry}\n- Metadata: \
         {metadata_text}\n"
    );
    for (asked, answer) in answers.iter().filter(|(_, answer)| answer.reason() == name) {
        let _ = write!(text, "\n{asked}:\n\n```json\n{}\n```\n", answer.json());
    }
}

/// Compares what is in docs with what it is to be, or writes it.
pub(super) fn write_or_compare(made: &str) {
    let path = workspace_root().join("docs/errors.md");
    let page = fs::read_to_string(&path).expect("it is there");
    let (by_hand, _) = page.split_once(MADE).expect("it says from where on it is made");
    let wanted = format!("{by_hand}{MADE}{made}");
    if env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(&path, &wanted).expect("it can be written");
    }
    let page = fs::read_to_string(&path).expect("it is there");
    let differs = page.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    assert!(
        page == wanted,
        "run UPDATE_DOCS=1 cargo test -p pawl-tests --test contract errors; first {differs:?}"
    );
}
