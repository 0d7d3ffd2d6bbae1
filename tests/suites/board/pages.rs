//! Entities, lists, events that are tried, pictures, moves by hand.

use pawl_api::pb;
use pawl_tests::{Client, entity, event};
use tonic::Code;

use crate::visit::{contains, filled, marks, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_tells_what_it_is_how_it_came_there_and_why_not() {
    let (_server, client, browser) = filled().await;
    client.publish(event("e1", "email.viewed", "deal/1")).await;
    client.publish(event("e2", "email.viewed", "deal/1")).await;
    let page = browser.page("/entities/deal/1").await;
    contains(&page, &["Roses 1", "ines", "contact/9", "city", "Ghent", "Sales of flowers"]);
    contains(&page, &["New → Read", "“Mail opened” (trigger opened, revision 1)", "e1", "test"]);
    contains(
        &page,
        &[
            "deal/1 moved from New to Read by “Mail opened”",
            "deal/1 stayed on Read",
            "the deal stands on its stage Read already",
            "its filter `event.attributes.sum &gt; 100.0` cannot be evaluated",
        ],
    );
    contains(&page, &["action=\"/entities/deal/1/move\"", "/boards/sales/try?subjects=deal/1"]);
    let gone = browser.get("/entities/deal/9").await;
    assert_eq!(gone.code, 404, "{}", text(&gone));
    let none = browser.get("/entities/cat/9").await;
    assert_eq!(none.code, 400, "{}", text(&none));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filtered_searched_and_sorted() {
    let (_server, client, browser) = filled().await;
    client.publish(event("e1", "email.viewed", "deal/2")).await;
    let ids = |page: &str| -> Vec<String> {
        let rows = page.split("data-id=\"").skip(1);
        rows.map(|row| row.split('"').next().unwrap_or_default().to_owned()).collect()
    };
    for (query, expected) in [
        ("", vec!["deal/1", "deal/2", "deal/3"]),
        ("?sort=name&dir=desc", vec!["deal/3", "deal/2", "deal/1"]),
        ("?sort=stage&dir=desc", vec!["deal/2", "deal/3", "deal/1"]),
        ("?sort=updated", vec!["deal/1", "deal/3", "deal/2"]),
        ("?sort=age", vec!["deal/2", "deal/3", "deal/1"]),
        ("?stage=read", vec!["deal/2"]),
        ("?responsible=ole", vec!["deal/2", "deal/3"]),
        ("?responsible=ole&stage=new", vec!["deal/3"]),
        ("?q=roses+3", vec!["deal/3"]),
        ("?q=deal%2F1", vec!["deal/1"]),
        ("?q=tulips", vec![]),
        ("?after=deal/2", vec!["deal/3"]),
    ] {
        assert_eq!(
            ids(&browser.page(&format!("/boards/sales/list{query}")).await),
            expected,
            "{query}"
        );
    }
    let page = browser.page("/boards/sales/list?sort=stage&q=roses&fields=city,size").await;
    contains(&page, &["aria-sort=\"ascending\"", "city", "Ghent", "size", "q=roses&amp;"]);
    assert_eq!(browser.get("/boards/sales/list?sort=colour").await.code, 400);
    assert_eq!(browser.get("/boards/other/list").await.code, 404);
    assert!(!browser.page("/boards/sales/list").await.contains("There are more"));
    let many = (0..=1_000).map(|index| entity(&format!("deal/x{index:04}"), "sales"));
    let many: Vec<_> = many.collect();
    let message = |part: &[pb::Entity]| pb::ImportEntitiesRequest {
        entities: part.to_vec(),
        ..Default::default()
    };
    let messages: Vec<_> = many.chunks(501).map(message).collect();
    let messages = tokio_stream::iter(messages);
    client.entities.clone().import_entities(messages).await.expect("they are imported");
    let page = browser.page("/boards/sales/list?q=").await;
    contains(&page, &["There are more", "1000 deals fit", "after=deal/x0996"]);
    assert_eq!(ids(&browser.page("/boards/sales/list?after=deal/x0996").await).len(), 4);
    assert_eq!(
        ids(&browser.page("/boards/sales/list?q=x1000").await),
        ["deal/x1000"],
        "far behind"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_are_moved_by_hand() {
    let (_server, client, browser) = filled().await;
    let page = browser.page("/entities/deal/1/move").await;
    contains(
        &page,
        &[
            "type=\"radio\"",
            "value=\"won\"",
            "here now",
            "data-dialog",
            "name=\"revision\" value=\"1\"",
        ],
    );
    let move_it = |pairs: &'static [(&'static str, &'static str)]| {
        let browser = browser.clone();
        async move { browser.post("/entities/deal/1/move", pairs).await }
    };
    let told = move_it(&[("stage", "won"), ("comment", "signed today"), ("revision", "1")]).await;
    assert_eq!((told.code, told.header("location")), (303, "/entities/deal/1"));
    assert_eq!(client.get_entity("deal/1").await.stage_id, "won");
    let page = browser.page("/entities/deal/1").await;
    contains(&page, &["New → Won", "by hand", "signed today"]);
    let told = move_it(&[("stage", "read"), ("revision", "1")]).await;
    assert_eq!(told.code, 409, "it changed meanwhile");
    contains(&text(&told), &["class=\"problem\" role=\"alert\"", "Somebody changed it meanwhile"]);
    contains(&text(&told), &["name=\"revision\" value=\"2\"", "value=\"read\" required checked"]);
    assert_eq!(client.get_entity("deal/1").await.stage_id, "won");
    for pairs in [&[("stage", "nowhere")][..], &[][..], &[("stage", "new"), ("revision", "x")]] {
        let told = browser.post("/entities/deal/1/move", pairs).await;
        assert_eq!(told.code, 400, "{pairs:?}");
        contains(&text(&told), &["class=\"problem\""]);
    }
    for (back, expected) in [
        ("/boards/sales?fields=city", "/boards/sales?fields=city"),
        ("//evil.example", "/entities/deal/1"),
        ("https://evil.example", "/entities/deal/1"),
    ] {
        let stage = if back.starts_with("/b") { "new" } else { "read" };
        let told = browser.post("/entities/deal/1/move", &[("stage", stage), ("back", back)]).await;
        assert_eq!((told.code, told.header("location")), (303, expected), "{back}");
    }
    let before = client.get_entity("deal/2").await;
    for more in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let told = browser.post_with("/entities/deal/2/move", &[("stage", "won")], &[more]).await;
        assert_eq!(told.code, 403, "{more:?}");
    }
    assert_eq!(client.get_entity("deal/2").await, before);
}

async fn is_known(client: &Client, source: &str, id: &str) -> bool {
    let request = pb::GetEventRequest { source: source.to_owned(), event_id: id.to_owned() };
    match client.events.clone().get_event(request).await {
        Ok(_) => true,
        Err(status) if status.code() == Code::NotFound => false,
        Err(status) => panic!("{status}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_tried_and_published() {
    let (_server, client, browser) = filled().await;
    let page = browser.page("/boards/sales/try?subjects=deal/1").await;
    contains(&page, &["value=\"deal/1\"", "<option value=\"email.viewed\"", "value=\"publish\""]);
    let mut pairs =
        vec![("type", "email.viewed"), ("subjects", "deal/1, deal/2"), ("source", "me")];
    pairs.extend([("event_id", "e1"), ("attributes", "{\"sum\": 7}"), ("action", "preview")]);
    let before = client.get_entity("deal/1").await;
    let told = browser.post("/boards/sales/try", &pairs).await;
    assert_eq!(told.code, 200);
    let page = text(&told);
    contains(&page, &["What it would do", "deal/1 would move from New to Read by “Mail opened”"]);
    contains(&page, &["does not hold", "deal/2 would move from New to Read"]);
    let marks = marks(&page);
    assert_eq!(marks.as_array().map(Vec::len), Some(4), "{marks}");
    let moved = serde_json::json!({"entity": "deal/1", "trigger": "opened", "result": "MOVED", "to": "read"});
    assert!(marks.as_array().expect("a list").contains(&moved), "{marks}");
    assert_eq!(client.get_entity("deal/1").await, before, "it moves nothing");
    assert!(!is_known(&client, "me", "e1").await, "nothing is stored");

    pairs.pop();
    pairs.push(("action", "publish"));
    let told = browser.post("/boards/sales/try", &pairs).await;
    assert_eq!(told.code, 200);
    contains(&text(&told), &["What came of it", "deal/1 moved from New to Read by “Mail opened”"]);
    assert_eq!(client.get_entity("deal/1").await.stage_id, "read");
    assert!(is_known(&client, "me", "e1").await);
    let told = browser.post("/boards/sales/try", &pairs).await;
    contains(&text(&told), &["published before"]);

    let whole = r#"{"type": "email.viewed", "subjects": ["deal/3"], "attributes": {"sum": 101}}"#;
    let pairs =
        [("json", whole), ("type", "ignored"), ("subjects", "deal/1"), ("action", "publish")];
    let told = browser.post("/boards/sales/try", &pairs).await;
    assert_eq!(told.code, 200, "{}", text(&told));
    assert_eq!(client.get_entity("deal/3").await.stage_id, "read", "the earliest stage wins");
    contains(
        &text(&told),
        &["“Mail opened” (trigger opened, revision 1) was picked instead", "board"],
    );
    for pairs in [
        &[("json", "{"), ("action", "publish")][..],
        &[("json", r#"{"colour": 1}"#)],
        &[("type", "email.viewed")],
        &[("type", "email.viewed"), ("subjects", "deal/1"), ("attributes", "[1]")],
        &[],
    ] {
        let told = browser.post("/boards/sales/try", pairs).await;
        assert_eq!(told.code, 400, "{pairs:?}");
        contains(&text(&told), &["class=\"problem\""]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_tell_how_much_goes_on() {
    let (_server, client, browser) = filled().await;
    client.publish(event("e1", "email.viewed", "deal/1 deal/2")).await;
    let request = pb::MoveEntityRequest {
        entity_id: "deal/1".to_owned(),
        stage_id: "won".to_owned(),
        ..Default::default()
    };
    client.entities.clone().move_entity(request).await.expect("it moves");
    let page = browser.page("/boards/sales/pictures").await;
    contains(&page, &["<div class=\"chart bars\" role=\"img\"", "3 moves within the last hour"]);
    contains(
        &page,
        &["New: 1, Read: 1, Won: 1.", "From 1 stays", "Mail opened", "never moved anything in"],
    );
    assert!(!page.contains("style="), "{page}");
}
