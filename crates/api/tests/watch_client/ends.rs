//! What is told when a call fails, and when a watch ends.

use pawl_api::pb;
use pawl_api::watch::{Interruption, State};
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::fake::{Call, End, Fake, status};
use crate::{LONG, earliest, next_interruption, next_state, story, watch};

const FINAL: [Code; 9] = [
    Code::InvalidArgument,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::FailedPrecondition,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::DataLoss,
    Code::Unauthenticated,
];
const PASSING: [Code; 7] = [
    Code::Cancelled,
    Code::Unknown,
    Code::DeadlineExceeded,
    Code::ResourceExhausted,
    Code::Aborted,
    Code::Internal,
    Code::Unavailable,
];

/// Reads on until the end.
async fn ended(watch: &mut pawl_api::watch::Watch) -> pawl_api::watch::Ended {
    let ending = async {
        loop {
            if let Err(ended) = watch.next().await {
                return ended;
            }
        }
    };
    timeout(LONG, ending).await.expect("it ends")
}

#[tokio::test(start_paused = true)]
async fn a_status_that_no_retry_heals_ends_the_watch_for_good() {
    for code in FINAL {
        let refused = vec![Call::Refuse(status(code))];
        let later = vec![
            Call::Stream { frames: 2, end: End::Ok },
            Call::Stream { frames: 3, end: End::Status(status(code)) },
        ];
        for calls in [refused, later] {
            let count = calls.len();
            let fake = Fake::new(9, calls);
            let mut watch = watch(&fake, earliest());
            let first = ended(&mut watch).await;
            assert_eq!(first.status().code(), code);
            assert_eq!(first.to_string(), format!("told to ({code:?})"));
            assert_eq!(ended(&mut watch).await.status().code(), code, "again");
            assert_eq!(fake.starts().len(), count, "nothing is called after it");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_status_is_an_interruption() {
    for code in PASSING {
        let calls = [
            Call::Refuse(status(code)),
            Call::Stream { frames: 2, end: End::Status(status(code)) },
        ];
        let mut watch = watch(&Fake::new(9, calls), earliest());
        for _ in 0..2 {
            match next_interruption(&mut watch).await.0 {
                Interruption::Failed(status) => assert_eq!(status.code(), code),
                other => panic!("{code:?}: {other:?}"),
            }
        }
        assert!(matches!(next_state(&mut watch).await, State::Connecting { .. }));
        assert!(matches!(next_state(&mut watch).await, State::Live));
    }
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_told_as_the_reason() {
    let unavailable = End::Status(status(Code::Unavailable));
    // Also when the status is lost on the way, or never comes.
    for then in [unavailable, End::Ok, End::Silence] {
        for reason in [pb::ClosingReason::ServerShutdown, pb::ClosingReason::Aged] {
            let end = End::Closing(reason, Box::new(then.clone()));
            let fake = Fake::new(9, [Call::Stream { frames: 3, end }]);
            let mut watch = watch(&fake, earliest());
            match next_interruption(&mut watch).await.0 {
                Interruption::Closing(told) => assert_eq!(told, reason),
                other => panic!("{reason:?}: {other:?}"),
            }
            // It is no more than that: the rest comes.
            assert_eq!(story(&mut watch, 'h').await, "CLmh");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_too_old_ends_the_watch_with_the_earliest_that_is_not() {
    let metadata = [("earliest_token".to_owned(), "+/8=".to_owned())];
    let details = ErrorDetails::with_error_info("RESUME_TOKEN_EXPIRED", "pawl", metadata);
    let expired = Status::with_error_details(Code::OutOfRange, "too old", details);
    let goodbye = End::Closing(pb::ClosingReason::Expired, Box::new(End::Status(expired.clone())));
    for call in [Call::Refuse(expired), Call::Stream { frames: 3, end: goodbye }] {
        let mut watch = watch(&Fake::new(9, [call]), earliest());
        let ended = ended(&mut watch).await;
        assert_eq!(ended.earliest_token().as_deref(), Some(&[0xfb, 0xff][..]));
        assert_eq!(Status::from(ended).code(), Code::OutOfRange);
    }
    let bare = Call::Refuse(status(Code::OutOfRange));
    let mut watch = watch(&Fake::new(9, [bare]), earliest());
    assert_eq!(ended(&mut watch).await.earliest_token(), None);
}

#[tokio::test(start_paused = true)]
async fn states_read_as_sentences() {
    let closing = End::Closing(pb::ClosingReason::ServerShutdown, Box::new(End::Ok));
    let calls = [
        Call::Refuse(status(Code::Unavailable)),
        Call::Hang,
        Call::Stream { frames: 2, end: closing },
        Call::Stream { frames: 2, end: End::Silence },
    ];
    let mut watch = watch(&Fake::new(9, calls), earliest());
    let mut told = String::new();
    for _ in 0..11 {
        let state = next_state(&mut watch).await.to_string();
        let (said, _pause) = state.split_once("; trying again in ").unwrap_or((&state, ""));
        told.push_str(said);
        told.push('\n');
    }
    let wanted = "connecting\ntold to (Unavailable)\nconnecting, attempt 2\nno answer within 10s\n\
                  connecting, attempt 3\nthe watch stands\nthe server is stopping\nconnecting\n\
                  the watch stands\nnothing was heard for 32s\nconnecting\n";
    assert_eq!(told, wanted);
}
