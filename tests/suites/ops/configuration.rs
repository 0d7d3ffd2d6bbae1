//! Flags, environment and file, as a real server takes them.

use std::fs;
use std::process::Output;

use pawl_api::pb::GetServerInfoRequest;
use pawl_tests::{Authority, Program, Server, binary, cases, dns, within};
use rcgen::SanType;
use tempfile::TempDir;
use tokio::process::Command;

fn pawl(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PAWL_")) {
            command.env_remove(name);
        }
    }
    command
}

async fn output(command: &mut Command) -> Output {
    within(60, "pawl ends", command.output()).await.expect("pawl runs")
}

fn written(text: &str) -> (TempDir, String) {
    let directory = TempDir::with_prefix("pawl-config-").expect("a temporary directory");
    let path = directory.path().join("pawl.toml");
    fs::write(&path, text).expect("it can be written");
    let path = path.to_str().expect("it is text").to_owned();
    (directory, path)
}

#[tokio::test]
async fn a_server_does_what_file_environment_and_flags_say_in_this_order() {
    let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
    let (_directory, path) = written(&format!(
        "data = {:?}\nlisten = '127.0.0.1:1'\nmax_streams_per_connection = 11\n\
         dedupe_window = '11h'\nretention = '50d'\n",
        data.path().join("data"),
    ));
    let mut command = pawl(&["serve", "--listen", "127.0.0.1:0", "--retention", "52d"]);
    command.env("PAWL_CONFIG_FILE", &path);
    command.env("PAWL_RETENTION", "51d").env("PAWL_DEDUPE_WINDOW", "12h");
    let server = Program::start(&mut command);
    let address = server.find("it listens", |lines| {
        lines.iter().find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
    });
    let client = pawl_tests::Client::connect(address.await).await.expect("it answers");
    let info = client.system.clone().get_server_info(GetServerInfoRequest::default()).await;
    let info = info.expect("it answers").into_inner();
    let hours = |span: Option<prost_types::Duration>| span.map(|span| span.seconds / 3_600);
    let limits = info.limits.expect("they are told");
    assert_eq!(limits.max_streams_per_connection, 11, "from the file");
    assert_eq!(hours(info.dedupe_window), Some(12), "from the environment");
    assert_eq!(hours(info.retention.and_then(|r| r.max_age)), Some(52 * 24), "from the flag");
    assert!(data.path().join("data/sled").exists(), "from the file");
    cases("ops: weights of settings", 5, 5);
}

#[tokio::test]
async fn a_server_does_not_start_on_settings_that_are_wrong() {
    let (_directory, path) = written("\nretenton = '90d'\nstall_after = 'soon'\n");
    let refused = Server::refuse(&["--config", &path]).await;
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    for part in [
        "pawl.toml, line 2: there is no setting `retenton`; did you mean `retention`?",
        "pawl.toml, line 3: stall_after \"soon\": ",
    ] {
        assert!(refused.stderr.contains(part), "{part:?} is missing in {}", refused.stderr);
    }
    cases("ops: settings that are wrong", 2, 2);
}

#[tokio::test]
async fn what_would_be_used_is_shown_with_where_it_comes_from() {
    let (_directory, path) = written("retention = '90d'\nlog = 'pawl=debug'\n");
    let mut command = pawl(&["config", "check", &path]);
    let checked = output(command.env("PAWL_DEDUPE_WINDOW", "36h").env("PAWL_RETENTON", "1d")).await;
    let (shown, notes) = (text(&checked.stdout), text(&checked.stderr));
    assert!(checked.status.success(), "{notes}");
    assert!(notes.contains("PAWL_RETENTON is set and means nothing; did you mean PAWL_RETENTION?"));
    let from = |key: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(&format!("{key} ")));
        line.unwrap_or_else(|| panic!("{key} is missing in {shown}"))
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(from("retention"), format!("90d {path}, line 1"));
    assert_eq!(from("dedupe_window"), "36h PAWL_DEDUPE_WINDOW");
    assert_eq!(from("log_format"), "pretty default");

    let (_directory, path) = written("log_format = 'yaml'");
    let checked = output(&mut pawl(&["config", "check", &path])).await;
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stderr).contains("it is one of pretty, json"), "{checked:?}");

    let example = output(&mut pawl(&["config", "example"])).await;
    let (_directory, path) = written(&text(&example.stdout));
    let checked = output(&mut pawl(&["config", "check", &path])).await;
    assert!(checked.status.success(), "{checked:?}");
    cases("ops: settings shown", 6, 6);
}

