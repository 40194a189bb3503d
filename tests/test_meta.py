"""Device "meta": shapes and dtypes without memory. Whatever can be said without numbers is as on the CPU; the rest is
refused, and no memory is ever touched.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from op_table import TABLE, Op
from op_table.evaluate import Make, applies, call, outputs
from op_table.row import S, build, flat
from under_test import T, is_tensor, tensor

rows = pytest.mark.parametrize("row", TABLE.values(), ids=list(TABLE))

# Rows with samples whose shape, or whose value in Python, depends on numbers; the last two mix devices themselves.
REFUSED = (
    *("equal", "allclose", "masked_select", "nonzero", "nonzero.tuple", "argwhere", "where.nonzero", "unique"),
    *("unique.last", "bincount", "histogram", "getitem.index", "setitem", "index_put", "index_put.number", "cov"),
    *("nn.functional.one_hot", "nn.functional.grouped_mm", "nn.functional.gaussian_nll_loss"),
    *("nn.functional.ctc_loss", "linalg.lstsq", "linalg.cholesky", "logdet"),
)
REFUSALS = (NotImplementedError, RuntimeError)


def meta(array: np.ndarray[Any, Any], dtype: str) -> Any:
    """A meta tensor as one with these numbers would be."""
    like = tensor(array, dtype)
    return T.empty_strided(like.shape, like.stride(), dtype=like.dtype, device="meta")


def described(leaf: Any, device: str) -> tuple[Any, ...]:
    """A leaf of a result but for its numbers; strides that no index meets are left out."""
    if not is_tensor(leaf):
        return (type(leaf),)
    strides = [s for s, n in zip(leaf.stride(), leaf.shape, strict=True) if n > 1 and leaf.numel()]
    return tuple(leaf.shape), strides, leaf.dtype, leaf.device.type == device


def result(row: Op, number: int, sample: S, dtype: str, make: Make, device: str) -> list[tuple[Any, ...]]:
    return [described(leaf, device) for leaf in flat(call(row, build(row, number, sample, dtype, make)))]


@rows
def test_as_on_the_cpu(row: Op) -> None:
    wrong, refused = [], 0
    for number, sample in enumerate(row.samples):
        dtype = next((d for d in ("float32", "int64", "bool") if d in row.dtypes and applies(sample, d)), None)
        if dtype is None:
            continue
        made: list[Any] = []

        def make(array: np.ndarray[Any, Any], dtype: str, made: list[Any] = made) -> Any:
            made.append(meta(array, dtype))
            return made[-1]

        try:
            wanted = result(row, number, sample, dtype, tensor, "cpu")
        except (*REFUSALS, TypeError):  # a dtype that the row has not
            continue
        try:
            found = result(row, number, sample, dtype, make, "meta")
        except REFUSALS as e:
            refused += 1
            if row.name not in REFUSED:
                wrong.append(f"{number}: {type(e).__name__}: {e}")
            continue
        if not made:  # nothing came from another device
            continue
        if found != wanted:
            wrong.append(f"{number}: {found} is not {wanted}")
    assert not wrong, "\n".join(wrong)
    assert refused or row.name not in REFUSED, "nothing was refused"


@pytest.mark.parametrize("row", [r for r in TABLE.values() if r.grad], ids=lambda row: row.name)
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_gradients(row: Op, again: bool) -> None:
    """The gradients of the first sample that is differentiable and not refused."""
    for number, sample in enumerate(row.samples):
        if "float32" not in row.dtypes or not applies(sample, "float32"):
            continue
        built = build(row, number, sample, "float32", meta, grad=True)
        try:
            ends = outputs(call(row, built))
        except REFUSALS:
            continue
        if ends:
            starts = [T.empty_like(end) for end in ends]
            found = T.autograd.grad(ends, built.leaves, starts, allow_unused=True, create_graph=again)
            for leaf, g in zip(built.leaves, found, strict=True):
                assert g is None or described(g, "meta")[::2] == described(leaf, "meta")[::2]
            return


def on_meta(*shape: int, **kwargs: Any) -> Any:
    return T.empty(*shape, device="meta", **kwargs)


def trained(module: Any, optimiser: Any, loss: Callable[[], Any]) -> None:
    """A step of training leaves all on the meta device."""
    for _ in range(2):
        optimiser.zero_grad()
        value = loss()
        assert described(value, "meta")[0] == ()
        value.backward()
        assert all(p.grad.is_meta and p.grad.shape == p.shape for p in module.parameters())
        optimiser.step()
    assert all(p.is_meta for p in module.parameters())


def test_convolutional_net() -> None:
    nn = T.nn
    on = {"device": "meta"}
    layers = [nn.Conv2d(1, 4, 3, **on), nn.BatchNorm2d(4, **on), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5)]
    net = nn.Sequential(*layers, nn.Conv2d(4, 4, 3, groups=2, **on), nn.Flatten(), nn.Linear(4 * 11 * 11, 10, **on))
    x, target = on_meta(8, 1, 28, 28), on_meta(8, dtype=T.int64)
    trained(
        net, T.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), lambda: nn.functional.cross_entropy(net(x), target)
    )


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent_net(name: str) -> None:
    net = getattr(T.nn, name)(3, 5, num_layers=2, bidirectional=True, device="meta")
    x = on_meta(7, 2, 3)
    trained(net, T.optim.Adam(net.parameters()), lambda: net(x)[0].square().mean())


@pytest.mark.parametrize("optimiser", ["AdamW", "RMSprop", "Adagrad"])
def test_transformer(optimiser: str) -> None:
    net = T.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, device="meta")
    words = T.nn.Embedding(20, 8, device="meta")
    both = T.nn.ModuleList([net, words])
    x = on_meta(3, 6, dtype=T.int64)
    trained(both, getattr(T.optim, optimiser)(both.parameters()), lambda: net(words(x)).mean())


def test_made_real() -> None:
    net = T.nn.Linear(3, 2, device="meta").to_empty(device="cpu")
    net.reset_parameters()
    assert net(T.ones(4, 3)).shape == (4, 2)


NUMBERS: dict[str, Callable[[Any], Any]] = {
    "tolist": lambda x: x.tolist(),
    "item": lambda x: x[0].item(),
    "float": lambda x: float(x[0]),
    "bool": lambda x: bool(x[0]),
    "numpy": lambda x: x.numpy(),
    "asarray": np.asarray,
    "memoryview": memoryview,
    "dlpack": lambda x: x.__dlpack__(),
    "cpu": lambda x: x.cpu(),
    "copy_": lambda x: T.zeros(3).copy_(x),
    "storage": lambda x: x.untyped_storage().tolist(),
    "bytes": lambda x: T._C.tensor_to_bytes(x),
    "safetensors": lambda x: T.safetensors.save({"x": x}),
    "equal": lambda x: T.equal(x, x),
    "in": lambda x: 1 in x,
    "mask": lambda x: x[x > 0],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_no_numbers(name: str) -> None:
    with pytest.raises((*REFUSALS, TypeError, BufferError)):
        NUMBERS[name](on_meta(3))


def test_kept_without_numbers() -> None:
    x = on_meta(2, 3, dtype=T.float64).t()
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), copy.copy(x)):
        assert described(y, "meta") == described(x, "meta")
    assert (x.data_ptr(), x.untyped_storage().nbytes()) == (0, 48)
    assert repr(x) == "tensor(..., device='meta', size=(3, 2), dtype=tensorrs.float64)"


MIXED: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "less": lambda a, b: a < b,
    "where": lambda a, b: T.where(a > 0, b, a),
    "masked_fill": lambda a, b: a.masked_fill(b > 0, 1.0),
    "mm": lambda a, b: a @ b,
    "linear": lambda a, b: T.nn.functional.linear(a, b),
    "bias": lambda a, b: T.nn.functional.linear(a, a, b[0]),
    "conv": lambda a, b: T.nn.functional.conv1d(a.unsqueeze(0), b.unsqueeze(-1)),
    "norm": lambda a, b: T.nn.functional.layer_norm(a, (2,), b[0]),
    "batch_norm": lambda a, b: T.nn.functional.batch_norm(a, b[0], b[0]),
    "loss": lambda a, b: T.nn.functional.cross_entropy(a, b[0].long()),
    "mse": lambda a, b: T.nn.functional.mse_loss(a, b),
    "attention": lambda a, b: T.nn.functional.scaled_dot_product_attention(a[None, None], b[None, None], a[None, None]),
    "lstm": lambda a, b: T.nn.LSTMCell(2, 2, device=b.device)(a),
    "cat": lambda a, b: T.cat([a, b]) if b.is_meta else T.zeros(2, 2).copy_(a),
    "gather": lambda a, b: T.zeros(2, 2).gather(0, b.long()) if b.is_meta else T.zeros(2, 2)[a.long()],
    "embedding": lambda a, b: T.nn.functional.embedding(a.long(), b),
    "addmm": lambda a, b: T.addmm(b, a, a),
    "out": lambda a, b: T.add(a, a, out=b) if a.is_meta else T.mul(b, b, out=a),
}


@pytest.mark.parametrize("name", MIXED)
def test_devices_do_not_mix(name: str) -> None:
    for devices in (("cpu", "meta"), ("meta", "cpu")):
        with pytest.raises(REFUSALS):
            MIXED[name](*(T.zeros(2, 2, device=d) for d in devices))


def test_numbers_go_along() -> None:
    x = on_meta(3)
    for y in (x + T.tensor(2.0), T.tensor(2.0) * x, x < T.tensor(1), T.where(x > 0, T.tensor(1.0), x), 1 - x[0]):
        assert y.is_meta
