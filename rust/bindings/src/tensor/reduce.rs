//! Sums, products, means.
