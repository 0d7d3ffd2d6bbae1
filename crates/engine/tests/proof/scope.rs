//! Limits to pipelines: what a handle within a scope is answered, and what it is never told.

use std::fmt::Debug;

use pawl_domain::{EntityPatch, EntityPlace, PipelinePatch, Prose, TriggerPatch, TriggerTypePatch};
use pawl_engine::{
    BackupFailure, Engine, EngineError, EntityQuery, MoveByHand, MoveQuery, OnExisting, Scope,
    TriggerQuery, UpdateByHand, VerdictQuery,
};
use pawl_engine::{MoveFilter, Show, Start, Step};

use crate::support::{
    Bed, NEVER, entity_on, id, pipeline, refused, request, trigger, trigger_type, viewed,
};

/// What stands in one place: a pipeline, a trigger on it, an entity in it, an event about that.
struct Names(&'static str, &'static str, &'static str, &'static str);

const INSIDE: Names = Names("sales", "t-in", "deal/in", "e-in");
const OUTSIDE: Names = Names("secret-p", "secret-t", "deal/secret", "secret-e");
const ABSENT: Names = Names("absent-p", "absent-t", "deal/absent", "absent-e");

/// The same inside of the scope and outside of it, where everything is called a secret.
async fn world() -> (Bed, Engine) {
    let bed = Bed::new("a b c").await;
    bed.engine
        .create_pipeline(pipeline("secret-p", "deal", "a secret-b c"), None, false)
        .await
        .unwrap();
    for (Names(place, name, entity, event), stage) in [(INSIDE, "b"), (OUTSIDE, "secret-b")] {
        let new = pawl_domain::NewTrigger { pipeline_id: id(place), ..trigger(name, stage) };
        bed.engine.create_trigger(new, None, false).await.unwrap();
        let customer_ids = vec![id("contact/9")];
        let pipeline_id = id(place);
        let new = pawl_domain::NewEntity { pipeline_id, customer_ids, ..entity_on(entity, "a") };
        bed.engine.create_entity(new, None).await.unwrap();
        bed.publish(viewed(event, entity)).await.unwrap();
    }
    bed.publish(viewed("both", "deal/in deal/secret")).await.unwrap();
    let limited = bed.engine.within(Scope::of([id("sales"), id("not-yet")]));
    (bed, limited)
}

/// What is asked for: of a pipeline, a trigger, an entity, or of all pipelines.
const OPERATIONS: [(&str, char); 27] = [
    ("pipeline", 'P'),
    ("board", 'P'),
    ("create pipeline", 'P'),
    ("update pipeline", 'P'),
    ("create trigger", 'P'),
    ("create entity", 'P'),
    ("import", 'P'),
    ("move there", 'P'),
    ("update, believed there", 'P'),
    ("update trigger, believed there", 'P'),
    ("preview of a trigger", 'P'),
    ("trigger", 'T'),
    ("revision of a trigger", 'T'),
    ("update trigger", 'T'),
    ("entity", 'E'),
    ("update", 'E'),
    ("move", 'E'),
    ("move, repeated", 'E'),
    ("event", 'V'),
    ("publish", 'O'),
    ("preview", 'O'),
    ("create type", 'A'),
    ("update type", 'A'),
    ("delete type", 'A'),
    ("delete trigger", 'T'),
    ("delete", 'E'),
    ("delete pipeline", 'P'),
];

fn told<T: Debug>(answer: Result<T, EngineError>) -> Result<String, EngineError> {
    answer.map(|answer| format!("{answer:?}"))
}

