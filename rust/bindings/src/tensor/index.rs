//! Indexing with Python's brackets: slices, masks, index tensors, and assignment through them.
