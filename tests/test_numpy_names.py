"""NumPy's names of arguments: `axis` for `dim`, `keepdims` for `keepdim`, in methods and functions."""

from __future__ import annotations

import pytest

import tensorrs as torch


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "argmax", "any", "std", "logsumexp", "count_nonzero"])
def test_reductions_take_axis(name: str) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(getattr(x, name)(axis=1), getattr(x, name)(dim=1))
    assert torch.equal(getattr(torch, name)(x, axis=1), getattr(x, name)(dim=1))


def test_keepdims() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert x.sum(axis=0, keepdims=True).shape == (1, 3)
    assert torch.max(x, axis=1, keepdims=True).values.shape == (2, 1)


def test_other_ops_with_a_dim() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(x.cumsum(axis=1), x.cumsum(1))
    assert torch.equal(torch.softmax(x, axis=0), x.softmax(0))
    assert x.unsqueeze(0).squeeze(axis=0).shape == (2, 3)
    assert len(x.unbind(axis=1)) == 3


def test_both_names_or_another_one_are_an_error() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    with pytest.raises(TypeError):
        x.sum(0, axis=1)
    with pytest.raises(TypeError):
        x.sum(axes=1)
