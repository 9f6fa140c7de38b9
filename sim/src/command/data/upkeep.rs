//! `sim data compact CATALOG` and `sim data prune CATALOG`.
//!
//! Both say what they would do, and do it with `--yes`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tapedeck_catalog::DayPlan;
use tapedeck_model::{Span, Ts};

use super::filter::Filter;
use super::import::{Choice, stopped_or_refused};
use super::{ls, refused};
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;

/// Arguments of `compact`.
#[derive(Debug, clap::Args)]
pub struct CompactArgs {
    /// The catalog's folder.
    root: PathBuf,
    #[command(flatten)]
    filter: Filter,
    /// What happens where files of a day have other records of the same instant: error (nothing is changed), keep (those of
    /// the file that comes first by its name stay) or replace (those of the last).
    #[arg(long, value_enum, default_value_t = Choice::Error)]
    on_conflict: Choice,
    /// Does it.
    #[arg(long)]
    yes: bool,
}

/// Arguments of `prune`.
#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// The catalog's folder.
    root: PathBuf,
    /// Days before this one (2024-01-31), or that ended so long ago (90d).
    #[arg(long, value_name = "DATE|DURATION")]
    older_than: String,
    #[command(flatten)]
    filter: Filter,
    /// Does it.
    #[arg(long)]
    yes: bool,
}

/// Makes one file of each day.
///
/// # Errors
/// [`Failure`]; the catalog is then as it was.
pub fn compact(args: &CompactArgs) -> Result<(), Failure> {
    interrupt::listen()?;
    let filter = args.filter.of()?;
    if !args.yes {
        let plan = tapedeck_catalog::plan_compaction(&args.root, &filter).map_err(refused)?;
        return print_out(&said(&plan, "would be written as one file each"));
    }
    let done = tapedeck_catalog::compact(&args.root, &filter, args.on_conflict.into(), &interrupt::heed);
    print_out(&said(&done.map_err(stopped_or_refused)?, "are one file each now"))
}

/// Takes old days away.
///
/// # Errors
/// [`Failure`]; the catalog is then as it was.
pub fn prune(args: &PruneArgs) -> Result<(), Failure> {
    let (filter, before) = (args.filter.of()?, before(&args.older_than)?);
    let what = format!("before {}", ls::date(before));
    if !args.yes {
        let plan = tapedeck_catalog::plan_pruning(&args.root, &filter, before).map_err(refused)?;
        return print_out(&said(&plan, &format!("{what} would be removed")));
    }
    let done = tapedeck_catalog::prune(&args.root, &filter, before).map_err(refused)?;
    print_out(&said(&done, &format!("{what} are removed")))
}

/// The first day that stays.
fn before(text: &str) -> Result<Ts, Failure> {
    if let Ok(span) = text.parse::<Span>() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Failure::internal)?.as_nanos();
        let now = Ts::from_nanos(i64::try_from(now).map_err(Failure::internal)?);
        return Ok(Ts::from_nanos(now.nanos().saturating_sub(span.nanos())).floor_to(Span::DAY));
    }
    let refuse = || {
        let help = "write a day such as 2024-01-31, or a duration such as 90d";
        Failure::input_with_help(format!("--older-than: `{text}` is neither a day nor a duration"), help)
    };
    text.parse::<Ts>().ok().filter(|ts| ts.floor_to(Span::DAY) == *ts).ok_or_else(refuse)
}

/// A line per day, and what is or would be done to all of them.
fn said(plan: &[DayPlan], what: &str) -> String {
    let mut out = String::new();
    for DayPlan { series, day, files, row_groups, rows, bytes } in plan {
        let day = ls::date(*day);
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "{series:<32} {day}  {files} files, {row_groups} row groups, {rows} rows, {bytes} bytes");
    }
    let would =
        if what.contains("would") && !plan.is_empty() { "; nothing was changed, add --yes to do it" } else { "" };
    let _ = writeln!(out, "{} days {what}{would}", plan.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_or_a_duration() {
        assert_eq!(before("2024-01-31").unwrap(), "2024-01-31".parse().unwrap());
        let week = before("7d").unwrap();
        assert_eq!((week.floor_to(Span::DAY), week > "2024-01-01".parse().unwrap()), (week, true));
        for wrong in ["soon", "2024-01-31T12:00:00", "90", ""] {
            assert!(before(wrong).is_err(), "{wrong}");
        }
    }
}
