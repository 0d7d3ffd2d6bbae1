//! The board's pages over HTTP, against a real server.

mod pages;
mod reach;
mod visit;
