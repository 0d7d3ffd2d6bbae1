use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::{ArgAction, CommandFactory, FromArgMatches};

use super::*;
use crate::args::{self, Pawl};

/// Names that Kubernetes puts into the environment where there is a service `pawl`.
const OF_OTHERS: [&str; 3] = ["PAWL_PORT", "PAWL_SERVICE_HOST", "PAWL_SERVICE_PORT"];

fn settings() -> Vec<Setting> {
    Setting::all(&Pawl::command())
}

/// What `pawl serve` reads: what is typed, the environment, and the text of a file.
fn read(
    typed: &[&str],
    env: &[(&str, &str)],
    file: Option<&str>,
) -> Result<args::ServeArgs, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let mut arguments: Vec<_> = ["pawl", "serve"].iter().chain(typed).map(Into::into).collect();
    if let Some(text) = file {
        let path = directory.path().join("pawl.toml");
        fs::write(&path, text).unwrap();
        arguments.extend(["--config".into(), path.into()]);
    }
    let env: HashMap<_, _> = env.iter().copied().collect();
    let pawl = Pawl::command();
    let given = complete(&pawl, &mut arguments, |name| env.get(name).map(Into::into));
    let short = |problem: String| match problem.split_once("pawl.toml") {
        Some((_, rest)) => format!("pawl.toml{rest}"),
        None => problem,
    };
    let given = given.map_err(|problems| problems.into_iter().map(short).collect::<Vec<_>>())?;
    let matches = switchable(pawl).try_get_matches_from(&arguments);
    let read = matches.and_then(|matches| Pawl::from_arg_matches(&matches));
    let told = |error: clap::Error| {
        let text = error.to_string();
        vec![format!("{}{}", text.lines().next().unwrap_or_default(), given.explain(&text))]
    };
    match read.map_err(told)?.command {
        args::Command::Serve(args) => Ok(args),
        _ => unreachable!("it was `serve`"),
    }
}

#[test]
fn every_flag_is_a_setting_with_names_of_its_own() {
    let settings = settings();
    let known: HashSet<_> = settings.iter().map(|setting| &*setting.id).collect();
    let pawl = Pawl::command();
    for arg in serve(&pawl).get_arguments() {
        let id = arg.get_id().as_str();
        assert!(id == FILE || known.contains(id), "--{id} cannot be set in a file");
        // A switch alone is one of no value, and one that can be repeated has one at a time.
        let several = arg.get_num_args().is_some_and(|count| count.max_values() > 1);
        assert!(!several && arg.get_value_delimiter().is_none(), "--{id} is one value at a time");
    }
    let keys: HashSet<_> = settings.iter().map(|setting| &setting.key).collect();
    let names: HashSet<_> = settings.iter().map(|setting| &*setting.env).collect();
    assert_eq!((keys.len(), names.len()), (settings.len(), settings.len()));
    for name in OF_OTHERS.iter().chain(&["PAWL_CONFIG", "PAWL_ADDRESS"]) {
        assert!(!names.contains(name), "{name} means something else");
    }
    for Setting { key, secret, .. } in &settings {
        let telling = ["token", "secret", "password"].iter().any(|word| key.ends_with(word));
        assert!(
            !telling || *secret,
            "{key}: `hide_env_values = true` keeps it out of what is shown"
        );
    }
    switchable(pawl).debug_assert();
}

#[test]
fn a_flag_weighs_more_than_the_environment_that_more_than_the_file() {
    let file = "max_identities = 3_000\nretention = '40d'\nkeepalive_timeout = '3s'\n";
    let env = [("PAWL_MAX_IDENTITIES", "2000"), ("PAWL_RETENTION", "41d")];
    let args = read(&["--max-identities", "1000"], &env, Some(file)).unwrap();
    assert_eq!(args.max_identities, 1_000);
    assert_eq!(args.retention, "41d".parse().unwrap());
    assert_eq!(args.keepalive_timeout.as_secs(), 3);
    assert_eq!(args.stall_after, pawl_server::DEFAULT_STALL_AFTER);
    assert!(args.config.is_some());
}

#[test]
fn a_name_by_a_standard_weighs_less_than_our_own_and_more_than_the_file() {
    const STANDARD: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let (file, ours) = ("otlp_endpoint = 'http://file:1'", ("PAWL_OTLP_ENDPOINT", "http://ours:1"));
    let cases: [(&[_], _); 4] = [
        (&[(STANDARD, "http://standard:1"), ours], "http://ours:1"),
        (&[(STANDARD, "http://standard:1")], "http://standard:1"),
        (&[(STANDARD, "")], "http://file:1"),
        (&[], "http://file:1"),
    ];
    for (env, wanted) in cases {
        let read = read(&[], env, Some(file)).unwrap();
        assert_eq!(read.traces.otlp_endpoint.as_deref(), Some(wanted), "{env:?}");
    }
    let problems = read(&[], &[(STANDARD, "collector:4317")], None).unwrap_err().concat();
    assert!(problems.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: \"collector:4317\": write it as"));
    assert!(read(&[], &[], None).unwrap().traces.config().is_none(), "off unless asked for");
}

