//! Every limit of the model in one place, so that errors, docs and `GetServerInfo` agree.

/// Longest slug: the ids of pipelines, stages, triggers and trigger types, and the part of an
/// entity or customer id after its slash. In bytes (slugs are ASCII).
pub const SLUG_MAX_BYTES: usize = 128;
/// Longest free name: event ids, sources, types, actors, responsibles, display names. In characters.
pub const NAME_MAX_CHARS: usize = 256;
/// Longest explanatory text (a trigger type's description, a comment on a move). In characters.
pub const PROSE_MAX_CHARS: usize = 4_096;
/// Most stages of one pipeline (P1).
pub const STAGES_MAX: usize = 200;
/// Most subjects of one event (E1).
pub const SUBJECTS_MAX: usize = 100;
/// Largest `fields` or `attributes`, by [`Fields::size_bytes`](crate::Fields::size_bytes).
pub const FIELDS_MAX_BYTES: usize = 32 * 1_024;
/// Deepest nesting of `fields` or `attributes`; a flat map has depth 1.
pub const FIELDS_MAX_DEPTH: usize = 8;
/// Most customers, and most parents, that one entity names.
pub const LINKS_MAX: usize = 100;
/// Most entity kinds that a trigger type lists.
pub const KINDS_MAX: usize = 100;
/// Most triggers of one pipeline that listen to one event type.
pub const LISTENING_MAX: usize = 1_000;
/// Most parameters of one trigger type, and most options of one parameter.
pub const PARAMETERS_MAX: usize = 50;
/// Most values in the list that is given for a parameter.
pub const VALUES_MAX: usize = 100;
/// Longest filter (T3).
pub const FILTER_MAX_BYTES: usize = 4 * 1_024;
/// Deepest nesting of a filter; chains of `&&` or `||` count as one level (T3).
pub const FILTER_MAX_DEPTH: usize = 32;
/// What running a filter may cost at worst, in values and bytes looked at (T3).
pub const FILTER_COST_MAX: u64 = 1_000_000;
/// Longest detail that is stored with a verdict.
pub const DETAIL_MAX_BYTES: usize = 256;
/// Most entities that one event may reach (E3).
pub const REACH_MAX: usize = 1_000;
/// Most decisions of one event, those along its chain among them (X2).
pub const DECISIONS_MAX: usize = 10_000;
/// How much of explanations one event gets, by the size of the values (Q1).
pub const EXPLAINED_MAX_BYTES: usize = 512 * 1_024;
/// How far a chain of events goes from the one that began it (X2).
pub const HOPS_MAX: u32 = 8;
/// Most hypothetical triggers of one preview.
pub const HYPOTHETICAL_MAX: usize = 100;
/// Largest pipeline, trigger type or entity: the bytes of all its texts, plus 8 for each stage, link and value.
pub const RESOURCE_MAX_BYTES: usize = 64 * 1_024;
