//! Activation functions: relu and its kin, gelu, elu, softplus.
