//! What is let through, what filters say, and that both ways of running them agree.

use std::fmt::Write as _;

use super::*;
use crate::{Changes, Entity, Event, Fields, Subject, Timestamp, ValueMap, Version};

fn map<const N: usize>(values: [(&str, Value); N]) -> ValueMap {
    values.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn event(attributes: ValueMap) -> Event {
    Event {
        id: "e1".parse().unwrap(),
        source: "shop".parse().unwrap(),
        event_type: "order.paid".parse().unwrap(),
        time: Some(Timestamp::new("time", 1_700_000_000, 0).unwrap()),
        actor: None,
        subjects: vec![Subject::Entity("deal/1".parse().unwrap())],
        attributes: Fields::parse("attributes", attributes).unwrap(),
        changes: Changes::default(),
    }
}

fn entity(fields: ValueMap) -> Entity {
    Entity {
        id: "deal/1".parse().unwrap(),
        pipeline_id: "sales".parse().unwrap(),
        stage_id: "new".parse().unwrap(),
        display_name: crate::DisplayName::default(),
        responsible: Some("ann".parse().unwrap()),
        customer_ids: vec!["contact/9".parse().unwrap()],
        parent_ids: Vec::new(),
        fields: Fields::parse("fields", fields).unwrap(),
        stage_entered_time: Timestamp::default(),
        version: Version::default(),
    }
}

fn sample() -> (Event, Entity) {
    let items = Value::List(vec![
        Value::Map(map([("sku", text("a")), ("price", Value::Number(5.0))])),
        Value::Map(map([("sku", text("b")), ("price", Value::Number(500.0))])),
    ]);
    let event = event(map([
        ("amount", Value::Number(150.0)),
        ("currency", text("EUR")),
        ("items", items),
        ("nothing", Value::Null),
        ("vip", Value::Bool(true)),
    ]));
    let old = entity(map([("amount", Value::Number(1.0)), ("tags", text("x"))]));
    let mut new = entity(map([("amount", Value::Number(2.0)), ("city", text("Bremen"))]));
    new.responsible = Some("bob".parse().unwrap());
    let changes = Changes::between(&old, &new);
    (Event { changes, ..event }, new)
}

#[test]
fn what_went_wrong_is_told_in_the_same_words_each_time() {
    let (event, entity) = sample();
    let scope = Scope::new(&event, &entity, Timestamp::default());
    let rows = [
        ("event.attributes.items.map(i, i * 2)[0] == 1", "mul does not work on map and double"),
        ("event.attributes.items[0] < 3", "does not work on map and"),
        ("event.attributes.items.exists(i, i < i)", "does not work on map and map"),
    ];
    for (text, expected) in rows {
        let Holding::Error(problem) = Filter::parse("filter", text).unwrap().holds(&scope) else {
            panic!("{text} could be told");
        };
        assert!(problem.contains(expected), "{text}: {problem}");
    }
}

#[test]
fn filters_see_event_entity_and_changes() {
    let (event, entity) = sample();
    let scope = Scope::new(&event, &entity, Timestamp::default());
    let rows = [
        ("event.type == 'order.paid' && event.source == 'shop' && event.actor == ''", "holds"),
        ("event.time < timestamp('2030-01-01T00:00:00Z')", "holds"),
        ("event.time.getFullYear() == 2023", "holds"),
        ("event.attributes.amount >= 150", "holds"),
        ("event.attributes.amount * 2 > 299 && 2 * event.attributes.amount < 301", "holds"),
        (
            "event.attributes.amount > 150",
            "event.attributes.amount > 150, event.attributes.amount is 150",
        ),
        ("event.attributes.currency in ['USD', 'EUR']", "holds"),
        ("event.attributes.items.exists(i, i.price > 100)", "holds"),
        ("event.attributes.items.all(i, i.price > 100)", "event.attributes.items.all"),
        ("event.attributes.items.filter(i, i.price > 100).size() == 1", "holds"),
        ("event.attributes.items.exists_one(i, i.sku == 'a')", "holds"),
        ("event.attributes.items.map(i, i.price)[1] == 500.0", "holds"),
        ("has(event.attributes.amount) && !has(event.attributes.other)", "holds"),
        ("event.attributes.nothing == null", "holds"),
        ("event.attributes.vip", "holds"),
        ("event.attributes.currency.matches('^E.R$')", "holds"),
        (
            "entity.entity_id == 'deal/1' && entity.kind == 'deal' && entity.stage_id == 'new'",
            "holds",
        ),
        ("entity.responsible == 'bob' && 'contact/9' in entity.customer_ids", "holds"),
        ("entity.fields.city.startsWith('Bre') || entity.fields.amount > 1000", "holds"),
        ("changes.responsible.old == 'ann' && changes.responsible.new == 'bob'", "holds"),
        ("changes.fields.amount.old < changes.fields.amount.new", "holds"),
        ("changes.fields.tags.new == null && changes.fields.city.old == null", "holds"),
        ("has(changes.fields.city) && has(changes.responsible)", "holds"),
        ("entity.fields.missing == 1", "error: there is no \"missing\" here"),
        (
            "entity.fields.missing == 1 && event.type == 'x'",
            "event.type == 'x', event.type is \"order.paid\"",
        ),
        (
            "event.type == 'x' && entity.fields.missing == 1",
            "event.type == 'x', event.type is \"order.paid\"",
        ),
        ("event.attributes.currency > 5", "error: "),
        (
            "event.attributes.amount",
            "error: event.attributes.amount is 150, neither true nor false",
        ),
        ("event.attributes.vip && event.attributes.amount", "error: "),
        ("1 / int(event.attributes.amount - 150) == 1", "error: "),
        ("changes.fields.other.new == 1", "error: there is no \"other\" here"),
    ];
    for (filter, expected) in rows {
        let parsed = Filter::parse("filter", filter).unwrap_or_else(|e| panic!("{filter}: {e}"));
        // As it comes back from the store.
        for parsed in [parsed.clone(), Filter::stored(parsed.as_str())] {
            let said = match parsed.holds(&scope) {
                Holding::Holds => "holds".to_owned(),
                Holding::False(part) => part.to_string(),
                Holding::Error(problem) => format!("error: {problem}"),
            };
            assert!(said.starts_with(expected), "{filter}: {said}, not {expected}");
        }
    }
}

#[test]
fn what_cannot_work_is_refused_with_its_position() {
    let rows = [
        ("", "line 1, column 1: cannot be read"),
        ("event.type ==", "line 1, column"),
        ("entity.fields.a == 1 &&\n  foo == 1", "line 2, column 3: there is no foo; a filter sees"),
        ("event.kind == 'x'", "event has no kind; it has type, source"),
        ("entity.stage == 'x'", "entity has no stage; it has entity_id"),
        ("event.type.name == 'x'", "event.type is a text"),
        ("changes.stage.old == 'x'", "changes has no stage"),
        ("changes.fields.a.before == 1", "a change has no before"),
        ("event == 1", "event alone has no value"),
        ("has(event.type)", "event.type is always there"),
        ("event.type", "is a text; a filter is true or false"),
        ("1 + 1", "is a number"),
        ("event.type == 5", "compares a text with a number"),
        ("entity.responsible == null", "compares a text with null"),
        ("event.time > '2024'", "compares a time with a text"),
        ("event.type && true", "wants true or false, but there is a text"),
        ("!entity.stage_id", "wants true or false"),
        ("event.type + 1 == 'x'", "reckons a text with a number"),
        ("'a' in event.type", "looks into a text"),
        ("lower(event.type) == 'x'", "there is no function lower; there are has, exists"),
        ("event.type.startsWith() ", "startsWith takes 2 values, not 1"),
        ("event.type.matches('(')", "the pattern cannot be used"),
        ("event.type.matches('((a{99}){99}){99}')", "the pattern cannot be used"),
        ("event.type.matches(entity.stage_id)", "matches takes a pattern that is written out"),
        ("event.attributes.a.all(x, x.all(y, y == 1))", "cannot stand within each other"),
        ("event.type.all(x, x == 1)", "goes through a list, not a text"),
        ("Foo{a: 1} == 1", "is not supported"),
    ];
    for (filter, expected) in rows {
        let refused = Filter::parse("trigger.filter", filter).expect_err(filter).to_string();
        assert!(refused.starts_with("trigger.filter: line "), "{filter}: {refused}");
        assert!(refused.contains(expected), "{filter}: {refused}, not {expected}");
    }
    let long = format!("event.type == '{}'", "x".repeat(FILTER_MAX_BYTES));
    assert!(Filter::parse("filter", &long).unwrap_err().to_string().contains("the limit is 4096"));
}

#[test]
fn depth_is_counted_without_chains() {
    let chain = |count: usize| vec!["event.type == 'x'"; count].join(" && ");
    assert!(Filter::parse("filter", &chain(150)).is_ok());
    let sum = |count: usize| format!("{} > 1", vec!["event.attributes.a"; count].join(" + "));
    assert!(Filter::parse("filter", &sum(31)).is_ok());
    assert!(Filter::parse("filter", &sum(40)).unwrap_err().to_string().contains("nests deeper"));
    let nested = format!("{}true{}", "(".repeat(33), ")".repeat(33));
    assert!(Filter::parse("filter", &nested).unwrap_err().to_string().contains("nests deeper"));
}

/// Whatever somebody sends is refused or evaluated in bounded time, and never stops anything.
#[test]
fn hostile_filters_are_refused_or_bounded() {
    let list = Value::List(vec![Value::Number(1.0); 4_000]);
    let event = event(map([("a", list), ("s", text("x"))]));
    let entity = entity(map([("s", text(&"y".repeat(30_000)))]));
    let scope = Scope::new(&event, &entity, Timestamp::default());
    let repeated = |part: &str, by: &str, count: usize| vec![part; count].join(by);
    let hostile = [
        "(".repeat(4_000),
        "[".repeat(4_000),
        "!".repeat(4_000) + "true",
        "-".repeat(4_000) + "1 == 1",
        repeated("a ? b", " : ", 600),
        repeated("event", ".", 700),
        format!("event.attributes{} == 1", ".a".repeat(1_900)),
        format!("event.attributes.a{} == 1", "[0]".repeat(1_300)),
        format!("1 in [{}]", repeated("1", ",", 2_000)),
        format!(
            "event.attributes.a.all(x, {})",
            repeated("event.attributes == event.attributes", " && ", 90)
        ),
        format!("event.attributes.a.all(x, {} != '')", repeated("entity.fields.s", " + ", 30)),
        "event.attributes.a.map(x, event.attributes.a).map(y, y == event.attributes.a).size() > 0"
            .to_owned(),
        "event.attributes.a.all(x, entity.fields.s.matches('(y*)*z'))".to_owned(),
        "entity.fields.s.matches('(y*)*(y*)*(y*)*z')".to_owned(),
        repeated("entity.fields.s.matches('[xy]*y[xy]{230}z')", " || ", 20),
        repeated("entity.fields.s == '0'", " || ", 130),
        "event.attributes.a.all(x, x in event.attributes.a)".to_owned(),
        "'\\uD800' == event.type".to_owned(),
        "\"\"\"".to_owned(),
        "0.0 / 0.0 == 1.0".to_owned(),
        "1 / 0 == 1".to_owned(),
        "9223372036854775807 + 1 > 0".to_owned(),
        "event.attributes.a[99999999].b".to_owned(),
        "event.attributes.a['x'] == 1".to_owned(),
        "timestamp('x') == event.time".to_owned(),
        "{'a': 1, 'a': 2}['a'] == 1".to_owned(),
    ];
    let mut refused = 0;
    for filter in &hostile {
        let text = &filter[..filter.len().min(FILTER_MAX_BYTES)];
        match Filter::parse("filter", text) {
            Err(_) => refused += 1,
            Ok(filter) => {
                // Holding is possible, ending is what matters.
                let _ = filter.holds(&scope);
                let _ = filter.parts(&scope);
                let cost = cost::of(&parse(text).unwrap().0, &Sizes::of(&scope));
                let said = filter.holds(&scope);
                assert!(cost <= FILTER_COST_MAX || matches!(said, Holding::Error(_)), "{text}");
            }
        }
    }
    println!("hostile filters: {} cases, {refused} refused", hostile.len());
    assert!(refused >= 9, "only {refused} are refused");
}

#[test]
fn what_is_cheap_with_short_lists_is_let_through_and_judged_by_the_event() {
    let filter =
        Filter::parse("filter", "event.attributes.a.all(x, x in event.attributes.a)").unwrap();
    let holding = |length: usize| {
        let event = event(map([("a", Value::List(vec![Value::Number(1.0); length]))]));
        let entity = entity(map([]));
        filter.holds(&Scope::new(&event, &entity, Timestamp::default()))
    };
    assert_eq!(holding(50), Holding::Holds);
    assert!(matches!(holding(4_000), Holding::Error(problem) if problem.contains("too long")));
}

#[test]
fn the_parts_of_a_filter_are_explained() {
    let (event, entity) = sample();
    let scope = Scope::new(&event, &entity, Timestamp::default());
    let filter = "event.attributes.amount > 200 || !(entity.fields.city == 'Bonn') && has(event.attributes.x)";
    let parts = Filter::parse("filter", filter).unwrap().parts(&scope);
    let said: Vec<String> =
        parts.iter().map(|part| format!("{} = {:?}", part.expression, part.value)).collect();
    assert_eq!(
        said,
        [
            "event.attributes.amount > 200 = Ok(Bool(false))",
            "event.attributes.amount = Ok(Number(150.0))",
            "entity.fields.city == 'Bonn' = Ok(Bool(false))",
            "entity.fields.city = Ok(Text(\"Bremen\"))",
            "has(event.attributes.x) = Ok(Bool(false))",
        ]
    );
}

/// Filters and values by chance: native predicates, parts and CEL as a whole say the same.
#[test]
fn native_predicates_and_cel_agree() {
    const COUNT: usize = 4_000;
    let seed = 20_240_607;
    let mut dice = fastrand::Rng::with_seed(seed);
    let (mut native, mut held, mut failed) = (0, 0, 0);
    for number in 0..COUNT {
        let filter = (0..dice.usize(1..4)).fold(String::new(), |mut filter, index| {
            let join = if index == 0 { "" } else { " && " };
            let _ = write!(filter, "{join}{}", condition(&mut dice));
            filter
        });
        // Types that are known to differ are refused for both.
        let Ok(compiled) = compile(&filter) else { continue };
        native += usize::from(compiled.parts.iter().all(|part| part.native.is_some()));
        let (mut whole, source) = parse(&filter).unwrap();
        check::check(&mut whole, &source).unwrap();
        for _ in 0..3 {
            let event = event(values(&mut dice));
            let entity = entity(values(&mut dice));
            let scope = Scope::new(&event, &entity, Timestamp::default());
            let alone = run(&whole, &scope);
            match (compiled.holds(&scope), &alone) {
                (Holding::Holds, Ok(Value::Bool(true))) => held += 1,
                (Holding::False(_), Ok(Value::Bool(false))) => {}
                (Holding::Error(one), Err(other)) if one == *other => failed += 1,
                (Holding::Error(_), Ok(value)) if !matches!(value, Value::Bool(_)) => {}
                (ours, theirs) => panic!(
                    "seed {seed}, {number}: {filter}\n{:?}\n{:?}\n{ours:?}, not {theirs:?}",
                    event.attributes, entity.fields
                ),
            }
        }
    }
    println!("filters: {COUNT} cases, {native} native; {held} held, {failed} failed");
    assert!(
        native > COUNT / 4 && held > COUNT / 20 && failed > COUNT / 20,
        "{native} {held} {failed}"
    );
}

fn condition(dice: &mut fastrand::Rng) -> String {
    const PATHS: [&str; 8] = [
        "event.attributes.a",
        "event.attributes.b",
        "entity.fields.a",
        "entity.fields.b",
        "entity.fields.a.b",
        "event.type",
        "entity.stage_id",
        "entity.responsible",
    ];
    let path = PATHS[dice.usize(..PATHS.len())];
    let operator = ["==", "!=", "<", "<=", ">", ">="][dice.usize(..6)];
    match dice.usize(..10) {
        0 => format!("has({})", PATHS[dice.usize(..5)]),
        1 => format!("{path}.startsWith('{}')", ["a", "ab", ""][dice.usize(..3)]),
        2 => format!("{path}.contains('{}')", ["a", "b"][dice.usize(..2)]),
        3 => format!("{path} in [{}, {}]", constant(dice), constant(dice)),
        4 => format!("{} {operator} {path}", constant(dice)),
        5 => format!("!({path} {operator} {})", constant(dice)),
        6 => format!("({path} {operator} {} || {path} == {})", constant(dice), constant(dice)),
        _ => format!("{path} {operator} {}", constant(dice)),
    }
}

fn constant(dice: &mut fastrand::Rng) -> &'static str {
    const CONSTANTS: [&str; 9] = ["1", "1.0", "-2.5", "'a'", "'ab'", "''", "true", "null", "10"];
    CONSTANTS[dice.usize(..CONSTANTS.len())]
}

fn values(dice: &mut fastrand::Rng) -> ValueMap {
    let mut values = ValueMap::new();
    for key in ["a", "b"] {
        let value = match dice.usize(..10) {
            0 => continue,
            1 => Value::Null,
            2 => Value::Bool(dice.bool()),
            3..=5 => Value::Number([1.0, 1.5, -2.5, 10.0][dice.usize(..4)]),
            6..=7 => text(["a", "ab", "b", ""][dice.usize(..4)]),
            8 => Value::List(vec![Value::Number(1.0)]),
            _ => Value::Map(map([("b", Value::Number(1.0))])),
        };
        values.insert(key.to_owned(), value);
    }
    values
}
