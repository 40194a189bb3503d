"""Ctrl-C ends a long training loop, and a long single call, within a second, as a KeyboardInterrupt."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from under_test import NAME

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent another way there")

LOOP = """
model = T.nn.Sequential(T.nn.Linear(64, 128), T.nn.ReLU(), T.nn.Linear(128, 10))
optimizer = T.optim.SGD(model.parameters(), lr=0.01)
x, y = T.randn(256, 64), T.randint(10, (256,))
print("ready", flush=True)
while True:
    optimizer.zero_grad()
    T.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""
BACKWARD = """
x = T.ones(1, requires_grad=True)
print("ready", flush=True)
while True:
    y = x
    for _ in range(20000):
        y = y + 1
    y.backward()
"""
FUNCTION = """
class Slow(T.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 1
    @staticmethod
    def backward(ctx, g):
        while True: g = g + 1
print("ready", flush=True)
Slow.apply(T.ones(1, requires_grad=True)).sum().backward()
"""


@pytest.mark.parametrize(
    "program", [LOOP, BACKWARD, FUNCTION], ids=["training loop", "deep backward", "backward in Python"]
)
def test_interrupt(program: str) -> None:
    """From the signal to the `except` of the program; how long the interpreter then takes to close is its own affair."""
    body = "".join(f"    {line}\n" for line in program.strip().splitlines())
    whole = (
        f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nimport {NAME} as T\n"
        f"try:\n{body}except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", whole], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.5)
        start = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        took = time.monotonic() - start
        child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    assert took < 1.0, f"it took {took:.2f} s"
