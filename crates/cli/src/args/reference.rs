//! The page of the documentation about the command.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::*;

/// What follows is made.
const MARK: &str =
    "<!-- From here on made from --help: UPDATE_DOCS=1 cargo test -p pawl-cli reference -->\n";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md")
}

/// Every command with its help. What all have in common stands only at the first.
fn reference() -> String {
    let mut text = String::new();
    add(&Pawl::command().term_width(100), "pawl", &mut text);
    text
}

fn add(command: &clap::Command, path: &str, text: &mut String) {
    let mut shown = command.clone().bin_name(path).term_width(100);
    let help = shown.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## `{path}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for inner in command.get_subcommands() {
        add(inner, &format!("{path} {}", inner.get_name()), text);
    }
}

#[test]
fn the_reference_is_what_help_prints() {
    let before = fs::read_to_string(page()).unwrap();
    let (head, _) = before.split_once(MARK).unwrap();
    let wanted = format!("{head}{MARK}{}", reference());
    if env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(page(), &wanted).unwrap();
    }
    let now = fs::read_to_string(page()).unwrap();
    assert!(now == wanted, "run UPDATE_DOCS=1 cargo test -p pawl-cli reference");
}

/// The commands in the shell blocks of a page.
fn examples(page: &str) -> impl Iterator<Item = &str> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter(|line| line.starts_with("pawl "))
}

#[test]
fn the_examples_are_commands_that_there_are() {
    let page = fs::read_to_string(page()).unwrap();
    let mut count = 0;
    for line in examples(&page) {
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.split(['>', '|']).next().unwrap_or_default();
        // A quoted word is one, whatever is in it.
        let words = line.split('\'').enumerate().flat_map(|(index, part)| {
            let quoted = (index % 2 == 1).then_some(part);
            let plain = (index % 2 == 0).then(|| part.split_whitespace());
            quoted.into_iter().chain(plain.into_iter().flatten())
        });
        if let Err(error) = Pawl::command().try_get_matches_from(words) {
            panic!("{line}: {error}");
        }
        count += 1;
    }
    assert!(count > 25, "{count} examples");
}
