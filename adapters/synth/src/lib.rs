//! Synthetic tapes, generated from a seed without any file
