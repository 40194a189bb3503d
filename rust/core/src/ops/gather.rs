//! gather, scatter, index_select, index_add, masked_fill, masked_select, take, nonzero.