async fn ask(engine: &Engine, what: &str, names: &Names) -> Result<String, EngineError> {
    let Names(place, name, entity, event) = *names;
    let new_trigger = |name: &str, place: &str| pawl_domain::NewTrigger {
        pipeline_id: id(place),
        ..trigger(name, "c")
    };
    let new_entity = |name: &str, place: &str| pawl_domain::NewEntity {
        pipeline_id: id(place),
        ..entity_on(name, "a")
    };
    let updating = |entity: &str, pipeline_id| UpdateByHand {
        id: id(entity),
        patch: EntityPatch { pipeline_id, responsible: Some(None), ..EntityPatch::default() },
        actor: None,
        event_id: id("u"),
        expected_revision: 0,
    };
    let moving = |entity: &str, pipeline_id| MoveByHand {
        id: id(entity),
        place: EntityPlace { pipeline_id, stage_id: id("c") },
        actor: None,
        comment: Prose::default(),
        event_id: id(&format!("m-{event}")),
        expected_revision: 0,
    };
    let allowing = |pipeline_id| TriggerPatch {
        pipeline_id,
        allow_reopen: Some(true),
        ..TriggerPatch::default()
    };
    match what {
        "pipeline" => told(engine.pipeline(id(place)).await),
        "board" => told(engine.board(id(place), 10).await),
        "create pipeline" => {
            told(engine.create_pipeline(pipeline(place, "deal", "a"), None, true).await)
        }
        "update pipeline" => {
            told(engine.update_pipeline(id(place), PipelinePatch::default(), 0, false).await)
        }
        "delete pipeline" => told(engine.delete_pipeline(id(place), 0).await),
        "create trigger" => {
            told(engine.create_trigger(new_trigger("new", place), None, true).await)
        }
        "create entity" => {
            let wish = new_entity(&format!("deal/made-{}", &event[..2]), place);
            told(engine.create_entity(wish, None).await)
        }
        "import" => {
            let wish = vec![new_entity("deal/imported", "sales"), new_entity("deal/more", place)];
            told(engine.import_entities(wish, OnExisting::Fail, None).await)
        }
        "move there" => {
            told(engine.move_entity(moving("deal/in", Some(id(place))), None, true).await)
        }
        "update, believed there" => {
            told(engine.update_entity(updating("deal/in", Some(id(place))), None, true).await)
        }
        "update trigger, believed there" => {
            let patch = allowing(Some(id(place)));
            told(engine.update_trigger(id("t-in"), patch, 0, true).await)
        }
        "preview of a trigger" => {
            let wish = vec![new_trigger("new", place)];
            told(engine.preview(viewed("p", "deal/in"), wish).await)
        }
        "trigger" => told(engine.trigger(id(name), 0).await),
        "revision of a trigger" => told(engine.trigger(id(name), 1).await),
        "update trigger" => told(engine.update_trigger(id(name), allowing(None), 0, false).await),
        "delete trigger" => told(engine.delete_trigger(id(name), 0).await),
        "entity" => told(engine.entity(id(entity)).await),
        "update" => told(engine.update_entity(updating(entity, None), None, true).await),
        "move" => told(engine.move_entity(moving(entity, None), None, true).await),
        "move, repeated" => {
            let wish = moving(entity, Some(id("sales")));
            told(engine.move_entity(wish, Some(request("r", 1)), false).await)
        }
        "delete" => told(engine.delete_entity(id(entity), 0).await),
        "event" => told(engine.event(id("mail"), id(event)).await),
        "publish" => {
            let publishing = engine.publish(vec![viewed("now", entity)], true).await?;
            told(publishing.outcomes().await)
        }
        "preview" => told(engine.preview(viewed("p", entity), Vec::new()).await),
        "create type" => told(engine.create_trigger_type(trigger_type("other"), None, true).await),
        "update type" => {
            let patch = TriggerTypePatch::default();
            told(engine.update_trigger_type(id("mail.opened"), patch, 0, true).await)
        }
        "delete type" => told(engine.delete_trigger_type(id("mail.opened"), 0).await),
        _ => panic!("{what}"),
    }
}

/// An answer without the names that were sent.
fn anonymous(answer: &str, Names(place, name, entity, event): &Names) -> String {
    let names = [(place, "PLACE"), (name, "TRIGGER"), (entity, "ENTITY"), (event, "EVENT")];
    names.iter().fold(answer.to_owned(), |answer, (name, stands)| answer.replace(**name, stands))
}

fn out_of_scope(kind: char) -> String {
    let named = match kind {
        'P' => "pipeline \"PLACE\"",
        'T' => "trigger \"TRIGGER\"",
        'E' => "entity \"ENTITY\"",
        'V' => return "event \"EVENT\" of source \"mail\" does not exist".to_owned(),
        'A' => {
            let all = "this concerns all pipelines, and the caller is limited to some of them";
            return all.to_owned();
        }
        _ => panic!("{kind}"),
    };
    format!("{named} does not exist or is outside of the pipelines to which the caller is limited")
}

