//! The result of a check beside the days of a catalog's series, and whether it still holds.
//!
//! The name begins with an underscore: no reader of ours, and none that follows Hive, takes it for data.

use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use tapedeck_catalog::{CatalogEntry, Holding};
use tapedeck_model::Ts;
use tapedeck_quality::{Report, Settings};

use crate::failure::Failure;

/// The name of the file.
const FILE_NAME: &str = "_quality.json";

/// Writes the result of a whole series, in place of an older one.
///
/// # Errors
/// [`Failure::Input`] if it cannot be written.
pub fn store(holding: &Holding, report: &Report, settings: &Settings) -> Result<(), Failure> {
    let path = holding.folder.join(FILE_NAME);
    let refuse = |error: std::io::Error| {
        let help = "the check itself is done: --no-save leaves this out";
        Failure::input_with_help(format!("cannot write {}: {error}", path.display()), help)
    };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Ts::from_nanos(i64::try_from(since.as_secs()).unwrap_or(0).saturating_mul(1_000_000_000));
    let limits: serde_json::Map<String, Value> = settings
        .limits
        .iter()
        .map(|(kind, limit)| (kind.name().to_owned(), json!({ "count": limit.count, "share": limit.share })))
        .collect();
    let files: Vec<Value> = holding
        .files
        .iter()
        .map(|file| {
            let name = file.path.strip_prefix(&holding.folder).unwrap_or(&file.path).display().to_string();
            json!({ "path": name, "content_hash": file.content_hash, "bytes": file.bytes })
        })
        .collect();
    let text = json!({
        "tool": format!("sim {}", env!("CARGO_PKG_VERSION")),
        "checked_at": now.to_string(),
        "content_hash": holding.content_hash(),
        "bytes": holding.bytes(),
        "files": files,
        "thresholds": { "score_min": settings.score_min, "limits": limits },
        "report": report.to_json(),
    });
    let mut file = tempfile::Builder::new().prefix("._quality").tempfile_in(&holding.folder).map_err(refuse)?;
    file.write_all(format!("{text:#}\n").as_bytes()).map_err(refuse)?;
    file.as_file().sync_all().map_err(refuse)?;
    file.persist(&path).map_err(|error| refuse(error.error))?;
    Ok(())
}

/// What a stored result says.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// From 0 to 100.
    pub score: f64,
    /// When, in UTC.
    pub date: String,
    /// Whether the series has other records now.
    pub is_changed: bool,
}

/// The result that is stored beside a series, if there is a readable one. Where a file of another program has no hash,
/// sizes tell.
pub fn checked(entry: &CatalogEntry) -> Option<Checked> {
    let text = std::fs::read_to_string(entry.folder.join(FILE_NAME)).ok()?;
    said(&text, entry.content_hash.as_deref(), entry.bytes)
}

/// What a stored result says of a series that has this hash and this size now.
fn said(text: &str, content_hash: Option<&str>, bytes: u64) -> Option<Checked> {
    let stored: Value = serde_json::from_str(text).ok()?;
    let at = stored.get("checked_at")?.as_str()?;
    let is_same = stored.get("content_hash")?.as_str() == content_hash && stored.get("bytes")?.as_u64() == Some(bytes);
    Some(Checked {
        score: stored.get("report")?.get("score")?.as_f64()?,
        date: at.split_once('T').map_or(at, |(date, _)| date).to_owned(),
        is_changed: !is_same,
    })
}

/// What a manifest says of the series in `folder` that a run reads as `name`, if a result is stored there.
pub fn named(name: &str, folder: &Path) -> Option<Value> {
    let path = folder.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).ok()?;
    let now = tapedeck_catalog::holdings(folder).ok()?;
    let holding = now.first()?;
    let Checked { score, date, is_changed } = said(&text, holding.content_hash().as_deref(), holding.bytes())?;
    Some(json!({
        "data": name,
        "path": path.display().to_string(),
        "hash": blake3::hash(text.as_bytes()).to_hex().to_string(),
        "score": score,
        "date": date,
        "changed_since": is_changed,
    }))
}
