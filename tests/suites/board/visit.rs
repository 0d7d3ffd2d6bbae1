//! Browsers without script, and what they look at.

use std::fmt::Write as _;
use std::net::SocketAddr;

use http::Method;
use pawl_api::pb;
use pawl_tests::{Answer, Client, Server, ask, binary, entity, fields, pipeline, trigger};
use tempfile::TempDir;
use tokio::process::Command;

/// What somebody may have written anywhere.
pub(crate) const EVIL: &str = "<script>alert(1)</script>";

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).expect("pages are UTF-8")
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in pairs {
        let _ = write!(body, "{}{name}=", if body.is_empty() { "" } else { "&" });
        for byte in value.bytes() {
            let _ = write!(body, "%{byte:02X}");
        }
    }
    body
}

/// Somebody with a token, or without where nobody needs one.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    token: String,
}

impl Browser {
    pub(crate) fn of(server: &Server, token: &str) -> Self {
        Self { address: server.address(), token: token.to_owned() }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        more: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let cookie = format!("pawl={}", self.token);
        let mut headers = vec![("accept", "text/html")];
        headers.extend(more);
        if !self.token.is_empty() {
            headers.push(("cookie", &cookie));
        }
        ask(method, self.address, path, &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], String::new()).await
    }

    /// A page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.code, 200, "{path}: {}", text(&answer));
        text(&answer)
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
        more: &[(&str, &str)],
    ) -> Answer {
        let form = [&[("content-type", "application/x-www-form-urlencoded")], more].concat();
        self.send(Method::POST, path, &form, encoded(pairs)).await
    }

    /// A page, whatever its code.
    pub(crate) async fn look(&self, path: &str) -> (u16, String) {
        let answer = self.get(path).await;
        (answer.code, text(&answer))
    }

    /// Sends a form that leads to the board of `sales`.
    pub(crate) async fn done(&self, path: &str, pairs: &[(&str, &str)]) {
        let answer = self.post(path, pairs).await;
        let board = answer.header("location").to_owned();
        assert_eq!((answer.code, board.as_str()), (303, "/boards/sales"), "{}", text(&answer));
    }

    /// Sends a form that is answered by a page.
    pub(crate) async fn not_done(&self, path: &str, pairs: &[(&str, &str)]) -> (u16, String) {
        let answer = self.post(path, pairs).await;
        (answer.code, text(&answer))
    }

    pub(crate) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.post_with(path, pairs, &[("sec-fetch-site", "same-origin")]).await
    }
}

pub(crate) fn contains(page: &str, all: &[&str]) {
    for one in all {
        assert!(page.contains(one), "lacks {one:?}:\n{page}");
    }
}

/// What a page says, without its tags.
pub(crate) fn said(page: &str) -> String {
    let (mut words, mut is_tag) = (String::new(), false);
    for c in page.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => words.push(c),
            _ => {}
        }
    }
    let escapes = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    escapes.iter().fold(words, |text, (escaped, c)| text.replace(escaped, c))
}

pub(crate) fn assert_says(page: &str, words: &[&str]) {
    let said = said(page);
    for word in words {
        assert!(said.contains(word), "{word:?} is not said:\n{said}");
    }
}

/// What a form brings along unseen.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let input = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&input).unwrap_or_else(|| panic!("no {name}:\n{page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// The JSON for the script.
pub(crate) fn marks(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("data-marks=\"").expect("there are marks");
    let (json, _) = rest.split_once('"').expect("the attribute ends");
    serde_json::from_str(&json.replace("&quot;", "\"")).expect("they are JSON")
}

/// `deal/1` to `deal/3` on New; an opened mail moves them to Read, a paid one to Won if it is large.
pub(crate) async fn fill(client: &Client) {
    let mut sales = pipeline("sales", "new read won:WON");
    "Sales of flowers".clone_into(&mut sales.display_name);
    for (stage, name) in sales.stages.iter_mut().zip(["New", "Read", "Won"]) {
        name.clone_into(&mut stage.display_name);
    }
    client.pipeline(sales).await;
    let read = trigger("opened", "sales/read", "email.viewed");
    client.trigger(pb::Trigger { display_name: "Mail opened".to_owned(), ..read }).await;
    let paid = trigger("large", "sales/won", "email.viewed");
    let filter = "event.attributes.sum > 100.0".to_owned();
    client.trigger(pb::Trigger { display_name: "Large one".to_owned(), filter, ..paid }).await;
    for index in 1..=3 {
        let mut deal = entity(&format!("deal/{index}"), "sales");
        deal.display_name = format!("Roses {index}");
        deal.responsible = if index == 1 { "ines".to_owned() } else { "ole".to_owned() };
        deal.fields = Some(fields([("city", Some("Ghent"))]));
        deal.customer_ids = vec!["contact/9".to_owned()];
        client.entity(deal).await;
    }
}

pub(crate) async fn filled() -> (Server, Client, Browser) {
    let server = Server::start().await;
    let client = server.client().await;
    fill(&client).await;
    let browser = Browser::of(&server, "");
    (server, client, browser)
}

/// What the server stands on, to be dropped after it.
pub(crate) struct Kept {
    _access: TempDir,
    /// Has ended; its directory is in use.
    _data: Server,
}

/// The same server again, and now it asks who comes; with a token for each of these arguments.
pub(crate) async fn guarded(
    mut server: Server,
    wanted: &[&[&str]],
) -> (Kept, Server, Vec<Browser>) {
    let dir = TempDir::with_prefix("pawl-access-").expect("a temporary directory");
    let path = dir.path().join("access.toml");
    let path = path.to_str().expect("paths of tests are UTF-8");
    let mut tokens = Vec::new();
    for args in wanted {
        let mut command = Command::new(binary());
        command.args(["token", "create"]).args(*args).args(["--access-file", path]);
        let output = command.output().await.expect("pawl starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tokens.push(String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned());
    }
    server.terminate().await;
    let data = server.data().to_str().expect("paths of tests are UTF-8");
    let again = Server::start_there(&["--access-file", path, "--data", data]).await;
    let browsers = tokens.iter().map(|token| Browser::of(&again, token)).collect();
    (Kept { _access: dir, _data: server }, again, browsers)
}
