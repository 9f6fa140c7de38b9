//! `sim data import cryptofeed`.

use std::fmt::Write as _;

use tapedeck_catalog::{DataKind, OnError, Session, SessionFeed, SessionSummary, SessionSymbol, Wanted, sessions};
use tapedeck_model::Instrument;
use tapedeck_model::number::format_scaled;

use super::recording::{counted, say_files, say_records, wanted};
use super::{Args, Described, described, stopped_or_refused};
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;
use crate::registry::Registry;

/// The word for what cryptofeed records.
pub(super) const FORMAT: &str = "cryptofeed";

/// Imports sessions, one after the other.
///
/// # Errors
/// [`Failure`] as `import`.
pub(super) fn import(args: &Args, asked: &Described, registry: &Registry) -> Result<(), Failure> {
    let wanted = wanted(asked, FORMAT)?;
    let on_error = on_error(asked)?;
    let sessions = sessions(&asked.paths, on_error, &interrupt::heed).map_err(stopped_or_refused)?;
    // All of them are described before the first one is written.
    let described = |session| instruments(session, asked, wanted, registry);
    let described = sessions.iter().map(described).collect::<Result<Vec<Vec<Instrument>>, Failure>>()?;
    let mut out = String::new();
    for (session, instruments) in sessions.iter().zip(&described) {
        let summary = session.import((instruments, wanted), &args.into, args.on_conflict.into(), &interrupt::heed);
        say(&mut out, &summary.map_err(stopped_or_refused)?);
    }
    print_out(&out)
}

fn on_error(asked: &Described) -> Result<OnError, Failure> {
    match asked.on_error.as_deref() {
        None | Some("fail") => Ok(OnError::Fail),
        Some("skip") => Ok(OnError::Skip),
        Some("repair") => Ok(OnError::Repair),
        Some(other) => {
            let problem = format!("--on-error {other} is not known");
            Err(Failure::input_with_help(problem, "write fail, skip or repair"))
        }
    }
}

/// What is imported of a session.
fn instruments(
    session: &Session,
    asked: &Described,
    wanted: Wanted,
    registry: &Registry,
) -> Result<Vec<Instrument>, Failure> {
    let is_asked = |found: &SessionSymbol| asked.symbol.as_ref().is_none_or(|symbol| *symbol == found.symbol);
    let found: Vec<SessionSymbol> = session.symbols(wanted).filter(is_asked).collect();
    if found.is_empty() {
        let known: Vec<String> = session.symbols(Wanted::All).map(|found| found.symbol).collect();
        let symbol = asked.symbol.as_ref().map_or_else(String::new, |symbol| format!(" of {symbol}"));
        let problem = format!("the session of {} has no messages{symbol} of the kind that is wanted", session.venue());
        return Err(Failure::input_with_help(problem, format!("its symbols: {}", known.join(", "))));
    }
    let step = |decimals: u8| Some(format_scaled(1, decimals));
    let instrument = |found: SessionSymbol| {
        let one = Described {
            venue: asked.venue.clone().or_else(|| Some(session.venue().to_owned())),
            symbol: Some(found.symbol),
            kind: Some(DataKind::Depth.text().to_owned()),
            tick: asked.tick.clone().or_else(|| step(found.price_decimals)),
            lot: asked.lot.clone().or_else(|| step(found.qty_decimals)),
            format: None,
            ..asked.clone()
        };
        described(&one, registry).map(|set| set.instrument)
    };
    found.into_iter().map(instrument).collect()
}

/// What was imported, for people.
fn say(out: &mut String, summary: &SessionSummary) {
    let SessionSummary { files, feeds, wrong_checksums, left_out, other } = summary;
    say_files(out, files);
    for SessionFeed { instrument, depth, trades, quotes, counts } in feeds {
        say_records(out, instrument, [depth, trades, quotes]);
        let counts: Vec<String> = counted(*counts).map(|(what, count)| format!("{what}: {count}")).collect();
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "  {}", counts.join("; "));
    }
    for wrong in wrong_checksums {
        let _ = writeln!(
            out,
            "{}, line {}: the checksum of {} does not agree, a gap is told",
            wrong.file.display(),
            wrong.line,
            wrong.symbol
        );
    }
    for (what, count) in [("lines that cannot be read", *left_out), ("lines of no symbol", *other)] {
        if count > 0 {
            let _ = writeln!(out, "{what}: {count}");
        }
    }
}
