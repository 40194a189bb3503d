"""`Module.__call__` and the layers that run in Rust: nothing can tell them from Python's `forward`."""

from __future__ import annotations

import copy
import inspect
import pickle
import weakref
from typing import Any

import pytest

import tensorrs as torch
from tensorrs import nn
from tensorrs.nn import functional as F


def plainly(layer: nn.Module, x: Any) -> Any:
    """The layer with Python's `forward`, which an instance attribute always is."""
    twin = copy.deepcopy(layer)
    twin.forward = type(twin).forward.__get__(twin)  # type: ignore[method-assign]
    return twin(x)


STOCK = [
    nn.Identity(),
    nn.Linear(4, 3),
    nn.Linear(4, 3, bias=False),
    nn.ReLU(),
    nn.ReLU(inplace=True),
    nn.SiLU(),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Flatten(),
    nn.Flatten(0, 1),
    nn.Sequential(),
    nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Linear(4, 2)), nn.Softmax(-1)),
]


@pytest.mark.parametrize("layer", STOCK, ids=str)
def test_a_layer_in_rust_is_the_layer_in_python(layer: nn.Module) -> None:
    x = torch.randn(2, 4, requires_grad=True)
    y, z = layer(x * 1), plainly(layer, x * 1)
    assert y.equal(z)
    assert type(y.grad_fn) is type(z.grad_fn)
    assert y.grad_fn.name() == z.grad_fn.name()
    (a,), (b,) = torch.autograd.grad(y.sum(), x), torch.autograd.grad(z.sum(), x)
    assert a.equal(b)


@pytest.mark.parametrize("layer", STOCK, ids=str)
@pytest.mark.parametrize("x", [3, "a", None, torch.ones(2, 5), torch.ones(2, dtype=torch.int64)], ids=repr)
def test_errors_are_those_of_python(layer: nn.Module, x: Any) -> None:
    def outcome(run: Any) -> Any:
        try:
            return repr(run())
        except (TypeError, RuntimeError, AttributeError, IndexError) as error:
            return type(error), str(error)

    assert outcome(lambda: layer(copy.deepcopy(x))) == outcome(lambda: plainly(layer, copy.deepcopy(x)))


def test_autocast_reaches_a_layer() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert nn.Sequential(nn.Linear(3, 2))(torch.ones(1, 3)).dtype == torch.bfloat16


def test_who_replaces_a_function_or_method_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = nn.Linear(2, 2), torch.ones(1, 2)
    model = nn.Sequential(layer)

    def both() -> tuple[Any, Any]:
        return layer(x), model(x)

    with monkeypatch.context() as m:
        m.setattr(F, "linear", lambda *args: "F")
        assert both() == ("F", "F")
    with monkeypatch.context() as m:
        m.setattr(nn.Linear, "forward", lambda self, x: "class")
        assert both() == ("class", "class")
    with monkeypatch.context() as m:
        m.setattr(nn.Module, "__call__", lambda self, x: "call")
        assert both() == ("call", "call")
    with monkeypatch.context() as m:
        m.setattr(nn.Linear, "__call__", lambda self, x: "own call", raising=False)
        assert both() == ("own call", "own call")
    with monkeypatch.context() as m:
        m.setattr(torch.Tensor, "tanh", lambda self: "method")
        assert nn.Tanh()(x) == "method"
    layer.forward = lambda x: "instance"  # type: ignore[method-assign, assignment]
    assert both() == ("instance", "instance")
    del layer.forward
    assert both()[0].equal(both()[1])


def test_hooks_run_around_every_layer() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU())
    seen: list[str] = []
    handle = nn.modules.module.register_module_forward_pre_hook(lambda m, args: seen.append(type(m).__name__))
    model(torch.ones(1, 2))
    handle.remove()
    assert seen == ["Sequential", "Linear", "ReLU"]
    with layer.register_forward_hook(lambda m, args, out: torch.zeros(1, 2) - 1):
        assert model(torch.ones(1, 2)).tolist() == [[0, 0]]
    layer._forward_hooks = None  # type: ignore[assignment]
    assert model(torch.ones(1, 2)).shape == (1, 2)


def test_attributes_take_the_place_of_parameters() -> None:
    layer, x = nn.Linear(2, 2), torch.ones(1, 2)
    del layer.bias
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'bias'"):
        layer(x)
    layer.__dict__["bias"] = torch.zeros(2)
    layer.__dict__["weight"] = torch.eye(2)
    assert layer(x).tolist() == [[1, 1]]
    torch.nn.utils.parametrizations.weight_norm(layer := nn.Linear(2, 2))
    assert layer(x).equal(F.linear(x, layer.weight, layer.bias))


def test_a_subclass_of_tensor_stays_what_forward_makes_of_it() -> None:
    class Own(torch.Tensor):
        pass

    x = torch.ones(1, 2).as_subclass(Own)
    assert type(nn.Sequential(nn.Identity())(x)) is Own
    for layer in STOCK[1:12]:
        if not isinstance(layer, nn.Linear):
            assert type(layer(x)) is type(plainly(layer, x))


