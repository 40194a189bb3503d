//! Random numbers as tensors, bit for bit PyTorch's.
