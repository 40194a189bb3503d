//! Convolution and its three derivatives.
