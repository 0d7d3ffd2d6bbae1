//! Running a server: what it is told, and what it tells of itself.

mod answers;
mod collector;
mod configuration;
mod numbers;
mod scrape;
mod traces;