#[test]
fn switches_can_be_turned_on_and_off_everywhere() {
    let cases: [(&[&str], &[_], Option<&str>, bool); 8] = [
        (&[], &[], None, false),
        (&["--insecure"], &[], None, true),
        (&[], &[("PAWL_INSECURE", "1")], None, true),
        (&[], &[], Some("insecure = true"), true),
        (&[], &[("PAWL_INSECURE", "no")], Some("insecure = true"), false),
        (&["--insecure=false"], &[("PAWL_INSECURE", "true")], Some("insecure = true"), false),
        (&["--insecure"], &[("PAWL_INSECURE", "false")], Some("insecure = false"), true),
        (&["--demo", "--insecure"], &[], None, true),
    ];
    for (typed, env, file, wanted) in cases {
        assert_eq!(read(typed, env, file).unwrap().insecure, wanted, "{typed:?} {env:?} {file:?}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_the_remedy() {
    let cases: [(&str, &[&str]); 11] = [
        (
            "\nkeepalive_interval = '1m'\nkeepalive_intervall = '2m'\n",
            &["pawl.toml, line 3: there is no setting `keepalive_intervall`; did you mean \
               `keepalive_interval`?"],
        ),
        ("Max-Identities = 1", &["did you mean `max_identities`?"]),
        ("zebra = 1", &["there is no setting `zebra`; `pawl config example` shows all"]),
        ("[connections]\nkeepalive_timeout = '1s'", &["line 1: `connections` is a table"]),
        ("log = 'info'\nlog = 'debug'", &["line 2: this is not TOML: duplicate key"]),
        ("stall_after = 20", &["line 1: stall_after \"20\": ", "write it like 90s, 24h or 7d"]),
        ("log_format = 'yaml'", &["log_format \"yaml\": it is one of pretty, json"]),
        ("demo = 'maybe'", &["line 1: demo \"maybe\": it is true or false"]),
        (
            "zebra = 1\nmax_identities = 'a'",
            &["line 1: there is no", "line 2: max_identities \"a\""],
        ),
        ("max_identities = 0", &["max_identities \"0\": 0 is not in 1.."]),
        ("listen = ['a', 'b']", &["`listen` takes a value, not a list"]),
    ];
    for (file, wanted) in cases {
        let problems = read(&[], &[], Some(file)).unwrap_err().join("\n");
        for part in wanted {
            assert!(problems.contains(part), "{part:?} is missing in {problems}");
        }
    }
    // All at once, and also what a flag would have replaced.
    let env = [("PAWL_STALL_AFTER", "soon"), ("PAWL_DATA", "")];
    let problems = read(&["--stall-after", "9s"], &env, Some("a = 1\nb = 2")).unwrap_err();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().any(|p| p.starts_with("PAWL_STALL_AFTER: \"soon\": ")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("it is empty; write DIR")), "{problems:?}");
    let missing = read(&["--config", "none.toml"], &[], None).unwrap_err();
    assert!(missing[0].starts_with("cannot read none.toml: "), "{missing:?}");
}

/// A command whose options are as no option of `pawl serve` is today.
fn other() -> Command {
    let option = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Set);
    let serve = Command::new(SERVE).args([
        option(FILE).value_parser(clap::value_parser!(PathBuf)),
        option("tls-cert").requires("tls-key").conflicts_with("plain"),
        option("tls-key").requires("tls-cert"),
        option("admin-token").hide_env_values(true).value_parser(clap::value_parser!(u8)),
        option("origin").action(ArgAction::Append),
        option("plain").action(ArgAction::SetTrue),
    ]);
    Command::new("pawl").subcommand(serve)
}

/// What it reads, as pairs of an option and its values.
fn read_other(typed: &[&str], file: &str) -> Result<Vec<(String, Vec<String>)>, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pawl.toml");
    fs::write(&path, file).unwrap();
    let mut arguments: Vec<_> = ["pawl", "serve"].iter().chain(typed).map(Into::into).collect();
    arguments.extend(["--config".into(), path.into()]);
    let env = |name: &str| (name == "PAWL_ORIGIN").then(|| "one, two".into());
    let given = complete(&other(), &mut arguments, env)?;
    let matches = switchable(other()).try_get_matches_from(&arguments).map_err(|error| {
        let text = error.to_string();
        vec![format!("{text}{}", given.explain(&text))]
    })?;
    let serve = matches.subcommand_matches(SERVE).unwrap();
    let raw = |id: &str| {
        let values = serve.get_raw(id).into_iter().flatten();
        values.map(|value| value.to_string_lossy().into_owned()).collect()
    };
    let shown = ["tls-cert", "tls-key", "origin", "plain"];
    Ok(shown.map(|id| (id.to_owned(), raw(id))).into_iter().collect())
}

