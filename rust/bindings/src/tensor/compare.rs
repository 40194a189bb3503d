//! Comparisons and logic: truth values out.
