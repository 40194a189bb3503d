"""Tables of vectors and of ones."""

from __future__ import annotations

import warnings

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


_MODES = {"sum": 0, "mean": 1, "max": 2}


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of `weight` put together: the `mode` (`"sum"`, `"mean"` or `"max"`) of each bag, (bags, dim).

    input: (bags, n), each row a bag; or (n) with `offsets`, where each bag begins (with `include_last_offset` also
    where the last ends). `per_sample_weights`, shaped as the input, multiplies the rows of a sum. The row `padding_idx`
    does not count. With `max_norm`, rows that are longer are first scaled in place. Gradients are dense.
    """
    if weight.dtype == tensorrs.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        offsets = tensorrs.arange(input.size(0), dtype=input.dtype, device=input.device) * input.size(1)
        include_last_offset = False
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if mode not in _MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if max_norm is not None:
        _renorm_rows_(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )
    return _C.embedding_bag(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        _MODES[mode],
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )[0]


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
