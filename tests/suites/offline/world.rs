//! Databases with something of everything in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pawl_api::pb;
use pawl_tests::{Client, Server, entity, event, fields, pipeline, trigger, trigger_type, within};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// How a server is started that keeps next to nothing of its log.
pub(crate) const TRIMS: [&str; 4] = ["--dedupe-window", "1ms", "--retention-bytes", "1KiB"];

/// A closed database, to make copies of.
pub(crate) struct Database {
    data: TempDir,
}

impl Database {
    /// One that was never trimmed.
    pub(crate) async fn young() -> &'static Self {
        static YOUNG: OnceCell<Database> = OnceCell::const_new();
        YOUNG.get_or_init(|| Self::make(false)).await
    }

    /// One whose log begins with a later record, and with statistics of its triggers.
    pub(crate) async fn trimmed() -> &'static Self {
        static TRIMMED: OnceCell<Database> = OnceCell::const_new();
        TRIMMED.get_or_init(|| Self::make(true)).await
    }

    async fn make(trims: bool) -> Self {
        let mut server = Server::start_with(if trims { &TRIMS } else { &[] }).await;
        let client = server.client().await;
        furnish(&client).await;
        if trims {
            within(60, "a trim", trimmed(&client)).await;
            // What comes behind the trim, about entities that the log does not tell of any more.
            client.publish(event("late", "sun.up", "deal/7 contact/9")).await;
            move_to(&client, "deal/2", "new", "").await;
            // Only the request is remembered: what wrote it is not in the log any more.
            let named = pb::Entity { display_name: "Shed".to_owned(), ..entity("deal/3", "") };
            update(&client, named, "r9").await;
        }
        server.terminate().await;
        let data = TempDir::with_prefix("pawl-").expect("a temporary directory");
        copy(server.data(), data.path());
        Self { data }
    }

    pub(crate) fn path(&self) -> &Path {
        self.data.path()
    }

    /// A copy to do anything to.
    pub(crate) fn copied(&self) -> TempDir {
        let copied = TempDir::with_prefix("pawl-").expect("a temporary directory");
        copy(self.path(), copied.path());
        copied
    }
}

