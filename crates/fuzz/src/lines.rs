//! Files with a message in each line, plain or gzip: what `pawl event publish` and `pawl entity import`
//! read.

use std::fmt::Write as _;

use pawl_api::{json, pb};

use crate::requests::json_says_the_same;
use crate::{Target, valid};

/// With an even first byte events, with an odd one entities.
pub(crate) struct Lines;

/// How many of them are looked at closely.
const CLOSELY: usize = 100;

impl Target for Lines {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let (mut events, mut entities) = (String::new(), String::new());
        for number in 0..3 {
            let event = valid::event(&format!("e{number}"), "shop.paid");
            let event = json::to_json("pawl.v1.Event", &event).expect("it can be written");
            let entity = valid::entity(&format!("deal/{number}"));
            let entity = json::to_json("pawl.v1.Entity", &entity).expect("it can be written");
            let _ = (writeln!(events, "{event}"), writeln!(entities, "{entity}\r\n"));
        }
        let packed = |text: &str| valid::gzip(text.as_bytes());
        vec![
            [&[0], events.as_bytes()].concat(),
            [&[1], entities.as_bytes()].concat(),
            [&[0], &packed(&events)[..], &packed(&events)].concat(),
            [&[1], &packed(&entities)[..]].concat(),
            [&[0], &packed(&" ".repeat(1 << 22))[..]].concat(),
        ]
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "\n",
            "{}",
            "[",
            "]",
            "\"",
            ",",
            ":",
            "null",
            "-0.0",
            "1e400",
            "\\ud800",
            "\"time\":",
            "\u{feff}",
        ]
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((which, bytes)) = input.split_first() else { return false };
        let mut count = 0;
        let read = if which % 2 == 0 {
            pawl_cli::fuzz::lines(bytes.to_vec(), "pawl.v1.Event", |event: pb::Event| {
                count += 1;
                if count <= CLOSELY {
                    json_says_the_same("pawl.v1.Event", &event);
                }
            })
        } else {
            pawl_cli::fuzz::lines(bytes.to_vec(), "pawl.v1.Entity", |entity: pb::Entity| {
                count += 1;
                if count <= CLOSELY {
                    json_says_the_same("pawl.v1.Entity", &entity);
                }
            })
        };
        if let Err(problem) = read {
            let is_told = problem.starts_with("f, line ") || problem.starts_with("cannot read f");
            assert!(is_told, "{problem:?} does not say where");
        }
        count > 0
    }
}
