"""Programs that ask for devices, compilers and libraries this package does without: they run, and get true answers."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from under_test import NAME, T

ANSWERS = [
    ("accelerator.is_available()", False),
    ("accelerator.current_accelerator()", None),
    ("accelerator.device_count()", 0),
    ("backends.cudnn.is_available()", False),
    ("backends.cudnn.version()", None),
    ("backends.mkldnn.is_available()", False),
    ("backends.mps.is_available()", False),
    ("backends.mps.is_built()", False),
    ("backends.cuda.is_built()", False),
    ("compiler.is_compiling()", False),
    ("compiler.is_exporting()", False),
    ("cuda.is_available()", False),
    ("cuda.memory_reserved()", 0),
    ("jit.is_scripting()", False),
    ("jit.is_tracing()", False),
    ("mps.is_available()", False),
    ("mps.device_count()", 0),
    ("version.cuda", None),
    ("version.hip", None),
    ("xpu.is_available()", False),
    ("xpu.device_count()", 0),
]
REFUSED = [
    ("accelerator.synchronize()", RuntimeError),
    ("cuda.synchronize()", AssertionError),
    ("mps.synchronize()", RuntimeError),
    ("xpu.synchronize()", AssertionError),
    ("compile(abs, mode='fastest')", RuntimeError),
    ("compile(abs, mode='default', options={})", RuntimeError),
    ("get_device_module('meta')", RuntimeError),
    ("_assert(False, 'no')", AssertionError),
]


def value(expression: str) -> Any:
    """`expression` with the library's names; `a.b.c` is imported as far as it is modules."""
    path = expression.split("(")[0].split(".")
    for depth in range(1, len(path)):
        importlib.import_module(".".join([NAME, *path[:depth]]))
    return eval(expression, {"abs": abs}, {name: getattr(T, name) for name in (path[0],)})


@pytest.mark.parametrize(("expression", "expected"), ANSWERS, ids=[e for e, _ in ANSWERS])
def test_answers(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(("expression", "error"), REFUSED, ids=[e for e, _ in REFUSED])
def test_refusals(expression: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        value(expression)


def test_compiled_and_scripted_programs_are_the_programs() -> None:
    class Net(T.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = T.nn.Linear(2, 3)

        @T.jit.export
        def forward(self, x: Any) -> Any:
            return self.hidden(self.fc(x)) if not T.jit.is_scripting() else x

        @T.jit.unused
        def hidden(self, x: Any) -> Any:
            return x.relu()

    net, x = Net(), T.ones(2, 2)
    expected = net(x)
    net.compile()
    for other in (net, T.compile(net), T.compile(fullgraph=True)(net), T.jit.script(net), T.jit.trace(net, x)):
        assert T.equal(other(x), expected)

    @T.jit.ignore(drop=True)
    def double(x: Any) -> Any:
        return x * 2

    assert T.equal(T.compiler.disable(double)(x), x * 2)
    assert T.jit.annotate(int, 3) == 3
    with pytest.raises(TypeError):
        T.jit.trace(net, (x, x))


def test_switches_are_kept() -> None:
    cudnn = importlib.import_module(f"{NAME}.backends.cudnn")
    cudnn.benchmark = True
    with cudnn.flags(deterministic=True):
        assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
    assert (cudnn.deterministic, cudnn.benchmark) == (False, True)
    cudnn.benchmark = False


def test_attention_kernels_can_be_chosen() -> None:
    attention, cuda = T.nn.attention, T.backends.cuda
    with attention.sdpa_kernel(attention.SDPBackend.FLASH_ATTENTION):
        assert (cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()) == (True, False)
    assert cuda.math_sdp_enabled()
    with pytest.raises(AssertionError, match="SDPBackend"), attention.sdpa_kernel("math"):
        pass


def test_the_instructions_in_use() -> None:
    assert T.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512", "NEON")


def test_device_modules() -> None:
    assert T.get_device_module("cpu") is T.cpu
    assert T.get_device_module("cuda:0") is T.cuda
