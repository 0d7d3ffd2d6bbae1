//! `pawl status`: what it tells of a server that is used, and of one that does not let it.

use pawl_tests::{Program, Server, binary, cases, event, within};
use serde_json::Value;
use tokio::process::Command;

use crate::session::{Came, Session};

const DATA: [&str; 4] = [
    "pipeline create sales --kind deal --stage new offer won:won",
    "trigger create read --pipeline sales --stage offer --type email.viewed",
    "entity create deal/57 --pipeline sales",
    "event publish --type email.viewed --subject deal/57 --source mailer --event-id open-1",
];

async fn filled() -> (Server, Session) {
    let server = Server::start().await;
    let session = Session::with(&server);
    for line in DATA {
        let came = session.unseen(line).await;
        assert_eq!(came.code, 0, "{line}: {}", came.err);
    }
    (server, session)
}

fn json(came: &Came) -> Value {
    assert_eq!(came.code, 0, "{}", came.err);
    serde_json::from_str(&came.out).unwrap_or_else(|error| panic!("{error}: {}", came.out))
}

#[tokio::test]
async fn a_server_is_told_of_in_every_form() {
    let (server, session) = filled().await;
    let told = json(&session.unseen("status --interval 100ms -o json").await);
    for (path, wanted) in [
        ("/server/version", Value::from(env!("CARGO_PKG_VERSION"))),
        ("/server/address", format!("http://{}", server.address()).into()),
        ("/server/services/EventService", "SERVING".into()),
        ("/counts/pipelines", 1.into()),
        ("/counts/entities", 1.into()),
        ("/retained/events", 1.into()),
        ("/retained/moves", 1.into()),
        ("/identities/count", 1.into()),
        ("/queue/requests", 0.into()),
        ("/queue/max_requests", 1_024.into()),
        ("/queue/is_stalled", false.into()),
        ("/watches/open", 0.into()),
        ("/disk/min_free_bytes", 268_435_456.into()),
        ("/traces/lost_spans", 0.into()),
    ] {
        assert_eq!(told.pointer(path), Some(&wanted), "{path} in {told:#}");
    }
    for path in [
        "/disk/free_bytes",
        "/disk/data_bytes",
        "/batches/sync_seconds/p99",
        "/batches/records/mean",
    ] {
        let value = told.pointer(path).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0), "{path} in {told:#}");
    }
    assert_eq!(told["server"]["services"].as_object().map(serde_json::Map::len), Some(6));
    let calls = told["calls"].as_array().expect("a list");
    let published = calls.iter().find(|call| call["method"] == "PublishEvent");
    let published = published.unwrap_or_else(|| panic!("it was called: {told:#}"));
    assert_eq!((&published["ended"], &published["not_ok"]), (&1.into(), &0.into()));
    assert!(published["seconds"]["p99"].as_f64().is_some_and(|time| time > 0.0 && time < 60.0));

    let table = session.unseen("status --interval 100ms").await;
    let parts = [
        "health      serving",
        "1 entities, 1 pipelines",
        " taken, ",
        " free, writes need 256.0 MiB",
        "EventService/PublishEvent ",
    ];
    for part in parts {
        assert!(table.out.contains(part), "{part:?} is missing: {}", table.out);
    }
    assert!(!table.out.contains("spans are lost"), "none is: {}", table.out);
    assert!(!table.out.contains('\x1b'), "nobody sees colours here: {}", table.out);
    let coloured = session.unseen("status --interval 100ms --color always").await;
    assert!(coloured.out.contains("\x1b[32mserving"), "{:?}", coloured.out);
    let yaml = session.unseen("status --interval 100ms -o yaml").await;
    assert!(yaml.out.contains("max_requests: 1024"), "{}{}", yaml.out, yaml.err);
    let refused = session.unseen("status --interval 1ms").await;
    assert_eq!(refused.code, 2, "{}", refused.err);
    cases("cli: forms of status", 5, 5);
}

