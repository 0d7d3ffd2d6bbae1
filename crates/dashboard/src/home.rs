use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use crate::address;
use crate::door::Visitor;
use crate::page::{Frame, Sorry, name_of};

/// How many pipelines are shown; whoever has more knows theirs by its address.
const PIPELINES_MAX: usize = 200;

/// The pipelines to choose from; with a single one, its board.
pub(crate) async fn page(who: Visitor) -> Result<Response, Sorry> {
    if who.may.publish && !who.may.read {
        return Ok(Redirect::to("/publish").into_response());
    }
    who.reader()?;
    let pipelines = who.engine.pipelines(None, String::new(), PIPELINES_MAX).await?.items;
    if let [only] = &pipelines[..] {
        return Ok(Redirect::to(&address::board(&only.id)).into_response());
    }
    let body = html! {
        main.sheet.narrow {
            h1 { "Pipelines" }
            @if pipelines.is_empty() {
                p { "There is none yet. " code { "pawl apply -f examples/sales.yaml" } " makes one; "
                    code { "pawl serve --demo" } " begins with one that plays itself." }
            }
            ul.plain {
                @for pipeline in &pipelines {
                    li { a.row href=(address::board(&pipeline.id)) {
                        strong { (name_of(pipeline)) }
                        span.faint { (pipeline.kind) " · " (pipeline.stages.in_order().count()) " stages" }
                    } }
                }
            }
        }
    };
    Ok(Frame::new("Pipelines").of(who.name()).page(body).into_response())
}
