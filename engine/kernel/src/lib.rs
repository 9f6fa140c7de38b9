//! The deterministic machine: merge, clock, market, risk, oms, venue, account, run

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod account;
pub mod risk;
pub mod venue;
