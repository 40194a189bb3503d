"""Threads: the same bits for any number of them, two Python threads at once, and the numbers one may set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from under_test import NAME, T, numbers

F = T.nn.functional


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = T.get_num_threads()
    yield
    T.set_num_threads(before)


def grads(act: Callable[..., Any], *inputs: Any) -> list[Any]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = act(*leaves)
    return [out, *T.autograd.grad(out.square().sum(), leaves)]


BIG: dict[str, Callable[[], Any]] = {
    "sum": lambda: T.randn(1_000_003).sum(),
    "sum of a dim": lambda: T.randn(301, 4001).sum(0),
    "mean": lambda: T.randn(700, 900).mean(1),
    "var": lambda: T.randn(500_001).var(),
    "logsumexp": lambda: T.randn(300, 2000).logsumexp(1),
    "softmax": lambda: T.randn(500, 1000).softmax(1),
    "exp": lambda: T.randn(400_001).exp(),
    "broadcast add": lambda: T.randn(300, 1, 400) + T.randn(50, 1),
    "matmul": lambda: grads(T.matmul, T.randn(257, 300), T.randn(300, 190)),
    "tall matmul": lambda: grads(T.matmul, T.randn(3, 5000), T.randn(5000, 4)),
    "bmm": lambda: grads(T.bmm, T.randn(20, 60, 70), T.randn(20, 70, 50)),
    "linear": lambda: grads(F.linear, T.randn(300, 200), T.randn(150, 200), T.randn(150)),
    "conv2d": lambda: grads(lambda x, w, b: F.conv2d(x, w, b, padding=1), T.randn(16, 8, 20, 20), T.randn(12, 8, 3, 3), T.randn(12)),
    "max_pool2d": lambda: grads(lambda x: F.max_pool2d(x, 3, 2), T.randn(16, 8, 30, 30)),
    "avg_pool2d": lambda: grads(lambda x: F.avg_pool2d(x, 2), T.randn(16, 8, 30, 30)),
    "batch_norm": lambda: grads(lambda x: F.batch_norm(x, None, None, training=True), T.randn(32, 16, 12, 12)),
    "layer_norm": lambda: grads(lambda x, w: F.layer_norm(x, (300,), w), T.randn(400, 300), T.randn(300)),
    "embedding": lambda: grads(lambda w: F.embedding(T.arange(30_000) * 7 % 91, w), T.randn(91, 16)),
    "cross_entropy": lambda: grads(lambda x: F.cross_entropy(x, T.arange(4000) % 50), T.randn(4000, 50)),
    "cumsum": lambda: T.randn(300, 1000).cumsum(1),
    "sort": lambda: list(T.randn(300, 1000).sort(1)),
    "scatter_add": lambda: T.zeros(50).scatter_add(0, T.arange(200_000) * 31 % 50, T.randn(200_000)),
    "index gradient": lambda: grads(lambda x: x[T.arange(100_000) * 17 % 400], T.randn(400, 8)),
    "dropout": lambda: F.dropout(T.ones(300_000), 0.3),
    "randn": lambda: T.randn(300_001),
    "bfloat16 sum": lambda: T.randn(300_001).bfloat16().sum(),
}  # fmt: skip


def bits(result: Any) -> list[bytes]:
    return [numbers(part).tobytes() for part in (result if isinstance(result, list) else [result])]


@pytest.mark.skipif(NAME == "torch", reason="a promise of tensorrs")
@pytest.mark.parametrize("name", BIG)
def test_same_bits_for_any_number_of_threads(name: str) -> None:
    seen = []
    for threads in (1, 2, 3, 2):
        T.set_num_threads(threads)
        T.manual_seed(5)
        seen.append(bits(BIG[name]()))
    assert seen[0] == seen[1] == seen[2] == seen[3]


def train(seed: int, losses: dict[int, list[float]]) -> None:
    generator = T.Generator()
    generator.manual_seed(seed)
    w = T.randn(40, 60, generator=generator).requires_grad_()
    v = T.randn(60, 5, generator=generator).requires_grad_()
    x, y = T.randn(200, 40, generator=generator), T.randint(5, (200,), generator=generator)
    optimizer = T.optim.SGD([w, v], lr=0.01)
    found = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy((x @ w).relu() @ v, y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    losses[seed] = found


@pytest.mark.filterwarnings("error")
def test_two_threads_train_two_models() -> None:
    alone: dict[int, list[float]] = {}
    together: dict[int, list[float]] = {}
    for seed in range(4):
        train(seed, alone)
    workers = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert together.keys() == alone.keys()
    for seed, losses in alone.items():
        np.testing.assert_allclose(together[seed], losses, rtol=0 if NAME != "torch" else 1e-4)


def test_backward_over_a_shared_leaf_from_many_threads() -> None:
    """Gradients of one leaf that several threads add to are all there."""
    x = T.ones(1000, requires_grad=True)

    def work() -> None:
        for _ in range(50):
            (x * 2).sum().backward()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert x.grad.tolist() == [400.0] * 1000


def test_an_error_in_one_thread_leaves_the_rest_alone() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            T.ones(2) @ T.ones(3)
        except RuntimeError as problem:
            seen.append(str(problem))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert seen
    assert (T.ones(200, 200) @ T.ones(200, 200)).sum().item() == 200**3


def test_number_of_threads() -> None:
    assert T.get_num_threads() >= 1
    T.set_num_threads(3)
    assert T.get_num_threads() == 3
    T.set_num_threads(1)
    assert T.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
        T.set_num_threads(0)
    with pytest.raises(RuntimeError, match="set_num_threads expects an int, but got str"):
        T.set_num_threads("two")
    assert T.get_num_interop_threads() >= 1