#[tokio::test]
async fn a_disk_without_room_and_spans_that_are_lost_are_told() {
    // Nobody listens there, and no disk has so much.
    let args = ["--min-free-bytes", "4000000TiB", "--otlp-endpoint", "http://127.0.0.1:1"];
    let server = Server::start_with(&args).await;
    let session = Session::with(&server);
    let told = async {
        loop {
            let table = session.unseen("status --interval 100ms").await;
            if table.out.contains("spans are lost") {
                return table.out;
            }
        }
    };
    let table = within(60, "spans are lost", told).await;
    let disk = table.lines().find(|line| line.starts_with("disk ")).expect("it is told");
    assert!(disk.ends_with("; writes are refused"), "{disk}");
}

#[tokio::test]
async fn rates_are_those_of_the_time_between() {
    let (server, session) = filled().await;
    let client = server.client().await;
    let publish = async {
        for number in 0.. {
            client.publish(event(&format!("e{number}"), "email.viewed", "deal/57")).await;
        }
    };
    let told = tokio::select! {
        () = publish => unreachable!("it goes on"),
        came = session.unseen("status --interval 500ms -o json") => json(&came),
    };
    let rate = |name: &str| told["rates"][name].as_f64().unwrap_or_default();
    assert!(rate("over_seconds") >= 0.5 && rate("events_per_second") > 0.0, "{told:#}");
    // A call is counted a moment after its event, so one or two may not be there yet.
    let (calls, events) = (rate("calls_per_second"), rate("events_per_second"));
    assert!(calls >= events / 2.0, "{told:#}");
    assert!(rate("moves_per_second") < rate("events_per_second"), "the deal is there: {told:#}");

    let mut command = Command::new(binary());
    command.args(["status", "--watch", "--interval", "100ms", "-o", "json"]);
    command.args(["--address", &server.address().to_string()]);
    let watching = Program::start(&mut command);
    let twice =
        |lines: &[String]| (lines.iter().filter(|line| *line == "}").count() > 1).then_some(());
    watching.find("it is told twice", twice).await;
    cases("cli: rates", 3, 3);
}

#[tokio::test]
async fn who_may_not_ask_is_told_what_to_do() {
    let mut session = Session::new();
    for (name, options) in [
        ("all", "--role viewer"),
        ("some", "--role viewer --pipeline sales"),
        ("shop", "--role publisher"),
    ] {
        let made = session.unseen(&format!("token create {name} {options} > {name}")).await;
        assert_eq!(made.code, 0, "{}", made.err);
    }
    let access = session.path().join("access.toml");
    let access = access.to_str().expect("it is text");
    let mut server = Server::start_with(&["--access-file", access]).await;
    session.set("PAWL_ADDRESS", server.address().to_string());
    let whole = json(&session.unseen("status --interval 100ms -o json --token-file all").await);
    assert!(whole["rates"].is_object(), "{whole:#}");
    let some = session.unseen("status -o json --token-file some").await;
    assert!(json(&some)["rates"].is_null(), "{}", some.out);
    assert!(some.err.contains("not limited to some pipelines"), "{}", some.err);
    let table = session.unseen("status --token-file some").await;
    assert!(table.out.contains("serving") && !table.out.contains("METHOD"), "{}", table.out);
    for (options, code, part) in [
        ("", 5, "--token-file FILE or PAWL_TOKEN"),
        ("--token-file shop", 5, "viewer reads"),
        ("--address https://localhost:1", 3, "`pawl serve` starts one"),
    ] {
        let came = session.unseen(&format!("status {options}")).await;
        assert_eq!(came.code, code, "{options}: {}{}", came.out, came.err);
        assert!(came.err.contains(part), "{part:?} is missing: {}", came.err);
    }
    within(60, "it ends", server.terminate()).await;
    let gone = session.unseen("status --token-file all").await;
    assert_eq!(gone.code, 3, "{}", gone.err);
    cases("cli: status by whom", 7, 7);
}
