//! cat, stack, split, chunk, unbind.
