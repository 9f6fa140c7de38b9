//! `sim data import --format binance-ws`.

use std::fmt::Write as _;

use tapedeck_catalog::{
    DataKind, ImportSummary, Recording, RecordingCounts, RecordingFile, RecordingSummary, Wanted, import_recording,
};
use tapedeck_model::{InstrumentId, Span};

use super::{Args, Described, described, said, stopped_or_refused};
use crate::assemble::data_set::Origin;
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;
use crate::registry::Registry;

/// The word for recordings of Binance's streams.
pub(super) const FORMAT: &str = "binance-ws";

/// Imports recordings.
///
/// # Errors
/// [`Failure`] as `import`.
pub(super) fn import(args: &Args, asked: &Described, registry: &Registry) -> Result<(), Failure> {
    let wanted = wanted(asked, FORMAT)?;
    let kind = Some(DataKind::Depth.text().to_owned());
    let set = described(&Described { kind, format: None, ..asked.clone() }, registry)?;
    let Origin::Files(spec) = set.origin else {
        return Err(Failure::input_with_help("there are no recordings", "name their files"));
    };
    let recording = Recording { paths: spec.paths, instrument: set.instrument, wanted, on_error: spec.on_error };
    let on_conflict = args.on_conflict.into();
    let summary = import_recording(&recording, &args.into, on_conflict, &interrupt::heed);
    let summary = summary.map_err(stopped_or_refused)?;
    let RecordingSummary { files, depth, trades, quotes, counts } = &summary;
    let mut out = String::new();
    say_files(&mut out, files);
    say_records(&mut out, &recording.instrument.id, [depth, trades, quotes]);
    for (what, count) in counted(*counts) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "{what}: {count}");
    }
    print_out(&out)
}

/// What is asked for of recordings, whose messages say the rest.
pub(super) fn wanted(asked: &Described, format: &str) -> Result<Wanted, Failure> {
    let wanted = match asked.kind.as_deref() {
        None => Wanted::All,
        Some("depth") => Wanted::Depth,
        Some("trades") => Wanted::Trades,
        Some("quotes") => Wanted::Quotes,
        Some(other) => {
            let problem = format!("--kind {other}: recordings give depth, trades and quotes");
            return Err(Failure::input_with_help(problem, "leave `--kind` out to import all"));
        }
    };
    let foreign = [
        ("--columns", !asked.columns.is_empty()),
        ("--time-unit", asked.time_unit.is_some()),
        ("--price-scale", asked.price_scale.is_some()),
        ("--qty-scale", asked.qty_scale.is_some()),
        ("--volume-unit", asked.volume_unit.is_some()),
        ("--interval", asked.interval.is_some()),
    ];
    if let Some((name, _)) = foreign.iter().find(|(_, given)| *given) {
        let problem = format!("{name} means nothing with `--format {format}`");
        return Err(Failure::input_with_help(problem, "leave it out: the messages say it all"));
    }
    Ok(wanted)
}

/// The files, and what was done to their clocks.
pub(super) fn say_files(out: &mut String, files: &[RecordingFile]) {
    for RecordingFile { path, lines, recv_shift } in files {
        let clock = if *recv_shift > Span::ZERO {
            format!("the local clock was behind, its times are put forward by {recv_shift}")
        } else {
            "no feed latency is negative".to_owned()
        };
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "{}: {lines} lines; {clock}", path.display());
    }
}

/// Depth, trades and quotes, as far as there are any.
pub(super) fn say_records(out: &mut String, id: &InstrumentId, found: [&Option<ImportSummary>; 3]) {
    for (summary, kind) in found.into_iter().zip([DataKind::Depth, DataKind::Trades, DataKind::Quotes]) {
        if let Some(summary) = summary {
            out.push_str(&said(summary, kind, id));
        }
    }
}

/// What is worth a line: what was used, and whatever was not as it should be.
pub(super) fn counted(counts: RecordingCounts) -> impl Iterator<Item = (&'static str, u64)> {
    let RecordingCounts {
        updates,
        updates_before_snapshot,
        updates_repeated,
        updates_without_snapshot,
        gaps,
        snapshots,
        snapshots_unused,
        checksums,
        checksums_wrong,
        levels_out_of_depth,
        trades_repeated,
        trades_missing,
        trades_off_market,
        quotes_repeated,
        other,
    } = counts;
    let all = [
        ("updates of depth applied", updates),
        ("updates that a snapshot held already", updates_before_snapshot),
        ("updates that came twice", updates_repeated),
        ("updates without a snapshot", updates_without_snapshot),
        ("gaps between updates", gaps),
        ("snapshots", snapshots),
        ("snapshots of a whole book, not used", snapshots_unused),
        ("checksums of books that agree", checksums),
        ("checksums of books that do not agree", checksums_wrong),
        ("levels that fell out of the recorded depth", levels_out_of_depth),
        ("trades that came twice", trades_repeated),
        ("trades missing by their numbers", trades_missing),
        ("trades that did not go through the book", trades_off_market),
        ("best bids and offers that came twice", quotes_repeated),
        ("other lines", other),
    ];
    all.into_iter().filter(|(_, count)| *count > 0)
}
