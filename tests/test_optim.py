"""Optimisers and schedules against recorded PyTorch runs, and the bookkeeping around a step."""

from __future__ import annotations

import copy
import json
import math
import pickle
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from under_test import T, said

GOLDEN = json.loads((Path(__file__).parent / "golden" / "optim.json").read_text())
STEPS = GOLDEN["steps"]
optim = T.optim
# The rounding of some steps; a recorded square root may be off by its last bit.
CLOSE = {"float32": {"rtol": 2e-6, "atol": 2e-7}, "float64": {"rtol": 1e-13, "atol": 1e-14}}


def parameters(dtype: str = "float32") -> list[Any]:
    return [T.tensor(p, dtype=getattr(T, dtype), requires_grad=True) for p in STEPS["start"]]


def make(run: dict[str, Any], params: list[Any]) -> Any:
    return getattr(optim, run["name"])([{"params": params[:2]}, {"params": params[2:], "lr": 0.02}], **run["options"])


def step(optimizer: Any, params: list[Any], number: int) -> None:
    for p, grad in zip(params, STEPS["grads"][number], strict=True):
        p.grad = T.tensor(grad, dtype=p.dtype)
    optimizer.step()


def weight(*values: float) -> Any:
    return T.tensor(values or (1.0, 2.0), requires_grad=True)


def same(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


NAMES = sorted({run["name"] for run in STEPS["runs"]})
RUNS = [pytest.param(run, id=f"{run['name']}-{i // 2}-{run['dtype']}") for i, run in enumerate(STEPS["runs"])]


@pytest.mark.parametrize("run", RUNS)
def test_steps_are_those_of_pytorch(run: dict[str, Any]) -> None:
    params = parameters(run["dtype"])
    optimizer = make(run, params)
    for number in range(len(STEPS["grads"])):
        step(optimizer, params, number)
    for p, want in zip(params, run["params"], strict=True):
        np.testing.assert_allclose(p.detach().numpy(), want, **CLOSE[run["dtype"]])
    state = {key: value for key, value in optimizer.state[params[0]].items() if value is not None}
    assert sorted(state) == sorted(run["state"])
    for key, want in run["state"].items():
        np.testing.assert_allclose(state[key].numpy(), want, **CLOSE[run["dtype"]])
    assert repr(optimizer) == run["repr"]


@pytest.mark.parametrize("run", RUNS)
def test_saved_state_continues_the_run(run: dict[str, Any]) -> None:
    params, others = parameters(run["dtype"]), parameters(run["dtype"])
    optimizer, other = make(run, params), make(run, others)
    for number in range(2):
        step(optimizer, params, number)
    saved = copy.deepcopy(optimizer.state_dict())
    assert saved["param_groups"][1]["params"] == [2]
    for p, q in zip(params, others, strict=True):
        q.data.copy_(p.data)
    other.load_state_dict(saved)
    for number in range(2, 4):
        step(optimizer, params, number)
        step(other, others, number)
    for p, q in zip(params, others, strict=True):
        same(p, q)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_steps_follow_float64(name: str, dtype: str) -> None:
    low, high = parameters(dtype), parameters("float64")
    for params in (low, high):
        optimizer = getattr(optim, name)(params, lr=0.05)
        for number in range(4):
            step(optimizer, params, number)
    for p, q in zip(low, high, strict=True):
        assert str(p.dtype).endswith(dtype)
        np.testing.assert_allclose(p.detach().float().numpy(), q.detach().numpy(), rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("flag", ["foreach", "fused"])
def test_ways_of_doing_it_give_the_same(name: str, flag: str) -> None:
    a, b = parameters(), parameters()
    one, two = getattr(optim, name)(a, lr=0.1), getattr(optim, name)(b, lr=0.1, **{flag: True})
    for number in range(3):
        step(one, a, number)
        step(two, b, number)
    for p, q in zip(a, b, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), **CLOSE["float32"])


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_learning_rate(name: str) -> None:
    a, b = parameters(), parameters()
    rate = T.tensor(0.1)
    one, two = getattr(optim, name)(a, lr=0.1), getattr(optim, name)(b, lr=rate)
    step(one, a, 0)
    step(two, b, 0)
    for p, q in zip(a, b, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), **CLOSE["float32"])
    if name in ("ASGD", "Rprop"):
        # They look at the rate when they start only, or a step later.
        return
    rate.fill_(0.0)
    before = [p.detach().clone() for p in b]
    step(two, b, 1)
    for p, q in zip(b, before, strict=True):
        same(p, q)


