//! The command as people and scripts meet it: what it prints, its exit codes, and how it gets in.
//!
//! Each session is a transcript that is compared with a snapshot; `INSTA_UPDATE=always` writes it
//! anew.

mod contexts;
mod door;
mod resources;
mod session;
mod status;
