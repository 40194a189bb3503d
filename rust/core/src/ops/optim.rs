//! One pass over all parameters of an optimiser.