/// A file of settings with what lies beside it, and what is wrong with them.
struct Wrong {
    settings: &'static str,
    beside: &'static [(&'static str, &'static str)],
    says: &'static str,
}

const fn wrong(
    settings: &'static str,
    beside: &'static [(&'static str, &'static str)],
    says: &'static str,
) -> Wrong {
    Wrong { settings, beside, says }
}

const TLS: &str = "tls_cert = 'cert.pem'\ntls_key = 'key.pem'\n";
const ROLE: &str = "[[token]]\nname = 'a'\nroles = ['king']\nhash = 'sha256:00'\n";
const HASH: &str = "[[token]]\nname = 'a'\nroles = ['viewer']\nhash = 'sha256:00'\n";
const NO_ROLES: &str = "[[certificate]]\nname = 'a'\nroles = []\n";
const NO_PIPELINES: &str = "[[certificate]]\nname = 'a'\nroles = ['viewer']\npipelines = []\n";
const JWT: &str = "[jwt]\nkeys_file = 'keys.json'\nissuer = 'i'\naudience = 'a'\n";

/// Each is refused by more than the parser of one value.
const WRONG: [Wrong; 19] = [
    wrong("listen = '0.0.0.0:7171'", &[], "refusing to listen on 0.0.0.0:7171"),
    wrong("listen = '[::]:7171'", &[], "refusing to listen on [::]:7171"),
    wrong("retention = '1h'", &[], "shorter than the dedupe window"),
    wrong("cors_origin = ['board.example.com']", &[], "\"board.example.com\" is no origin"),
    wrong("cors_origin = ['https://a.example/']", &[], "\"https://a.example/\" is no origin"),
    wrong("access_file = 'access.toml'", &[], "the access file access.toml: No such file"),
    wrong(
        "access_file = 'access.toml'",
        &[("access.toml", "[[tokens]]")],
        "unknown field `tokens`",
    ),
    wrong("access_file = 'access.toml'", &[("access.toml", ROLE)], "unknown variant `king`"),
    wrong(
        "access_file = 'access.toml'",
        &[("access.toml", HASH)],
        "the access file access.toml: \"a\": ",
    ),
    wrong("access_file = 'access.toml'", &[("access.toml", NO_ROLES)], "\"a\": needs a role"),
    wrong(
        "access_file = 'access.toml'",
        &[("access.toml", NO_PIPELINES)],
        "\"a\": pipelines is empty",
    ),
    wrong("access_file = 'access.toml'", &[("access.toml", JWT)], "cannot read keys.json"),
    wrong(
        "access_file = 'access.toml'",
        &[("access.toml", JWT), ("keys.json", "{}")],
        "keys.json: is no JSON Web Key Set",
    ),
    wrong(TLS, &[], "TLS: cert.pem: No such file"),
    wrong(TLS, &[("cert.pem", "GOOD"), ("key.pem", "")], "TLS: key.pem: holds no private key"),
    wrong(TLS, &[("cert.pem", "none"), ("key.pem", "GOOD")], "TLS: cert.pem: holds no certificate"),
    wrong(
        TLS,
        &[("cert.pem", "GOOD"), ("key.pem", "OTHER")],
        "TLS: cert.pem: does not go with its key",
    ),
    wrong("tls_cert = 'cert.pem'", &[], "--tls-key"),
    wrong(
        "tls_cert = 'cert.pem'\ntls_key = 'key.pem'\ntls_client_ca = 'ca.pem'",
        &[],
        "--access-file",
    ),
];

