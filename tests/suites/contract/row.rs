//! A row of the table: a call, and how it is refused.

use futures_util::future::BoxFuture;
use pawl_api::pb::ErrorReason;
use pawl_tests::Refused;
use tonic::Code;

use crate::Answer;
use crate::documented::Documented;
use crate::world::World;

/// Makes the call of a row in the world.
pub(crate) type Call = Box<dyn FnOnce(World) -> BoxFuture<'static, Answer>>;

/// A call without its type.
pub(crate) fn boxed<F>(call: impl FnOnce(World) -> F + 'static) -> Call
where
    F: Future<Output = Answer> + Send + 'static,
{
    Box::new(move |world| Box::pin(call(world)))
}

/// A call, and how it is refused.
pub(crate) struct Row {
    expected: Expected,
    call: Call,
}

/// How a call is refused.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) what: &'static str,
    pub(crate) code: Code,
    pub(crate) reason: ErrorReason,
    /// Path of the field; empty when the refusal concerns none.
    pub(crate) field: &'static str,
    /// A part of the message that tells the limit or the remedy.
    pub(crate) says: &'static str,
}

impl Row {
    pub(crate) fn new(
        what: &'static str,
        (code, reason): (Code, ErrorReason),
        field: &'static str,
        says: &'static str,
        call: Call,
    ) -> Self {
        Self { expected: Expected { what, code, reason, field, says }, call }
    }

    pub(crate) fn reason(&self) -> ErrorReason {
        self.expected.reason
    }

    pub(crate) fn split(self) -> (Expected, Call) {
        (self.expected, self.call)
    }
}

impl Expected {
    /// What is wrong with a refusal, or with there being none.
    pub(crate) fn check(&self, refused: Option<Refused>) -> Result<(), String> {
        let Some(refused) = refused else { return Err("was granted".to_owned()) };
        let fields: &[&str] = if self.field.is_empty() { &[] } else { &[self.field] };
        let documented = Documented::of(self.reason);
        let undocumented = refused.metadata.keys().find(|key| !documented.metadata.contains(*key));
        let named = refused.metadata.get("field").map_or(self.field, String::as_str);
        let wrong = [
            (refused.code != self.code, "the code"),
            (!documented.codes.contains(&self.code), "the code, by the documentation"),
            (format!("ERROR_REASON_{}", refused.reason) != self.reason.as_str_name(), "the reason"),
            (refused.domain != "pawl", "the domain"),
            (refused.fields != fields, "the field"),
            (named != self.field, "the field in the metadata"),
            (!refused.message.contains(self.says), "the message"),
            (undocumented.is_some(), "metadata that is not documented"),
        ];
        match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
            None => Ok(()),
            Some((_, part)) => Err(format!("{part} is wrong: {refused:?}, not {self:?}")),
        }
    }
}

/// The call of a row: `call!(entities.get_entity(REQUEST))`, or `call!(|world| ...)` when the
/// request takes something from the world.
macro_rules! call {
    (|$world:ident| $service:ident . $method:ident ( $request:expr )) => {
        $crate::row::boxed(move |$world: $crate::world::World| async move {
            let request = $request;
            $world.client.$service.clone().$method(request).await.map(drop)
        })
    };
    ($service:ident . $method:ident ( $request:expr )) => {
        $crate::row::call!(|world| $service.$method($request))
    };
}
pub(crate) use call;

/// Code and reason of common refusals.
pub(crate) const INVALID: (Code, ErrorReason) = (Code::InvalidArgument, ErrorReason::InvalidField);
pub(crate) const FILTER: (Code, ErrorReason) = (Code::InvalidArgument, ErrorReason::InvalidFilter);
pub(crate) const IMMUTABLE: (Code, ErrorReason) =
    (Code::InvalidArgument, ErrorReason::ImmutableField);
pub(crate) const RESERVED: (Code, ErrorReason) = (Code::InvalidArgument, ErrorReason::ReservedName);
pub(crate) const PAGE_TOKEN: (Code, ErrorReason) =
    (Code::InvalidArgument, ErrorReason::PageTokenInvalid);
pub(crate) const EXISTS: (Code, ErrorReason) = (Code::AlreadyExists, ErrorReason::AlreadyExists);
pub(crate) const REQUEST_ID: (Code, ErrorReason) =
    (Code::AlreadyExists, ErrorReason::RequestIdReused);
pub(crate) const REVISION: (Code, ErrorReason) = (Code::Aborted, ErrorReason::RevisionMismatch);
pub(crate) const KIND: (Code, ErrorReason) = (Code::FailedPrecondition, ErrorReason::KindMismatch);

/// The thing that the call is about is missing.
pub(crate) const fn absent(reason: ErrorReason) -> (Code, ErrorReason) {
    (Code::NotFound, reason)
}

/// Something in the way, or something that the request refers to is missing.
pub(crate) const fn unmet(reason: ErrorReason) -> (Code, ErrorReason) {
    (Code::FailedPrecondition, reason)
}
