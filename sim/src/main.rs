//! The `sim` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    tapedeck::cli_main(tapedeck::Registry::standard())
}
