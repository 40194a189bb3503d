"""What autograd promises beyond the gradient of an op: graphs, modes, hooks, in-place writes, Functions, memory."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from under_test import T, numbers, said


def leaf(*values: float) -> Any:
    return T.tensor(list(values), requires_grad=True)


def test_backward_accumulates() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 8.0]
    x.grad = None
    (3 * x).backward(T.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [3.0, 30.0]


def test_leaf_facts() -> None:
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf
    assert x.grad_fn is None
    assert not y.is_leaf
    assert y.grad_fn.name() == "MulBackward0"
    assert type(y.grad_fn).__name__ == "MulBackward0"
    (source, position), second = y.grad_fn.next_functions
    assert (type(source).__name__, position) == ("AccumulateGrad", 0)
    assert second == (None, 0)
    assert source.variable is x
    assert not T.tensor([1]).requires_grad
    assert y.detach().is_leaf
    assert not y.detach().requires_grad


@pytest.mark.parametrize(
    ("act", "name"),
    [
        (lambda x: x + 1, "AddBackward0"), (lambda x: x - 1, "SubBackward0"), (lambda x: x / 2, "DivBackward0"),
        (lambda x: x @ x, "DotBackward0"), (lambda x: x.exp(), "ExpBackward0"), (lambda x: x.sum(), "SumBackward0"),
        (lambda x: x.sum(0), "SumBackward1"), (lambda x: x.mean(), "MeanBackward0"), (lambda x: x[0], "SelectBackward0"),
        (lambda x: x[:1], "SliceBackward0"), (lambda x: x[[0]], "IndexBackward0"), (lambda x: x.view(1, 2), "ViewBackward0"),
        (lambda x: x.reshape(1, 2), "ViewBackward0"), (lambda x: x.clone(), "CloneBackward0"),
        (lambda x: x.pow(2), "PowBackward0"), (lambda x: x.max(), "MaxBackward1"), (lambda x: x.relu(), "ReluBackward0"),
        (lambda x: T.cat([x, x]), "CatBackward0"), (lambda x: T.stack([x, x]), "StackBackward0"),
        (lambda x: x.log_softmax(0), "LogSoftmaxBackward0"), (lambda x: x.unsqueeze(0), "UnsqueezeBackward0"),
        (lambda x: x.expand(2, 2), "ExpandBackward0"), (lambda x: x.double(), "ToCopyBackward0"),
        (lambda x: T.where(x > 1, x, x), "WhereBackward0"), (lambda x: x.clamp(0, 1), "ClampBackward1"),
        (lambda x: T.nn.functional.linear(x[None], x[None]), "MmBackward0"),
        (lambda x: T.nn.functional.mse_loss(x, x), "MseLossBackward0"),
    ],
)
def test_grad_fn_names(act: Any, name: str) -> None:
    assert act(leaf(1.0, 2.0)).grad_fn.name() == name


def test_backward_needs_a_number() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        T.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(T.ones(3))


def test_second_backward_is_refused_unless_retained() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_backward_with_inputs() -> None:
    x, w = leaf(2.0), leaf(3.0)
    (x * w).sum().backward(inputs=[w])
    assert x.grad is None
    assert w.grad.item() == 2
    (x * w).sum().backward(inputs=x)
    assert x.grad.item() == 3


def test_grad_function() -> None:
    x, unused = leaf(3.0), leaf(1.0)
    y = x**3
    (g,) = T.autograd.grad(y, x, create_graph=True)
    (h,) = T.autograd.grad(g, x, create_graph=True)
    (third,) = T.autograd.grad(h, x)
    assert [v.item() for v in (g, h, third)] == [27, 18, 6]
    assert x.grad is None
    with pytest.raises(RuntimeError, match="The differentiated Tensor at index 1 appears to not have been used in the graph. Set allow_unused=True"):
        T.autograd.grad(x * 2, [x, unused])
    first, none = T.autograd.grad(x * 2, [x, unused], allow_unused=True)
    assert first.item() == 2
    assert none is None
    _, zero = T.autograd.grad(x * 2, [x, unused], materialize_grads=True)
    assert zero.tolist() == [0.0]
    y = x * 2
    (g,) = T.autograd.grad([y * y, y], [y], [T.ones(1), T.ones(1)])
    assert g.item() == 13


def test_create_graph_through_backward() -> None:
    x = leaf(2.0)
    with pytest.warns(UserWarning, match="Using backward\\(\\) with create_graph=True will create a reference cycle"):
        (x**3).sum().backward(create_graph=True)
    g = x.grad
    assert g.requires_grad
    x.grad = None
    g.sum().backward()
    assert x.grad.item() == 12
    x.grad = None


def test_retain_grad() -> None:
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.item() == 12
    z = x * 3
    with pytest.warns(UserWarning, match="The .grad attribute of a Tensor that is not a leaf Tensor is being accessed"):
        assert z.grad is None
    x.retain_grad()
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        T.ones(1).retain_grad()


def test_requires_grad_rules() -> None:
    with pytest.raises(RuntimeError, match="only Tensors of floating point( and complex)? dtype can require gradients"):
        T.tensor([1]).requires_grad_()
    with pytest.raises(RuntimeError, match="Only Tensors of floating point( and complex)? dtype can require gradients"):
        T.tensor([1], requires_grad=True)
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="Can't call numpy\\(\\) on Tensor that requires grad"):
        leaf(1.0).numpy()
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        __import__("copy").deepcopy(y)


# Modes --------------------------------------------------------------------------------------------------------------


def test_modes() -> None:
    x = leaf(1.0)
    with T.no_grad():
        assert not T.is_grad_enabled()
        assert not (x * 2).requires_grad
        with T.enable_grad():
            assert (x * 2).requires_grad
        made = T.ones(1, requires_grad=True)
        assert made.requires_grad
    assert T.is_grad_enabled()
    with T.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    T.set_grad_enabled(False)
    assert not T.is_grad_enabled()
    T.set_grad_enabled(True)

    @T.no_grad()
    def quietly(value: Any) -> Any:
        """Said once."""
        return value * 2

    @T.enable_grad()
    def loudly(value: Any) -> Any:
        return value * 2

    @T.no_grad()
    def some(value: Any) -> Any:
        for k in range(3):
            yield value * k

    assert not quietly(x).requires_grad
    assert quietly.__name__ == "quietly"
    assert quietly.__doc__ == "Said once."
    with T.no_grad():
        assert loudly(x).requires_grad
    for v in some(x):
        assert not v.requires_grad
        assert T.is_grad_enabled()


def test_mode_is_left_when_something_raises() -> None:
    with pytest.raises(ZeroDivisionError), T.no_grad():
        _ = 1 / 0
    assert T.is_grad_enabled()


def test_inference_mode() -> None:
    x = leaf(1.0)
    with T.inference_mode():
        y = x * 2
        assert y.is_inference()
        assert T.is_inference_mode_enabled()
    assert not T.is_inference_mode_enabled()
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * y
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"):
        y.add_(1)
    z = y.clone()
    assert not z.is_inference()

    @T.inference_mode()
    def act(value: Any) -> Any:
        return value + 1

    assert act(x).is_inference()
    with T.inference_mode(False):
        assert (x * 2).requires_grad


# In-place writes and views ------------------------------------------------------------------------------------------


def test_a_saved_tensor_that_changed_raises() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    text = said(
        r"one of the variables needed for gradient computation has been modified by an inplace operation: "
        r"\[torch.FloatTensor \[2\]\], which is output 0 of (struct torch::autograd::)?\w*"
    )
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as raised:
        y.sum().backward()
    assert "is at version 1; expected version 0 instead" in str(raised.value)
    assert text.startswith("one of the variables")


def test_versions() -> None:
    x = T.zeros(3)
    view = x[1:]
    assert x._version == 0
    view.add_(1)
    assert (x._version, view._version) == (1, 1)
    x.detach().add_(1)
    assert x._version == 2
    x.data.add_(1)
    assert x._version == 2
    x[0] = 5
    assert x._version == 3
    x.numpy()[1] = 9
    assert x._version == 3
    assert x.tolist() == [5, 9, 3]


def test_leaf_in_place_rules() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"):
        x[0] = 1
    with T.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 3]
    x.data.mul_(2)
    assert x.tolist() == [4, 6]


def test_write_through_a_view_reaches_the_base() -> None:
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    view = base[1:]
    view.mul_(10)
    assert base.tolist() == [1, 20, 30]
    assert type(base.grad_fn).__name__ == "CopySlices"
    (base * T.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [1, 20, 30]


def test_write_to_the_base_reaches_the_view() -> None:
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    view = base[1:]
    base.mul_(10)
    assert view.tolist() == [20, 30]
    view.sum().backward()
    assert x.grad.tolist() == [0, 10, 10]


def test_view_of_view_written() -> None:
    x = T.ones(2, 3, requires_grad=True)
    base = x * 2
    row = base.t()[1]
    row.mul_(T.tensor([3.0, 5.0]))
    base.pow(2).sum().backward()
    assert x.grad.tolist() == [[8, 72, 8], [8, 200, 8]]


def test_assignment_carries_gradients() -> None:
    w, b = leaf(1.0, 2.0), leaf(5.0)
    out = T.zeros(4)
    out[1:3] = w * 3
    out[0] = b[0]
    out[T.tensor([3])] = b * 2
    (out * T.tensor([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert w.grad.tolist() == [30, 300]
    assert b.grad.tolist() == [2001]


def test_writing_over_a_used_value_is_fine_where_nothing_was_saved() -> None:
    x = leaf(1.0, 2.0)
    y = x + 1
    z = y + 1
    y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_multi_output_views_may_not_be_written() -> None:
    a, _ = (leaf(1.0, 2.0) * 1).split(1)
    with pytest.raises(RuntimeError, match="This view is the output of a function that returns multiple views"):
        a.add_(1)


def test_views_from_no_grad_may_not_be_written() -> None:
    x = leaf(1.0, 2.0)
    base = x * 1
    with T.no_grad():
        view = base[:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad mode enabled"):
        view.mul_(2)


def test_detach_shares_and_forgets() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    d = y.detach()
    assert d.data_ptr() == y.data_ptr()
    assert d._base is None
    y.detach_()
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        (x * 2)[:1].detach_()


def test_base() -> None:
    x = T.zeros(4)
    assert x._base is None
    assert x[1:]._base is x
    assert x[1:][1:]._base is x
    assert x.view(2, 2)._is_view()


# Hooks --------------------------------------------------------------------------------------------------------------


def test_tensor_hooks() -> None:
    x = leaf(1.0)
    seen: list[float] = []
    y = x * 2
    one = y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (y * 3).sum().backward()
    assert seen == [3]
    assert x.grad.item() == 61
    one.remove()
    (x * 2).sum().backward()
    assert seen == [3]
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        T.ones(1).register_hook(lambda g: g)


def test_hooks_of_a_tensor_written_in_place_stay_with_its_old_value() -> None:
    x = leaf(1.0)
    y = x * 2
    seen: list[str] = []
    y.register_hook(lambda g: seen.append(f"old {g.item()}"))
    y.mul_(5)
    y.register_hook(lambda g: seen.append(f"new {g.item()}"))
    y.sum().backward()
    assert seen == ["new 1.0", "old 5.0"]


def test_post_accumulate_grad_hook() -> None:
    x = leaf(1.0)
    seen: list[float] = []

    def hook(p: Any) -> None:
        seen.append(p.grad.item())
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(hook)
    (x * 4).sum().backward()
    assert seen == [4]
    assert x.grad is None
    handle.remove()
    with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (x * 2).register_post_accumulate_grad_hook(hook)


def test_node_hooks() -> None:
    x = leaf(2.0)
    y = x * 3
    seen: list[str] = []
    y.grad_fn.register_prehook(lambda g: seen.append(f"pre {g[0].item()}"))
    y.grad_fn.register_hook(lambda gi, go: seen.append(f"post {gi[0].item()} {go[0].item()}"))
    y.sum().backward()
    assert seen == ["pre 1.0", "post 3.0 1.0"]


# Function -----------------------------------------------------------------------------------------------------------


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

    with pytest.raises(RuntimeError, match="WrongBackward returned an incorrect number of gradients \\(expected 2, got 1\\)"):
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
    with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was marked with @once_differentiable"):
        T.autograd.grad(g, up)


# gradcheck, anomaly, checkpoint -------------------------------------------------------------------------------------


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


# Size and memory ----------------------------------------------------------------------------------------------------


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
    y.register_hook(lambda g: g + y.detach())
    gone = weakref.ref(y)
    y.sum().backward()
    assert x.grad.item() == 6
    del y
    gc.collect()
    assert gone() is None


def test_grad_assignment_is_checked() -> None:
    x = leaf(1.0, 2.0)
    x.grad = T.ones(2)
    assert x.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="attempting to assign a gradient of size '\\[3\\]' to a tensor of size '\\[2\\]'"):
        x.grad = T.ones(3)
    with pytest.raises(RuntimeError, match=said("assigned grad has data of a different type|dtype")):
        x.grad = T.ones(2, dtype=T.float64)
    with pytest.raises(TypeError, match="assigned grad expected to be a Tensor or None but got (grad of )?type"):
        x.grad = 1.0
    del x.grad
    assert x.grad is None


def test_data() -> None:
    x = leaf(1.0, 2.0)
    x.data = T.tensor([5.0, 6.0, 7.0])
    assert x.tolist() == [5, 6, 7]
    assert x.requires_grad
    assert not x.data.requires_grad
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_a_thread_has_its_own_mode() -> None:
    import threading

    seen: list[bool] = []
    with T.no_grad():
        thread = threading.Thread(target=lambda: seen.append(T.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]
