"""After `fork` the child has a thread pool of its own: it trains, and gets what the parent gets."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from under_test import NAME, T

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="no fork"),
    pytest.mark.skipif(NAME == "torch", reason="a promise of tensorrs"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def train() -> list[float]:
    """A few steps on work large enough for the pool."""
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(64, 256), T.nn.ReLU(), T.nn.Linear(256, 10))
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    x, y = T.randn(512, 64), T.randint(10, (512,))
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = T.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def in_child(act: Callable[[], Any], seconds: float = 60) -> Any:
    """What `act` returns in a forked child; a child that hangs or dies fails the test."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read)
            with os.fdopen(write, "wb") as end:
                pickle.dump(act(), end)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    until = time.monotonic() + seconds
    with os.fdopen(read, "rb") as end:
        os.set_blocking(read, False)
        data = b""
        while time.monotonic() < until:
            part = end.read()
            if part == b"":
                break
            data += part or b""
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"the child had not ended after {seconds} s")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the child died"
    return pickle.loads(data)


def test_a_child_trains() -> None:
    before = T.get_num_threads()
    T.set_num_threads(2)
    try:
        want = train()
        assert in_child(train) == want
        assert in_child(lambda: in_child(train)) == want, "a child's child"
        assert train() == want
    finally:
        T.set_num_threads(before)


def test_fork_while_the_pool_is_busy() -> None:
    before = T.get_num_threads()
    T.set_num_threads(2)
    stop = threading.Event()

    def work() -> None:
        a = T.randn(256, 256)
        while not stop.is_set():
            (a @ a).sum().item()

    want = train()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            assert in_child(train) == want
    finally:
        stop.set()
        thread.join()
        T.set_num_threads(before)


def test_fork_while_another_thread_draws() -> None:
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            T.randn(200_000)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(5):
            assert in_child(lambda: T.manual_seed(3).initial_seed(), seconds=20) == 3
    finally:
        stop.set()
        thread.join()


def test_fork_with_a_graph_in_hand() -> None:
    """A tensor and its graph made before the fork are usable after it, on both sides."""
    x = T.ones(300, 300, requires_grad=True)
    y = (x @ x).sum()

    def child() -> float:
        y.backward()
        return float(x.grad.sum().item())

    assert in_child(child) == 300 * 300 * 600
    assert x.grad is None
    y.backward()
    assert x.grad.sum().item() == 300 * 300 * 600
