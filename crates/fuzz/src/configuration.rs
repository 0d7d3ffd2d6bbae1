//! Files that people write: what `pawl apply` takes, cases of rules, settings, and who gets in.

use std::fmt::Write as _;

use pawl_api::json;
use pawl_cli::fuzz;
use serde_json::{Value, json};

use crate::{Target, valid};

/// What `pawl apply` takes, in YAML or JSON.
pub(crate) struct Manifests;
/// What `pawl test` takes, in YAML or JSON.
pub(crate) struct Cases;
/// The settings of `pawl serve`, in TOML.
pub(crate) struct Settings;
/// Who may call, in TOML.
pub(crate) struct AccessFiles;

const YAML_WORDS: &[&str] = &[
    "\n",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!int ",
    "|\n",
    ">\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\"",
    "'",
    "~",
    "null",
    ".nan",
    ".inf",
    "0x7f",
    "1e999",
    "? ",
    "# ",
    "\t",
    "\u{feff}",
    "pipelines:",
    "triggers:",
    "trigger_types:",
    "stages:",
    "WON",
];
const TOML_WORDS: &[&str] = &[
    "\n",
    "=",
    "[[",
    "]]",
    "[",
    "]",
    "\"",
    "'''",
    "\"\"\"",
    "#",
    ".",
    ",",
    "{",
    "}",
    "true",
    "1e999",
    "2026-01-01T00:00:00Z",
    "[[token]]",
    "[[webhook]]",
    "name = ",
    "roles = ",
    "hash = ",
    "pipelines",
];

const YAML: &str = "\
pipelines:
- pipeline_id: sales
  entity_kind: deal
  stages: &stages
  - {stage_id: new, color: '#00aaff'}
  - {stage_id: won, semantics: WON}
- pipeline_id: more
  entity_kind: deal
  stages: *stages
---
# What customers do.
trigger_types:
triggers:
- trigger_id: t1
  pipeline_id: sales
  stage_id: won
  display_name: |
    Paid
  trigger_type: invoice.paid
  parameters: {code: \"x\\u00e9\", amount: 1.5e3, list: [1, ~, yes]}
  filter: >-
    event.attributes.amount > 100 &&
    entity.responsible == 'ines'
";

/// Of which each line is ten times what the one before it is.
fn laughs() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{before}]");
    }
    text
}

fn written() -> Value {
    let pipeline = json::to_json("pawl.v1.Pipeline", &valid::pipeline("sales", "deal"));
    let trigger_type = json::to_json("pawl.v1.TriggerType", &valid::trigger_type("shop.paid"));
    let trigger = valid::trigger("paid", "won", "shop.paid", valid::FILTERS[0]);
    let trigger = json::to_json("pawl.v1.Trigger", &trigger);
    json!({
        "pipelines": [pipeline.expect("it can be written")],
        "trigger_types": [trigger_type.expect("it can be written")],
        "triggers": [trigger.expect("it can be written")],
    })
}

impl Target for Manifests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let text = written().to_string();
        [YAML.to_owned(), text, laughs(), "[".repeat(2_000), "- ".repeat(2_000)]
            .map(String::into_bytes)
            .into()
    }

    fn words(&self) -> &'static [&'static str] {
        YAML_WORDS
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Ok(text) = str::from_utf8(input) else { return false };
        let Ok(read) = fuzz::manifest(text) else { return false };
        let (pipelines, trigger_types, triggers) = &read;
        // Not everything that protobuf can hold has a form in JSON, but it is refused then.
        let all = |name: &str, list: Vec<Result<Value, json::JsonError>>| {
            let list = list.into_iter().collect::<Result<Vec<_>, _>>();
            list.unwrap_or_else(|error| panic!("{name} were read and cannot be written: {error}"))
        };
        let pipelines =
            pipelines.iter().map(|one| json::to_json("pawl.v1.Pipeline", one)).collect();
        let types = trigger_types.iter().map(|one| json::to_json("pawl.v1.TriggerType", one));
        let triggers = triggers.iter().map(|one| json::to_json("pawl.v1.Trigger", one)).collect();
        let again = json!({
            "pipelines": all("pipelines", pipelines),
            "trigger_types": all("trigger types", types.collect()),
            "triggers": all("triggers", triggers),
        });
        let again = fuzz::manifest(&again.to_string()).expect("what was written can be read");
        assert_eq!(again, read);
        true
    }
}

