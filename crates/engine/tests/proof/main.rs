//! What the engine promises, rule by rule; a test is named by what it proves, and its messages by
//! the rule in `docs/semantics.md`.

mod backups;
mod checks;
mod clock;
mod configuration;
mod dedupe;
mod disk;
mod entities;
mod events;
mod identities;
mod imports;
mod listed;
mod load;
mod moves;
mod previews;
mod requests;
mod retention;
mod scope;
mod snapshots;
mod stalls;
mod support;
mod tokens;
mod watched;
mod watches;
