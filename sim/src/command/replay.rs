//! `sim replay RUN [--until T]`.

use tapedeck_model::Ts;

use super::{RunArg, print_out};
use crate::failure::Failure;
use crate::run_folder::RunFolder;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// Stop before this time, for example 2022-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    until: Option<Ts>,
}

/// Prints the state that the journal leads to, and what the auditor says.
///
/// # Errors
/// [`Failure::Input`] for a damaged journal, [`Failure::Difference`] if the auditor disagrees.
pub fn replay(args: &Args) -> Result<(), Failure> {
    let folder = RunFolder::open(&args.run.run)?;
    let replay = tapedeck_reports::replay(folder.journal()?, args.until).map_err(|error| Failure::caused(&error))?;
    print_out(&replay.to_string())?;
    if replay.audit.agrees() {
        Ok(())
    } else {
        Err(Failure::Difference { message: "the audit disagrees with the journal".to_owned() })
    }
}
