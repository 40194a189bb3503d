//! Out of Rust: item, tolist, bytes, numbers, text.
