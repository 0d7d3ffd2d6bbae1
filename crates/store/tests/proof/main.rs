//! What the store promises: what was synced comes back, and nothing else is ever taken for it.

mod build;
mod damage;
mod directory;
mod format;
mod journal;
mod lists;
mod lookups;
mod mark;
mod overlay;
mod reopen;
mod retained;
mod retained_model;
mod retained_race;
mod stats;
mod written;
