//! What pages keep to themselves: text stays text, roles and pipelines are kept apart.

use pawl_api::pb;
use pawl_tests::{Server, entity, event, fields, pipeline, trigger};

use crate::visit::{Browser, EVIL, contains, encoded, filled, guarded, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_wrote_stays_text_on_every_page() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut sales = pipeline("sales", "new read");
    sales.display_name = EVIL.to_owned();
    for stage in &mut sales.stages {
        stage.display_name = EVIL.to_owned();
    }
    client.pipeline(sales).await;
    let read = trigger("opened", "sales/read", "email.viewed");
    client.trigger(pb::Trigger { display_name: EVIL.to_owned(), ..read }).await;
    let mut deal = entity("deal/1", "sales");
    deal.display_name = EVIL.to_owned();
    deal.responsible = EVIL.to_owned();
    deal.fields = Some(fields([(EVIL, Some(EVIL))]));
    client.entity(deal).await;
    let mut evil = event(EVIL, "email.viewed", "deal/1");
    evil.source = EVIL.to_owned();
    client.publish(evil).await;
    let browser = Browser::of(&server, "");
    browser.post("/entities/deal/1/move", &[("stage", "new"), ("comment", EVIL)]).await;
    let query = encoded(&[("q", EVIL), ("responsible", EVIL), ("fields", EVIL), ("after", EVIL)]);
    let tried = encoded(&[("subjects", EVIL), ("type", EVIL), ("json", EVIL), ("source", EVIL)]);
    let mut pages = Vec::new();
    for path in
        ["", "/list", "/try", "/pictures", &format!("/list?{query}"), &format!("/try?{tried}")]
    {
        pages.push(browser.page(&format!("/boards/sales{path}")).await);
    }
    for path in ["/entities/deal/1", "/entities/deal/1/move"] {
        pages.push(browser.page(path).await);
    }
    for pairs in [
        &[("type", "email.viewed"), ("subjects", "deal/1"), ("event_id", EVIL), ("source", EVIL)][..],
        &[("type", EVIL), ("subjects", EVIL), ("attributes", EVIL)],
        &[("json", EVIL)],
    ] {
        for action in ["preview", "publish"] {
            let pairs = [pairs, &[("action", action)]].concat();
            pages.push(text(&browser.post("/boards/sales/try", &pairs).await));
            pages.push(text(&browser.post("/publish", &pairs).await));
        }
    }
    pages.push(text(
        &browser.post("/entities/deal/1/move", &[("stage", EVIL), ("comment", EVIL)]).await,
    ));
    for page in &pages {
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(!page.contains("<script>"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_see_and_do_what_they_may() {
    let (server, ..) = filled().await;
    let wanted: [&[&str]; 3] =
        [&["v", "--role", "viewer"], &["p", "--role", "publisher"], &["ed", "--role", "editor"]];
    let (_kept, server, browsers) = guarded(server, &wanted).await;
    let [viewer, publisher, editor] = &browsers[..] else { panic!("three tokens") };
    let page = viewer.page("/entities/deal/1").await;
    assert!(!page.contains("/entities/deal/1/move"), "a viewer sees no form: {page}");
    assert_eq!(viewer.get("/entities/deal/1/move").await.code, 403);
    assert_eq!(viewer.post("/entities/deal/1/move", &[("stage", "won")]).await.code, 403);
    contains(&viewer.page("/entities/deal/1").await, &["stands on <strong>New</strong>"]);
    let page = viewer.page("/boards/sales/try").await;
    assert!(page.contains("value=\"preview\"") && !page.contains("value=\"publish\""), "{page}");
    let mut pairs = vec![("type", "email.viewed"), ("subjects", "deal/1"), ("action", "publish")];
    assert_eq!(viewer.post("/boards/sales/try", &pairs).await.code, 403);
    assert_eq!(viewer.get("/publish").await.code, 403);
    assert_eq!(viewer.post("/publish", &pairs).await.code, 403);
    pairs.pop();
    contains(&text(&viewer.post("/boards/sales/try", &pairs).await), &["deal/1 would move"]);
    contains(&viewer.page("/entities/deal/1").await, &["stands on <strong>New</strong>"]);

    let told = editor.post("/entities/deal/2/move", &[("stage", "won")]).await;
    assert_eq!(told.code, 303);
    contains(
        &viewer.page("/entities/deal/2").await,
        &["stands on <strong>Won</strong>", "by hand (ed)"],
    );
    assert_eq!(editor.post("/publish", &pairs).await.code, 403);

    let told = publisher.get("/").await;
    assert_eq!((told.code, told.header("location")), (303, "/publish"));
    contains(&publisher.page("/publish").await, &["value=\"publish\""]);
    let told = publisher.post("/publish", &pairs).await;
    assert_eq!(told.code, 200);
    let page = text(&told);
    contains(&page, &["deal/1 moved from new to read by trigger opened"]);
    for secret in ["Mail opened", "Sales of flowers", "Roses", "value=\"preview\""] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    for path in [
        "/entities/deal/1",
        "/entities/deal/1/move",
        "/boards/sales/list",
        "/boards/sales/try",
        "/boards/sales/pictures",
    ] {
        assert_eq!(publisher.get(path).await.code, 403, "{path}");
    }
    assert_eq!(publisher.post("/boards/sales/try", &pairs).await.code, 403);
    assert_eq!(publisher.post("/entities/deal/3/move", &[("stage", "won")]).await.code, 403);
    let nobody = Browser::of(&server, "");
    let told = nobody.get("/entities/deal/1").await;
    assert_eq!((told.code, told.header("location")), (303, "/sign-in?then=/entities/deal/1"));
    assert_eq!(nobody.post("/entities/deal/3/move", &[("stage", "won")]).await.code, 401);
    contains(&viewer.page("/entities/deal/3").await, &["stands on <strong>New</strong>"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_other_pipelines_is_seen() {
    let (server, client, _) = filled().await;
    let mut secret = pipeline("secret-line", "secret-new secret-read");
    secret.display_name = "Secret line".to_owned();
    client.pipeline(secret).await;
    let read = trigger("secret-trigger", "secret-line/secret-read", "email.viewed");
    client.trigger(pb::Trigger { display_name: "Secret trigger".to_owned(), ..read }).await;
    for index in 1..=2 {
        let mut other = entity(&format!("deal/b{index}"), "secret-line");
        other.display_name = if index == 1 { "Secret deal" } else { "Open deal" }.to_owned();
        other.customer_ids = vec!["contact/9".to_owned()];
        client.entity(other).await;
    }
    client.publish(event("e1", "email.viewed", "deal/1 deal/b1")).await;
    // One that came from there.
    let request = pb::MoveEntityRequest {
        entity_id: "deal/b2".to_owned(),
        pipeline_id: "sales".to_owned(),
        stage_id: "new".to_owned(),
        ..Default::default()
    };
    client.entities.clone().move_entity(request).await.expect("it moves");
    let wanted: [&[&str]; 2] =
        [&["a", "--role", "admin", "--pipeline", "sales"], &["all", "--role", "admin"]];
    let (_kept, _server, browsers) = guarded(server, &wanted).await;
    let [limited, all] = &browsers[..] else { panic!("two tokens") };
    let mut pages = Vec::new();
    for path in
        ["/list", "/list?q=deal%2Fb1", "/list?q=secret", "/list?after=deal/a", "/try", "/pictures"]
    {
        pages.push(limited.page(&format!("/boards/sales{path}")).await);
    }
    pages.push(limited.page("/entities/deal/1").await);
    for path in ["list", "try", "pictures"] {
        let told = limited.get(&format!("/boards/secret-line/{path}")).await;
        assert_eq!(told.code, 403, "{path}");
        pages.push(text(&told).replace("secret-line", ""));
    }
    for path in ["/entities/deal/b1", "/entities/deal/b1/move"] {
        let told = limited.get(path).await;
        assert!(matches!(told.code, 403 | 404), "{path}");
        pages.push(text(&told));
    }
    let told = limited.post("/entities/deal/b1/move", &[("stage", "secret-new")]).await;
    assert!(matches!(told.code, 403 | 404));
    pages.push(text(&told).replace("value=\"secret-new\"", ""));
    for action in ["preview", "publish"] {
        for subject in ["deal/b1", "contact/9"] {
            let pairs = [("type", "email.viewed"), ("subjects", subject), ("action", action)];
            pages.push(text(&limited.post("/boards/sales/try", &pairs).await));
            pages.push(text(&limited.post("/publish", &pairs).await));
        }
    }
    for page in &pages {
        let page = page.to_lowercase().replace("value=\"secret\"", "");
        assert!(!page.contains("secret"), "{page}");
    }
    // Where it came from is not told, but it is there by now, and an event about its customer moved it.
    let page = limited.page("/entities/deal/b2").await;
    assert!(
        !page.contains("secret-") && page.contains("stands on <strong>Read</strong>"),
        "{page}"
    );
    let page = all.page("/entities/deal/b1").await;
    contains(&page, &["secret-new → secret-read", "Secret line", "Secret trigger"]);
    contains(&all.page("/entities/deal/b2").await, &["from pipeline secret-line"]);
}