/// Waits until most of the log is gone, and the statistics of triggers are written down.
pub(crate) async fn trimmed(client: &Client) {
    for number in 0.. {
        if client.info().await.event_count < number {
            return;
        }
        client.publish(event(&format!("tick{number}"), "sun.up", "deal/8")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it is a directory") {
        let from = entry.expect("it can be read").path();
        let to = to.join(from.file_name().expect("it has a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("it can be copied");
        }
    }
}

/// Every file below a directory with what is in it, in order.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("it is a directory") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            // An empty one is seen too.
            files.push((path.clone(), Vec::new()));
            files.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

pub(crate) async fn move_to(client: &Client, id: &str, stage: &str, request_id: &str) {
    let request = pb::MoveEntityRequest {
        entity_id: id.to_owned(),
        stage_id: stage.to_owned(),
        actor: "ines".to_owned(),
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    client.entities.clone().move_entity(request).await.expect("it is moved");
}

pub(crate) async fn update(client: &Client, entity: pb::Entity, request_id: &str) {
    let request = pb::UpdateEntityRequest {
        entity: Some(entity),
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    client.entities.clone().update_entity(request).await.expect("it is updated");
}

async fn delete(client: &Client, id: &str) {
    let request = pb::DeleteEntityRequest { entity_id: id.to_owned(), ..Default::default() };
    client.entities.clone().delete_entity(request).await.expect("it is deleted");
}

fn deal(number: usize, customers: &str) -> pb::Entity {
    pb::Entity {
        display_name: format!("Roof {number}"),
        responsible: "ines".to_owned(),
        customer_ids: customers.split_whitespace().map(str::to_owned).collect(),
        fields: Some(fields([("city", Some("Bern"))])),
        ..entity(&format!("deal/{number}"), "sales")
    }
}

/// Makes something of everything.
pub(crate) async fn furnish(client: &Client) {
    configure(client).await;
    for number in 1..=6 {
        client.entity(deal(number, "contact/9 company/4")).await;
    }
    let invoice = pb::Entity { parent_ids: vec!["deal/1".into()], ..entity("invoice/1", "bills") };
    client.entity(invoice).await;
    let imported = pb::ImportEntitiesRequest {
        entities: (7..=12).map(|number| deal(number, "contact/10")).collect(),
        ..Default::default()
    };
    let imported = client.entities.clone().import_entities(tokio_stream::iter([imported])).await;
    imported.expect("they are imported");
    client.publish(event("e1", "sun.up", "contact/9 deal/3 deal/99 contact/404")).await;
    client.publish(event("e1", "sun.up", "contact/9 deal/3 deal/99 contact/404")).await;
    client.publish(event("e2", "nobody.listens", "deal/4")).await;
    move_to(client, "deal/2", "lost", "r1").await;
    // It stands there already: only the request is remembered.
    move_to(client, "deal/2", "lost", "r2").await;
    let named = pb::Entity { display_name: "Shed".to_owned(), ..entity("deal/3", "") };
    update(client, named.clone(), "r3").await;
    update(client, named, "r4").await;
    let moved = Some(fields([("city", Some("Thun"))]));
    update(client, pb::Entity { fields: moved, ..entity("deal/4", "") }, "").await;
    // The deal follows its invoice.
    move_to(client, "invoice/1", "paid", "").await;
    delete(client, "deal/5").await;
    delete(client, "deal/6").await;
    client.entity(deal(6, "company/4")).await;
    client.publish(event("e3", "sun.up", "deal/6")).await;
}

async fn configure(client: &Client) {
    client.pipeline(pipeline("sales", "new offer won:WON lost:LOST")).await;
    client.pipeline(pipeline("gone", "one")).await;
    let bills = pipeline("bills", "open paid:WON");
    client.pipeline(pb::Pipeline { entity_kind: "invoice".to_owned(), ..bills }).await;
    let mut pipelines = client.pipelines.clone();
    let sales = pb::Pipeline { display_name: "Sales".into(), ..pipeline("sales", "") };
    let request = pb::UpdatePipelineRequest { pipeline: Some(sales), ..Default::default() };
    pipelines.update_pipeline(request).await.expect("it is updated");
    let request = pb::DeletePipelineRequest { pipeline_id: "gone".into(), ..Default::default() };
    pipelines.delete_pipeline(request).await.expect("it is deleted");

    client.trigger_type(trigger_type("sun.up")).await;
    client.trigger_type(trigger_type("moon.full")).await;
    client.trigger_type(trigger_type("rain")).await;
    let mut triggers = client.triggers.clone();
    let request = pb::DeleteTriggerTypeRequest { code: "rain".into(), ..Default::default() };
    triggers.delete_trigger_type(request).await.expect("it is deleted");
    client.trigger(trigger("rises", "sales/offer", "sun.up")).await;
    client.trigger(trigger("pays", "sales/won", "invoice.paid")).await;
    client.trigger(trigger("again", "sales/lost", "moon.full")).await;
    client.trigger(trigger("moves", "sales/won", "field.changed").with("city")).await;
    for name in ["At sunrise", "When the sun rises"] {
        let trigger = pb::Trigger { display_name: name.into(), ..trigger("rises", "", "") };
        let request = pb::UpdateTriggerRequest { trigger: Some(trigger), ..Default::default() };
        triggers.update_trigger(request).await.expect("it is updated");
    }
    let request = pb::DeleteTriggerRequest { trigger_id: "again".into(), ..Default::default() };
    triggers.delete_trigger(request).await.expect("it is deleted");
    client.trigger(trigger("again", "sales/lost", "moon.full")).await;
}

trait WithField {
    /// Listens to changes of a field.
    fn with(self, field: &str) -> Self;
}

impl WithField for pb::Trigger {
    fn with(self, field: &str) -> Self {
        Self { parameters: Some(fields([("fields", Some(field))])), ..self }
    }
}
