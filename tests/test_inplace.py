"""Writes in place under autograd: version counters, views and their bases, leaves, and what may not be written."""

from __future__ import annotations

from typing import Any

import pytest

from under_test import T, said


def leaf(*values: float) -> Any:
    return T.tensor(list(values), requires_grad=True)


def test_a_saved_tensor_that_changed_raises() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as raised:
        y.sum().backward()
    assert said("[torch.FloatTensor [2]], which is output 0 of Exp, is at version 1") in str(raised.value)


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
    with pytest.raises(
        RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"
    ):
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
    with pytest.raises(
        RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad mode enabled"
    ):
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
