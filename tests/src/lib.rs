//! What the end-to-end suites share: the real `pawl` process on a directory of its own, typed
//! clients, watchers, and short ways to write resources that state only what matters.
//!
//! The suites stand in `suites/`, one test binary each. This crate deliberately does not know the
//! insides of the server: everything goes through the process, its signals and the contract.
//!
//! Start reading at [`Server::start`].

#![expect(clippy::missing_panics_doc, reason = "a test that cannot go on panics, and says so")]

mod authority;
mod binary;
mod client;
mod http;
mod lists;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod machine;
mod make;
mod program;
mod refused;
mod server;
mod suite;
mod watcher;

pub use authority::{Authority, dns};
pub use binary::{binary, workspace_root};
pub use client::Client;
pub use http::{Answer, ask, post};
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use machine::{Host, Rig, machine_time};
pub use make::{entity, event, fields, pipeline, timestamp_ms, trigger, trigger_type};
pub use nix::sys::signal::Signal;
pub use program::Program;
pub use refused::{Refused, is_refusal};
pub use server::{Ended, Port, Server};
pub use suite::{cases, say, within};
pub use watcher::{Watcher, earliest, now, resume, snapshot};