def test_a_call_passes_all_arguments_on() -> None:
    class Own(nn.Module):
        def forward(self, a: Any, *rest: Any, k: Any = None) -> Any:
            return a, rest, k

    own = Own()
    assert own(1) == (1, (), None)
    assert own(1, 2, 3, k=4) == (1, (2, 3), 4)
    assert own(a=1, k=2) == (1, (), 2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        own()
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        nn.Linear(1, 1)(torch.ones(1), 2)
    assert nn.Linear(1, 1)(input=torch.ones(1)).shape == (1,)


def test_a_module_without_init_or_forward() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            pass

    with pytest.raises(AttributeError, match="'Bare' object has no attribute '_backward_hooks'"):
        Bare()(1)
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_subclasses_override_and_reach_both_methods() -> None:
    class Own(nn.Linear):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return "called", super().__call__(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return 5 if name == "five" else super().__getattr__(name)

    own, x = Own(2, 2), torch.ones(1, 2)
    assert own.five == 5
    assert own(x)[0] == "called"
    assert nn.Sequential(own)(x)[0] == "called"
    with pytest.raises(AttributeError, match="'Own' object has no attribute 'six'"):
        own.six  # noqa: B018
    own.__class__ = nn.Linear  # type: ignore[assignment]
    assert own(x).shape == (1, 2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        own.__getattr__()  # type: ignore[call-arg]
    assert list(inspect.signature(nn.Module.__call__).parameters) == ["self", "args", "kwargs"]


def test_a_module_is_an_ordinary_object() -> None:
    class Both(nn.Module, dict):  # type: ignore[type-arg]
        pass

    Both()["a"] = 1
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x = torch.ones(1, 2)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(model, protocol))(x).equal(model(x))
    assert copy.deepcopy(model)(x).equal(model(x))
    assert weakref.ref(model)() is model


def test_what_is_no_module_is_called_too() -> None:
    model = nn.Sequential(nn.Identity())
    model._modules["1"] = lambda x: x + 1  # type: ignore[assignment]
    assert model(1) == 2
    model._modules["1"] = None  # type: ignore[assignment]
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        model(1)


def test_a_model_that_contains_itself_ends() -> None:
    model = nn.Sequential(nn.ReLU())
    model.append(model)
    with pytest.raises(RecursionError):
        model(torch.ones(1))


class Keeps(nn.Module):
    """Hands out its result and keeps it, or something on its memory."""

    def __init__(self, keep: Any) -> None:
        super().__init__()
        self.keep, self.kept = keep, None

    def forward(self, x: Any) -> Any:
        y = x * 2
        self.kept = self.keep(y)
        return y


@pytest.mark.parametrize(
    "before",
    [nn.Linear(4, 4), nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(-1), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.SiLU(),
     nn.Identity(), nn.Flatten(0, 0), nn.Unflatten(1, (2, 2)), nn.Sequential(nn.Tanh(), nn.ReLU()), nn.Dropout(0.0)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("trained", [True, False])
def test_a_relu_that_takes_the_memory_of_its_input_changes_no_other_number(before: nn.Module, trained: bool) -> None:
    model = nn.Sequential(nn.Identity(), before, nn.ReLU(), nn.ReLU()).double()
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=trained)
    given = x.detach().clone()
    y, z = model(x), plainly(model, x)
    assert y.equal(z)
    assert x.equal(given)
    assert type(y.grad_fn) is type(z.grad_fn)
    if trained:
        assert torch.autograd.gradcheck(model, (x,))
        (a,), (b,) = torch.autograd.grad(y.cos().sum(), x), torch.autograd.grad(z.cos().sum(), x)
        assert a.equal(b)


@pytest.mark.parametrize(
    "keep",
    [lambda y: y, lambda y: y.detach(), lambda y: y[1], lambda y: y.detach().numpy(), lambda y: [y]],
    ids=range(5),
)
def test_a_relu_leaves_what_somebody_keeps(keep: Any) -> None:
    keeper = Keeps(keep)
    x = torch.randn(3, 4)
    y = nn.Sequential(keeper, nn.ReLU())(x)
    assert y.equal((x * 2).relu())
    kept, wanted = keeper.kept, keep(x * 2)
    assert str(kept) == str(wanted)


def test_a_gradient_that_somebody_holds_is_not_written_over() -> None:
    x = torch.randn(50, requires_grad=True)
    given = torch.randn(50)
    seen: list[Any] = []
    for act in (torch.relu, torch.sigmoid, torch.abs, F.gelu, F.leaky_relu):
        wanted = torch.autograd.grad(act(x), x, given)[0]
        y = act(x * 1)
        z = y * 1
        y.retain_grad()
        z.register_hook(lambda g: seen.append(g))
        y.register_hook(lambda g: seen.append(g.detach()))
        y.grad_fn.register_hook(lambda _, outputs: seen.append(outputs[0].clone()))
        before = given.clone()
        (got,) = torch.autograd.grad(z, x, given, retain_graph=True)
        assert given.equal(before)
        assert got.equal(wanted)
        assert all(g.equal(given) for g in seen)
        y.grad = None
        z.backward(given)
        assert y.grad.equal(given)
        assert x.grad.equal(wanted)
        x.grad = None
        # Two paths that are given one gradient.
        (both,) = torch.autograd.grad((act(x) + act(x)).sum(), x)
        assert both.equal(2 * torch.autograd.grad(act(x).sum(), x)[0])
