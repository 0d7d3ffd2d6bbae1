//! The board as a browser without script sees it.

use std::fmt::Write;

use http::Method;
use pawl_tests::{Answer, Server, ask, post};

/// Somebody with a browser.
pub(crate) struct Browser<'s> {
    server: &'s Server,
    pub(crate) cookie: String,
}

impl<'s> Browser<'s> {
    /// Who need not say who they are.
    pub(crate) fn open(server: &'s Server) -> Self {
        Self { server, cookie: String::new() }
    }

    pub(crate) fn with(server: &'s Server, token: &str) -> Self {
        Self { server, cookie: format!("pawl={token}") }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let headers = [("cookie", self.cookie.as_str()), ("accept", "text/html")];
        read(&ask(Method::GET, self.server.address(), path, &headers, "").await)
    }

    pub(crate) async fn send(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        post(self.server.address(), path, &headers, encoded(form)).await
    }

    /// Sends a form that leads to the board.
    pub(crate) async fn done(&self, path: &str, form: &[(&str, &str)]) {
        let answer = self.send(path, form).await;
        let board = answer.header("location").to_owned();
        assert_eq!((answer.code, board.as_str()), (303, "/boards/sales"), "{}", read(&answer).1);
    }

    /// Sends a form that is not taken.
    pub(crate) async fn not_done(&self, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        read(&self.send(path, form).await)
    }
}

fn read(answer: &Answer) -> (u16, String) {
    (answer.code, String::from_utf8(answer.body.clone()).expect("pages are UTF-8"))
}

pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let component = |text: &str| {
        text.bytes().fold(String::new(), |mut all, byte| {
            if byte.is_ascii_alphanumeric() {
                all.push(char::from(byte));
            } else {
                let _ = write!(all, "%{byte:02X}");
            }
            all
        })
    };
    let pairs =
        form.iter().map(|(name, value)| format!("{}={}", component(name), component(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What a page says, without its tags.
pub(crate) fn text(page: &str) -> String {
    let (mut text, mut is_tag) = (String::new(), false);
    for c in page.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    let escapes = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    escapes.iter().fold(text, |text, (escaped, c)| text.replace(escaped, c))
}

pub(crate) fn assert_says(page: &str, words: &[&str]) {
    let said = text(page);
    for word in words {
        assert!(said.contains(word), "{word:?} is not said:\n{said}");
    }
}