#[tokio::test]
async fn what_is_outside_is_answered_like_what_does_not_exist() {
    let (bed, limited) = world().await;
    // Made by somebody else, who may.
    ask(&bed.engine, "move, repeated", &INSIDE).await.unwrap();
    bed.move_by_hand("deal/in", "a", 0, None).await.unwrap();
    let mut cases = 0;
    for (what, kind) in OPERATIONS {
        let mut answers = Vec::new();
        for names in [&OUTSIDE, &ABSENT] {
            // For publishing the identity is used anew: with other content it is another event.
            let engine = if kind == 'O' { world().await.1 } else { limited.clone() };
            let answer = ask(&engine, what, names).await;
            let answer = match (kind, answer) {
                ('O', Ok(answer)) => answer,
                (_, Err(EngineError::Rejected(rejection))) => {
                    let (text, debug) = (rejection.to_string(), format!("{rejection:?}"));
                    assert_eq!(anonymous(&text, names), out_of_scope(kind), "{what}");
                    assert!(!anonymous(&debug, names).contains("secret"), "{what}: {debug}");
                    text
                }
                (_, answer) => panic!("{what}: {answer:?}"),
            };
            answers.push(anonymous(&answer, names));
            cases += 1;
        }
        assert!(!answers[0].contains("secret"), "{what}: {answers:?}");
        assert_eq!(answers[0], answers[1], "{what}");
        if kind != 'A' {
            let inside = match ask(&limited, what, &INSIDE).await {
                Err(EngineError::Rejected(pawl_domain::Rejection::OutOfScope { named })) => {
                    panic!("{what}: {named:?}")
                }
                Err(error) => format!("{error} {error:?}"),
                Ok(answer) => answer,
            };
            assert!(!inside.contains("secret"), "{what}: {inside}");
            cases += 1;
        }
    }
    println!("scope: {cases} answers");
    assert!(cases >= 75, "only {cases}");
    // Nothing that was refused has happened.
    for what in ["pipeline", "trigger", "entity", "event"] {
        assert!(ask(&bed.engine, what, &OUTSIDE).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn a_pipeline_in_the_scope_is_not_found_as_ever() {
    let (_bed, limited) = world().await;
    let missing = Names("not-yet", "", "", "");
    for what in ["pipeline", "board", "update pipeline", "delete pipeline"] {
        let answer = refused(ask(&limited, what, &missing).await);
        assert_eq!(answer, "pipeline \"not-yet\" does not exist", "{what}");
    }
    limited.create_pipeline(pipeline("not-yet", "deal", "a"), None, false).await.unwrap();
    assert!(limited.pipeline(id("not-yet")).await.is_ok());
    // A handle made of a limited one is no wider.
    let wider = limited.within(Scope::of([id("sales"), id("secret-p")]));
    assert!(wider.pipeline(id("secret-p")).await.is_err() && wider.is_limited());
    assert!(wider.pipeline(id("not-yet")).await.is_err());
    assert!(limited.within(Scope::unlimited()).pipeline(id("secret-p")).await.is_err());
}

#[tokio::test]
async fn a_backup_needs_a_handle_without_limit() {
    let (bed, limited) = world().await;
    let mut backup = limited.backup(NEVER);
    let Some(Err(BackupFailure::Engine(error))) = backup.next().await else { panic!() };
    assert_eq!(refused::<()>(Err(error)), out_of_scope('A'));
    assert!(backup.next().await.is_none());
    assert!(matches!(bed.engine.backup(NEVER).next().await, Some(Ok(_))));
}

/// Ids are one space for all: one that is taken outside cannot be used, nor can its past.
#[tokio::test]
async fn an_id_that_is_taken_outside_is_out_of_scope() {
    let (bed, limited) = world().await;
    let trigger_taken = limited.create_trigger(trigger("secret-t", "b"), None, false).await;
    let hypothetical = vec![trigger("secret-t", "b")];
    let previewed = limited.preview(viewed("p", "deal/in"), hypothetical).await.map(|_| ());
    let entity_taken = limited.create_entity(entity_on("deal/secret", "a"), None).await;
    let news = vec![entity_on("deal/new", "a"), entity_on("deal/secret", "a")];
    let imported = limited.import_entities(news, OnExisting::Skip, None).await;
    let named = |text: String| anonymous(&text, &OUTSIDE);
    assert_eq!(named(refused(trigger_taken)), out_of_scope('T'));
    assert_eq!(named(refused(previewed)), out_of_scope('T'));
    assert_eq!(named(refused(entity_taken)), out_of_scope('E'));
    assert_eq!(named(refused(imported)), out_of_scope('E'));
    assert!(bed.engine.entity(id("deal/new")).await.is_err(), "all or none");

    // What has left the scope is not told of again, whoever repeats the request.
    let wish = || entity_on("deal/mine", "a");
    let first = limited.create_entity(wish(), Some(request("c", 7))).await.unwrap();
    let again = limited.create_entity(wish(), Some(request("c", 7))).await.unwrap();
    assert_eq!(first, again);
    bed.move_by_hand("deal/mine", "secret-p/secret-b", 0, None).await.unwrap();
    let again = refused(limited.create_entity(wish(), Some(request("c", 7))).await);
    assert_eq!(again.replace("deal/mine", "ENTITY"), out_of_scope('E'));

    // Nor is what happened before it entered the scope.
    let moving = || MoveByHand {
        id: id("deal/mine"),
        place: EntityPlace { pipeline_id: None, stage_id: id("c") },
        actor: None,
        comment: Prose::default(),
        event_id: id("m1"),
        expected_revision: 0,
    };
    bed.engine.move_entity(moving(), Some(request("m", 8)), false).await.unwrap();
    bed.move_by_hand("deal/mine", "sales/a", 0, None).await.unwrap();
    let again = refused(limited.move_entity(moving(), Some(request("m", 8)), false).await);
    assert_eq!(again.replace("deal/mine", "ENTITY"), out_of_scope('E'));
}

#[tokio::test]
async fn lists_and_watches_name_nothing_that_is_outside() {
    let (bed, limited) = world().await;
    let page = |answer: String| assert!(!answer.contains("secret"), "{answer}");
    page(format!("{:?}", limited.pipelines(None, String::new(), 100).await.unwrap()));
    let all = TriggerQuery::default();
    page(format!("{:?}", limited.triggers(all, String::new(), 100).await.unwrap()));
    for customer_id in [None, Some(id("contact/9"))] {
        let query = EntityQuery { customer_id, ..EntityQuery::default() };
        let found = limited.entities(query, String::new(), 100).await.unwrap();
        assert_eq!(found.items.len(), 1);
        page(format!("{found:?}"));
    }
    for entity in [None, Some("deal/in"), Some("deal/secret")] {
        let query = MoveQuery { entity_id: entity.map(id), ..MoveQuery::default() };
        page(format!("{:?}", limited.moves(query, None, 100).await.unwrap()));
        let query = VerdictQuery { entity_id: entity.map(id), trigger_id: None };
        page(format!("{:?}", limited.verdicts(query, None, 100).await.unwrap()));
    }
    let seen = limited.event(id("mail"), id("both")).await.unwrap();
    page(format!("{seen:?}"));
    assert_eq!(seen.record.decisions().len(), 1);
    let secret = bed.engine.trigger(id("secret-t"), 0).await.unwrap().0;
    assert_eq!(limited.stats_of(&secret), pawl_domain::TriggerStats::default());
    assert!(bed.engine.stats_of(&secret).considered > 0);

    // One that crosses the border comes and goes, and where it goes is not said.
    let show = Show { filter: MoveFilter::default(), entity_changes: true };
    let mut watch = limited.watch(&Start::Now, show, NEVER).await.unwrap();
    bed.move_by_hand("deal/in", "secret-p/secret-b", 0, None).await.unwrap();
    let gone = crossing(&mut watch).await;
    assert!(gone.starts_with("gone deal/in sales/b r3"), "{gone}");
    bed.move_by_hand("deal/in", "secret-p/c", 0, None).await.unwrap();
    bed.move_by_hand("deal/in", "sales/a", 0, None).await.unwrap();
    assert_eq!(crossing(&mut watch).await, "deal/in sales/a r5");
}

/// What a watch shows next, which must be one entity that crossed a border.
async fn crossing(watch: &mut pawl_engine::Watch) -> String {
    let Step::Stretch { picks, .. } = watch.next().await.unwrap() else { panic!() };
    let (gone, entity) = match &picks[..] {
        [pawl_engine::Pick::Entity { entity, .. }] => ("", entity),
        [pawl_engine::Pick::Deleted { entity, .. }] => ("gone ", entity),
        other => panic!("{other:?}"),
    };
    assert!(!format!("{picks:?}").contains("secret"), "{picks:?}");
    let (place, stage) = (&entity.pipeline_id, &entity.stage_id);
    format!("{gone}{} {place}/{stage} r{}", entity.id, entity.version.revision)
}
