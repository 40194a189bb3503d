//! backward, requires_grad, hooks, detach.
