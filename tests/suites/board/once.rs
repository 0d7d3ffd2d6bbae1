//! A form that is sent twice, as an impatient finger or a page that is loaded anew does, does once.

use pawl_api::pb;
use pawl_tests::Client;

use crate::visit::{assert_says, contains, filled, hidden, text};

const CREATE: &str = "/boards/sales/triggers";

async fn triggers(client: &Client) -> Vec<String> {
    let request = pb::ListTriggersRequest::default();
    let listed = client.triggers.clone().list_triggers(request).await.expect("a list");
    listed.into_inner().triggers.into_iter().map(|trigger| trigger.trigger_id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_is_added_once() {
    let (_server, client, browser) = filled().await;
    let page = browser.page("/boards/sales/triggers/new?stage=won&type=order.paid").await;
    let id = hidden(&page, "request_id");
    let other = browser.page("/boards/sales/triggers/new?stage=won&type=order.paid").await;
    assert_ne!(id, hidden(&other, "request_id"), "each form is one of its own");
    let base = [("type", "order.paid"), ("stage", "won"), ("request_id", id.as_str())];
    // What is refused can be mended, and is the same form.
    let (code, page) = browser.not_done(CREATE, &base).await;
    assert_eq!((code, hidden(&page, "request_id")), (400, id.clone()));
    let form = [&base[..], &[("state", "ACTIVE")]].concat();
    for _ in 0..2 {
        browser.done(CREATE, &form).await;
    }
    assert_eq!(triggers(&client).await, ["large", "opened", "won-order-paid"]);
    // Filled in differently it is not that one, and may be another.
    let changed = [&form[..], &[("name", "Another")]].concat();
    let (code, page) = browser.not_done(CREATE, &changed).await;
    assert_eq!(code, 409);
    assert_says(&page, &["This form was sent before", "press Add trigger once more"]);
    assert!(page.contains("name=\"name\" value=\"Another\""), "what was typed stays: {page}");
    assert_eq!(triggers(&client).await.len(), 3, "nothing was added");
    let fresh = hidden(&page, "request_id");
    let given: Vec<_> = changed
        .iter()
        .map(|(name, value)| (*name, if *name == "request_id" { fresh.as_str() } else { *value }))
        .collect();
    // Also with an id of one's own, which is taken by then.
    let given = [&given[..], &[("id", "mine")]].concat();
    for _ in 0..2 {
        browser.done(CREATE, &given).await;
    }
    assert_eq!(triggers(&client).await, ["large", "mine", "opened", "won-order-paid"]);
}

/// How often a trigger considered something.
async fn considered(client: &Client) -> i64 {
    let trigger_id = "opened".to_owned();
    let request = pb::GetTriggerRequest { trigger_id, ..Default::default() };
    let found = client.triggers.clone().get_trigger(request).await.expect("it is there");
    let trigger = found.into_inner().trigger.expect("it is given");
    trigger.stats.map_or(0, |stats| stats.considered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_published_once() {
    let (_server, client, browser) = filled().await;
    for path in ["/boards/sales/try", "/publish"] {
        let fresh = hidden(&browser.page(path).await, "fresh_id");
        let form = [
            ("fresh_id", fresh.as_str()),
            ("type", "email.viewed"),
            ("subjects", "deal/1"),
            ("action", "publish"),
        ];
        let events = async || considered(&client).await;
        let before = events().await;
        let page = text(&browser.post(path, &form).await);
        contains(&page, &["What came of it", &fresh]);
        assert_ne!(hidden(&page, "fresh_id"), fresh, "the next one is another event");
        let page = text(&browser.post(path, &form).await);
        contains(&page, &["It was published before", &fresh]);
        assert_eq!(events().await, before + 1, "{path}: once");
        // Filled in differently, as after going back, it is another event.
        let changed = form.map(|(name, value)| (name, value.replace("deal/1", "deal/2")));
        let changed: Vec<_> = changed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = text(&browser.post(path, &changed).await);
        contains(&page, &["What came of it"]);
        assert!(!page.contains("published before"), "{page}");
        assert_eq!(events().await, before + 2, "{path}: another");
    }
    // A preview leaves nothing behind.
    let fresh = hidden(&browser.page("/boards/sales/try").await, "fresh_id");
    let preview = [
        ("fresh_id", fresh.as_str()),
        ("type", "email.viewed"),
        ("subjects", "deal/1"),
        ("action", "preview"),
    ];
    for _ in 0..2 {
        let page = text(&browser.post("/boards/sales/try", &preview).await);
        contains(&page, &["What it would do"]);
        assert!(!page.contains(&format!("<code>{fresh}")), "of no event in particular: {page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_is_moved_once() {
    let (_server, client, browser) = filled().await;
    for path in ["/entities/deal/1", "/entities/deal/2/move"] {
        let page = browser.page(path).await;
        let (revision, id) = (hidden(&page, "revision"), hidden(&page, "request_id"));
        let form =
            [("stage", "read"), ("revision", revision.as_str()), ("request_id", id.as_str())];
        let path = format!("{}/move", path.trim_end_matches("/move"));
        for _ in 0..2 {
            let told = browser.post(&path, &form).await;
            assert_eq!(told.code, 303, "{}", text(&told));
        }
        let deal = &path["/entities/".len()..path.len() - "/move".len()];
        let entity = client.get_entity(deal).await;
        assert_eq!((entity.stage_id.as_str(), entity.revision), ("read", 2), "{deal}");
        let other = form.map(|(name, value)| (name, if name == "stage" { "won" } else { value }));
        let told = browser.post(&path, &other).await;
        assert_eq!(told.code, 409);
        let page = text(&told);
        contains(&page, &["This form was sent before", "value=\"won\" required checked"]);
        assert_eq!(hidden(&page, "revision"), "2");
        assert_eq!(client.get_entity(deal).await.stage_id, "read");
    }
}
