use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use http::Request;
use http::header::CONTENT_TYPE;
use pawl_domain::Limits;
use pawl_engine::{Clock, Options, Reserve, Retention};
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::router;

/// A door that lets in who may do this and that, and at which no place is free.
struct Full {
    engine: Engine,
    may: May,
}

impl Door for Full {
    fn visitor(&self, _: &HeaderMap, _: &Extensions) -> Result<Visitor, String> {
        let (engine, ended) = (self.engine.clone(), Box::pin(std::future::pending()));
        Ok(Visitor { engine, name: None, may: self.may, ended })
    }

    fn place(&self, _: &Extensions) -> Result<Box<dyn Send>, String> {
        Err("the queue is full".to_owned())
    }

    fn fresh_id(&self) -> String {
        "fresh".to_owned()
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn is_open(&self) -> bool {
        false
    }
}

fn options() -> Options {
    Options {
        clock: Clock::steady(|| SystemTime::UNIX_EPOCH),
        dedupe_window: Duration::from_hours(1),
        retention: Retention::default(),
        reserve: Reserve::none(),
        stall_after: Duration::from_hours(1),
        limits: Limits::default(),
    }
}

const NOBODY: May = May { read: true, publish: false, edit: false, configure: false };

/// Every form that changes something, what it sends, and who may send it.
const FORMS: [(&str, &str, May); 8] = [
    ("/entities/deal/1/move", "stage=won", May { edit: true, ..NOBODY }),
    ("/boards/sales/try", "action=publish", May { publish: true, ..NOBODY }),
    ("/publish", "", May { publish: true, ..NOBODY }),
    ("/boards/sales/triggers", "type=email.viewed", May { configure: true, ..NOBODY }),
    ("/boards/sales/triggers/check", "type=email.viewed", May { configure: true, ..NOBODY }),
    ("/triggers/t", "revision=1", May { configure: true, ..NOBODY }),
    ("/triggers/t/state", "state=PAUSED&revision=1", May { configure: true, ..NOBODY }),
    ("/triggers/t/delete", "revision=1", May { configure: true, ..NOBODY }),
];

#[tokio::test]
async fn who_may_not_do_it_takes_no_place() {
    let place = TempDir::new().unwrap();
    let engine = Engine::start(place.path(), options()).unwrap();
    let post = async |path: &str, form: &'static str, may: May| {
        let door = Full { engine: engine.clone(), may };
        let request = Request::post(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let response = router(Arc::new(door)).oneshot(request).await.unwrap();
        let code = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    };
    for (path, form, may) in FORMS {
        let (code, page) = post(path, form, NOBODY).await;
        assert_eq!(code, 403, "{path}: {page}");
        let (code, page) = post(path, form, may).await;
        assert_eq!(code, 503, "{path}: {page}");
        assert!(page.contains("the queue is full"), "{page}");
    }
    engine.stop().await.unwrap();
}
