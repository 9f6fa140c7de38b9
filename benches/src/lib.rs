//! Benchmarks of the hot paths and of whole runs
