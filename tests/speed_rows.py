"""Our time over NumPy's, row by row: `python tests/speed_rows.py [ROW ...]` prints the ratios as JSON.

Every row has a yardstick of NumPy's that is bound by what bounds the row: its BLAS for products and convolutions, its
loops for what streams through numbers, its dispatch for calls. Both run on one thread, in turns, and the least time of
either counts: neighbours make single turns slower, never faster.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

if __name__ == "__main__":  # Before either library starts its threads.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TENSORRS_NUM_THREADS"):
        os.environ[variable] = "1"

import numpy as np

import tensorrs
import tensorrs.nn.functional as F
from tensorrs import nn, optim

Call = Callable[[], object]
TURNS = 15
SECONDS = 0.002


def arrays(*shape: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    return a, b, np.empty_like(a)


def product(n: int) -> Call:
    a, b, out = arrays(n, n)
    return lambda: np.matmul(a, b, out=out)


def stream(n: int) -> Call:
    a, b, out = arrays(n)
    return lambda: np.add(a, b, out=out)


def exponentials(n: int) -> Call:
    a, _, out = arrays(n)
    return lambda: np.exp(a, out=out)


def call() -> Call:
    a, b, _ = arrays(1)
    return lambda: np.add(a, b)


def matmul(n: int) -> Call:
    a, b = tensorrs.randn(n, n), tensorrs.randn(n, n)
    return lambda: a @ b


def conv(n: int, c: int, size: int, out: int, kernel: int, padding: int = 0, groups: int = 1) -> Call:
    x = tensorrs.randn(n, c, size, size, requires_grad=True)
    weight = tensorrs.randn(out, c // groups, kernel, kernel, requires_grad=True)
    seed = tensorrs.ones_like(F.conv2d(x, weight, None, 1, padding, 1, groups))
    return lambda: tensorrs.autograd.grad(F.conv2d(x, weight, None, 1, padding, 1, groups), [x, weight], seed)


def forward(f: Callable[..., tensorrs.Tensor], *shape: int) -> Call:
    x = tensorrs.randn(*shape)
    return lambda: f(x)


def both_ways(f: Callable[..., tensorrs.Tensor], *shape: int) -> Call:
    x = tensorrs.randn(*shape, requires_grad=True)
    seed = tensorrs.ones_like(f(x))
    return lambda: tensorrs.autograd.grad(f(x), x, seed)


def sum_of(n: int) -> Call:
    x, y = tensorrs.randn(n), tensorrs.randn(n)
    return lambda: x + y


def cross_entropy() -> Call:
    x = tensorrs.randn(128, 500, requires_grad=True)
    target = tensorrs.randint(0, 500, (128,))
    return lambda: tensorrs.autograd.grad(F.cross_entropy(x, target), x)


def adam() -> Call:
    parameters = [nn.Parameter(tensorrs.randn(2000)) for _ in range(30)]
    for parameter in parameters:
        parameter.grad = tensorrs.randn(2000)
    return optim.Adam(parameters).step


def chain() -> Call:
    x = tensorrs.randn(1, requires_grad=True)

    def run() -> None:
        y = x
        for _ in range(10):
            y = (y * 0.5) + 1.0
        y.backward()

    return run


def linear() -> Call:
    layer, x = nn.Linear(16, 16), tensorrs.randn(1, 16)
    return lambda: layer(x)


def lstm() -> Call:
    layer, x = nn.LSTM(32, 64), tensorrs.randn(20, 16, 32)
    return lambda: layer(x)


# What the row does, its yardstick, and the ratio of their times on 2026-11-22 (AMD EPYC, Zen 3, AVX2; NumPy 2.4.6).
ROWS: dict[str, tuple[Callable[[], Call], Callable[[], Call], float]] = {
    "matmul 64": (lambda: matmul(64), lambda: product(64), 0.85),
    "matmul 256": (lambda: matmul(256), lambda: product(256), 1.0),
    "conv 3x3, 16 to 32, 64 pixels": (lambda: conv(1, 16, 64, 32, 3, 1), lambda: product(256), 4.7),
    "conv 3x3, 64 to 64, 28 pixels": (lambda: conv(2, 64, 28, 64, 3, 1), lambda: product(256), 7.2),
    "conv 5x5, a batch": (lambda: conv(32, 6, 14, 16, 5), lambda: product(256), 2.0),
    "conv 1x1": (lambda: conv(2, 64, 28, 64, 1), lambda: product(256), 1.5),
    "conv depthwise": (lambda: conv(2, 64, 28, 64, 3, 1, 64), lambda: product(256), 0.75),
    "add": (lambda: sum_of(65536), lambda: stream(65536), 1.0),
    "exp": (lambda: forward(tensorrs.exp, 65536), lambda: exponentials(65536), 0.5),
    "softmax": (lambda: both_ways(lambda x: x.softmax(1), 64, 1000), lambda: exponentials(65536), 0.95),
    "cross entropy": (cross_entropy, lambda: exponentials(65536), 1.4),
    "sum by rows": (lambda: forward(lambda x: x.sum(1), 64, 1024), lambda: stream(65536), 0.6),
    "max pool": (lambda: both_ways(lambda x: F.max_pool2d(x, 2), 4, 16, 32, 32), lambda: stream(65536), 13.0),
    "layer norm": (lambda: both_ways(lambda x: F.layer_norm(x, [256]), 256, 256), lambda: stream(65536), 7.2),
    "dropout": (lambda: forward(lambda x: F.dropout(x, 0.5), 65536), lambda: exponentials(65536), 2.4),
    "Adam": (adam, lambda: stream(65536), 9.0),
    "LSTM": (lstm, lambda: product(256), 1.5),
    "add of one element": (lambda: sum_of(1), call, 0.43),
    "20 small ops and back": (chain, call, 36.0),
    "Linear, 1 x 16": (linear, call, 2.6),
}


def least(calls: tuple[Call, Call]) -> list[float]:
    """Seconds of each call: the least of some turns, each as many calls as take a while."""
    counts = []
    for f in calls:
        f()
        start = time.perf_counter()
        f()
        counts.append(max(1, int(SECONDS / (time.perf_counter() - start))))
    best = [float("inf")] * len(calls)
    for _ in range(TURNS):
        for i, f in enumerate(calls):
            start = time.perf_counter()
            for _ in range(counts[i]):
                f()
            best[i] = min(best[i], (time.perf_counter() - start) / counts[i])
    return best


def main(names: list[str]) -> None:
    tensorrs.manual_seed(0)
    ratios = {}
    for name in names or ROWS:
        ours, theirs = least((ROWS[name][0](), ROWS[name][1]()))
        ratios[name] = ours / theirs
    print(json.dumps(ratios))


if __name__ == "__main__":
    main(sys.argv[1:])