impl Target for Cases {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let cases = "\
given:
  pipelines:
  - pipeline_id: sales
    entity_kind: deal
    stages: [{ stage_id: new }, { stage_id: won, semantics: WON }]
  triggers:
  - { trigger_id: paid, pipeline_id: sales, stage_id: won, trigger_type: shop.paid }
  entities:
  - { entity_id: deal/1, pipeline_id: sales }
cases:
- name: an order that is paid wins the deal
  when:
  - event: { type: shop.paid, subjects: [deal/1] }
  - preview: { type: shop.paid, subjects: [deal/1] }
  - update: { entity_id: deal/1, fields: { amount: 5 } }
  - apply: { triggers: [{ trigger_id: t, pipeline_id: sales, stage_id: won, trigger_type: a.b }] }
  expect:
    moves: [\"deal/1: new -> won by paid\"]
    verdicts: { paid: MOVED }
    stages: { deal/1: won }
    revisions: { deal/1: 2 }
- name: nothing moves it to a stage that is not there
  when:
  - move: { entity_id: deal/1, stage_id: nowhere, actor: ines }
  - delete: { entity_id: deal/1 }
  expect: { error: STAGE_NOT_FOUND }
";
        vec![cases.into(), laughs().into()]
    }

    fn words(&self) -> &'static [&'static str] {
        YAML_WORDS
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Ok(text) = str::from_utf8(input) else { return false };
        match fuzz::cases(text) {
            Ok(_) => true,
            Err(problem) => {
                assert!(!problem.is_empty(), "it is said what is wrong");
                false
            }
        }
    }
}

impl Target for Settings {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let text = "\
# All of it can be left out.
data = \"/var/lib/pawl\"
listen = '127.0.0.1:7171'
max_identities = 1_000_000
insecure = true
retention = \"30d\"
cors_origins = [\"https://board.example.com\", \"*\"]
log = \"info\"
max_connections = 0x10
";
        vec![text.into(), format!("data = {}", "[".repeat(2_000)).into()]
    }

    fn words(&self) -> &'static [&'static str] {
        TOML_WORDS
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Ok(text) = str::from_utf8(input) else { return false };
        let (settings, wrong) = fuzz::settings(text);
        assert!(settings + wrong <= 1 + text.lines().count());
        settings > 0
    }
}

impl Target for AccessFiles {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let hash = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let text = format!(
            "\
# Who may call this server.
[[token]]
name = \"erp\"
roles = [\"publisher\", \"viewer\"]
pipelines = [\"sales\"]
hash = \"{}\"
created = 2026-01-01T00:00:00Z
expires = 2036-01-01T00:00:00+02:00

[[certificate]]
name = \"board.example.com\"
roles = [\"viewer\"]

[[webhook]]
name = \"shop\"
trigger_type = \"shop.paid\"
code = \"x\"
hash = '{}'
revoked = 2026-01-02T00:00:00Z
",
            hash("a"),
            hash("b")
        );
        let jwt = "[jwt]\nkeys_file = 'keys.json'\nissuer = 'https://id.example.com'\naudience = 'pawl'\n";
        vec![text.clone().into(), format!("{text}\n{jwt}").into()]
    }

    fn words(&self) -> &'static [&'static str] {
        TOML_WORDS
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Ok(text) = str::from_utf8(input) else { return false };
        match pawl_server::fuzz::access_file(text) {
            Ok(count) => count > 0,
            Err(problem) => {
                assert!(problem.contains("access.toml"), "{problem:?} does not name the file");
                false
            }
        }
    }
}
