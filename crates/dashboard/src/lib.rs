//! The live board: whoever runs a sales team sees deals move, what stands behind each stage, and why
//! something did not happen.
//!
//! Pages are made here and sent whole; a small script of our own keeps the board up to date over
//! server-sent events, whose ids are resume tokens, so that the browser's own reconnection goes on
//! where it was. Everything is asked of the same engine as an RPC asks, as far as whoever looks may
//! reach: see [`Door`].
//!
//! It deliberately has no second way to the data, no rules of its own, no clock, and nothing in a
//! page that comes from elsewhere.

mod address;
mod assets;
mod attempt;
mod board;
mod card;
mod cause;
mod door;
mod entity;
mod guard;
mod home;
mod list;
mod live;
mod moving;
mod once;
mod outcome;
mod page;
mod pictures;
mod sign_in;
mod trigger;
mod why;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, Method};

pub use door::{Door, May, Visitor};

/// What is answered to a person who looks for a page that is not there; `None` for programs.
pub fn nowhere(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let is_person = *method == Method::GET && door::wants_page(headers);
    is_person.then(|| guard::protected(page::Sorry::nowhere().into_response()))
}

/// What the handlers stand on.
type Shared = Arc<dyn Door>;

/// The pages, to be merged with what else answers on the port.
pub fn router(door: Shared) -> Router {
    let pages = Router::new()
        .route("/", get(home::page))
        .route("/boards/{pipeline}", get(board::page))
        .route("/boards/{pipeline}/cards", get(board::cards))
        .route("/boards/{pipeline}/live", get(live::stream))
        .route("/boards/{pipeline}/list", get(list::page))
        .route("/boards/{pipeline}/try", get(attempt::page).post(attempt::tried))
        .route("/boards/{pipeline}/pictures", get(pictures::page))
        .route("/publish", get(attempt::publish_page).post(attempt::publish_given))
        .route("/entities/{kind}/{id}", get(entity::page))
        .route("/entities/{kind}/{id}/move", get(moving::page).post(moving::moved))
        .merge(trigger::routes());
    pages
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", axum::routing::post(sign_in::sign_out))
        .layer(from_fn_with_state(Arc::clone(&door), guard::bring_credentials))
        .layer(from_fn(guard::same_origin))
        .route("/assets/{name}", get(assets::serve))
        .layer(from_fn(guard::headers))
        .with_state(door)
}
