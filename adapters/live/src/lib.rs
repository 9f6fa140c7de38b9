//! The live driver: wall time, durable inputs, a venue link
