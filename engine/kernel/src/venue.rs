//! The simulated venue: records and commands in, reports out.
