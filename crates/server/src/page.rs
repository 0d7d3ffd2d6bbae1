//! Pages of lists and the tokens that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pawl_domain::Rejection;
use prost::Message;
use tonic::Status;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::PAGE_SIZE_DEFAULT;
use crate::status;

/// A list request: knows its page and can be asked for everything else.
pub(crate) trait ListRequest: Message {
    /// Tells lists of different things apart.
    const NAME: &'static str;

    /// Takes `page_size` and `page_token` out, leaving the arguments that name the list.
    fn take_page(&mut self) -> (i32, String);
}

macro_rules! list_requests {
    ($($request:ident)+) => {$(
        impl ListRequest for pawl_api::pb::$request {
            const NAME: &'static str = stringify!($request);

            fn take_page(&mut self) -> (i32, String) {
                (std::mem::take(&mut self.page_size), std::mem::take(&mut self.page_token))
            }
        }
    )+};
}

list_requests! {
    ListPipelinesRequest ListTriggerTypesRequest ListTriggersRequest ListEntitiesRequest
    ListMovesRequest ListVerdictsRequest
}

/// How many results are wanted, of at most so many; a refusal names `field`.
pub(crate) fn page_limit(field: &str, size: i32, max: usize) -> Result<usize, Status> {
    let default = PAGE_SIZE_DEFAULT.min(max);
    match usize::try_from(size) {
        Ok(0) => Ok(default),
        Ok(size) => Ok(size.min(max)),
        Err(_) => {
            let problem = format!("must be 0 to {max}; 0 means {default}");
            Err(status::rejected(&Rejection::invalid(field, problem)))
        }
    }
}

/// Which page of which list.
#[derive(Debug)]
pub(crate) struct PageRequest {
    /// Results on the page at most.
    pub(crate) limit: usize,
    /// Where the page before ended; empty for the first.
    pub(crate) after: String,
    /// Tells lists with other arguments apart.
    list: u64,
}

impl PageRequest {
    /// Reads the page from a request and leaves the rest of it; it has at most `max` results.
    pub(crate) fn take<R: ListRequest>(request: &mut R, max: usize) -> Result<Self, Status> {
        let (size, token) = request.take_page();
        let limit = page_limit("page_size", size, max)?;
        let kind = xxh3_64_with_seed(R::NAME.as_bytes(), 0);
        let list = xxh3_64_with_seed(&request.encode_to_vec(), kind);
        let mut page = Self { limit, after: String::new(), list };
        if !token.is_empty() {
            page.after = page.open(&token).ok_or_else(status::page_token_invalid)?;
        }
        Ok(page)
    }

    /// The token for the page after one that ended with `last`; empty when that was the last page.
    pub(crate) fn next_token(&self, last: Option<impl ToString>) -> String {
        let Some(last) = last else { return String::new() };
        let last = last.to_string();
        let mut bytes = self.seal(&last).to_be_bytes().to_vec();
        bytes.extend_from_slice(last.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (seal, last) = bytes.split_at_checked(8)?;
        let last = std::str::from_utf8(last).ok()?;
        (seal == self.seal(last).to_be_bytes()).then(|| last.to_owned())
    }

    fn seal(&self, last: &str) -> u64 {
        xxh3_64_with_seed(last.as_bytes(), self.list)
    }
}
