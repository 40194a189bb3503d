"""Why a row is slower than PyTorch, as far as it is known: printed beside the ratio when that is above 1.0."""

from __future__ import annotations

MEMORY = "both wait for memory"
LAYOUT = "in channels_last the channels of a pixel are a vector as they lie; planes are laid out anew first"
RATE = "the same sum; oneDNN's code, generated for the shape, runs nearer to the processor's rate"
COLUMNS = "goes through columns of the image (im2col), which oneDNN does without"
SMALL = "rows of 14 numbers: laying them out takes as long as the products"
TURNED = "the input gradient of a strided convolution goes through columns, added up afterwards"

CAUSES = {
    ("elementwise", "gelu, 4M"): "within 2 ULP in the tail, through float64; PyTorch's is off by 1e-7 of 1 there",
    ("elementwise", "add, 1M"): MEMORY,
    ("elementwise", "add_ in place, 16M"): MEMORY,
    ("elementwise", "broadcast (32, 64, 56, 56) * (64, 1, 1)"): MEMORY,
    (
        "elementwise",
        "copy of heads, (16, 128, 8, 64) transposed (1, 2)",
    ): "a call of the system's copy for every 64 numbers",
    ("elementwise", "broadcast (512, 1, 256) + (64, 256)"): MEMORY,
    ("elementwise", "broadcast (4096, 1024) + (1024)"): MEMORY,
    ("elementwise", "broadcast (4096, 1024) - (4096, 1)"): MEMORY,
    ("reduction", "sum, 16M"): MEMORY,
    ("reduction", "sum dim 0, 1024 x 1024"): "partial sums of f32 are added in f64, so that the error does not grow",
    ("reduction", "sum dim 1, 1024 x 1024"): "partial sums of f32 are added in f64, so that the error does not grow",
    ("reduction", "sum dim 1, 4096 x 1024"): "partial sums of f32 are added in f64, so that the error does not grow",
    ("reduction", "sum dim 1, 64 x 256 x 256"): "partial sums of f32 are added in f64, row by row of 256 numbers",
    (
        "reduction",
        "mean over HW, 128 x 32 x 32 x 32",
    ): "partial sums of f32 are added in f64, so that the error does not grow",
    ("reduction", "argmax dim 1, 100000 x 10"): "rows of 10 numbers are looked through one by one",
    ("reduction", "cumsum dim 1, 1024 x 1024"): "every number is converted to f64 and back, one by one",
    ("matmul", "matmul 256 x 256 x 256"): RATE,
    ("matmul", "matmul 512 x 512 x 512"): RATE,
    ("matmul", "matmul 1024 x 1024 x 1024"): RATE,
    ("matmul", "matmul 2048 x 2048 x 2048"): RATE,
    (
        "matmul",
        "deep 64 x 100000 x 64",
    ): "the result is too small to share: the steps are packed by both threads, but in turn",
    ("matmul", "bmm 64 x (64 x 64 x 64)"): RATE,
    ("matmul", "linear 128 x 784 to 512"): RATE,
    ("matmul", "linear 64 x 256 to 256"): RATE,
    ("matmul", "float64 512 x 512 x 512"): RATE,
    ("matmul", "left transposed 512"): RATE,
    ("matmul", "right transposed 512"): RATE,
    ("conv", "CIFAR 1: 3 to 32, 3x3, 32, N 64"): LAYOUT,
    ("conv", "CIFAR 5x5: 3 to 32, 5x5, 32, N 128"): RATE,
    ("conv", "stem 3 to 64, 7x7 stride 2, 224, N 4"): RATE,
    ("conv", "1x1: 256 to 64, 56, N 8"): LAYOUT,
    ("conv", "1x1: 512 to 512, 14, N 8"): LAYOUT,
    ("conv", "1x1 stride 2: 64 to 128, 56, N 8"): COLUMNS,
    ("conv", "depthwise 64, 3x3, 56, N 8"): LAYOUT,
    ("conv", "depthwise 256, 3x3, 14, N 8"): SMALL,
    ("conv", "depthwise 128, 3x3 stride 2, 28, N 8"): SMALL,
    ("conv", "1d: 64 to 128, 5, 1000, N 8"): RATE,
    ("conv", "transposed 64 to 32, 4x4 stride 2, 16, N 8"): TURNED,
    ("conv", "transposed 128 to 64, 2x2 stride 2, 28, N 8"): TURNED,
    ("conv-backward", "CIFAR 1: 3 to 32, 3x3, 32, N 64"): LAYOUT,
    ("conv-backward", "stem 3 to 64, 7x7 stride 2, 224, N 4"): RATE,
    ("conv-backward", "1x1: 256 to 64, 56, N 8"): LAYOUT,
    ("conv-backward", "1x1: 512 to 512, 14, N 8"): RATE,
    ("conv-backward", "1x1 stride 2: 64 to 128, 56, N 8"): COLUMNS,
    ("conv-backward", "depthwise 256, 3x3, 14, N 8"): SMALL,
    ("conv-backward", "depthwise 128, 3x3 stride 2, 28, N 8"): SMALL,
    ("conv-backward", "1d: 64 to 128, 5, 1000, N 8"): RATE,
    ("conv-backward", "transposed 64 to 32, 4x4 stride 2, 16, N 8"): TURNED,
    ("conv-backward", "transposed 128 to 64, 2x2 stride 2, 28, N 8"): TURNED,
    (
        "inference",
        "LSTM 64-128 T50 b32",
    ): "50 small products, one after the other; where the rest goes was not measured",
    ("training", "LSTM 64-128 T50 b32"): "the gradient of the hidden weights is added up step by step",
    ("busy", "LSTM 64-128 T50 b32"): "the gradient of the hidden weights is added up step by step",
}
