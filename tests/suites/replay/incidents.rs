//! The log as it lies on the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use pawl_api::pb;
use pawl_tests::{entity, event, fields, timestamp_ms, workspace_root};
use serde::Deserialize;

/// Everything that is known of the incidents.
pub(crate) struct Incidents {
    pub(crate) setup: Setup,
    pub(crate) entities: Vec<pb::Entity>,
    /// In the order to publish.
    pub(crate) events: Vec<pb::Event>,
    /// Every move that must come out, in order.
    pub(crate) moves: Vec<MoveLine>,
    /// For each event the move that it must cause, as an index of `moves`.
    pub(crate) caused: Vec<Option<usize>>,
    /// Pipeline, stage and number of moves of each entity in the end.
    pub(crate) ends: BTreeMap<String, (String, String, i64)>,
    pub(crate) summary: Summary,
}

/// `setup.json`.
#[derive(Deserialize)]
pub(crate) struct Setup {
    pub(crate) entity_kind: String,
    pub(crate) trigger_selection: String,
    pub(crate) pipelines: Vec<PipelineSetup>,
    pub(crate) triggers: Vec<TriggerSetup>,
}

#[derive(Deserialize)]
pub(crate) struct PipelineSetup {
    pub(crate) pipeline_id: String,
    pub(crate) stages: Vec<StageSetup>,
}

#[derive(Deserialize)]
pub(crate) struct StageSetup {
    pub(crate) stage_id: String,
    pub(crate) semantics: String,
}

#[derive(Deserialize)]
pub(crate) struct TriggerSetup {
    pub(crate) trigger_id: String,
    pub(crate) pipeline_id: String,
    pub(crate) stage_id: String,
    pub(crate) event_type: String,
    pub(crate) allow_move_back: bool,
    pub(crate) allow_reopen: bool,
    pub(crate) state: String,
}

/// `summary.json`.
#[derive(Deserialize)]
pub(crate) struct Summary {
    pub(crate) entities: usize,
    pub(crate) events: usize,
    pub(crate) moves: usize,
    pub(crate) moves_backward: usize,
    pub(crate) final_stages: BTreeMap<String, BTreeMap<String, usize>>,
    pub(crate) moves_per_trigger: BTreeMap<String, usize>,
}

/// A line of `incidents_moves.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MoveLine {
    pub(crate) seq: String,
    pub(crate) entity: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) trigger: String,
}

impl MoveLine {
    /// A move as such a line; a move by hand has no trigger.
    pub(crate) fn of(moved: &pb::Move) -> Self {
        let (seq, trigger) = match &moved.cause {
            Some(pb::r#move::Cause::Trigger(cause)) => (&cause.event_id, &cause.trigger_id),
            other => panic!("caused by {other:?}"),
        };
        Self {
            seq: seq.clone(),
            entity: moved.entity_id.clone(),
            from: moved.from_stage_id.clone(),
            to: moved.to_stage_id.clone(),
            trigger: trigger.clone(),
        }
    }
}

impl Incidents {
    /// Where the log lies, outside of the project.
    pub(crate) fn directory() -> PathBuf {
        workspace_root().join("../shared/replay/incidents")
    }

    /// Reads the log, where it is.
    pub(crate) fn load() -> Option<Self> {
        let directory = Self::directory();
        directory.is_dir().then(|| Self::read(&directory))
    }

    fn read(directory: &Path) -> Self {
        let setup: Setup = json(&directory.join("setup.json"));
        let id = |local: &str| format!("{}/{local}", setup.entity_kind);
        let entities = csv(directory, "entities").into_iter().map(
            |[local, pipeline, stage, priority, category]| {
                let fields =
                    fields([("priority", Some(&*priority)), ("category", Some(&*category))]);
                let place = format!("{pipeline}/{stage}");
                pb::Entity { fields: Some(fields), ..entity(&id(&local), &place) }
            },
        );
        let entities: Vec<_> = entities.collect();
        let events = csv(directory, "events").into_iter().map(|[seq, at_ms, local, event_type]| {
            let at_ms = at_ms.parse().expect("milliseconds");
            pb::Event {
                source: "incidents".to_owned(),
                time: Some(timestamp_ms(at_ms)),
                ..event(&seq, &event_type, &id(&local))
            }
        });
        let events: Vec<_> = events.collect();
        let moves = csv(directory, "moves").into_iter().map(|[seq, local, from, to, trigger]| {
            MoveLine { entity: id(&local), seq, from, to, trigger }
        });
        let moves: Vec<_> = moves.collect();
        let ends = csv(directory, "final").into_iter().map(|[local, pipeline, stage, moves]| {
            (id(&local), (pipeline, stage, moves.parse().expect("a count")))
        });
        let ends = ends.collect();
        let mut caused = vec![None; events.len()];
        for (index, line) in moves.iter().enumerate() {
            let seq: usize = line.seq.parse().expect("a number");
            caused[seq - 1] = Some(index);
        }
        let summary: Summary = json(&directory.join("summary.json"));
        let counts = (summary.entities, summary.events, summary.moves);
        assert_eq!((entities.len(), events.len(), moves.len()), counts, "the log is whole");
        Self { setup, entities, events, moves, caused, ends, summary }
    }
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_reader(BufReader::new(file)).expect("JSON as described")
}

/// The lines below the heading. No value holds a comma or a quote.
fn csv<const N: usize>(directory: &Path, name: &str) -> Vec<[String; N]> {
    let path = directory.join(format!("incidents_{name}.csv.gz"));
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = BufReader::new(GzDecoder::new(file)).lines().skip(1);
    let split = |line: std::io::Result<String>| {
        let line = line.expect("the file can be read");
        let values: Vec<_> = line.split(',').map(str::to_owned).collect();
        values.try_into().unwrap_or_else(|_| panic!("{line:?} has not {N} values"))
    };
    lines.map(split).collect()
}
