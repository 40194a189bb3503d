//! Copies, conversions, in-place copies.
