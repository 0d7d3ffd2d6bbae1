//! The style sheet and the script, which lie in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use xxhash_rust::xxh3::xxh3_64;

const STYLE: &str = include_str!("../assets/board.css");
const SCRIPT: &str = include_str!("../assets/board.js");

/// Named after what is in them, so that a browser may keep them for ever.
static NAMES: LazyLock<[String; 2]> = LazyLock::new(|| {
    [("css", STYLE), ("js", SCRIPT)]
        .map(|(kind, text)| format!("{:016x}.{kind}", xxh3_64(text.as_bytes())))
});

pub(crate) fn style() -> String {
    format!("/assets/{}", NAMES[0])
}

pub(crate) fn script() -> String {
    format!("/assets/{}", NAMES[1])
}

pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let (kind, text) = if name == NAMES[0] {
        ("text/css; charset=utf-8", STYLE)
    } else if name == NAMES[1] {
        ("text/javascript; charset=utf-8", SCRIPT)
    } else {
        return (StatusCode::NOT_FOUND, "there is no such file; load the page anew\n")
            .into_response();
    };
    let kept = "public, max-age=31536000, immutable";
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, kept)], text).into_response()
}
