//! `sim diff RUN RUN`.

use std::path::PathBuf;

use super::print_out;
use crate::failure::Failure;
use crate::run_folder::RunFolder;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first run folder.
    a: PathBuf,
    /// The second run folder.
    b: PathBuf,
}

/// Prints where two runs part.
///
/// # Errors
/// [`Failure::Difference`] if they do.
pub fn diff(args: &Args) -> Result<(), Failure> {
    let (a, b) = (RunFolder::open(&args.a)?, RunFolder::open(&args.b)?);
    let diff = tapedeck_reports::diff(a.journal()?, b.journal()?).map_err(|error| Failure::caused(&error))?;
    print_out(&diff.to_string())?;
    if diff.is_equal() { Ok(()) } else { Err(Failure::Difference { message: "the runs differ".to_owned() }) }
}
