//! Tokens that clients keep and come back with: positions of watches, pages of lists.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pawl_api::pb;
use pawl_engine::{Show, Start, WatchError};
use prost::Message;
use tonic::Code;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::Target;
use crate::world::World;

/// Version, database, sequence, index and checksum.
const RESUME_BYTES: usize = 1 + 16 + 8 + 4 + 4;
const RESUME_VERSION: u8 = 2;

/// With an even first byte a token as it is; with an odd one its checksum is made to fit, and when there
/// is another bit set its database, too.
pub(crate) struct ResumeTokens {
    world: World,
}

/// Which list, whether the text behind it is sealed as for that list, the size of the page, the text.
pub(crate) struct PageTokens {
    world: World,
}

impl Default for ResumeTokens {
    fn default() -> Self {
        Self { world: World::new() }
    }
}

impl Target for ResumeTokens {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let token = |sequence: u64, index: u32| {
            let mut token = vec![3, RESUME_VERSION];
            token.extend_from_slice(&[0; 16]);
            token.extend_from_slice(&sequence.to_be_bytes());
            token.extend_from_slice(&index.to_be_bytes());
            token.extend_from_slice(&[0; 4]);
            token
        };
        let places = [0, 1, 2, 20, u32::MAX].into_iter();
        let mut seeds: Vec<_> = places
            .flat_map(|index| (0..30).map(move |at| (at, index)))
            .map(|(s, i)| token(s, i))
            .collect();
        seeds.push(token(u64::MAX, u32::MAX));
        seeds.push(vec![0; 34]);
        seeds
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((how, token)) = input.split_first() else { return false };
        let world = &self.world;
        let (engine, mut token) = (world.engine(), token.to_vec());
        if token.len() == RESUME_BYTES && how & 1 == 1 {
            if how & 2 == 2 {
                token[1..17].copy_from_slice(engine.database_id().as_bytes());
            }
            let checksum = crc32fast::hash(&token[..29]);
            token[29..].copy_from_slice(&checksum.to_be_bytes());
        }
        let start = Start::Resume(token.clone());
        let beat = Duration::from_millis(1);
        let show = Show { entity_changes: how & 4 == 4, ..Show::default() };
        let started = world.runtime.block_on(engine.watch(&start, show, beat));
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n: u64, byte| n << 8 | u64::from(*byte));
        let is_whole = token.len() == RESUME_BYTES
            && token[0] == RESUME_VERSION
            && number(&token[29..]) == u64::from(crc32fast::hash(&token[..29]))
            && number(&token[17..25]) > 0;
        let ends = engine.head().sequence + 1;
        let is_of_here = is_whole
            && token[1..17] == *engine.database_id().as_bytes()
            && (number(&token[17..25]), number(&token[25..29])) <= (ends, 0);
        match started {
            Err(WatchError::Damaged) => assert!(!is_whole, "{token:?} is whole"),
            Err(WatchError::Foreign) => assert!(is_whole && !is_of_here, "{token:?} is of here"),
            Err(other) => panic!("{token:?} was refused: {other}"),
            Ok(mut watch) => {
                assert!(is_of_here, "{token:?} is not of here");
                world.runtime.block_on(watch.next()).expect("the log can be read");
                let on = watch.token().expect("it can be resumed");
                assert_eq!(on.as_bytes().len(), RESUME_BYTES);
                assert!(on.as_bytes()[17..29] >= token[17..29], "a watch goes forward");
            }
        }
        is_of_here
    }
}

/// A list that is whole but for its page, and how to call it.
struct List {
    path: &'static str,
    name: &'static str,
    /// Without a page.
    request: Vec<u8>,
    /// The numbers of `page_size` and `page_token` in the message.
    page_fields: (u32, u32),
}

