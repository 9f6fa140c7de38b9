//! `sim data ...`: files of market data.

use clap::Subcommand;

use crate::failure::Failure;
use crate::registry::Registry;

mod check;
mod describe;
mod filter;
mod head;
mod import;
mod ls;
mod synth;
mod upkeep;

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes the synthetic data of a scenario into a file.
    Synth(synth::Args),
    /// Copies files into a catalog: one file per day, exact decimals, times in UTC.
    Import(Box<import::Args>),
    /// Looks for defects in data: counts, places, a score; exit code 1 past a threshold.
    Check(Box<check::Args>),
    /// Lists what is in a catalog.
    Ls(ls::Args),
    /// Prints the first rows of a Parquet or CSV file, or of a series of a catalog.
    Head(head::Args),
    /// Tells all about the series of a catalog: columns, ranges, row groups, hashes.
    Describe(describe::Args),
    /// Makes one file of each day that has several, or many tiny row groups.
    Compact(upkeep::CompactArgs),
    /// Removes old days of a catalog.
    Prune(upkeep::PruneArgs),
}

/// Does it.
///
/// # Errors
/// [`Failure`] of the command.
pub fn data(command: &Command, registry: &Registry) -> Result<(), Failure> {
    match command {
        Command::Synth(args) => synth::synth(args, registry),
        Command::Import(args) => import::import(args, registry),
        Command::Check(args) => check::check(args, registry),
        Command::Ls(args) => ls::ls(args),
        Command::Head(args) => head::head(args),
        Command::Describe(args) => describe::describe(args),
        Command::Compact(args) => upkeep::compact(args),
        Command::Prune(args) => upkeep::prune(args),
    }
}

/// Data that cannot be read or written are the user's to mend.
fn refused(error: tapedeck_catalog::CatalogError) -> Failure {
    Failure::caused(&error)
}
