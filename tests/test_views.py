"""Views: what shares memory with what, with which strides and offset, and what a write through a view reaches.

The strides of each view op on a contiguous input are recorded with the op table; here they are checked on strided
inputs, against NumPy, whose rules for strides are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from under_test import T


def cube() -> Any:
    return T.arange(24, dtype=T.float32).view(2, 3, 4)


ALIASES: list[tuple[str, Callable[[Any], Any]]] = [
    ("view", lambda x: x.view(6, 4)),
    ("reshape", lambda x: x.reshape(4, 6)),
    ("permute", lambda x: x.permute(2, 0, 1)),
    ("transpose", lambda x: x.transpose(0, 2)),
    ("mT", lambda x: x.mT),
    ("select", lambda x: x.select(1, 2)),
    ("int", lambda x: x[1]),
    ("slice", lambda x: x[:, 1:]),
    ("step", lambda x: x[:, :, ::2]),
    ("none", lambda x: x[None]),
    ("ellipsis", lambda x: x[..., 0]),
    ("narrow", lambda x: x.narrow(2, 1, 2)),
    ("unsqueeze", lambda x: x.unsqueeze(1)),
    ("squeeze", lambda x: x[:, :1].squeeze(1)),
    ("expand", lambda x: x[:, :1].expand(2, 5, 4)),
    ("expand_as", lambda x: x[:1].expand_as(x)),
    ("flatten", lambda x: x.flatten(1)),
    ("unflatten", lambda x: x.unflatten(2, (2, 2))),
    ("diagonal", lambda x: x.diagonal(0, 1, 2)),
    ("unfold", lambda x: x.unfold(2, 2, 1)),
    ("as_strided", lambda x: x.as_strided((3, 2), (4, 1), 5)),
    ("detach", lambda x: x.detach()),
    ("data", lambda x: x.data),
    ("movedim", lambda x: x.movedim(0, 2)),
    ("swapaxes", lambda x: x.swapaxes(0, 1)),
    ("ravel", lambda x: x.ravel()),
    ("view_as", lambda x: x.view_as(x)),
    ("split", lambda x: x.split(1, 1)[2]),
    ("chunk", lambda x: x.chunk(2, 2)[1]),
    ("unbind", lambda x: x.unbind(1)[1]),
    ("tensor_split", lambda x: x.tensor_split(3, 1)[1]),
    ("broadcast_to", lambda x: x.broadcast_to(3, 2, 3, 4)),
    ("contiguous", lambda x: x.contiguous()),
    ("to", lambda x: x.to(T.float32)),
    ("float", lambda x: x.float()),
    ("numpy", lambda x: T.from_numpy(x.numpy())),
    ("t", lambda x: x[0].t()),
    ("T", lambda x: x[0].T),
    ("view bytes", lambda x: x.view(T.int32).view(T.float32)),
]
COPIES: list[tuple[str, Callable[[Any], Any]]] = [
    ("clone", lambda x: x.clone()), ("index", lambda x: x[[0, 1]]), ("mask", lambda x: x[x > 3]), ("contiguous", lambda x: x.transpose(0, 1).contiguous()),
    ("reshape", lambda x: x.transpose(0, 1).reshape(24)), ("flatten", lambda x: x.transpose(0, 1).flatten()), ("flip", lambda x: x.flip(0)), ("roll", lambda x: x.roll(1, 0)),
    ("repeat", lambda x: x.repeat(1, 1, 1)), ("tensor", lambda x: T.tensor(x.tolist())), ("to copy", lambda x: x.to(T.float32, copy=True)), ("double", lambda x: x.double()), ("positive add", lambda x: x + 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "act"), ALIASES, ids=[n for n, _ in ALIASES])
def test_aliases(name: str, act: Callable[[Any], Any]) -> None:
    x = cube()
    y = act(x)
    before = y.clone()
    x.add_(100)
    assert T.equal(y, before + 100), name
    assert y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()


@pytest.mark.parametrize(("name", "act"), COPIES, ids=[f"{n} {k}" for k, (n, _) in enumerate(COPIES)])
def test_copies(name: str, act: Callable[[Any], Any]) -> None:
    x = cube()
    y = act(x)
    before = y.clone()
    x.add_(100)
    assert T.equal(y, before), name


def test_where_a_view_begins() -> None:
    x = cube()
    assert x.storage_offset() == 0
    assert x[1].storage_offset() == 12
    assert x[1].data_ptr() - x.data_ptr() == 12 * 4
    assert x[1, 2, 3].storage_offset() == 23
    assert x[:, 1:, ::2].storage_offset() == 4
    assert x[:, 1:, ::2].stride() == (12, 4, 2)
    assert x.select(2, -1).storage_offset() == 3


KEYS: list[Any] = [
    0, -1, slice(1, None), slice(None, None, 2), (slice(None), 1), (Ellipsis, 1), (None, slice(0, 1)), (0, None, slice(1, 3)), (slice(None), slice(None), slice(1, 4, 2)), (1, 1, 1), (), Ellipsis,
]  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_strides_are_numpys(key: Any, order: tuple[int, ...]) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x = T.from_numpy(array.copy())
    want, got = array.transpose(order)[key], x.permute(order)[key]
    assert tuple(got.shape) == want.shape
    assert got.numpy().tolist() == want.tolist()
    if 0 not in want.shape and 1 not in want.shape and None not in np.atleast_1d(np.array(key, dtype=object)):
        assert tuple(s * 4 for s in got.stride()) == want.strides


def test_contiguity() -> None:
    x = cube()
    assert x.is_contiguous()
    assert not x.transpose(0, 1).is_contiguous()
    assert x[1:].is_contiguous()
    assert not x[:, 1:].is_contiguous()
    assert T.empty(0, 3).t().is_contiguous()
    assert T.empty(1, 5).t().is_contiguous()
    assert x.contiguous() is x
    images = T.zeros(2, 3, 4, 5)
    assert images.stride() == (60, 20, 5, 1)
    assert images.stride(1) == 20
    assert images.stride(-1) == 1


def test_strides_of_results() -> None:
    """Elementwise results keep the order of dims of their input, as in PyTorch."""
    x = cube().permute(2, 0, 1)
    assert (x + 1).stride() == x.stride()
    assert (x + x).stride() == x.stride()
    assert x.exp().stride() == x.stride()
    assert x.clone().stride() == x.stride()
    assert T.empty_like(x).stride() == x.stride()
    assert (x + 1).contiguous().stride() == (6, 3, 1)
    assert x[:, :, ::2].exp().stride() == (1, 8, 4)
    assert T.zeros(3, 1, 2).expand(3, 4, 2).exp().stride() == (8, 2, 1)
    assert x.sum(1).stride() == (3, 1)


def test_overlapping_writes_are_refused() -> None:
    x = T.zeros(1).expand(3)
    with pytest.raises(
        RuntimeError,
        match="unsupported operation: more than one element of the written-to tensor refers to a single memory location",
    ):
        x.add_(1)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.copy_(T.ones(3))


def test_overlapping_reads_and_writes() -> None:
    """A write that reads the memory it writes gives what PyTorch gives, or is refused as there."""
    x = T.arange(6.0)
    with pytest.raises(
        RuntimeError,
        match="unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location",
    ):
        x[1:].add_(x[:-1])
    y = T.arange(4.0)
    y.add_(y)
    assert y.tolist() == [0, 2, 4, 6]
    z = T.arange(9.0).view(3, 3)
    z.t().copy_(z.clone())
    assert z.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_view_needs_compatible_strides() -> None:
    x = cube().transpose(0, 1)
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        x.view(24)
    assert x.reshape(24).tolist()[:5] == [0, 1, 2, 3, 12]
    assert x.view(3, 2, 2, 2).shape == (3, 2, 2, 2)


def test_setting_through_views() -> None:
    x = T.zeros(3, 4)
    x[1] = 5
    x[:, 2] = T.tensor([1.0, 2.0, 3.0])
    x.t()[0] = 7
    x[0, 1:3] += 10
    x.diagonal().mul_(2)
    assert x.tolist() == [[14, 10, 11, 0], [7, 10, 2, 5], [7, 0, 6, 0]]


def test_resize_and_set() -> None:
    x = T.arange(6.0)
    x.resize_(2, 2)
    assert x.tolist() == [[0, 1], [2, 3]]
    x.resize_(6)
    assert x.tolist()[:4] == [0, 1, 2, 3]
    y = T.zeros(2)
    y.set_(T.arange(5.0))
    assert y.tolist() == [0, 1, 2, 3, 4]
