//! Lists, page by page.

use tonic::Status;

use crate::failure::Failure;
use crate::resource::{Clients, Resource};

/// The most that the server gives at once.
const PAGE_SIZE_MAX: usize = 1_000;

/// Which part of a list to ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) size: i32,
    pub(crate) token: String,
}

/// The items of a page, and the token of the next.
pub(crate) type Paged<T> = Result<(Vec<T>, String), Status>;

/// The beginning of a list.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) items: Vec<T>,
    pub(crate) has_more: bool,
}

/// Asks for pages until there are `limit` items, or no more.
pub(crate) async fn collect<T>(
    limit: Option<usize>,
    mut ask: impl AsyncFnMut(Page) -> Paged<T>,
) -> Result<Found<T>, Failure> {
    let mut items = Vec::new();
    let mut token = String::new();
    // One more tells whether there are more.
    let wanted = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    loop {
        let size = (wanted - items.len()).min(PAGE_SIZE_MAX);
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        let (page, next) = ask(Page { size, token }).await?;
        items.extend(page);
        if items.len() >= wanted {
            items.truncate(wanted - 1);
            return Ok(Found { items, has_more: true });
        }
        if next.is_empty() {
            return Ok(Found { items, has_more: false });
        }
        token = next;
    }
}

/// The whole list of one kind of resource.
pub(crate) async fn all<R: Resource>(
    clients: &mut Clients,
    filter: &R::Filter,
) -> Result<Vec<R>, Failure> {
    let found = collect(None, async |page| R::list(clients, filter, page).await).await?;
    Ok(found.items)
}
