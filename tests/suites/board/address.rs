//! Names that browsers take for something else in an address.

use std::fmt::Write as _;

use http::Method;
use pawl_tests::{Server, ask, entity, event, pipeline, trigger};

use crate::visit::{Browser, EVIL, contains, hidden, text};

/// Where a page leads to, within the server.
fn links(page: &str) -> Vec<String> {
    let all = ["href=\"", "action=\"", "data-check=\"", "data-path=\""];
    let of = |attribute: &str| {
        let parts: Vec<_> = page.split(attribute).skip(1).collect();
        parts.into_iter().filter_map(|part| part.split('"').next()).collect::<Vec<_>>()
    };
    let all = all.into_iter().flat_map(of).filter(|link| link.starts_with('/'));
    all.map(|link| link.replace("&amp;", "&")).collect()
}

/// Whether a browser goes there, and not to a directory above: it reads `%2e` as a dot, too.
fn survives(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap_or_default().to_lowercase();
    path.replace("%2e", ".").split('/').all(|segment| !matches!(segment, "." | ".."))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_legal_name_has_an_address_that_browsers_leave_alone() {
    let server = Server::start().await;
    let client = server.client().await;
    for name in [".", "..", "..."] {
        client.pipeline(pipeline(name, "new read")).await;
        client.trigger(trigger(name, &format!("{name}/read"), "email.viewed")).await;
    }
    let browser = Browser::of(&server, "");
    for (index, name) in [".", "..", "...", "~:a.b"].into_iter().enumerate() {
        let place = if name.starts_with('.') { name } else { ".." };
        let id = format!("deal/{name}");
        client.entity(entity(&id, place)).await;
        client.publish(event(&index.to_string(), "email.viewed", &id)).await;
        let escape = if matches!(name, "." | "..") { "=" } else { "" };
        let path = format!("/entities/deal/{escape}{name}");
        let page = browser.page(&path).await;
        contains(&page, &[&format!("<span class=\"id\">{id}</span> stands on")]);
        let form = [("stage", "new"), ("revision", &hidden(&page, "revision"))];
        let told = browser.post(&format!("{path}/move"), &form).await;
        assert_eq!((told.code, told.header("location")), (303, path.as_str()));
        assert_eq!(client.get_entity(&id).await.stage_id, "new");
    }
    // From the list of pipelines to everything that is looked at.
    let (mut seen, mut open) = (Vec::new(), vec!["/".to_owned()]);
    while let Some(path) = open.pop() {
        assert!(survives(&path), "{path}");
        if seen.contains(&path) || path.starts_with("/assets/") {
            continue;
        }
        let told = browser.get(&path).await;
        // Some take forms only.
        assert!(matches!(told.code, 200 | 405), "{path}: {}", text(&told));
        if told.code == 200 {
            // The catalogue and the ways to sort a list are many, and named like others.
            let all = links(&text(&told)).into_iter();
            open.extend(all.filter(|link| !link.contains("&type=") && !link.contains("sort=")));
        }
        seen.push(path);
    }
    for wanted in [
        "/boards/=.",
        "/boards/=..",
        "/boards/...",
        "/boards/=../list",
        "/boards/=../pictures",
        "/entities/deal/=.",
        "/entities/deal/=..",
        "/entities/deal/...",
        "/entities/deal/~:a.b",
        "/triggers/=.",
        "/triggers/=..",
        "/triggers/=../delete",
    ] {
        assert!(seen.iter().any(|path| path == wanted), "{wanted} was not come to: {seen:?}");
    }
    // Who writes it out, as no browser does, comes there as well.
    let page = ask(Method::GET, server.address(), "/entities/deal/%2e%2e", &[], "").await;
    assert_eq!(page.code, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_name_is_answered_by_a_page() {
    let server = Server::start().await;
    server.client().await.pipeline(pipeline("sales", "new read")).await;
    let browser = Browser::of(&server, "");
    let mut evil = String::new();
    for byte in EVIL.bytes() {
        write!(evil, "%{byte:02X}").expect("there is room");
    }
    let names =
        [&evil[..], "a%2Fb", "%C3%A4", "%E2%80%AE", "=a", "==.", "%25", "%00", "a%20b", "%2e%2f"];
    for name in names {
        for path in [
            format!("/entities/deal/{name}"),
            format!("/entities/deal/{name}/move"),
            format!("/entities/{name}/1"),
            format!("/boards/{name}"),
            format!("/boards/{name}/list"),
            format!("/triggers/{name}"),
        ] {
            let told = browser.get(&path).await;
            assert!(matches!(told.code, 400 | 404), "{path}: {}", told.code);
            let page = text(&told);
            contains(&page, &["role=\"alert\"", "All boards"]);
            assert!(!page.contains("<script>"), "{path}: {page}");
        }
    }
    for (path, code) in [("/nothing/there", 404), ("/entities", 404), ("/boards/", 404)] {
        let told = browser.get(path).await;
        assert_eq!(told.code, code, "{path}");
        contains(&text(&told), &["There is no such page", "All boards"]);
        assert!(told.header("content-security-policy").contains("default-src 'none'"));
        // Programs get what they can read.
        let told = ask(Method::GET, server.address(), path, &[], "").await;
        assert_eq!((told.code, told.json()["error"]["status"].as_str()), (404, Some("NOT_FOUND")));
    }
}
