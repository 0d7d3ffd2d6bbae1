use std::collections::BTreeMap;

use pawl_api::pb;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::demo::PIPELINE;

/// The deals of the demo have ids of their own, so that it never touches those of a user.
const ID_PREFIX: &str = "deal/demo-";

const PEOPLE: [&str; 17] = [
    "Anna Schmidt",
    "Bilal Hussein",
    "Chloé Martin",
    "Dmitri Volkov",
    "Elif Kaya",
    "Femi Adeyemi",
    "Greta Lindqvist",
    "Hiro Tanaka",
    "Inês Carvalho",
    "Jakub Nowak",
    "Kavya Rao",
    "Liam O'Brien",
    "Mei Lin",
    "Noor Haddad",
    "Otto Berger",
    "Priya Nair",
    "Rosa Fernández",
];
const GOODS: [(&str, u32); 12] = [
    ("oak table", 1_450),
    ("shop counter", 3_200),
    ("kitchen", 12_900),
    ("bookcase", 980),
    ("garden bench", 420),
    ("staircase", 7_600),
    ("wardrobe", 2_150),
    ("reception desk", 4_300),
    ("bunk bed", 1_120),
    ("workbench", 760),
    ("sideboard", 1_890),
    ("pergola", 5_400),
];
const COLLEAGUES: [&str; 3] = ["olga", "marek", "jin"];
/// Where the first deals stand, so that there is something on every stage at once.
const FIRST_STAGES: [&str; 12] = [
    "new",
    "offer-sent",
    "new",
    "offer-read",
    "negotiation",
    "offer-sent",
    "new",
    "invoice-sent",
    "offer-read",
    "negotiation",
    "new",
    "offer-sent",
];

/// The deal with this number, as it comes in.
pub(super) fn deal(number: u64) -> pb::Entity {
    let person = of(&PEOPLE, number);
    let (good, amount) = of(&GOODS, number);
    pb::Entity {
        entity_id: format!("{ID_PREFIX}{number}"),
        pipeline_id: PIPELINE.to_owned(),
        stage_id: "new".to_owned(),
        display_name: format!("{person}, {good}"),
        responsible: of(&COLLEAGUES, number).to_string(),
        customer_ids: vec![format!("contact/demo-{}", number % PEOPLE.len() as u64)],
        fields: Some(amount_field(amount)),
        ..Default::default()
    }
}

/// The deals with which the demo begins.
pub(super) fn first_deals() -> impl Iterator<Item = pb::Entity> {
    let numbered = (1..).zip(FIRST_STAGES);
    numbered.map(|(number, stage)| pb::Entity { stage_id: stage.to_owned(), ..deal(number) })
}

/// The number of a deal of the demo; `None` for a user's.
pub(super) fn number(entity_id: &str) -> Option<u64> {
    entity_id.strip_prefix(ID_PREFIX)?.parse().ok()
}

fn of<T: Copy, const N: usize>(choices: &[T; N], number: u64) -> T {
    let index = usize::try_from(number % N as u64).unwrap_or_default();
    choices[index]
}

fn amount_field(amount: u32) -> Struct {
    let amount = Value { kind: Some(Kind::NumberValue(amount.into())) };
    Struct { fields: BTreeMap::from([("amount".to_owned(), amount)]) }
}
