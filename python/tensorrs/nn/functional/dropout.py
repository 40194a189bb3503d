"""Dropout, of elements and of channels. The draws are PyTorch's for the same seed."""

from __future__ import annotations

import warnings

from tensorrs import _C
from tensorrs._C import Tensor


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each element is zero with probability `p`, and the others are divided by `1 - p`."""
    _check(p)
    return _C.dropout_(input, p, training) if inplace else _C.dropout(input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout to what `selu` tends to, scaled to keep mean and variance. Klambauer et al., arXiv:1706.02515."""
    _check(p)
    return _C.alpha_dropout_(input, p, training) if inplace else _C.alpha_dropout(input, p, training)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels: dimension 1 of each sample."""
    _check(p)
    return _C.feature_alpha_dropout_(input, p, training) if inplace else _C.feature_alpha_dropout(input, p, training)


def _channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if not batched:
        input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = _C.feature_dropout_(input, p, training) if inplace else _C.feature_dropout(input, p, training)
    if not batched:
        result = result.squeeze_(0) if inplace else result.squeeze(0)
    return result


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each channel is zero with probability `p`. x: (N, C, L) or (C, L). arXiv:1411.4280."""
    _check(p)
    rank = input.dim()
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    return _channels(input, p, training, inplace, rank == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each channel is zero with probability `p`. x: (N, C, H, W), or (N, C, L), of which it warns."""
    _check(p)
    rank = input.dim()
    if rank not in (3, 4):
        _warn_rank("dropout2d", 2, rank)
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain "
            "the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _channels(input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each channel is zero with probability `p`. x: (N, C, D, H, W) or (C, D, H, W)."""
    _check(p)
    rank = input.dim()
    if rank not in (4, 5):
        _warn_rank("dropout3d", 3, rank)
    return _channels(input, p, training, inplace, rank == 5)


def _warn_rank(name: str, dims: int, rank: int) -> None:
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an error in a future "
        "release. To retain the behavior and silence this warning, please use dropout instead. Note that "
        f"{name} exists to provide channel-wise dropout on inputs with {dims} spatial dimensions, a channel dimension, "
        f"and an optional batch dimension (i.e. {dims + 1}D or {dims + 2}D inputs).",
        stacklevel=3,
    )
