use pawl_domain::limits::RESOURCE_MAX_BYTES;

/// How much one request may hold: what an operator may set, with the limits of the model among it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request message, over gRPC and over HTTP.
    pub max_message_bytes: usize,
    /// Events in one message of `PublishEvents`, and in one batch over HTTP.
    pub max_events_per_message: usize,
    /// Entities in one message of `ImportEntities`.
    pub max_import_entities: usize,
    /// Results on one page of a list, and on a stage of a board.
    pub max_page_size: usize,
    /// What events, entities and triggers may be like.
    pub model: pawl_domain::Limits,
}

/// A limit that is set to what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {given}; choose {least} to {most}")]
pub struct LimitError {
    name: &'static str,
    given: usize,
    least: usize,
    most: usize,
}

impl Limits {
    /// The lowest that can be set.
    pub const LEAST: Self = Self {
        // Room for any one resource or event, and for what its encoding adds.
        max_message_bytes: 2 * RESOURCE_MAX_BYTES,
        // As many as `pawl event publish` sends at once.
        max_events_per_message: 64,
        max_import_entities: 1,
        max_page_size: 1,
        model: pawl_domain::Limits::LEAST,
    };

    /// What holds unless something else is said.
    pub const DEFAULT: Self = Self {
        max_message_bytes: 4 * 1_024 * 1_024,
        max_events_per_message: 1_000,
        max_import_entities: 1_000,
        max_page_size: 1_000,
        model: pawl_domain::Limits::DEFAULT,
    };

    /// The highest that can be set.
    pub const MOST: Self = Self {
        // An import is one record of the log, and all that is arriving shares 256 MiB.
        max_message_bytes: 16 * 1_024 * 1_024,
        max_events_per_message: 10_000,
        max_import_entities: 1_000,
        max_page_size: 1_000,
        model: pawl_domain::Limits::MOST,
    };

    /// Refuses what is lower or higher than it can be.
    pub fn check(&self) -> Result<(), LimitError> {
        let bounds = Self::LEAST.named().into_iter().zip(Self::MOST.named());
        for ((name, given), ((_, least), (_, most))) in self.named().into_iter().zip(bounds) {
            if !(least..=most).contains(&given) {
                return Err(LimitError { name, given, least, most });
            }
        }
        Ok(())
    }

    /// Each with its name.
    pub fn named(&self) -> Vec<(&'static str, usize)> {
        let mut named = vec![
            ("max_message_bytes", self.max_message_bytes),
            ("max_events_per_message", self.max_events_per_message),
            ("max_import_entities", self.max_import_entities),
            ("max_page_size", self.max_page_size),
        ];
        named.extend(self.model.named());
        named
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for good in [Limits::LEAST, Limits::DEFAULT, Limits::MOST] {
            assert_eq!(good.check(), Ok(()));
        }
        let mut limits = Limits::DEFAULT;
        limits.model.max_subjects = 101;
        let said = limits.check().map_err(|error| error.to_string());
        assert_eq!(said, Err("max_subjects is 101; choose 1 to 100".to_owned()));
        let limits = Limits { max_message_bytes: 7, ..Limits::DEFAULT };
        let said = limits.check().map_err(|error| error.to_string());
        assert_eq!(said, Err("max_message_bytes is 7; choose 131072 to 16777216".to_owned()));
    }
}
