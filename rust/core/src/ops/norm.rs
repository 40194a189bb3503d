//! Batch and layer normalisation.