def test_parameters_that_are_not_contiguous() -> None:
    base = T.arange(12.0).reshape(3, 4).t().requires_grad_()
    flat = base.detach().clone().contiguous().requires_grad_()
    for p in (base, flat):
        optimizer = optim.Adam([p], lr=0.1)
        for _ in range(2):
            p.grad = T.ones(4, 3) * p.detach()
            optimizer.step()
    np.testing.assert_allclose(base.detach().numpy(), flat.detach().numpy(), rtol=1e-6)
    p = T.zeros(2, 3, requires_grad=True)
    p.grad = T.arange(6.0).reshape(3, 2).t()
    optim.SGD([p], lr=1.0).step()
    assert p.tolist() == [[0, -2, -4], [-1, -3, -5]]


def test_parameters_without_a_gradient_stay() -> None:
    used, unused = weight(), weight()
    optimizer = optim.Adam([used, unused])
    used.grad = T.ones(2)
    optimizer.step()
    assert unused.tolist() == [1, 2]
    assert list(optimizer.state_dict()["state"]) == [0]
    empty = T.empty(0, requires_grad=True)
    empty.grad = T.empty(0)
    optim.SGD([empty], lr=0.1, momentum=0.9).step()


def test_a_step_moves_the_version_of_its_parameters() -> None:
    p = weight()
    loss = (p * p).sum()
    p.grad = T.ones(2)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_zero_grad() -> None:
    p, q = weight(), weight()
    p.grad = T.ones(2)
    optimizer = optim.SGD([p, q], lr=0.1)
    grad = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is grad
    assert p.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_is_evaluated_with_gradients() -> None:
    p = weight(3.0)
    optimizer = optim.SGD([p], lr=0.1)

    def closure() -> Any:
        assert T.is_grad_enabled()
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with T.no_grad():
        assert optimizer.step(closure).item() == 9
    assert p.item() == pytest.approx(2.4)


def test_a_differentiable_step() -> None:
    start = T.tensor([1.0, -2.0], dtype=T.float64, requires_grad=True)

    def trained(name: str) -> Any:
        p = start.clone()
        optimizer = getattr(optim, name)([p], lr=0.1, differentiable=True)
        for _ in range(2):
            p.grad = start * 3
            optimizer.step()
        return p

    (grad,) = T.autograd.grad(trained("SGD").sum(), start)
    np.testing.assert_allclose(grad.numpy(), [0.4, 0.4])
    (grad,) = T.autograd.grad(trained("AdamW").sum(), start)
    np.testing.assert_allclose(grad.numpy(), (1 - 0.1 * 0.01) ** 2, rtol=1e-6)


# groups


def test_groups_have_their_own_options() -> None:
    a, b = weight(), weight()
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5}], lr=0.1, momentum=0.9)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    optimizer.add_param_group({"params": [weight()], "momentum": 0})
    assert optimizer.param_groups[2]["momentum"] == 0
    assert optimizer.param_groups[2]["nesterov"] is False


def test_named_parameters_keep_their_names() -> None:
    optimizer = optim.SGD([("w", weight()), ("b", weight())], lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]


