//! Servers by name: what goes before what.

use std::fs;

use pawl_tests::Server;

use crate::session::{Session, compare};

#[tokio::test]
async fn a_context_says_what_neither_options_nor_the_environment_say() {
    let server = Server::start().await;
    let mut session = Session::new();
    session.hide(server.address().to_string(), "SERVER");
    fs::write(session.path().join("token"), "s3cret\n").expect("it can be written");
    session.set("SERVER", server.address().to_string());
    // What is in the environment is not written down.
    session.set("PAWL_TOKEN", "of-the-environment".to_owned());
    session
        .all(&[
            "context list",
            "context set here",
            "context set here --address $SERVER --token-file token",
            "context set away --address https://crm.example --token t0ken",
            "context list",
            "context show",
            "pipeline list",
            "context use away",
            "context show",
            "context show --context here",
            "pipeline list --context here",
            "pipeline list --address $SERVER",
            "pipeline list --context her",
            "pipeline list --context elsewhere",
            "context delete away",
            "context delete away",
        ])
        .await;
    let file = session.path().join("config.toml");
    let kept = fs::read_to_string(&file).expect("it was written");
    assert!(!kept.contains("of-the-environment"), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    fs::write(&file, "[contexts.here]\nadress = \"localhost\"\n").expect("it can be written");
    session.all(&["context list", "pipeline list"]).await;
    compare!("contexts", session, 18);
}
