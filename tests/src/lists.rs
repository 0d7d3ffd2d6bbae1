use pawl_api::pb;
use tonic::Status;

use crate::Client;

/// As many as one page may have.
const PAGE: i32 = 1_000;

/// Takes page after page until there is none left, or `enough` is there.
macro_rules! pages {
    ($self:ident . $service:ident . $call:ident, $request:ident, $items:ident, $enough:expr) => {{
        let mut items = Vec::new();
        let mut request = pb::$request { page_size: PAGE, ..Default::default() };
        loop {
            let page = $self.$service.clone().$call(request.clone()).await?.into_inner();
            items.extend(page.$items);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() || items.len() >= $enough {
                return Ok(items);
            }
        }
    }};
}

/// Whole lists.
impl Client {
    /// The moves that are retained, newest first: all of them, or some more than `enough`.
    pub async fn newest_moves(&self, enough: usize) -> Result<Vec<pb::Move>, Status> {
        pages!(self.moves.list_moves, ListMovesRequest, moves, enough)
    }

    /// All entities.
    pub async fn all_entities(&self) -> Result<Vec<pb::Entity>, Status> {
        pages!(self.entities.list_entities, ListEntitiesRequest, entities, usize::MAX)
    }

    /// All triggers.
    pub async fn all_triggers(&self) -> Result<Vec<pb::Trigger>, Status> {
        pages!(self.triggers.list_triggers, ListTriggersRequest, triggers, usize::MAX)
    }

    /// All pipelines.
    pub async fn all_pipelines(&self) -> Result<Vec<pb::Pipeline>, Status> {
        pages!(self.pipelines.list_pipelines, ListPipelinesRequest, pipelines, usize::MAX)
    }
}
