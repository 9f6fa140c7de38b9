//! The deterministic machine. One market event walks through merge, clock, market view, strategy,
//! risk, order management, venue, account and journal; [`run`] is the tour.
//!
//! The modules do not import each other, save for the few that introduce them: [`run`] (the doors),
//! [`drive`] (simulated time around them) and [`spec`] (what they are built from). Deliberately
//! absent: files, sockets, threads, wall clock, environment.

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod account;
pub mod clock;
pub mod drive;
pub mod host;
pub mod incident;
mod loan;
pub mod margin;
pub mod market;
pub mod merge;
pub mod oms;
pub mod rate;
pub mod risk;
pub mod run;
pub mod spec;
pub mod venue;
