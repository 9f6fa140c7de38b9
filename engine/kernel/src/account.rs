//! Account: fills and money in, postings and positions out.
