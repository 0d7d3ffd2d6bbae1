use std::cell::Cell;

use indicatif::{ProgressBar, ProgressStyle};
use pawl_store::{Phase, Progress};

/// Shows how far something is, on a terminal only.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    phase: Cell<Option<Phase>>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { bar: ProgressBar::no_length(), phase: Cell::new(None) }
    }

    pub(super) fn show(&self, progress: Progress) {
        let Progress { phase, done, total } = progress;
        if self.phase.replace(Some(phase)) != Some(phase) {
            self.bar.set_style(style(phase, total.is_some()));
            self.bar.reset();
        }
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(done);
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(phase: Phase, has_total: bool) -> ProgressStyle {
    let (what, unit) = match phase {
        Phase::Copy => ("copying", "{bytes}"),
        Phase::Write => ("writing", "{human_pos} keys"),
        Phase::Log => ("reading the log", "{human_pos} records"),
        Phase::Entities => ("comparing rows", "{human_pos} entities"),
        Phase::Links => ("counting links", "{human_pos} links"),
    };
    let bar = if has_total { "{wide_bar} {percent:>3} %  {eta} left" } else { "{spinner}" };
    let template = format!("{what}  {unit}  {bar}");
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|error| unreachable!("{template:?}: {error}"))
}
