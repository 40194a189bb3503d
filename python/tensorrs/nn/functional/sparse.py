"""Tables of vectors and of ones."""

from __future__ import annotations

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

# Bound as it is: nothing stands between the caller and the core.
one_hot = _C.one_hot


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (num_embeddings, dim) that `input` names: (*) becomes (*, dim).

    The row `padding_idx` gets no gradient. With `max_norm`, rows that are longer are first scaled in place.
    """
    padding_idx = -1 if padding_idx is None else checked_padding_idx(padding_idx, weight.size(0))
    if max_norm is not None:
        _renorm_rows_(weight, input, max_norm, norm_type)
    return _C.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def checked_padding_idx(padding_idx: int, rows: int) -> int:
    """`padding_idx` counted from the front."""
    if not -rows <= padding_idx < rows and padding_idx != 0:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx + rows if padding_idx < 0 else padding_idx


def _renorm_rows_(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scales the named rows of `weight` that are longer than `max_norm` to that length."""
    with tensorrs.no_grad():
        rows = indices.reshape(-1)
        named = weight.detach().index_select(0, rows)
        norm = named.norm(norm_type, 1, keepdim=True)
        # 1e-7 as in PyTorch, so that the scaled rows are equal to its rows. A row named twice is scaled once.
        scaled = tensorrs.where(norm > max_norm, named * (max_norm / (norm + 1e-7)), named)
        weight.detach().index_copy_(0, rows, scaled)
