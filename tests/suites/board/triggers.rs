//! Triggers made, tried, changed and deleted through the pages.

use pawl_api::pb;
use pawl_tests::{Server, entity, event, fields, pipeline, trigger};

use crate::visit::{Browser, assert_says, guarded, said};

/// A pipeline `sales` with `deal/1` to `deal/3` on its first stage.
async fn fill(server: &Server) {
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    for number in 1..=3 {
        client.entity(entity(&format!("deal/{number}"), "sales")).await;
    }
}

async fn stage_of(server: &Server, id: &str) -> String {
    server.client().await.get_entity(id).await.stage_id
}

async fn trigger_of(server: &Server, id: &str) -> pb::Trigger {
    let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), revision: 0 };
    let found = server.client().await.triggers.get_trigger(request).await;
    found.expect("the trigger is there").into_inner().trigger.expect("it is given")
}

const NEW: &str = "/boards/sales/triggers/new";
const CREATE: &str = "/boards/sales/triggers";
const CHECK: &str = "/boards/sales/triggers/check";

/// Names and values, as a browser sends them.
type Form = [(&'static str, &'static str)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_is_chosen_filled_in_and_fires() {
    let server = Server::start().await;
    fill(&server).await;
    let client = server.client().await;
    let own = pb::TriggerType {
        title: "Dog <script>barked</script>".to_owned(),
        entity_kinds: vec!["deal".to_owned()],
        ..pawl_tests::trigger_type("dog.barked")
    };
    client.trigger_type(own).await;
    let lead = vec!["lead".to_owned()];
    client
        .trigger_type(pb::TriggerType { entity_kinds: lead, ..pawl_tests::trigger_type("cat") })
        .await;
    let browser = Browser::of(&server, "");
    let (code, page) = browser.look(&format!("{NEW}?stage=offer")).await;
    assert_eq!(code, 200);
    assert_says(
        &page,
        &["Add a trigger to offer", "Client communication", "Track email message view", "Others"],
    );
    assert!(page.contains("data-filter") && page.contains("type=email.received"), "{page}");
    assert!(page.contains("Dog &lt;script&gt;") && !page.contains("<script>barked"), "{page}");
    assert!(!page.contains("type=cat"), "it does not serve deals");
    let (code, page) = browser.look(&format!("{NEW}?stage=offer&type=email.received")).await;
    assert_eq!(code, 200);
    assert!(page.contains("name=\"p.subject_contains\"") && page.contains("data-check"), "{page}");
    assert!(page.contains("<option value=\"offer\" selected"), "{page}");

    let form = [
        ("type", "email.received"),
        ("stage", "offer"),
        ("state", "ACTIVE"),
        ("p.from", ""),
        ("p.subject_contains", "offer, \"price, list\""),
        ("filter", "event.attributes.subject != \"no\" &&\r\n  entity.kind == \"deal\""),
        ("allow_move_back", "on"),
        ("name", ""),
        ("id", ""),
    ];
    browser.done(CREATE, &form).await;
    let made = trigger_of(&server, "offer-email-received").await;
    assert!(made.allow_move_back && !made.allow_reopen);
    assert_eq!(made.display_name, "Email received: subject contains offer or price, list");
    assert!(!made.filter.contains('\r'), "{:?}", made.filter);
    for (id, subject, stage) in [
        ("deal/1", "Price, list", "offer"),
        ("deal/2", "hello", "new"),
        ("deal/3", "OFFER", "offer"),
    ] {
        let attributes = Some(fields([("subject", Some(subject))]));
        client.publish(pb::Event { attributes, ..event(id, "email.received", id) }).await;
        assert_eq!(stage_of(&server, id).await, stage, "{subject}");
    }
    // The next of the same gets a name of its own.
    browser.done(CREATE, &form).await;
    trigger_of(&server, "offer-email-received-2").await;
    let given: Vec<_> = form
        .iter()
        .map(|(name, value)| (*name, if *name == "id" { "mine" } else { *value }))
        .collect();
    browser.done(CREATE, &given).await;
    let (code, page) = browser.not_done(CREATE, &given).await;
    assert_eq!(code, 409);
    assert_says(&page, &["trigger \"mine\" exists already"]);

    let (code, page) = browser.look("/triggers/offer-email-received").await;
    assert_eq!(code, 200);
    let subject = "subject_contains: wants [\"offer\", \"price, list\"], came \"hello\"";
    assert_says(
        &page,
        &["deal/3: moved it to offer", "deal/2: did not move it", subject, "Created."],
    );
    assert_says(&page, &["It may move back to a previous status"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_where_it_is() {
    let server = Server::start().await;
    fill(&server).await;
    let browser = Browser::of(&server, "");
    let base = [("type", "payment.received"), ("stage", "offer"), ("state", "ACTIVE")];
    let bad = |more: &[(&'static str, &'static str)]| [&base[..], more].concat();
    let rows: [(&Form, &str, &[&str]); 5] = [
        (&[("filter", "true &&\r\nentity.nonsense")], "bad-filter", &["line 2, column 7: "]),
        (&[("p.min_amount", "a lot")], "bad-p.min_amount", &["is no number"]),
        (&[("id", "a b")], "bad-id", &["use only A-Z"]),
        (&[("filter", "1 +"), ("p.min_amount", "x")], "bad-filter", &["line 1", "is no number"]),
        (&[("stage", "nowhere")], "bad-stage", &["does not exist"]),
    ];
    for (more, place, words) in rows {
        let form = if more[0].0 == "stage" { vec![base[0], more[0], base[2]] } else { bad(more) };
        let (code, page) = browser.not_done(CREATE, &form).await;
        assert_eq!(code, 400, "{form:?}");
        assert!(page.contains(&format!("id=\"{place}\"")), "{place}: {page}");
        assert_says(&page, words);
        let (code, page) = browser.not_done(CHECK, &form).await;
        assert_eq!(code, 200, "a check is answered");
        assert_says(&page, words);
        assert!(page.contains("class=\"problem\""), "{page}");
    }
    let (_, page) = browser.not_done(CREATE, &bad(&[("filter", "<script>x</script>")])).await;
    assert!(page.contains("&lt;script&gt;x") && !page.contains("<script>x"), "{page}");
    // What a type needs, what there is to choose from, and what does not exist.
    let form = [("type", "webhook.received"), ("stage", "offer"), ("state", "ACTIVE")];
    assert_says(&browser.not_done(CHECK, &form).await.1, &["Code: is required"]);
    let form =
        [("type", "document.signed"), ("stage", "offer"), ("state", "ACTIVE"), ("p.by", "me")];
    assert_says(&browser.not_done(CHECK, &form).await.1, &["choose from initiator, member, all"]);
    for (path, form) in [(CREATE, &[("type", "nothing"), base[1], base[2]]), (CHECK, &base)] {
        let path = if path == CHECK { "/boards/nowhere/triggers/check" } else { path };
        assert_eq!(browser.not_done(path, form).await.0, 404, "{path}");
    }
    assert_eq!(browser.look(&format!("{NEW}?stage=nowhere")).await.0, 400);
    assert_eq!(browser.look("/triggers/nobody").await.0, 404);
    let request = pb::ListTriggersRequest::default();
    let listed = server.client().await.triggers.list_triggers(request).await;
    assert!(listed.expect("a list").into_inner().triggers.is_empty(), "none was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_it_would_have_done_with_what_happened() {
    let server = Server::start().await;
    fill(&server).await;
    let client = server.client().await;
    client.pipeline(pipeline("other", "new offer")).await;
    client.entity(entity("deal/8", "other")).await;
    client.entity(entity("deal/won", "sales/won")).await;
    let browser = Browser::of(&server, "");
    let form = |more: &[(&'static str, &'static str)]| {
        let base = [("type", "email.received"), ("stage", "offer"), ("state", "SHADOW")];
        [&base[..], more].concat()
    };
    let (_, page) = browser.not_done(CHECK, &form(&[])).await;
    assert_says(&page, &["came within the last 24 h", "nothing to try it on"]);
    client.entity(entity("deal/offer", "sales/offer")).await;
    for (number, (subject, subjects)) in [
        ("offer", "deal/1"),
        ("offer", "deal/1 deal/2"),
        ("other", "deal/3"),
        ("offer", "deal/won"),
        ("offer", "deal/offer deal/8"),
        ("offer", "deal/8"),
    ]
    .into_iter()
    .enumerate()
    {
        let attributes = Some(fields([("subject", Some(subject))]));
        let event = event(&format!("e{number}"), "email.received", subjects);
        client.publish(pb::Event { attributes, ..event }).await;
    }
    client.publish(event("another", "email.sent", "deal/1")).await;
    let wish = form(&[("p.subject_contains", "offer"), ("filter", "entity.entity_id != 'deal/2'")]);
    let (code, page) = browser.not_done(CHECK, &wish).await;
    assert_eq!(code, 200);
    assert_says(
        &page,
        &[
            "It can be saved, and its id will be offer-email-received.",
            "It would have moved 1 deal, had it been active: tried on 6 events email.received of the last 24 h",
            "2 times in all, some more than once",
            "Held back 1 time: its parameters do not fit the event",
            "Held back 1 time: its filter does not hold",
            "Held back 1 time: the deal stands on a won or lost stage, which is closed",
            "Held back 1 time: the deal stands on its stage offer already",
            "1 event concerns nothing that stands in sales",
            "deal/1 new → offer would move",
            "as it stands today",
        ],
    );
    assert_eq!(page.matches("href=\"/entities/").count(), 5, "up to five examples: {page}");
    assert_eq!(stage_of(&server, "deal/1").await, "new", "nothing was done");
    // Against what others would do, and with what may be allowed.
    client.trigger(trigger("older", "sales/new", "email.received")).await;
    client.trigger(trigger("first", "sales/offer", "email.received")).await;
    let wish = form(&[("allow_reopen", "on"), ("allow_move_back", "on")]);
    let (_, page) = browser.not_done(CHECK, &wish).await;
    assert_says(
        &page,
        &["It would have moved 1 deal,", "another was picked", "trigger first was picked instead"],
    );
    // Of what the service says itself, with what it changed.
    let request = pb::UpdateEntityRequest {
        entity: Some(pb::Entity {
            entity_id: "deal/2".to_owned(),
            responsible: "<b>ann</b>".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.entities.clone().update_entity(request).await.expect("it is changed");
    for (to, words) in [("<b>ann</b>", "would have moved 1 deal"), ("bob", "moved no deal")] {
        let wish = [
            ("type", "responsible.changed"),
            ("stage", "offer"),
            ("state", "ACTIVE"),
            ("p.to", to),
        ];
        let (_, page) = browser.not_done(CHECK, &wish).await;
        assert_says(&page, &[words, "tried on 1 event entity.updated"]);
        assert!(!page.contains("<b>ann"), "{page}");
    }
    // Without script it is asked for by a button, and the form comes back with the answer.
    let wish = form(&[("action", "check"), ("p.from", "x")]);
    let (code, page) = browser.not_done(CREATE, &wish).await;
    assert_eq!(code, 200);
    assert_says(&page, &["It can be saved", "had it been active"]);
    assert!(page.contains("name=\"p.from\" value=\"x\""), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_is_changed_paused_and_deleted() {
    let server = Server::start().await;
    fill(&server).await;
    let client = server.client().await;
    let parameters = Some(fields([("from", Some("ann"))]));
    client
        .trigger(pb::Trigger { parameters, ..trigger("t", "sales/offer", "email.received") })
        .await;
    let browser = Browser::of(&server, "");
    let form = [
        ("revision", "1"),
        ("stage", "won"),
        ("state", "ACTIVE"),
        ("p.from", "bob"),
        ("name", "Mine <script>x</script>"),
        ("filter", "true"),
        ("allow_reopen", "on"),
    ];
    let (_, page) = browser.look("/triggers/t").await;
    assert!(page.contains("name=\"p.from\" value=\"ann\""), "the form is filled: {page}");
    browser.done("/triggers/t", &form).await;
    let changed = trigger_of(&server, "t").await;
    assert_eq!((changed.revision, changed.stage_id.as_str()), (2, "won"));
    let (_, page) = browser.look("/triggers/t").await;
    assert!(page.contains("Mine &lt;script&gt;") && !page.contains("<script>x"), "{page}");
    assert_says(
        &page,
        &[
            "Revision 2",
            "stage: offer → won",
            "name: Email received: from ann → Mine",
            "condition: none → true",
            "may reopen: no → yes",
            "from: \"ann\" → \"bob\"",
            "Revision 1",
            "Created.",
        ],
    );
    let newest = page.find("Revision 2").zip(page.find("Revision 1"));
    assert!(newest.is_some_and(|(two, one)| two < one), "newest first");
    let (_, board) = browser.look("/boards/sales").await;
    assert!(board.contains("href=\"/triggers/t\"") && !board.contains("<script>x"), "{board}");

    // Who did not see that must look again, and may insist.
    let late = form.map(|(name, value)| (name, if name == "stage" { "new" } else { value }));
    let (code, page) = browser.not_done("/triggers/t", &late).await;
    assert_eq!(code, 409);
    assert_says(
        &page,
        &["Somebody changed it meanwhile, from revision 1 to 2", "stage: offer → won"],
    );
    assert!(page.contains("name=\"revision\" value=\"2\""), "{page}");
    assert!(page.contains("<option value=\"new\" selected"), "what was typed stays: {page}");
    assert_eq!(trigger_of(&server, "t").await.revision, 2, "nothing was saved");
    for path in ["/triggers/t/state", "/triggers/t/delete"] {
        let old = [("revision", "1"), ("state", "PAUSED")];
        assert_eq!(browser.not_done(path, &old).await.0, 409, "{path}");
        let none = [("state", "PAUSED")];
        assert_eq!(browser.not_done(path, &none).await.0, 400, "{path}: of what is not said");
    }
    browser
        .done(
            "/triggers/t",
            &late.map(|(name, value)| (name, if name == "revision" { "2" } else { value })),
        )
        .await;

    browser.done("/triggers/t/state", &[("revision", "3"), ("state", "PAUSED")]).await;
    assert_eq!(trigger_of(&server, "t").await.state(), pb::TriggerState::Paused);
    let (_, page) = browser.look("/triggers/t").await;
    assert_says(&page, &["Paused; when it is active", "state: active → paused", "Activate"]);
    let (code, page) = browser.look("/triggers/t/delete").await;
    assert_eq!(code, 200);
    assert_says(&page, &["Delete Mine"]);
    browser.done("/triggers/t/delete", &[("revision", "4")]).await;
    assert_eq!(browser.look("/triggers/t").await.0, 404);
    // One that is made anew under its name goes on counting.
    client.trigger(trigger("t", "sales/new", "email.received")).await;
    let (_, page) = browser.look("/triggers/t").await;
    assert_says(&page, &["Revision 6", "Deleted.", "Revision 5"]);
    assert_eq!(said(&page).matches("Created.").count(), 2, "{page}");
    // Its id, though free, is not given to another.
    client.trigger(trigger("new-email-viewed", "sales/new", "email.viewed")).await;
    let gone = pb::DeleteTriggerRequest {
        trigger_id: "new-email-viewed".to_owned(),
        ..Default::default()
    };
    client.triggers.clone().delete_trigger(gone).await.expect("it is deleted");
    browser.done(CREATE, &[("type", "email.viewed"), ("stage", "new"), ("state", "ACTIVE")]).await;
    trigger_of(&server, "new-email-viewed-2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_configure_gets_forms_and_only_within_their_pipelines() {
    let open = Server::start().await;
    fill(&open).await;
    let client = open.client().await;
    client.pipeline(pipeline("other", "new offer")).await;
    client.trigger(trigger("t", "sales/offer", "email.received")).await;
    client.trigger(trigger("offer-email-viewed", "sales/offer", "email.viewed")).await;
    client.entity(entity("deal/8", "other")).await;
    client.publish(event("e1", "email.viewed", "deal/2")).await;
    client.publish(event("e2", "email.viewed", "deal/8")).await;
    drop(client);
    let wanted: [&[&str]; 2] =
        [&["ann", "--role", "viewer"], &["bob", "--role", "admin", "--pipeline", "other"]];
    let (_kept, _server, browsers) = guarded(open, &wanted).await;
    let [viewer, elsewhere] = &browsers[..] else { panic!("two tokens") };
    let (code, page) = viewer.look("/boards/sales").await;
    assert_eq!(code, 200);
    assert!(!page.contains("triggers/new") && !page.contains("class=\"plus\""), "{page}");
    let (code, page) = viewer.look("/triggers/t").await;
    assert_eq!(code, 200);
    assert!(
        !page.contains("action=\"/triggers/t") && !page.contains("/triggers/t/delete"),
        "{page}"
    );
    let form =
        [("type", "email.viewed"), ("stage", "offer"), ("state", "ACTIVE"), ("revision", "1")];
    let pages =
        [NEW, "/boards/sales/triggers/new?stage=offer&type=email.viewed", "/triggers/t/delete"];
    let forms = [CREATE, CHECK, "/triggers/t", "/triggers/t/state", "/triggers/t/delete"];
    for path in pages {
        assert_eq!(viewer.look(path).await.0, 403, "{path}");
    }
    for path in forms {
        assert_eq!(viewer.not_done(path, &form).await.0, 403, "{path}");
    }
    for path in pages.into_iter().chain(["/triggers/t", "/boards/sales"]) {
        let (code, page) = elsewhere.look(path).await;
        assert_eq!(code, 403, "{path}");
        assert!(!page.contains("email.received"), "{page}");
    }
    for path in forms {
        let (code, page) = elsewhere.not_done(path, &form).await;
        assert_eq!(code, 403, "{path}: {page}");
    }
    // In their own pipeline they see what happened there alone, and take no name from outside.
    let (code, page) = elsewhere.not_done("/boards/other/triggers/check", &form).await;
    assert_eq!(code, 200);
    assert_says(&page, &["offer-email-viewed-2", "would have moved 1 deal", "tried on 1 event"]);
    assert!(!page.contains("deal/2"), "{page}");
    let answer = elsewhere.post("/boards/other/triggers", &form).await;
    assert_eq!((answer.code, answer.header("location")), (303, "/boards/other"));
    let (code, page) = elsewhere.look("/triggers/offer-email-viewed-2").await;
    assert_eq!(code, 200);
    assert!(page.contains("action=\"/triggers/offer-email-viewed-2\""), "{page}");
    let foreign = [("sec-fetch-site", "cross-site")];
    let path = "/boards/other/triggers";
    assert_eq!(elsewhere.post_with(path, &form, &foreign).await.code, 403);
}
