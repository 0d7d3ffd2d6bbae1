//! Every kind of resource in each form, and what goes wrong with them.

use std::fs;

use pawl_tests::Server;

use crate::session::{Session, compare};

/// A pipeline with two deals, of which one was moved by a trigger and one by hand.
const DATA: [&str; 8] = [
    "pipeline create sales --kind deal --name Sales --stage new offer won:won lost:lost",
    "trigger-type create app.signal --title Signal --section Apps --parameter level=at-least",
    "trigger create read --pipeline sales --stage offer --type email.viewed",
    "trigger create paid --pipeline sales --stage won --type payment.received \
     --parameter min_amount=1000 --filter 'event.attributes.currency == \"EUR\"' --state shadow",
    "entity create deal/57 --pipeline sales --name 'Roof for Ms Berg' --responsible ines \
     --customer contact/9 --set amount=12500 urgent=true",
    "entity create deal/58 --pipeline sales --name 屋根 --stage offer",
    "event publish --type email.viewed --subject deal/57 --source mailer --event-id open-1",
    "entity move deal/58 won --actor ines --comment 'signed today'",
];

async fn filled() -> (Server, Session) {
    let server = Server::start().await;
    let mut session = Session::with(&server);
    session.all(&DATA).await;
    (server, session)
}

#[tokio::test]
async fn what_there_is_can_be_created_and_shown_in_every_form() {
    let (_server, mut session) = filled().await;
    for kind in ["pipeline", "trigger", "entity"] {
        for form in ["table", "json", "yaml"] {
            session.run(&format!("{kind} list -o {form}")).await;
        }
    }
    for id in ["pipeline get sales", "trigger get paid", "trigger-type get app.signal"] {
        for form in ["table", "json", "yaml"] {
            session.run(&format!("{id} -o {form}")).await;
        }
    }
    session
        .all(&[
            "trigger-type list signal",
            "trigger-type list signal -o yaml",
            "trigger-type list --section Payment",
            "entity get deal/57",
            "entity get deal/57 -o json",
            "board sales",
            "board sales -o json",
            "move list",
            "move list --entity deal/58 -o json",
            "move list --trigger read -o yaml",
            "move list --until 7d",
            "verdict list --entity deal/57",
            "verdict list --trigger read -o json",
            "event get mailer open-1",
            "event get mailer open-1 -o json",
            "event get mailer open-1 -o yaml",
            "event publish --type email.viewed --subject deal/57 --source mailer --event-id open-1",
            "event publish --type email.viewed --subject deal/58 --source mailer --event-id open-2 -o json",
            "why --event mailer open-1",
            "entity list --responsible ines",
            "trigger list --state shadow",
            "trigger list --pipeline other",
            "entity list --limit 1",
            "entity list --limit 2",
            "entity list --limit 1 --color always",
            "export",
        ])
        .await;
    compare!("shown", session, 50);
}

#[tokio::test]
async fn changes_tell_what_they_changed() {
    let (_server, mut session) = filled().await;
    session
        .all(&[
            "pipeline create other --kind lead --stage a --dry-run",
            "pipeline get other",
            "pipeline update sales --name Selling --dry-run",
            "pipeline update sales --name Selling --customer-reach all",
            "pipeline update sales --name Selling",
            "trigger update read --state paused --allow-move-back --expected-revision 1",
            "trigger update read --allow-move-back=false -o json",
            "trigger-type update app.signal --description 'What the app says.'",
            "entity update deal/57 --set amount=13000 --unset urgent --actor ines --dry-run",
            "entity update deal/57 --set amount=13000 --unset urgent --actor ines",
            "entity update deal/57 --customer '' -o yaml",
            "entity move deal/57 won --dry-run",
            "entity move deal/57 won -o json",
            "entity create --pipeline sales",
            "trigger delete read paid",
            "trigger-type delete app.signal",
            "entity delete deal/57",
            "entity list --stage won",
        ])
        .await;
    compare!("changed", session, 18 + DATA.len());
}

#[tokio::test]
async fn what_is_shown_can_be_edited_and_given_back() {
    let (_server, mut session) = filled().await;
    for (kind, id) in [("pipeline", "sales"), ("trigger", "read"), ("entity", "deal/57")] {
        let came = session.run(&format!("{kind} get {id} -o yaml > it.yaml")).await;
        assert_eq!(came.code, 0);
        let unchanged = session.run(&format!("{kind} update -f it.yaml")).await;
        assert_eq!(unchanged.out, format!("unchanged {kind} {id}\n"), "{}", unchanged.err);
        let file = session.path().join("it.yaml");
        let text = fs::read_to_string(&file).expect("it was written");
        let (head, rest) = text.split_once("display_name: ").expect("it has a name");
        let (_, rest) = rest.split_once('\n').expect("it goes on");
        fs::write(&file, format!("{head}display_name: Other\n{rest}")).expect("it can be written");
        let changed = session.run(&format!("{kind} update -f it.yaml")).await;
        assert_eq!(changed.out, format!("changed {kind} {id}: display_name\n"), "{}", changed.err);
        // The file is of the revision before.
        let stale = session.run(&format!("{kind} update -f it.yaml --name Third")).await;
        assert_eq!(stale.code, 6, "{}", stale.err);
        assert!(stale.err.contains("REVISION_MISMATCH"), "{}", stale.err);
        if kind != "entity" {
            let applied = session.run("apply -f it.yaml").await;
            assert!(
                applied.out.starts_with(&format!("unchanged {kind} {id}\n")),
                "{}",
                applied.out
            );
        }
    }
    let (_, count) = session.end();
    pawl_tests::cases("cli: edited and given back", count - DATA.len(), 14);
}

#[tokio::test]
async fn mistakes_say_what_to_do_next() {
    let (_server, mut session) = filled().await;
    fs::write(session.path().join("two.yaml"), "triggers: [{trigger_id: a}, {trigger_id: b}]\n")
        .expect("it can be written");
    fs::write(session.path().join("typo.yaml"), "trigger_id: a\ncolour: b\n")
        .expect("it can be written");
    session
        .all(&[
            "pipeline create sales --kind deal --stage new",
            "trigger create bad --pipeline sales --stage nowhere --type email.viewed",
            "trigger create -f two.yaml",
            "trigger create -f typo.yaml",
            "trigger create -f missing.yaml",
            "trigger update read",
            "trigger update -f typo.yaml read",
            "trigger update read --state paused --expected-revision 7",
            "entity get deal/99",
            "entity move deal/99 won",
            "entity move deal/57 nowhere",
            "entity delete deal/57 deal/98 deal/58 deal/99",
            "entity delete deal/97",
            "entity delete a b --expected-revision 1",
            "pipeline delete sales",
            "board nothing",
            "event get mailer nothing",
            "event publish --type email.viewed",
            "verdict list",
            "move list --since yesterday",
            "pipeline create x --stage :won",
            "trigger-type create x --parameter a=most",
            "triger list",
            "pipeline list --address ftp://a",
            "pipeline list --address 127.0.0.1:1",
            "pipeline list --token secret --address 192.0.2.1",
            "pipeline list --ca-file ca.pem",
            "serve --token secret",
        ])
        .await;
    compare!("mistakes", session, 28 + DATA.len());
}

#[tokio::test]
async fn every_shell_gets_its_completions() {
    let mut session = Session::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let came = session.run(&format!("completions {shell}")).await;
        assert_eq!(came.code, 0, "{shell}: {}", came.err);
        for part in ["trigger-type", "expected-revision"] {
            assert!(came.out.contains(part), "{shell} does not know {part}");
        }
    }
    pawl_tests::cases("cli: completions", 5, 5);
}
