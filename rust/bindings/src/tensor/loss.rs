//! Losses with kernels of their own: nll_loss, cross_entropy.
