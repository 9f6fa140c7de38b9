//! `sim why RUN ORDER`.

use super::{RunArg, print_out};
use crate::failure::Failure;
use crate::run_folder::RunFolder;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// The order's name, strategy and number: `sma-17`.
    order: String,
}

/// Prints everything about one order.
///
/// # Errors
/// [`Failure::Input`] if there is no such order.
pub fn why(args: &Args) -> Result<(), Failure> {
    let folder = RunFolder::open(&args.run.run)?;
    let chain = tapedeck_reports::why(folder.journal()?, &args.order).map_err(|error| Failure::caused(&error))?;
    if chain.lines.is_empty() {
        let help = "orders are named by strategy and number, for example `sma-1`; `orders.parquet` lists them";
        return Err(Failure::input_with_help(format!("there is no order `{}` in this run", args.order), help));
    }
    print_out(&chain.to_string())
}
