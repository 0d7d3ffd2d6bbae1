//! The board over HTTP: pages of a real server, as a browser without script sees them.

mod browser;
mod pages;
mod reach;
mod triggers;
mod visit;
