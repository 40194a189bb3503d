//! Max, average and adaptive pooling.
