//! The journal: record codec, hash chain, replay reader; bytes in, bytes out, no files

#![deny(missing_docs)]
#![deny(unsafe_code)]
