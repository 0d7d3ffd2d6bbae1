//! What every request and answer passes: credentials out of the cookie, requests of other sites kept
//! out, headers that keep the pages to themselves.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method};

use crate::Shared;
use crate::page::Sorry;
use crate::sign_in::cookie_name;

/// Takes nothing from elsewhere; what is inline, script or style, does not run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Brings the token that signing in left in a cookie to where every other client has it.
pub(crate) async fn bring_credentials(
    State(door): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    if door.is_open() && !names_this_machine(request.headers()) {
        // A page elsewhere whose name was made to lead here would be let in like its own.
        return Sorry::misdirected().into_response();
    }
    let name = cookie_name(door.is_encrypted());
    if !request.headers().contains_key(AUTHORIZATION)
        && let Some(token) = cookie(request.headers(), name)
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    next.run(request).await
}

/// Refuses changes that another site asks for: browsers say where a request comes from.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_of_here(request.headers()) {
        return next.run(request).await;
    }
    Sorry::foreign().into_response()
}

fn is_of_here(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    // Who sends neither is no browser, and nobody's cookie comes with it.
    let Some(origin) = text(ORIGIN) else { return true };
    let host = text(HOST).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host))
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    // HTTP/2 has it in the address of the request, and no browser speaks it without TLS.
    let Some(host) = host else { return true };
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host == "localhost" || host.ends_with(".localhost") || host.parse::<std::net::IpAddr>().is_ok()
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|text| text.split(';')).filter_map(|one| one.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Says what browsers may do with an answer.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    protected(next.run(request).await)
}

/// An answer with these headers.
pub(crate) fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(http::header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn changes_come_from_pages_of_here() {
        let table: [(&[(&str, &str)], bool); 8] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], false),
            (&[("origin", "http://a:1"), ("host", "a:1")], true),
            (&[("origin", "http://a:2"), ("host", "a:1")], false),
            (&[("origin", "null"), ("host", "a:1")], false),
            (&[], true),
        ];
        for (pairs, expected) in table {
            assert_eq!(is_of_here(&headers(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn names_that_lead_here_by_trickery_are_told_from_our_own() {
        for (host, expected) in [
            ("localhost:7171", true),
            ("127.0.0.1:7171", true),
            ("[::1]:7171", true),
            ("board.localhost", true),
            ("evil.example:7171", false),
            ("localhost.evil.example", false),
            ("a b", false),
        ] {
            assert_eq!(names_this_machine(&headers(&[("host", host)])), expected, "{host}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = headers(&[("cookie", "a=b; pawl=pawl_x=; pawlish=c")]);
        assert_eq!(cookie(&found, "pawl"), Some("pawl_x="));
        assert_eq!(cookie(&found, "paw"), None);
    }
}
