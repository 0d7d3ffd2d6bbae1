use crate::limits::{
    FIELDS_MAX_BYTES, FIELDS_MAX_DEPTH, FILTER_MAX_BYTES, FILTER_MAX_DEPTH, LISTENING_MAX,
    SUBJECTS_MAX,
};
use crate::{Entity, Event, Fields, Filter, Rejection, Trigger};

macro_rules! limits {
    ($($(#[$doc:meta])+ $name:ident: $least:expr, $default:expr, $most:expr;)+) => {
        /// The limits of the model that an operator may set: how much may come in from now on.
        ///
        /// What was taken under higher ones stays, can be read, moved, and made smaller. What is
        /// beyond [`Limits::MOST`] could not be stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])+ pub $name: usize,)+
        }

        impl Limits {
            /// The lowest that can be set: with less nothing could be done.
            pub const LEAST: Self = Self { $($name: $least,)+ };
            /// What holds unless something else is said.
            pub const DEFAULT: Self = Self { $($name: $default,)+ };
            /// The highest that can be set.
            pub const MOST: Self = Self { $($name: $most,)+ };

            /// Each with its name.
            pub fn named(&self) -> Vec<(&'static str, usize)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

// Lowest, unless said otherwise, highest.
limits! {
    /// Subjects of one event (E1).
    max_subjects: 1, SUBJECTS_MAX, SUBJECTS_MAX;
    /// Bytes of an event's `attributes`, by [`Fields::size_bytes`].
    max_attributes_bytes: 64, FIELDS_MAX_BYTES, FIELDS_MAX_BYTES;
    /// Levels of nesting in an event's `attributes`.
    max_attributes_depth: 1, FIELDS_MAX_DEPTH, FIELDS_MAX_DEPTH;
    /// Bytes of an entity's `fields`, by [`Fields::size_bytes`].
    max_fields_bytes: 64, FIELDS_MAX_BYTES, FIELDS_MAX_BYTES;
    /// Levels of nesting in an entity's `fields`.
    max_fields_depth: 1, FIELDS_MAX_DEPTH, FIELDS_MAX_DEPTH;
    /// Bytes of a filter (T3).
    max_filter_bytes: 16, FILTER_MAX_BYTES, FILTER_MAX_BYTES;
    /// Levels of nesting in a filter (T3).
    max_filter_depth: 1, FILTER_MAX_DEPTH, FILTER_MAX_DEPTH;
    /// Triggers on one stage.
    max_triggers_per_stage: 1, 1_000, 100_000;
    /// Triggers of one pipeline that listen to one event type: each is considered for every such event.
    max_triggers_per_pipeline_and_event_type: 1, LISTENING_MAX, LISTENING_MAX;
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    /// Refuses an event with too many subjects or attributes.
    pub fn check_event(&self, event: &Event) -> Result<(), Rejection> {
        let (count, limit) = (event.subjects.len(), self.max_subjects);
        if count > limit {
            let problem = format!("has {count}, the limit is {limit}; publish several events");
            return Err(Rejection::invalid("subjects", problem));
        }
        let (bytes, depth) = (self.max_attributes_bytes, self.max_attributes_depth);
        check_fields("attributes", None, &event.attributes, bytes, depth)
    }

    /// Refuses an entity whose fields are too large, and were not as large before.
    pub fn check_entity(&self, before: Option<&Entity>, after: &Entity) -> Result<(), Rejection> {
        let (bytes, depth) = (self.max_fields_bytes, self.max_fields_depth);
        check_fields("fields", before.map(|entity| &entity.fields), &after.fields, bytes, depth)
    }

    /// Refuses a trigger whose filter is too large, and is not the one that it had before.
    pub fn check_trigger(
        &self,
        before: Option<&Trigger>,
        after: &Trigger,
    ) -> Result<(), Rejection> {
        match &after.filter {
            Some(filter) if before.is_none_or(|known| known.filter != after.filter) => {
                self.check_filter(filter)
            }
            _ => Ok(()),
        }
    }

    fn check_filter(&self, filter: &Filter) -> Result<(), Rejection> {
        let refused = |problem| Rejection::BadFilter {
            field: "filter".to_owned(),
            line: 1,
            column: 1,
            problem,
        };
        let (bytes, limit) = (filter.as_str().len(), self.max_filter_bytes);
        if bytes > limit {
            let problem = format!("has {bytes} bytes, the limit is {limit}; make it shorter");
            return Err(refused(problem));
        }
        let (depth, limit) = (filter.depth(), self.max_filter_depth);
        if depth > limit {
            let problem = format!("nests {depth} levels deep, the limit is {limit}; split it up");
            return Err(refused(problem));
        }
        Ok(())
    }
}

fn check_fields(
    field: &str,
    before: Option<&Fields>,
    after: &Fields,
    max_bytes: usize,
    max_depth: usize,
) -> Result<(), Rejection> {
    // What is larger could not have been made: then there is nothing to measure.
    if max_bytes < FIELDS_MAX_BYTES {
        let bytes = after.size_bytes();
        if bytes > max_bytes && before.is_none_or(|before| bytes > before.size_bytes()) {
            return Err(Fields::too_large(field, bytes, max_bytes));
        }
    }
    if max_depth < FIELDS_MAX_DEPTH {
        let depth = after.depth();
        if depth > max_depth && before.is_none_or(|before| depth > before.depth()) {
            return Err(Fields::too_deep(field, max_depth));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_lie_between_the_lowest_and_the_highest() {
        let all = Limits::LEAST.named().into_iter().zip(Limits::DEFAULT.named());
        for ((least, default), (name, most)) in all.zip(Limits::MOST.named()) {
            assert!(least.1 <= default.1 && default.1 <= most, "{name}");
        }
    }
}