/// The last lines that a command wrote, without the time of log lines and without what only one of the
/// two can know.
fn complaint(output: &Output) -> String {
    let told = text(&output.stderr);
    let at = told.find("error: ").unwrap_or_else(|| panic!("it complains: {told}"));
    told[at..].lines().take_while(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_the_check_refuses_the_server_refuses_in_the_same_words() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign(&[dns("localhost")]);
    let (_, other) = authority.sign(&[dns("localhost")]);
    for Wrong { settings, beside, says } in WRONG {
        let directory = TempDir::with_prefix("pawl-config-").expect("a temporary directory");
        for (name, content) in beside {
            let content = match (*name, *content) {
                ("cert.pem", "GOOD") => &certificate,
                ("key.pem", "GOOD") => &key,
                ("key.pem", "OTHER") => &other,
                (_, content) => content,
            };
            fs::write(directory.path().join(name), content).expect("it can be written");
        }
        fs::write(directory.path().join("pawl.toml"), settings).expect("it can be written");
        let mut check = pawl(&["config", "check", "pawl.toml"]);
        let mut serve = pawl(&["serve", "--config", "pawl.toml", "--data", "data"]);
        let checked = output(check.current_dir(directory.path())).await;
        let served = output(serve.current_dir(directory.path())).await;
        let (checked, served) = ((complaint(&checked), checked), (complaint(&served), served));
        assert!(checked.0.contains(says), "{settings}: {says:?} is not in {:?}", checked.0);
        assert!(served.0.contains(says), "{settings}: {says:?} is not in {:?}", served.0);
        assert_eq!(checked.1.status.code(), Some(1), "{settings}");
        assert_eq!(text(&checked.1.stdout), "", "{settings}: nothing would be used");
        let code = served.1.status.code();
        // What the parser refuses is a mistake on the command line.
        if code == Some(1) {
            assert_eq!(checked.0, served.0, "{settings}");
        }
        assert!(matches!(code, Some(1 | 2)), "{settings}: {code:?}");
        assert!(!directory.path().join("data").exists(), "{settings}: nothing is made");
    }
    cases("ops: settings that do not start", WRONG.len(), 19);
}

#[tokio::test]
async fn what_the_check_takes_starts() {
    let authority = Authority::new();
    let local = SanType::IpAddress([127, 0, 0, 1].into());
    let (certificate, key) = authority.sign(&[local]);
    let whole = format!(
        "listen = '0.0.0.0:0'\naccess_file = 'access.toml'\n{TLS}tls_client_ca = 'ca.pem'\n\
         cors_origin = ['https://board.example.com', '*']\nretention = '24h'\n\
         otlp_endpoint = 'https://127.0.0.1:1'\nmin_free_bytes = '0'\n"
    );
    let good = [whole.as_str(), "listen = '0.0.0.0:0'\ninsecure = true", "listen = '[::1]:0'", ""];
    for settings in good {
        let directory = TempDir::with_prefix("pawl-config-").expect("a temporary directory");
        for (name, content) in [
            ("cert.pem", certificate.clone()),
            ("key.pem", key.clone()),
            ("ca.pem", authority.pem().to_owned()),
            ("access.toml", "[[certificate]]\nname = 'a'\nroles = ['viewer']\n".to_owned()),
            ("pawl.toml", settings.to_owned()),
        ] {
            fs::write(directory.path().join(name), content).expect("it can be written");
        }
        let mut check = pawl(&["config", "check", "pawl.toml"]);
        let checked = output(check.current_dir(directory.path())).await;
        assert!(checked.status.success(), "{settings}: {}", text(&checked.stderr));
        assert!(!directory.path().join("pawl-data").exists(), "nothing is made");
        let mut serve = pawl(&["serve", "--config", "pawl.toml"]);
        if settings.is_empty() {
            serve.args(["--listen", "127.0.0.1:0"]);
        }
        let server = Program::start(serve.current_dir(directory.path()));
        let listens = |lines: &[String]| {
            lines.iter().any(|line| line.starts_with("listening on http")).then_some(())
        };
        server.find("it listens", listens).await;
    }
    cases("ops: settings that start", good.len(), 4);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
