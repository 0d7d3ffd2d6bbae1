//! The board over HTTP: pages of a real server, as a browser without script sees them.

mod address;
mod once;
mod pages;
mod reach;
mod triggers;
mod verdicts;
mod visit;
