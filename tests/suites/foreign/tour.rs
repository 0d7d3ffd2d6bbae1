use pawl_tests::{Server, cases, say, within, workspace_root};
use serde_json::Value;
use tokio::process::Command;

/// Long enough for npx to fetch buf.
const PATIENCE_S: u64 = 240;
/// How the README marks a block that is part of the tour, and one that is to fail.
const MARK: &str = "<!-- tour -->";
const MARK_FAILS: &str = "<!-- tour: fails -->";

#[tokio::test]
#[ignore = "needs npx, which fetches buf: run by .ci/run"]
async fn every_line_of_the_readme_tour_works_when_pasted() {
    let readme = std::fs::read_to_string(workspace_root().join("README.md")).expect("README.md");
    let server = Server::start().await;
    let here = |script: String| script.replace("127.0.0.1:7171", &server.address().to_string());
    let blocks: Vec<(bool, String)> = blocks(&readme);
    let (call, rest) = blocks.split_first().expect("the tour begins with `call`");
    let mut answers = Vec::new();
    for (succeeds, block) in rest {
        let script = here(format!("set -e\n{}\n{block}", call.1));
        let output = Command::new("bash").arg("-c").arg(&script).output();
        let output = within(PATIENCE_S, "a block of the tour", output).await.expect("bash runs");
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), *succeeds, "{script}\n{out}\n{err}");
        if *succeeds {
            let documents = serde_json::Deserializer::from_str(&out).into_iter::<Value>();
            answers.extend(documents.map(|document| document.expect("buf prints JSON")));
        } else {
            assert!(err.contains("nowhere") && err.contains("create it first"), "{err}");
        }
    }
    let printed = block_after(&readme, "The answer says what each trigger did", "```json");
    let printed = serde_json::from_str(&printed).expect("the README prints JSON");
    let answer = answers.iter().find(|answer| {
        answer.get("outcome").is_some_and(|outcome| {
            outcome["eventId"] == "open-1" && outcome.get("duplicate").is_none()
        })
    });
    assert_eq!(answer.map(|answer| timeless(answer.clone())), Some(timeless(printed)));
    let last = answers.last().expect("the tour lists moves");
    assert_eq!(last["moves"].as_array().map(Vec::len), Some(2), "{last}");
    say("the tour left the deal where the README says");
    cases("tour", blocks.len(), 6);
}

/// The blocks of shell that the README marks, in order, with whether they are to succeed.
fn blocks(readme: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line == MARK || line == MARK_FAILS {
            assert_eq!(lines.next(), Some("```sh"), "a marked block is of shell");
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((line == MARK, block.join("\n")));
        }
    }
    found
}

fn block_after(readme: &str, text: &str, fence: &str) -> String {
    let (_, after) = readme.split_once(text).expect("the README says so");
    let (_, block) = after.split_once(fence).expect("and shows it");
    block.split_once("```").expect("the block ends").0.to_owned()
}

/// Without the time, which is another at every run.
fn timeless(mut answer: Value) -> Value {
    answer["outcome"]["decisions"][0]["move"]["time"] = Value::Null;
    answer
}
