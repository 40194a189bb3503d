//! Three operands: where, clamp, lerp, addcmul, addcdiv.
