//! max, min, argmax, argmin, median: reductions that know where.
