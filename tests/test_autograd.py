"""What autograd promises beyond the gradient of an op: graphs, modes, hooks, in-place writes, Functions, memory."""

from __future__ import annotations

from typing import Any

import pytest

from under_test import T, said


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
        (lambda x: x + 1, "AddBackward0"),
        (lambda x: x - 1, "SubBackward0"),
        (lambda x: x / 2, "DivBackward0"),
        (lambda x: x @ x, "DotBackward0"),
        (lambda x: x.exp(), "ExpBackward0"),
        (lambda x: x.sum(), "SumBackward0"),
        (lambda x: x.sum(0), "SumBackward1"),
        (lambda x: x.mean(), "MeanBackward0"),
        (lambda x: x[0], "SelectBackward0"),
        (lambda x: x[:1], "SliceBackward0"),
        (lambda x: x[[0]], "IndexBackward0"),
        (lambda x: x.view(1, 2), "ViewBackward0"),
        (lambda x: x.reshape(1, 2), "ViewBackward0"),
        (lambda x: x.clone(), "CloneBackward0"),
        (lambda x: x.pow(2), "PowBackward0"),
        (lambda x: x.max(), "MaxBackward1"),
        (lambda x: x.relu(), "ReluBackward0"),
        (lambda x: T.cat([x, x]), "CatBackward0"),
        (lambda x: T.stack([x, x]), "StackBackward0"),
        (lambda x: x.log_softmax(0), "LogSoftmaxBackward0"),
        (lambda x: x.unsqueeze(0), "UnsqueezeBackward0"),
        (lambda x: x.expand(2, 2), "ExpandBackward0"),
        (lambda x: x.double(), "ToCopyBackward0"),
        (lambda x: T.where(x > 1, x, x), "WhereBackward0"),
        (lambda x: x.clamp(0, 1), "ClampBackward1"),
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
    with pytest.raises(
        RuntimeError,
        match="The differentiated Tensor at index 1 appears to not have been used in the graph. Set allow_unused=True",
    ):
        T.autograd.grad(x * 2, [x, unused])
    first, none = T.autograd.grad(x * 2, [x, unused], allow_unused=True)
    assert first.item() == 2
    assert none is None
    _, zero = T.autograd.grad(x * 2, [x, unused], materialize_grads=True)
    assert zero.tolist() == [0.0]
    y = x * 2
    (g,) = T.autograd.grad([y * y, y], [y], [T.ones(1), T.ones(1)])
    assert g.item() == 13


def test_given_gradients_are_left_alone() -> None:
    """The engine adds up in memory of its own, never in what the caller handed over or was handed."""
    u = leaf(1.0, 1.0)
    one, ten = T.ones(2), T.full((2,), 10.0)
    (g,) = T.autograd.grad([u, u], [u], [one, ten])
    assert g.tolist() == [11, 11]
    assert (one.tolist(), ten.tolist()) == ([1, 1], [10, 10])
    u.backward(one)
    u.backward(ten)
    assert u.grad.tolist() == [11, 11]
    assert (one.tolist(), ten.tolist()) == ([1, 1], [10, 10])
    kept = u.grad
    (u + u).backward(one)
    assert kept is u.grad
    assert kept.tolist() == [13, 13]
    assert one.tolist() == [1, 1]


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


# Modes ----------------------------------------------------------------------------------------------------------------


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


# Hooks ----------------------------------------------------------------------------------------------------------------


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


# Attributes -----------------------------------------------------------------------------------------------------------


def test_grad_assignment_is_checked() -> None:
    x = leaf(1.0, 2.0)
    x.grad = T.ones(2)
    assert x.grad.tolist() == [1, 1]
    with pytest.raises(
        RuntimeError, match="attempting to assign a gradient of size '\\[3\\]' to a tensor of size '\\[2\\]'"
    ):
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
