//! The manifest of a run: what it was made of and what came of it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_model::random::PRNG;

use crate::play::Played;
use crate::scenario::Scenario;

/// Version of the manifest's keys.
const MANIFEST_VERSION: u32 = 1;

/// What is said of a run beside its results.
pub struct Provenance<'a> {
    /// The scenario's file.
    pub file: &'a Path,
    /// What its paths are relative to.
    pub base_dir: &'a Path,
    /// From the start of the process to the finished folder.
    pub elapsed: Duration,
}

/// The manifest.
pub fn manifest(scenario: &Scenario, played: &Played, provenance: &Provenance<'_>) -> Value {
    let summary = &played.summary;
    let sources: Vec<Value> = summary
        .sources
        .iter()
        .map(|source| {
            let issues: Vec<Value> = source
                .issues
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(issue, count)| json!({ "issue": issue.to_string(), "count": count }))
                .collect();
            json!({
                "name": source.name,
                "records": source.records,
                "content_hash": hex(&source.content_hash),
                "issues": issues,
            })
        })
        .collect();
    let recordings: Vec<Value> =
        played.recordings.iter().map(|(path, hash)| json!({ "path": path, "content_hash": hex(hash) })).collect();
    let counts = &summary.counts;
    json!({
        "manifest_version": MANIFEST_VERSION,
        "fingerprint": played.written.fingerprint.to_string(),
        "scenario": scenario.name(),
        "scenario_hash": hex(&scenario.hash()),
        "scenario_file": provenance.file.display().to_string(),
        "data_root": provenance.base_dir.display().to_string(),
        "overrides": scenario.overrides(),
        "seed": scenario.seed(),
        "version": env!("CARGO_PKG_VERSION"),
        "git_revision": option_env!("TAPEDECK_GIT_REVISION"),
        "prng": PRNG,
        "sources": sources,
        "latency_recordings": recordings,
        "data_quality": played.quality,
        "counts": {
            "records": summary.records,
            "inputs": counts.inputs,
            "events": counts.events,
            "orders": counts.orders,
            "fills": counts.fills,
            "denied": counts.denied,
            "rejected": counts.rejected,
            "liquidations": counts.liquidations,
            "warmup_denied": counts.warmup_denied,
            "ambiguous_bars": summary.ambiguous_bars,
        },
        "first_ts": summary.span.0.to_string(),
        "last_ts": summary.span.1.to_string(),
        "halted": summary.halted,
        "journal_bytes": played.written.bytes,
        "play_s": played.elapsed.as_secs_f64(),
        "elapsed_s": provenance.elapsed.as_secs_f64(),
        "peak_rss_bytes": peak_rss_bytes(),
    })
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
        text
    })
}

/// The largest resident memory of this process so far, where the system says so.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}