W = weight()
ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda: optim.SGD(W), TypeError, "should be an iterable of Tensors or dicts, but got torch.FloatTensor"),
    (lambda: optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
    (lambda: optim.SGD([5]), TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
    (lambda: optim.SGD([W * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    (lambda: optim.SGD([{"params": {W}}]), TypeError, "ordered collections"),
    (lambda: optim.SGD([{"params": W}, {"params": W}]), ValueError, "appear in more than one parameter group"),
    (lambda: optim.SGD([("w", W), weight()]), ValueError, "Some param names are missing"),
    (lambda: optim.SGD([W], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda: optim.SGD([W], lr=T.ones(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.SGD([W], momentum=-0.5), ValueError, "Invalid momentum value: -0.5"),
    (lambda: optim.SGD([W], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
    (lambda: optim.SGD([W], nesterov=True), ValueError, "Nesterov momentum requires a momentum and zero dampening"),
    (lambda: optim.SGD([W], fused=True, foreach=True), RuntimeError, "cannot be `True` together"),
    (lambda: optim.SGD([W], fused=True, differentiable=True), RuntimeError, "does not support `differentiable`"),
    (lambda: optim.Adam([W], lr=-1e-3), ValueError, "Invalid learning rate: -0.001"),
    (lambda: optim.Adam([W], eps=-1), ValueError, "Invalid epsilon value: -1"),
    (lambda: optim.Adam([W], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
    (lambda: optim.Adam([W], betas=(0.9, -0.1)), ValueError, "Invalid beta parameter at index 1: -0.1"),
    (lambda: optim.Adam([W], betas=(0, 0.9)), ValueError, "betas must be either both floats or both Tensors"),
    (lambda: optim.AdamW([W], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
    (lambda: optim.Adam([W], lr=T.tensor(0.1), foreach=True), ValueError, "lr as a Tensor is not supported"),
    (lambda: optim.SGD([W], lr=0.1).add_param_group([W]), TypeError, "param_group must be a dict, but got"),
    (
        lambda: optim.SGD([W], lr=0.1).load_state_dict({"state": {}, "param_groups": []}),
        ValueError,
        "different number of parameter groups",
    ),
    (
        lambda: optim.SGD([W], lr=0.1).load_state_dict({"state": {}, "param_groups": [{"params": []}]}),
        ValueError,
        "doesn't match the size of optimizer's group",
    ),
    (lambda: optim.Optimizer([W], {}).step(), NotImplementedError, ""),
]


@pytest.mark.parametrize("row", range(len(ERRORS)))
def test_errors(row: int) -> None:
    call, kind, text = ERRORS[row]
    with pytest.raises(kind) as caught:
        call()
    assert said(text) in str(caught.value)


def test_warnings_about_the_parameters() -> None:
    w = weight()
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([w, w], lr=0.1)
    with pytest.warns(FutureWarning, match="ordered collections"):
        optim.SGD({w}, lr=0.1)


def test_capturable_is_for_other_devices() -> None:
    w = weight()
    w.grad = T.ones(2)
    with pytest.raises(AssertionError, match="If capturable=True, params and state_steps must be on supported"):
        optim.Adam([w], capturable=True).step()


def test_integer_parameters_cannot_be_fused() -> None:
    w = T.ones(2, dtype=T.int64)
    w.grad = T.ones(2, dtype=T.int64)
    with pytest.raises(RuntimeError, match="requires all the params to be floating point Tensors"):
        optim.SGD([w], fused=True).step()


# hooks, copies, life


def test_step_hooks() -> None:
    w, calls = weight(), []
    w.grad = T.ones(2)
    optimizer = optim.SGD([w], lr=0.1)
    first = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("post"))
    optimizer.step()
    first.remove()
    optimizer.step()
    assert calls == ["pre", "post", "post"]
    optimizer.register_step_pre_hook(lambda *_: 5)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 5"):
        optimizer.step()


def test_state_dict_hooks() -> None:
    optimizer, calls = optim.SGD([weight()], lr=0.1), []
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("before"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: calls.append(state["more"]))
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append("after"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert calls == ["before", 1, "after"]


def test_a_subclass_of_the_base() -> None:
    class Signs(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.add_(p.grad.sign(), alpha=-group["lr"])

    w, calls = weight(), []
    w.grad = T.tensor([-3.0, 4.0])
    optimizer = Signs([w], lr=0.5)
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    assert w.tolist() == [1.5, 1.5]
    assert calls == [1]


def test_pickle_and_deepcopy() -> None:
    w = weight()
    w.grad = T.ones(2)
    optimizer = optim.AdamW([w], lr=0.1)
    optimizer.step()
    for other in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):
        assert repr(other) == repr(optimizer)
        (p,) = other.param_groups[0]["params"]
        assert p is not w
        same(other.state[p]["exp_avg"], optimizer.state[w]["exp_avg"])


def test_state_of_adam_loads_into_adamw_and_stays_decoupled() -> None:
    adam, adamw = optim.Adam([weight()]), optim.AdamW([weight()])
    adamw.load_state_dict(adam.state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"] is True


def test_state_takes_the_dtype_of_its_parameter() -> None:
    w = weight()
    w.grad = T.ones(2)
    optimizer = optim.Adam([w])
    optimizer.step()
    double = T.ones(2, dtype=T.float64, requires_grad=True)
    other = optim.Adam([double])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[double]["exp_avg"].dtype == T.float64
    assert other.state[double]["step"].dtype == T.float32


# schedules


def test_lambda_schedule_takes_a_function_a_group() -> None:
    optimizer = optim.SGD([{"params": weight()}, {"params": weight(), "lr": 0.3}], lr=0.1)
    schedule = optim.lr_scheduler.LambdaLR(optimizer, [lambda n: 1 / (n + 1), lambda n: math.exp(-n)])
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.05, 0.3 * math.exp(-1)])
    assert schedule.state_dict()["lr_lambdas"] == [None, None]
    with pytest.raises(ValueError, match="Expected 2 lr_lambdas, but got 1"):
        optim.lr_scheduler.LambdaLR(optimizer, [lambda n: 1])


def test_schedules_can_be_chained() -> None:
    optimizer = optim.SGD([weight()], lr=1.0)
    schedules = [
        optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.1),
        optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5),
    ]
    rates = []
    for _ in range(4):
        optimizer.step()
        for schedule in schedules:
            schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 0.025, 0.0125, 0.000625])


def test_a_schedule_fills_a_tensor_rate_in_place() -> None:
    rate = T.tensor(0.5)
    optimizer = optim.SGD([weight()], lr=rate)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25
    assert schedule.base_lrs[0].item() == 0.5


def test_warnings_of_schedules() -> None:
    optimizer = optim.SGD([weight()], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler\.step\(\)` before `optimizer\.step\(\)`"):
        schedule.step()
    with pytest.warns(UserWarning, match="The epoch parameter in"):
        schedule.step(4)
    assert schedule.get_last_lr() == pytest.approx([0.001])
    with pytest.warns(UserWarning, match=r"please use `get_last_lr\(\)`"):
        schedule.get_lr()
    optimizer = optim.SGD([weight()], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match=r"Seems like `optimizer\.step\(\)` has been overridden"):
        schedule.step()


def test_errors_of_schedules() -> None:
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        optim.lr_scheduler.StepLR(5, 2)
    with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\]"):
        optim.lr_scheduler.StepLR(optim.SGD([weight()], lr=0.1), 2, last_epoch=3)


def test_a_schedule_does_not_keep_a_forgotten_optimizer_in_a_loop() -> None:
    optimizer = optim.SGD([weight()], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    gone = weakref.ref(optimizer)
    del schedule, optimizer
    assert gone() is None


# the steps as functions


def _lists(optimizer: Any, params: list[Any], *keys: str) -> list[list[Any]]:
    return [[optimizer.state[p][key] for p in params if key in optimizer.state[p]] for key in keys]


FUNCTIONS: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("Adadelta", ("square_avg", "acc_delta", "step"), {"lr": 1.0, "rho": 0.9, "eps": 1e-6}),
    ("Adagrad", ("sum", "step"), {"lr": 0.01, "lr_decay": 0.0, "eps": 1e-10}),
    ("Adamax", ("exp_avg", "exp_inf", "step"), {"lr": 2e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    ("NAdam", ("exp_avg", "exp_avg_sq", "mu_product", "step"),
     {"lr": 2e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 4e-3}),
    ("RAdam", ("exp_avg", "exp_avg_sq", "step"), {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    ("ASGD", ("ax", "mu", "eta", "step"), {"lr": 0.01, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6}),
    ("Adam", ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step"),
     {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False}),
    ("AdamW", ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step"),
     {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False}),
    ("Adafactor", ("row_var", "col_var", "variance", "step"),
     {"lr": 0.01, "d": 1.0, "beta2_decay": -0.8, "eps1": 1e-8, "eps2": 1e-3}),
    ("Rprop", ("prev", "step_size", "step"),
     {"step_size_min": 1e-6, "step_size_max": 50.0, "etaminus": 0.5, "etaplus": 1.2}),
]  # fmt: skip


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row[0])
def test_functions_step_as_the_classes_do(row: tuple[str, tuple[str, ...], dict[str, Any]]) -> None:
    name, keys, options = row
    a = parameters()
    if name == "Adafactor":  # lists by shape: matrices have two vectors of state, others a tensor
        a = a[:1]
    decay = {} if name == "Rprop" else {"weight_decay": 0.1}
    optimizer = getattr(optim, name)(a, **decay)
    for number in range(2):
        if number == 1:
            b, state = copy.deepcopy([p.detach() for p in a]), copy.deepcopy(_lists(optimizer, a, *keys))
        for p, grad in zip(a, STEPS["grads"][number], strict=False):
            p.grad = T.tensor(grad)
        optimizer.step()
    grads = [p.grad for p in a]
    getattr(optim.functional, name.lower())(b, grads, *state, **options, **decay, maximize=False)
    for p, q in zip(a, b, strict=True):
        same(p, q)
    for mine, theirs in zip(_lists(optimizer, a, *keys), state, strict=True):
        for x, y in zip(mine, theirs, strict=True):
            same(x, y)


def test_sgd_as_a_function_fills_its_buffers() -> None:
    p, buffers = [T.tensor([1.0, -2.0])], [None]
    how = {"weight_decay": 0.0, "momentum": 0.9, "lr": 0.1, "dampening": 0.0, "nesterov": False, "maximize": False}
    for _ in range(2):
        optim.functional.sgd(p, [T.tensor([0.5, 0.25])], buffers, **how)
    np.testing.assert_allclose(p[0].numpy(), [0.855, -2.0725], rtol=1e-6)
    np.testing.assert_allclose(buffers[0].numpy(), [0.95, 0.475], rtol=1e-6)
