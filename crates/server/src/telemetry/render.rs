use std::fmt;

use pawl_domain::TriggerStats;
use pawl_engine::{Distribution, Engine, Observed};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::process::Process;
use super::{TRIGGERS_MAX, Telemetry, disk};

/// Of the text format of OpenMetrics, which Prometheus reads.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Outcomes of decisions, in the engine's order.
const OUTCOMES: [&str; 5] = ["moved", "not_moved", "no_trigger", "entity_not_found", "not_reached"];

/// Everything there is to tell, of one moment.
#[derive(Debug)]
struct Scrape {
    telemetry: Telemetry,
    engine: Observed,
    triggers: Vec<(String, TriggerStats)>,
    process: Process,
    data_bytes: Option<u64>,
}

pub(super) fn text(telemetry: &Telemetry, engine: &Engine) -> String {
    let (busiest, others) = engine.busiest_triggers(TRIGGERS_MAX);
    let triggers = busiest.into_iter().map(|(id, stats)| (id.to_string(), stats));
    let scrape = Scrape {
        telemetry: telemetry.clone(),
        engine: engine.observed(),
        // A trigger can have this name; then there are fewer than would need it, or it is one of many.
        triggers: triggers.chain([("other".to_owned(), others)]).collect(),
        process: Process::look(),
        data_bytes: disk::bytes(&telemetry.0.given.data),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let mut text = String::new();
    let written = text::encode(&mut text, &registry);
    written.unwrap_or_else(|_| unreachable!("a string takes everything"));
    text
}

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// Writes metrics one after the other.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Gauge)
            .and_then(|metric| ConstGauge::new(value).encode(metric))
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Counter)
            .and_then(|metric| ConstCounter::new(value).encode(metric))
    }

    fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, seen: &Distribution, unit: f64) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        distribution(metric, seen, unit)
    }
}

/// How many microseconds a second has.
const MICROS: f64 = 1e6;

#[expect(clippy::cast_precision_loss, reason = "what is shown is rounded anyway")]
fn distribution(mut metric: MetricEncoder<'_>, seen: &Distribution, unit: f64) -> fmt::Result {
    let bound = |bound: Option<u64>| bound.map_or(f64::MAX, |bound| bound as f64 / unit);
    let buckets: Vec<_> = seen.buckets.iter().map(|(at, count)| (bound(*at), *count)).collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    metric.encode_histogram::<NoLabelSet>(seen.sum as f64 / unit, count, &buckets, None)
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(encoder);
        self.calls(&mut to)?;
        self.writer(&mut to)?;
        self.holdings(&mut to)?;
        self.disk(&mut to)?;
        self.triggers(&mut to)?;
        self.process(&mut to)
    }
}

impl Scrape {
    fn calls(&self, to: &mut Writer<'_>) -> fmt::Result {
        let counted = &self.telemetry.0;
        let methods = || counted.rpcs.methods();
        let ended = methods().flat_map(|method| {
            let some = method.ended().filter(|(_, count)| *count > 0);
            let of = [("service", &*method.service), ("method", &*method.name)];
            some.map(move |(code, count)| ([of[0], of[1], ("code", code)], count))
        });
        to.counters("pawl_rpcs", "Calls that have ended, by method and code", ended)?;
        let open = methods().map(|method| {
            ([("service", &*method.service), ("method", &*method.name)], method.open())
        });
        to.gauges("pawl_rpcs_open", "Calls in flight, streams among them", open)?;
        let help = "Seconds from the first byte of a call to its last, but of streams";
        let descriptor =
            to.0.encode_descriptor("pawl_rpc_seconds", help, None, MetricType::Histogram);
        let mut metric = descriptor?;
        for method in methods().filter(|method| !method.is_stream) {
            let seen = method.times.seen();
            if seen.buckets.iter().any(|(_, count)| *count > 0) {
                let labels = [("service", &*method.service), ("method", &*method.name)];
                distribution(metric.encode_family(&labels)?, &seen, MICROS)?;
            }
        }
        let load =
            |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
        to.gauge("pawl_connections_open", "Connections that are open", load(&counted.connections))?;
        let ever = load(&counted.connections_ever);
        to.counter("pawl_connections", "Connections that were accepted", ever)?;
        let help = "Connections that were closed at once, since as many were open as may be";
        to.counter("pawl_connections_refused", help, load(&counted.connections_refused))?;
        let help = "Connections that were closed, since their clients flooded them with frames";
        to.counter("pawl_connections_flooding", help, load(&counted.connections_flooding))?;
        let help = "Spans of traces that no collector took: full, 4,096 waited; not_taken, it was \
                    away or refused them";
        let lost = counted.given.lost_spans.counts().into_iter();
        to.counters("pawl_spans_lost", help, lost.map(|(why, count)| ([("reason", why)], count)))
    }

