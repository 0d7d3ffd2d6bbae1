//! Signing in with a token: it stays in a cookie that no script can read, and is looked at anew with
//! every request, so that one that is revoked opens nothing any more.

use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, SET_COOKIE};
use http::{Extensions, StatusCode};
use maud::html;
use serde::Deserialize;

use crate::Shared;
use crate::page::{Frame, component};

/// The prefix keeps every other host of the same domain from setting it.
pub(crate) fn cookie_name(is_encrypted: bool) -> &'static str {
    if is_encrypted { "__Host-pawl" } else { "pawl" }
}

/// Where to sign in, to come back to `from`.
pub(crate) fn path(from: &str) -> String {
    format!("/sign-in?then={}", component(from))
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Then {
    #[serde(default)]
    then: String,
}

#[derive(Deserialize)]
pub(crate) struct Given {
    token: String,
    #[serde(default)]
    then: String,
}

pub(crate) async fn page(
    State(door): State<Shared>,
    Query(Then { then }): Query<Then>,
) -> Response {
    if door.is_open() {
        return Redirect::to("/").into_response();
    }
    form(&then, None).into_response()
}

fn form(then: &str, problem: Option<&str>) -> maud::Markup {
    Frame::new("Sign in").page(html! {
        main.sheet.narrow {
            h1 { "Sign in" }
            p { "With a token of this server. Whoever runs it gives one out with "
                code { "pawl token create" } "." }
            @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
            form method="post" action="/sign-in" {
                input type="hidden" name="then" value=(then);
                label { "Token"
                    input type="password" name="token" required autofocus autocomplete="current-password" spellcheck="false";
                }
                button.primary { "Sign in" }
            }
        }
    })
}

pub(crate) async fn sign_in(
    State(door): State<Shared>,
    extensions: Extensions,
    Form(Given { token, then }): Form<Given>,
) -> Response {
    let token = token.trim();
    let known = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "that is no token: it has characters that none has".to_owned())
        .and_then(|value| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            door.visitor(&headers, &extensions)
        })
        .and_then(|_| cookie(door.is_encrypted(), token).ok_or_else(|| "that is no token".into()));
    match known {
        Ok(cookie) => {
            // Only to a page of here.
            let here = then.starts_with('/') && !then.starts_with("//") && !then.contains('\\');
            let then = if here { then.as_str() } else { "/" };
            ([(SET_COOKIE, cookie)], Redirect::to(then)).into_response()
        }
        Err(problem) => (StatusCode::UNAUTHORIZED, form(&then, Some(&problem))).into_response(),
    }
}

pub(crate) async fn sign_out(State(door): State<Shared>) -> Response {
    let name = cookie_name(door.is_encrypted());
    let secure = if door.is_encrypted() { "; Secure" } else { "" };
    let gone = format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}");
    ([(SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response()
}

/// `None` for a token that would not survive in a cookie: none that was given out is like that.
fn cookie(is_encrypted: bool, token: &str) -> Option<HeaderValue> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'"' | b'\\');
    if !token.bytes().all(is_plain) {
        return None;
    }
    let secure = if is_encrypted { "; Secure" } else { "" };
    let name = cookie_name(is_encrypted);
    HeaderValue::from_str(&format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}"))
        .ok()
}