#[test]
fn options_that_need_or_exclude_each_other_do_so_wherever_they_stand() {
    let read = read_other(&["--tls-cert", "c"], "tls_key = 'k'\norigin = ['three']").unwrap();
    let wanted = [
        ("tls-cert", vec!["c"]),
        ("tls-key", vec!["k"]),
        ("origin", vec!["one", "two"]),
        ("plain", vec!["false"]),
    ];
    let wanted = wanted.map(|(id, values)| {
        (id.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    assert_eq!(read, wanted);
    let typed = read_other(&["--origin=a,b", "--origin=c"], "origin = ['three']").unwrap();
    assert_eq!(typed[2].1, ["a,b", "c"]);

    let alone = read_other(&[], "tls_key = 'k'").unwrap_err().concat();
    assert!(alone.contains("--tls-cert"), "{alone}");
    let off = read_other(&[], "plain = false\ntls_cert = 'c'\ntls_key = 'k'").unwrap();
    assert_eq!(off[0].1, ["c"], "a switch that is off excludes nothing");
    let both = "plain = true\ntls_cert = 'c'\ntls_key = 'k'";
    let both = read_other(&[], both).unwrap_err().concat();
    assert!(both.contains("cannot be used with"), "{both}");
    assert!(both.contains("--plain is from ") && both.contains("pawl.toml, line 1\n"), "{both}");
}

#[test]
fn what_is_secret_is_in_no_complaint() {
    let problems = read_other(&[], "admin_token = 'hush'").unwrap_err().concat();
    assert!(problems.contains("admin_token") && !problems.contains("hush"), "{problems}");
}

#[test]
fn the_example_is_read_back_and_says_the_defaults() {
    let settings = settings();
    let example = example::example(&settings);
    let (entries, problems) = file::parse("example", &example, &settings);
    assert!(entries.is_empty() && problems.is_empty(), "all is commented out: {problems:?}");
    assert!(example.lines().all(|line| line.len() <= 100), "{example}");
    let shown = |setting: &Setting| format!("\n#{} = ", setting.key);
    let mut text = example.clone();
    for setting in &settings {
        let at = shown(setting);
        assert_eq!(example.matches(&at).count(), 1, "{}", setting.key);
        if setting.default.is_some() {
            text = text.replace(&at, &at.replace('#', ""));
        }
    }
    let (entries, problems) = file::parse("example", &text, &settings);
    assert!(problems.is_empty(), "{problems:?}");
    for entry in &entries {
        let default = entry.setting.default.as_deref().unwrap();
        assert_eq!(entry.texts, [default], "{}", entry.setting.key);
    }
    let with_default = settings.iter().filter(|setting| setting.default.is_some()).count();
    assert_eq!(entries.len(), with_default);
    assert!(with_default >= 15, "{with_default}");
    let (read, none) = (read(&[], &[], Some(&text)).unwrap(), read(&[], &[], None).unwrap());
    let none = args::ServeArgs { config: read.config.clone(), ..none };
    assert_eq!(format!("{read:?}"), format!("{none:?}"));
}

const BEGIN: &str = "<!-- settings -->\n";
const END: &str = "<!-- /settings -->";

fn markdown() -> String {
    let mut text = String::new();
    let mut heading = None;
    for setting in &settings() {
        if heading != Some(setting.heading.clone()) {
            heading = Some(setting.heading.clone());
            let title = example::title(setting);
            let _ = write!(
                text,
                "\n### {title}\n\n| key | environment | default | |\n|---|---|---|---|\n"
            );
        }
        let default = match &setting.default {
            Some(default) => format!("`{default}`"),
            None => String::new(),
        };
        let help = setting.help.replace('|', "\\|").replace('<', "&lt;");
        let paragraphs: Vec<_> = help.split("\n\n").collect();
        let choices = match &*setting.choices.join("`, `") {
            "" => String::new(),
            choices => format!(" One of `{choices}`."),
        };
        let Setting { key, env, .. } = setting;
        let help = paragraphs.join("<br>").replace('\n', " ");
        let _ = writeln!(text, "| `{key}` | `{env}` | {default} | {help}{choices} |");
    }
    text + "\n"
}

#[test]
fn the_page_in_docs_is_the_definition() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", markdown());
    if env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(&path, &wanted).unwrap();
    }
    assert!(
        wanted == fs::read_to_string(&path).unwrap(),
        "run UPDATE_DOCS=1 cargo test -p pawl-cli docs"
    );
}
