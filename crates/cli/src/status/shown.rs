//! The status for people.

use std::fmt::Write;

use bytesize::ByteSize;
use serde_json::Value;

use crate::clock::Clock;
use crate::output::plain;
use crate::table::{BAD, CARE, Cell, FAINT, GOOD, Table};

/// Lines of what belongs together, and a table of calls.
pub(super) fn text(status: &Value, clock: &Clock) -> String {
    let at = |path: &str| status.pointer(path).unwrap_or(&Value::Null);
    let count = |path: &str| at(path).as_u64().unwrap_or_default();
    let word = |path: &str| plain(at(path).as_str().unwrap_or_default());
    let time = |path: &str| at(path).as_str().and_then(|text| clock.told(text));
    let none = || "none".to_owned();
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{FAINT}{name:12}{FAINT:#}{value}");
    };
    let (version, store) = (word("/server/version"), word("/server/store"));
    line("server", format!("{}, pawl {version}, {store}", word("/server/address")));
    line("health", health(at("/server/services")));
    line("started", time("/server/start_time").unwrap_or_else(none));
    line(
        "has",
        format!(
            "{} entities, {} pipelines, {} triggers, {} trigger types",
            count("/counts/entities"),
            count("/counts/pipelines"),
            count("/counts/triggers"),
            count("/counts/trigger_types"),
        ),
    );
    let (events, moves) = (count("/retained/events"), count("/retained/moves"));
    let oldest = time("/retained/oldest_time").map(|time| format!(", the oldest of {time}"));
    line("retains", format!("{events} events, {moves} moves{}", oldest.unwrap_or_default()));
    line("disk", disk(at("/disk")));
    let identities = bytes(count("/identities/memory_bytes"));
    let identities = format!("{} identities in {identities}", count("/identities/count"));
    let resident = at("/memory/resident_bytes").as_u64().filter(|bytes| *bytes > 0);
    let resident = resident.map(|resident| format!("{}, ", bytes(resident)));
    line("memory", resident.unwrap_or_default() + &identities);
    if at("/rates").is_null() {
        return text;
    }
    let rate = |path: &str| at(path).as_f64().unwrap_or_default();
    let rates = ["events", "moves", "calls"]
        .map(|what| format!("{what} {}/s", rate(&format!("/rates/{what}_per_second"))));
    line("does", rates.join(", "));
    line("queue", queue(&count, at("/queue/is_stalled") == &Value::Bool(true)));
    let pair = |path: &str| quantiles(at(path), seconds);
    let mean = at("/batches/records/mean").as_f64().unwrap_or_default();
    let records = quantiles(at("/batches/records"), |records| format!("{records:.0}"));
    let (decide, sync) = (pair("/batches/seconds"), pair("/batches/sync_seconds"));
    line("batches", format!("of {mean} records, {records}; decided in {decide}; synced in {sync}"));
    let (open, lag) = (count("/watches/open"), count("/watches/lag_records"));
    line("watches", format!("{open} open, the last is {lag} records behind"));
    let (open, most) = (count("/connections/open"), count("/connections/max"));
    line("connections", format!("{open} open of {most}"));
    let lost = count("/traces/lost_spans");
    if lost > 0 {
        line(
            "traces",
            format!("{CARE}{lost} spans are lost{CARE:#}; the log of the server says why"),
        );
    }
    let _ = write!(text, "\n{}", calls(at("/calls")).text(""));
    text
}

fn health(services: &Value) -> String {
    let services = services.as_object().into_iter().flatten();
    let bad = services.filter(|(_, status)| status.as_str() != Some("SERVING"));
    let bad: Vec<_> = bad
        .map(|(name, status)| format!("{name} {}", plain(status.as_str().unwrap_or_default())))
        .collect();
    if bad.is_empty() {
        format!("{GOOD}serving{GOOD:#}")
    } else {
        format!("{BAD}{}{BAD:#}; the log of the server says why", bad.join(", "))
    }
}

fn disk(disk: &Value) -> String {
    let own = disk["data_bytes"].as_u64().map(|own| format!("{} taken, ", bytes(own)));
    let own = own.unwrap_or_default();
    let Some(free) = disk["free_bytes"].as_u64() else { return format!("{own}free is not told") };
    let least = disk["min_free_bytes"].as_u64().unwrap_or_default();
    let told = format!("{own}{} free, writes need {}", bytes(free), bytes(least));
    if free < least {
        format!("{BAD}{told}{BAD:#}; writes are refused")
    } else if free / 2 < least {
        format!("{CARE}{told}{CARE:#}")
    } else {
        told
    }
}

fn queue(count: &impl Fn(&str) -> u64, is_stalled: bool) -> String {
    let (requests, most) = (count("/queue/requests"), count("/queue/max_requests"));
    let (weight, heaviest) = (count("/queue/weight"), count("/queue/max_weight"));
    let told = format!("{requests} requests of {most}, weight {weight} of {heaviest}");
    if is_stalled {
        format!("{told}; {BAD}the writer is stuck{BAD:#}, the log of the server says where")
    } else if weight * 4 > heaviest * 3 {
        format!("{CARE}{told}{CARE:#}")
    } else {
        told
    }
}

fn calls(calls: &Value) -> Table {
    let columns = ["METHOD", "OPEN", "ENDED", "NOT OK", "PER SECOND", "P50", "P99"];
    let mut table = Table::new(&columns);
    for call in calls.as_array().into_iter().flatten() {
        let word = |key: &str| call[key].as_str().unwrap_or_default();
        let number = |key: &str| Cell::plain(&call[key].to_string());
        let service = word("service").trim_start_matches("pawl.v1.");
        let name = [service, word("method")].join("/");
        let not_ok = call["not_ok"].as_u64().unwrap_or_default();
        let time = |key: &str| {
            Cell::plain(&call["seconds"][key].as_f64().map(seconds).unwrap_or_default())
        };
        table.add(vec![
            Cell::plain(name.trim_end_matches('/')),
            number("open"),
            number("ended"),
            if not_ok > 0 { Cell::styled(&not_ok.to_string(), CARE) } else { Cell::plain("0") },
            number("per_second"),
            time("p50"),
            time("p99"),
        ]);
    }
    table
}

fn quantiles(of: &Value, write: impl Fn(f64) -> String) -> String {
    match (of["p50"].as_f64(), of["p99"].as_f64()) {
        (Some(half), Some(most)) => format!("p50 {}, p99 {}", write(half), write(most)),
        _ => "-".to_owned(),
    }
}

fn bytes(count: u64) -> String {
    ByteSize::b(count).display().iec().to_string()
}

/// A time with as many digits as say something.
fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}
