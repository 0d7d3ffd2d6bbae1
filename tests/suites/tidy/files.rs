//! What holds for every file.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pawl_tests::{cases, workspace_root};

/// Longest Rust file. Where one grows there is a concept that wants a room of its own; the number
/// may fall, never rise.
const RUST_LINES_MAX: usize = 450;
/// The only place that packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Of one machine and no use on another. In parts, so that this file does not contain them.
const PRIVATE: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/pawl-tests", "-target"),
];

/// Every file of the project, also those that are yet to be committed.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace_root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "git lists the files: {}", listed.status);
    let names = String::from_utf8(listed.stdout).expect("names are text");
    let paths = names.split_terminator('\0').map(|name| workspace_root().join(name));
    // One that is deleted and not yet committed is still listed.
    paths.filter(|path| path.is_file()).collect()
}

#[test]
fn no_rust_file_is_long() {
    let files = files();
    let rust: Vec<_> =
        files.iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).collect();
    for path in &rust {
        let lines = fs::read_to_string(path).expect("it is text").lines().count();
        assert!(lines <= RUST_LINES_MAX, "{} has {lines} lines", path.display());
    }
    cases("tidy: Rust files", rust.len(), 100);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let mut count = 0;
    for path in files() {
        // What is not text, such as an old database, cannot be searched so.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        count += 1;
        for private in PRIVATE {
            let line = text.lines().find(|line| line.contains(private));
            assert_eq!(line, None, "{} names {private}", path.display());
        }
    }
    cases("tidy: files", count, 120);
}

#[test]
fn every_package_comes_from_the_public_registry() {
    let mut count = 0;
    for name in ["Cargo.lock", "tests/fuzz/Cargo.lock"] {
        let lock = fs::read_to_string(workspace_root().join(name)).expect("it is there");
        let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
        let sources: Vec<_> = sources.map(|source| source.trim_matches('"')).collect();
        assert!(sources.iter().all(|source| *source == REGISTRY), "{name}: {sources:?}");
        count += sources.len();
    }
    cases("tidy: packages", count, 600);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut count = 0;
    for path in files() {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it is text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            // Elsewhere, or on the same page.
            if target.is_empty() || target.contains(':') {
                continue;
            }
            count += 1;
            let there = path.with_file_name(target);
            assert!(there.exists(), "{} links to {target}", path.display());
        }
    }
    cases("tidy: links", count, 100);
}

/// The rules that users read, by their numbers; the numbers are part of the contract.
const RULES: [(char, usize); 6] = [('P', 3), ('T', 11), ('E', 7), ('X', 6), ('Q', 4), ('W', 7)];

#[test]
fn every_rule_is_told_to_users_and_linked_to_what_holds_it_up() {
    let docs = workspace_root().join("docs");
    let text = fs::read_to_string(docs.join("semantics.md")).expect("it is there");
    let rules = RULES.iter().flat_map(|(family, count)| {
        (1..=*count).map(move |number| format!("**{family}{number}. "))
    });
    let mut count = 0;
    for rule in rules {
        let told = text.split(&rule).nth(1).unwrap_or_else(|| panic!("{rule}is not told"));
        // Up to the next rule or heading.
        let told = told.split("\n**").next().and_then(|told| told.split("\n## ").next());
        let linked = told.is_some_and(|told| told.contains("(../"));
        assert!(
            linked || told.is_some_and(|told| told.to_lowercase().contains("not yet built")),
            "{rule}has no link"
        );
        count += 1;
    }
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = link.split('#').next().unwrap_or_default();
        assert!(path.is_empty() || docs.join(path).exists(), "{link} leads nowhere");
    }
    cases("tidy: rules told", count, 38);
}
