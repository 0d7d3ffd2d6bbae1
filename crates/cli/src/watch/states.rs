use std::time::Duration;

use pawl_api::watch::{Interruption, State};

use crate::client::ServerError;

/// How a watch fares, as lines for people: once what happened, not each attempt.
#[derive(Debug, Default)]
pub(super) struct States {
    /// Whether the watch has ever stood.
    stood: bool,
    /// Why it does not, as it was told last.
    told: Option<String>,
}

impl States {
    /// What there is to say of it, if anything.
    pub(super) fn line(&mut self, state: &State) -> Option<String> {
        match state {
            State::Connecting { .. } => None,
            State::Live => {
                self.stood = true;
                self.told.take().map(|_| "connected again".to_owned())
            }
            State::Interrupted { why, retry_in } => {
                let why = reason(why);
                if self.told.as_ref() == Some(&why) {
                    return None;
                }
                let what = if self.stood { "connection lost" } else { "cannot watch yet" };
                let line = format!("{what}: {why}; trying again in {}", seconds(*retry_in));
                self.told = Some(why);
                Some(line)
            }
            State::SnapshotRestarted => Some(
                "the snapshot was interrupted: it begins anew, what was shown of it is void"
                    .to_owned(),
            ),
        }
    }
}

fn reason(why: &Interruption) -> String {
    match why {
        Interruption::Failed(status) => {
            let error = ServerError::from(status.as_ref().clone());
            error.broken_by().unwrap_or_else(|| error.to_string())
        }
        Interruption::Closing(_)
        | Interruption::Cut
        | Interruption::Silent { .. }
        | Interruption::Unanswered { .. } => why.to_string(),
    }
}

fn seconds(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 2.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

#[cfg(test)]
mod tests {
    use pawl_api::pb::ClosingReason;
    use tonic::Status;

    use super::*;

    #[test]
    fn each_cause_is_told_once_and_that_it_is_over() {
        let interrupted =
            |why, millis| State::Interrupted { why, retry_in: Duration::from_millis(millis) };
        let unavailable = || Interruption::Failed(Box::new(Status::unavailable("not yet")));
        let closing = || Interruption::Closing(ClosingReason::ServerShutdown);
        let table = [
            (State::Connecting { attempt: 1 }, None),
            (
                interrupted(unavailable(), 140),
                Some("cannot watch yet: not yet (Unavailable); trying again in 0.1 s"),
            ),
            (State::Live, Some("connected again")),
            (State::Live, None),
            (
                interrupted(closing(), 1_960),
                Some("connection lost: the server is stopping; trying again in 2.0 s"),
            ),
            (State::Connecting { attempt: 1 }, None),
            (
                interrupted(unavailable(), 7_400),
                Some("connection lost: not yet (Unavailable); trying again in 7 s"),
            ),
            (interrupted(unavailable(), 9_000), None),
            (State::Live, Some("connected again")),
            (
                interrupted(Interruption::Silent { limit: Duration::from_secs(32) }, 150),
                Some("connection lost: nothing was heard for 32s; trying again in 0.1 s"),
            ),
        ];
        let mut states = States::default();
        for (state, line) in table {
            assert_eq!(states.line(&state).as_deref(), line, "{state:?}");
        }
    }
}
