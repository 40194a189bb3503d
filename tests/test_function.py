"""`autograd.Function`, gradcheck, anomaly mode, checkpoints, deep graphs, and what a graph keeps alive."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from under_test import T, numbers


def leaf(*values: float) -> Any:
    return T.tensor(list(values), requires_grad=True)


class Cube(T.autograd.Function):  # type: ignore[misc,name-defined]
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


def test_function_twice_differentiable() -> None:
    x = leaf(2.0)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward"
    (g,) = T.autograd.grad(y, x, create_graph=True)
    (h,) = T.autograd.grad(g, x)
    assert (g.item(), h.item()) == (12, 12)
    assert T.autograd.gradcheck(Cube.apply, [T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)])
    assert T.autograd.gradgradcheck(Cube.apply, [T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)])


def test_function_with_setup_context_and_options() -> None:
    class Scale(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(x: Any, factor: float, flag: Any) -> Any:
            return x * factor

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            _, ctx.factor, _ = inputs

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            assert ctx.needs_input_grad == (True, False, False)
            return g * ctx.factor, None, None

    x = leaf(2.0)
    Scale.apply(x, 5.0, "word").sum().backward()
    assert x.grad.item() == 5


def test_function_with_two_of_each() -> None:
    class Both(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            return a * b, a + b

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            a, b = ctx.saved_tensors
            assert h.tolist() == [0.0]  # an output nobody used comes as zeros
            return g * b + h, g * a + h

    a, b = leaf(2.0), leaf(3.0)
    product, _ = Both.apply(a, b)
    product.sum().backward()
    assert (a.grad.item(), b.grad.item()) == (3, 2)


def test_function_flags() -> None:
    class Half(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            index = x.argmax()
            ctx.mark_non_differentiable(index)
            return x * 2, index, x * 3

        @staticmethod
        def backward(ctx: Any, g: Any, _: Any, h: Any) -> Any:
            assert h is None
            return g * 2

    x = leaf(1.0, 2.0)
    y, index, _ = Half.apply(x)
    assert not index.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_function_in_place() -> None:
    class Double(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = leaf(1.0, 2.0)
    y = x * 1
    z = Double.apply(y)
    assert z is y
    assert y.tolist() == [2, 4]
    assert y.grad_fn.name() == "DoubleBackward"
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_function_errors() -> None:
    class Wrong(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            return a + b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    with pytest.raises(
        RuntimeError, match="WrongBackward returned an incorrect number of gradients \\(expected 2, got 1\\)"
    ):
        Wrong.apply(leaf(1.0), leaf(2.0)).sum().backward()

    class Raises(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            return a * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Raises.apply(leaf(1.0)).sum().backward()


def test_once_differentiable() -> None:
    class Once(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        @T.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(3.0)
    up = T.ones(1, requires_grad=True)
    (g,) = T.autograd.grad(Once.apply(x), x, up, create_graph=True)
    assert g.item() == 6
    with pytest.raises(
        RuntimeError, match="trying to differentiate twice a function that was marked with @once_differentiable"
    ):
        g.sum().backward()


# gradcheck, anomaly, checkpoint ---------------------------------------------------------------------------------------


def test_gradcheck_finds_a_wrong_gradient() -> None:
    class Wrong(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3

    x = T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        T.autograd.gradcheck(Wrong.apply, [x])
    assert not T.autograd.gradcheck(Wrong.apply, [x], raise_exception=False)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_anomaly_mode_names_the_forward() -> None:
    x = leaf(0.0)
    with T.autograd.detect_anomaly():
        y = (x.sqrt() * 0).sum()
        with (
            pytest.warns(UserWarning, match="Error detected in SqrtBackward0"),
            pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output"),
        ):
            y.backward()
    assert not T.is_anomaly_enabled()


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant: bool) -> None:
    calls = 0

    def block(value: Any) -> Any:
        nonlocal calls
        calls += 1
        return T.nn.functional.dropout(value.tanh(), 0.5) * 2

    x = T.linspace(-1, 1, 20).requires_grad_()
    T.manual_seed(3)
    want = block(x * 1)
    (grad,) = T.autograd.grad(want.sum(), x)
    T.manual_seed(3)
    calls = 0
    got = T.utils.checkpoint.checkpoint(block, x * 1, use_reentrant=reentrant)
    assert calls == 1
    assert got.tolist() == want.tolist()
    got.sum().backward()
    assert calls == 2
    np.testing.assert_array_equal(numbers(x.grad), numbers(grad))


# Size and memory ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_million_ops_deep() -> None:
    """Forward, backward and freeing need no stack."""
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.item() == 1
    del y
    y = x
    for _ in range(1_000_000):
        y = y * 1
    del y
    gc.collect()


def test_saved_tensors_are_released_as_backward_goes() -> None:
    class Probe(T.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            kept = x * 1
            ctx.save_for_backward(kept)
            alive.append(weakref.ref(kept))
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            assert len(ctx.saved_tensors) == 1
            gc.collect()
            left.append(sum(ref() is not None for ref in alive))
            return g

    alive: list[Any] = []
    left: list[int] = []
    x = leaf(1.0)
    y = Probe.apply(Probe.apply(Probe.apply(x)))
    gc.collect()
    y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    gc.collect()
    assert len(left) == 3
    assert left == sorted(left, reverse=True)
    assert [ref() for ref in alive] == [None] * 3


def test_graph_cycles_are_collected() -> None:
    """A closure in a hook that names its own tensor does not keep it for ever."""
    x = leaf(1.0)
    y = x * 2
    hold: list[Any] = [y]
    y.register_hook(lambda g: g + hold[0].detach())
    gone = weakref.ref(y)
    y.sum().backward()
    assert x.grad.item() == 6
    del y
    hold.clear()
    gc.collect()
    assert gone() is None