fn lists() -> [List; 6] {
    fn list(
        path: &'static str,
        name: &'static str,
        request: &impl Message,
        page_fields: (u32, u32),
    ) -> List {
        List { path, name, request: request.encode_to_vec(), page_fields }
    }
    let sales = || "sales".to_owned();
    [
        list(
            "/pawl.v1.PipelineService/ListPipelines",
            "ListPipelinesRequest",
            &pb::ListPipelinesRequest::default(),
            (2, 3),
        ),
        list(
            "/pawl.v1.TriggerService/ListTriggerTypes",
            "ListTriggerTypesRequest",
            &pb::ListTriggerTypesRequest { query: "p".to_owned(), ..Default::default() },
            (4, 5),
        ),
        list(
            "/pawl.v1.TriggerService/ListTriggers",
            "ListTriggersRequest",
            &pb::ListTriggersRequest { pipeline_id: sales(), ..Default::default() },
            (5, 6),
        ),
        list(
            "/pawl.v1.EntityService/ListEntities",
            "ListEntitiesRequest",
            &pb::ListEntitiesRequest { pipeline_id: sales(), ..Default::default() },
            (7, 8),
        ),
        list(
            "/pawl.v1.MoveService/ListMoves",
            "ListMovesRequest",
            &pb::ListMovesRequest { pipeline_id: sales(), ..Default::default() },
            (6, 7),
        ),
        list(
            "/pawl.v1.TriggerService/ListVerdicts",
            "ListVerdictsRequest",
            &pb::ListVerdictsRequest { trigger_id: "t1".to_owned(), ..Default::default() },
            (3, 4),
        ),
    ]
}

impl List {
    /// What stands before the text in a token: anybody can reckon it, so it keeps nobody out.
    fn seal(&self, text: &[u8]) -> [u8; 8] {
        let kind = xxh3_64_with_seed(self.name.as_bytes(), 0);
        let list = xxh3_64_with_seed(&self.request, kind);
        xxh3_64_with_seed(text, list).to_be_bytes()
    }

    fn is_sealed(&self, token: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let sealed = bytes.split_first_chunk::<8>();
        sealed.is_some_and(|(seal, text)| *seal == self.seal(text) && str::from_utf8(text).is_ok())
    }
}

impl Default for PageTokens {
    fn default() -> Self {
        Self { world: World::new() }
    }
}

impl Target for PageTokens {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let texts = [
            "sales",
            "shop.paid",
            "t1",
            "deal/1",
            "12",
            "3-0",
            "18446744073709551615-4294967295",
            "1/2",
            "",
            "0",
            "12-1-1",
            "deal/",
            "e1",
        ];
        let lists = 0..u8::try_from(lists().len()).expect("a few");
        let sealed = lists
            .clone()
            .flat_map(|list| texts.map(|text| [&[list, 1, 2], text.as_bytes()].concat()));
        let raw = lists.map(|list| [&[list, 0, 2][..], b"AAAAAAAAAABzYWxlcw"].concat());
        sealed.chain(raw).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &["-", "/", "0", "18446744073709551615", "4294967296", "\u{10ffff}", "\0"]
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let [list, how, size, text @ ..] = input else { return false };
        let world = &self.world;
        let lists = lists();
        let list = &lists[usize::from(*list) % lists.len()];
        let token = if how % 2 == 1 {
            URL_SAFE_NO_PAD.encode([&list.seal(text), text].concat())
        } else {
            String::from_utf8_lossy(text).into_owned()
        };
        let mut request = list.request.clone();
        let (size_field, token_field) = list.page_fields;
        prost::encoding::int32::encode(size_field, &i32::from(*size), &mut request);
        prost::encoding::string::encode(token_field, &token, &mut request);
        let called = world.call(list.path, &request);
        if !token.is_empty() && !list.is_sealed(&token) {
            assert_eq!(called.code, Code::InvalidArgument, "{token:?}: {}", called.message);
            assert_eq!(called.reason, "PAGE_TOKEN_INVALID", "{token:?}: {}", called.message);
            return false;
        }
        // Whatever the text is, it is a place in the list, or none.
        let is_told = called.reason == "PAGE_TOKEN_INVALID";
        let is_good = called.code == Code::Ok || called.code == Code::InvalidArgument && is_told;
        assert!(is_good, "{token:?}: {:?} {} {}", called.code, called.reason, called.message);
        called.code == Code::Ok
    }
}
