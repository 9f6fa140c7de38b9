//! The command line: what can be asked, and who answers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::registry::Registry;

mod completions;
mod data;
mod diff;
mod list;
mod new;
mod replay;
mod report;
mod run;
mod schema;
mod verify;
mod why;

/// A deterministic, event-sourced trading simulator.
///
/// Exit codes: 0 success, 1 a check found a difference, 2 bad input, 3 internal error,
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "sim", version, about, long_about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays a scenario and writes its run folder.
    Run(run::Args),
    /// Shows the state that the journal leads to: orders, positions, cash, equity.
    Replay(replay::Args),
    /// Runs a run folder's scenario again and compares every event.
    Verify(verify::Args),
    /// Compares two runs: the first event that differs, with its causes.
    Diff(diff::Args),
    /// Tells the story of one order: intent, checks, reports, fills and their evidence.
    Why(why::Args),
    /// Lists components with their parameters, units and defaults.
    List(list::Args),
    /// Prints the JSON schema of scenarios.
    Schema,
    /// Writes a crate with a strategy of your own, ready to run.
    New(new::Args),
    /// Writes the tables and the page of a run folder again, from its journal.
    Report(report::Args),
    /// Writes, imports and lists market data.
    #[command(subcommand)]
    Data(data::Command),
    /// Prints completions for a shell.
    Completions(completions::Args),
}

/// A run folder on the command line.
#[derive(Debug, clap::Args)]
struct RunArg {
    /// The run folder.
    run: PathBuf,
}

/// The whole command line of a program with these components.
pub fn cli_main(registry: Registry) -> ExitCode {
    keep_freed_pages();
    let cli = Cli::parse();
    match answer(cli.command, &registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Size of the buffers that the allocator is taught to keep.
const KEPT_BYTES: usize = 16 << 20;

/// Lets glibc's allocator keep what is freed. It maps a buffer from the system, and unmaps it when it is freed, unless
/// one as large was freed before; and it gives free memory back above twice that size. Each page that comes again is
/// cleared anew. Parquet needs a megabyte for every dictionary, so which thread frees one first would decide how
/// many pages that are. The buffer here is never touched, so it costs nothing; other allocators do not care.
fn keep_freed_pages() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_BYTES)));
}

fn answer(command: Command, registry: &Registry) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args, registry),
        Command::Replay(args) => replay::replay(&args),
        Command::Verify(args) => verify::verify(&args, registry),
        Command::Diff(args) => diff::diff(&args),
        Command::Why(args) => why::why(&args),
        Command::List(args) => list::list(&args, registry),
        Command::Schema => schema::print_schema(registry),
        Command::New(args) => new::new_crate(&args),
        Command::Report(args) => report::report(&args, registry),
        Command::Data(command) => data::data(&command, registry),
        Command::Completions(args) => completions::completions(&args),
    }
}

/// Prints to standard output; a reader that went away is no failure.
fn print_out(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::internal(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
