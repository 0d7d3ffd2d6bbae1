//! The style sheet, the script and the logo, which lie in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use xxhash_rust::xxh3::xxh3_64;

/// A pawl on its ratchet.
pub(crate) const LOGO: &str = include_str!("../assets/logo.svg");

struct Asset {
    /// After what is in it, so that a browser may keep it for ever.
    path: String,
    kind: &'static str,
    text: &'static str,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        ("css", "text/css; charset=utf-8", include_str!("../assets/board.css")),
        ("js", "text/javascript; charset=utf-8", include_str!("../assets/board.js")),
        ("svg", "image/svg+xml", LOGO),
    ]
    .map(|(ending, kind, text)| Asset {
        path: format!("/assets/{:016x}.{ending}", xxh3_64(text.as_bytes())),
        kind,
        text,
    })
});

pub(crate) fn style() -> &'static str {
    &ASSETS[0].path
}

pub(crate) fn script() -> &'static str {
    &ASSETS[1].path
}

pub(crate) fn logo() -> &'static str {
    &ASSETS[2].path
}

pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let found = ASSETS.iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&name));
    let Some(Asset { kind, text, .. }) = found else {
        return (StatusCode::NOT_FOUND, "there is no such file; load the page anew\n")
            .into_response();
    };
    let kept = "public, max-age=31536000, immutable";
    ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, kept)], *text).into_response()
}
