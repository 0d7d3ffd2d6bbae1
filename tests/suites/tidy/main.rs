//! The house itself: which room knows which, how long its files are, and what must not be in them.

mod files;
mod rooms;
