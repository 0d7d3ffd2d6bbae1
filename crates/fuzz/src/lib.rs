//! Everything of Pawl that reads bytes from outside, each as a [`Target`]: it takes any bytes, and
//! panics when what comes of them is not what must.
//!
//! This crate deliberately does not know where the bytes come from: chance makes them in
//! `tests/suites/fuzz`, libFuzzer in `tests/fuzz`.

#![expect(clippy::missing_panics_doc, reason = "a panic is what is looked for")]

mod backups;
mod configuration;
mod filters;
mod lines;
mod records;
mod requests;
mod service;
mod tokens;
mod valid;
mod web;
mod world;

use std::cell::RefCell;

/// One way in.
pub trait Target {
    /// Inputs that are good, from which others are made.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// What such inputs are made of, beside bytes.
    fn words(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads an input, and says whether it was understood.
    fn feed(&mut self, input: &[u8]) -> bool;
}

/// Makes a target with all that it needs, such as a server.
pub type Make = fn() -> Box<dyn Target>;

/// All of them, by name.
pub const TARGETS: [(&str, Make); 15] = [
    ("requests", || Box::new(requests::Requests)),
    ("filters", || Box::new(filters::Filters::default())),
    ("resume_tokens", || Box::new(tokens::ResumeTokens::default())),
    ("page_tokens", || Box::new(tokens::PageTokens::default())),
    ("records", || Box::new(records::Records)),
    ("rows", || Box::new(records::Rows)),
    ("journal", || Box::new(records::Journal)),
    ("backups", || Box::new(backups::Backups)),
    ("lines", || Box::new(lines::Lines)),
    ("manifests", || Box::new(configuration::Manifests)),
    ("cases_of_rules", || Box::new(configuration::Cases)),
    ("settings", || Box::new(configuration::Settings)),
    ("access_files", || Box::new(configuration::AccessFiles)),
    ("service", || Box::new(service::Service::default())),
    ("web", || Box::new(web::Web::default())),
];

/// Makes the target of this name.
pub fn open(name: &str) -> Box<dyn Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, make) = found.unwrap_or_else(|| panic!("there is no target {name:?}"));
    make()
}

/// Feeds one input to the target of this name, which stays open on this thread.
pub fn feed(name: &str, input: &[u8]) {
    thread_local! {
        static OPEN: RefCell<Option<Box<dyn Target>>> = const { RefCell::new(None) };
    }
    OPEN.with_borrow_mut(|target| target.get_or_insert_with(|| open(name)).feed(input));
}
