//! `sim completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, print_out};
use crate::failure::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell.
    shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// [`Failure`] if standard output cannot be written.
pub fn completions(args: &Args) -> Result<(), Failure> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sim", &mut out);
    print_out(&String::from_utf8_lossy(&out))
}
