//! Matrix products of all ranks.
