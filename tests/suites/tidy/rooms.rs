//! Which crate may depend on which, and what the pure ones must not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use pawl_tests::{cases, workspace_root};

/// The table of ARCHITECTURE.md; `None` may depend on all.
const ROOMS: [(&str, Option<&[&str]>); 10] = [
    ("pawl-domain", Some(&[])),
    ("pawl-api", Some(&["pawl-domain"])),
    ("pawl-store", Some(&["pawl-domain"])),
    ("pawl-engine", Some(&["pawl-domain", "pawl-store"])),
    ("pawl-dashboard", Some(&["pawl-domain", "pawl-api", "pawl-engine"])),
    ("pawl-server", Some(&["pawl-domain", "pawl-api", "pawl-engine", "pawl-dashboard"])),
    ("pawl-cli", Some(&["pawl-domain", "pawl-api", "pawl-server", "pawl-store"])),
    ("pawl-bench", None),
    ("pawl-fuzz", None),
    ("pawl-tests", None),
];
/// The rooms into which time and chance come from outside.
const PURE: [&str; 2] = ["pawl-domain", "pawl-engine"];

fn metadata() -> Metadata {
    let manifest = workspace_root().join("Cargo.toml");
    let mut command = MetadataCommand::new();
    // What the workspace itself says; packages for other platforms need not be here.
    command.manifest_path(manifest).no_deps().other_options(["--offline".to_owned()]);
    command.exec().expect("cargo knows the workspace")
}

/// What the package is built from, other than for its own tests.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    let own = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    own.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn each_room_depends_on_what_the_table_allows() {
    let metadata = metadata();
    let packages: BTreeMap<_, _> =
        metadata.workspace_packages().into_iter().map(|p| (p.name.to_string(), p)).collect();
    let known: BTreeSet<_> = packages.keys().map(String::as_str).collect();
    let table: BTreeSet<_> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(known, table, "a new room belongs into the table, here and in ARCHITECTURE.md");
    for (room, allowed) in ROOMS {
        let Some(allowed) = allowed else { continue };
        let ours: BTreeSet<_> =
            dependencies(packages[room]).intersection(&known).copied().collect();
        let allowed = allowed.iter().copied().collect::<BTreeSet<_>>();
        let beyond: Vec<_> = ours.difference(&allowed).collect();
        assert!(beyond.is_empty(), "{room} depends on {beyond:?}, the table allows {allowed:?}");
    }
    // Filters are CEL, which sees times and patterns; what is counted is found by its hash; nothing else
    // comes in from outside.
    let pure = ["cel", "chrono", "foldhash", "indexmap", "litemap", "regex", "thiserror"];
    let pure = BTreeSet::from(pure);
    assert_eq!(dependencies(packages["pawl-domain"]), pure);
    cases("tidy: rooms", packages.len(), 10);
}

#[test]
fn each_crate_says_what_it_deliberately_does_not_know_and_takes_the_common_lints() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    for package in &packages {
        // The library, or the program of a crate that is nothing else.
        let root = package.targets.iter().find(|target| target.is_lib());
        let root = root.or_else(|| package.targets.iter().find(|target| target.is_bin()));
        let root = &root.expect("there is something to build").src_path;
        let source = fs::read_to_string(root).expect("it can be read");
        let docs: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let docs = docs.join(" ");
        assert!(docs.contains("deliberately"), "{root} does not say what it deliberately is not");
        assert!(
            package.description.as_ref().is_some_and(|text| !text.is_empty()),
            "{}",
            package.name
        );
        let manifest = fs::read_to_string(&package.manifest_path).expect("it can be read");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has its own lints",
            package.name
        );
    }
    cases("tidy: crates with docs", packages.len(), 10);
}

#[test]
fn time_and_chance_come_into_the_pure_rooms_from_outside() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let mut count = 0;
    for package in packages.into_iter().filter(|package| PURE.contains(&package.name.as_str())) {
        let directory = package.manifest_path.parent().expect("it lies somewhere").join("src");
        visit(directory.as_std_path(), &mut |path, source| {
            // Tests roll dice of their own.
            if path.ends_with("tests.rs") {
                return;
            }
            count += 1;
            // Tokio's can be paused; only the sources, not their documentation, are meant.
            let paused =
                source.contains("tokio::time::Instant") || source.contains("tokio::time::{Instant");
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let asks = ["SystemTime::now", "std::time::Instant", "fastrand::", "now_v7("];
                let asks = asks.iter().any(|name| line.contains(name));
                let reads = line.contains("Instant::now") && !paused;
                assert!(!asks && !reads, "{}: {line}", path.display());
            }
        });
    }
    cases("tidy: files without a clock", count, 25);
}

fn visit(directory: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).expect("it is a directory") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).expect("it is text"));
        }
    }
}
