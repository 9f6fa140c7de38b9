//! The `sim` binary, and the facade for users with strategies of their own.
//!
//! Enters: arguments, scenarios, files. Leaves: run folders, text, exit codes. This crate is the
//! door of the house: whatever touches the outside and belongs to no adapter is here. Deliberately
//! absent: anything that a run's result could depend on.
//!
//! A user's own program registers its strategy and has every command with it:
//!
//! ```no_run
//! use tapedeck::{Registry, cli_main};
//!
//! fn main() -> std::process::ExitCode {
//!     cli_main(Registry::standard())
//! }
//! ```

#![deny(unsafe_code)]

pub mod assemble;
mod assumptions;
mod command;
mod failure;
mod interrupt;
mod journal_writer;
mod load;
mod manifest;
mod page;
mod play;
mod progress;
mod registry;
mod run_folder;
pub mod scenario;
mod schema;
mod stored_quality;
mod variants;

pub use command::cli_main;
pub use failure::Failure;
pub use registry::{Described, Family, Registry};
pub use scenario::{Origin, Problems, Scenario};
pub use schema::schema;
pub use tapedeck_model as model;