    fn writer(&self, to: &mut Writer<'_>) -> fmt::Result {
        let seen = &self.engine;
        let help = "Decisions by outcome: one for each entity that an event reaches";
        let decisions = OUTCOMES.into_iter().zip(seen.decisions);
        to.counters("pawl_decisions", help, decisions.map(|(name, n)| ([("outcome", name)], n)))?;
        let help = "Events that were published before and are answered from the log";
        to.counter("pawl_events_duplicate", help, seen.duplicates)?;
        to.counter("pawl_events_refused", "Events that were refused", seen.refused)?;
        to.gauge("pawl_queue_requests", "Requests that wait for the writer", seen.waiting as u64)?;
        let help = "What waits for the writer weighs; at 65,536 callers wait for a place";
        to.gauge("pawl_queue_weight", help, seen.waiting_weight as u64)?;
        to.histogram("pawl_batch_records", "Records of each batch", &seen.batch_records, 1.0)?;
        let help = "Seconds in which each batch was decided and applied";
        to.histogram("pawl_batch_seconds", help, &seen.batch_times, MICROS)?;
        let help = "Seconds of each sync of the journal, which serves one or several batches";
        to.histogram("pawl_sync_seconds", help, &seen.sync_times, MICROS)?;
        let help = "Records that the journal has and sled does not have yet";
        to.gauge("pawl_unapplied_records", help, seen.unapplied)?;
        let help = "1 while work is in hand and nothing becomes of it, else 0";
        to.gauge("pawl_stalled", help, u64::from(seen.is_stalled))
    }

    fn holdings(&self, to: &mut Writer<'_>) -> fmt::Result {
        let seen = &self.engine;
        to.gauge("pawl_watchers", "Watches that are open", seen.watchers as u64)?;
        let help = "Records by which the watch that is furthest behind is behind";
        to.gauge("pawl_watcher_lag_records", help, seen.watcher_lag)?;
        let help = "Events ever recorded, before a start too";
        to.counter("pawl_events", help, seen.events)?;
        to.counter("pawl_moves", "Moves ever made, before a start too", seen.moves)?;
        to.gauge("pawl_entities", "Entities that exist", seen.counts.entities)?;
        to.gauge("pawl_pipelines", "Pipelines that exist", seen.counts.pipelines)?;
        to.gauge("pawl_triggers", "Triggers that exist", seen.counts.triggers)?;
        let help = "Trigger types that exist, the built-in ones among them";
        to.gauge("pawl_trigger_types", help, seen.counts.trigger_types)?;
        let help = "Events and requests that are remembered, so that they count once";
        to.gauge("pawl_identities", help, seen.remembered.count)?;
        let help = "Bytes of memory that these identities take";
        to.gauge("pawl_identities_memory_bytes", help, seen.remembered.memory_bytes)
    }

    fn disk(&self, to: &mut Writer<'_>) -> fmt::Result {
        if let Some(bytes) = self.data_bytes {
            let help = "Bytes that the files of the data take on their disk";
            to.gauge("pawl_data_bytes", help, bytes)?;
        }
        if let Some(free) = self.engine.free_bytes {
            to.gauge("pawl_free_bytes", "Bytes free on the disk of the data", free)?;
        }
        let help = "With fewer bytes free than this, writes are refused";
        to.gauge("pawl_min_free_bytes", help, self.telemetry.0.given.min_free_bytes)
    }

    fn triggers(&self, to: &mut Writer<'_>) -> fmt::Result {
        let of = |pick: fn(&TriggerStats) -> u64| {
            self.triggers.iter().map(move |(id, stats)| ([("trigger", &**id)], pick(stats)))
        };
        let help =
            "How often a trigger was asked; those that move least are told together as other";
        to.gauges("pawl_trigger_considered", help, of(|stats| stats.considered))?;
        let help = "How often parameters and filter of a trigger held";
        to.gauges("pawl_trigger_matched", help, of(|stats| stats.matched))?;
        to.gauges(
            "pawl_trigger_moved",
            "How often a trigger moved an entity",
            of(|stats| stats.moved),
        )
    }

    fn process(&self, to: &mut Writer<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let build = std::iter::once((version, 1));
        to.gauges("pawl_build_info", "1, with the version of the server", build)?;
        if let Some(seconds) = self.process.cpu_seconds {
            let help = "Seconds of processors, of user and system";
            let metric =
                to.0.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        if let Some(bytes) = self.process.resident_bytes {
            to.gauge("process_resident_memory_bytes", "Bytes of memory in use", bytes)?;
        }
        match self.process.open_files {
            Some(count) => to.gauge("process_open_fds", "Files and sockets that are open", count),
            None => Ok(()),
        }
    }
}
