"""Distances between vectors: row against row (`pairwise_distance`), all pairs of one set (`pdist`) or of two (`cdist`).

Derivatives of any order follow. The norm is `(sum of |d|^p)^(1 / p)`; p = 0
counts what differs, infinity takes the greatest. Where a distance is 0 its gradient is 0.
"""

from __future__ import annotations

import tensorrs
from tensorrs import _C
from tensorrs._autocast import casts
from tensorrs._C import Tensor
from tensorrs._types import scalar_type

__all__ = ["cdist", "cosine_similarity", "pairwise_distance", "pdist"]

_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
# From this many vectors on a product of matrices is faster than differences.
_MANY = 25


def _refuse_half(name: str, x: Tensor) -> None:
    if x.element_size() == 2:
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_type(x)}'")


@casts("cdist")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The distance of every row of `x1` (..., P, M) to every row of `x2` (..., R, M): (..., P, R).

    The leading dimensions are broadcast. Euclidean distances of more than 25 rows are computed from a product of
    matrices; `compute_mode` may ask for that always (`use_mm_for_euclid_dist`) or never
    (`donot_use_mm_for_euclid_dist`). Raises RuntimeError for integers, a negative p, or unequal M.
    """
    mode = _MODES[0] if compute_mode is None else compute_mode
    if mode not in _MODES:
        raise ValueError(f"{mode} is not a valid value for compute_mode")
    for name, x in (("X1", x1), ("X2", x2)):
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}")
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.is_floating_point():
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {scalar_type(x)}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if x1.dtype != x2.dtype:
        raise RuntimeError(f"expected scalar type {scalar_type(x1)} but found {scalar_type(x2)}")
    many = x1.size(-2) > _MANY or x2.size(-2) > _MANY
    if p == 2 and (mode == _MODES[1] or (mode == _MODES[0] and many)):
        return _C._cdist(x1, x2, p, True)
    _refuse_half("cdist", x1)
    return _C._cdist(x1, x2, p, False)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances of all pairs of rows of (N, M), first with second, first with third, ...: N (N - 1) / 2 numbers.

    Raises RuntimeError for integers, a negative p, or another number of dimensions.
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if input.size(0) > 1:
        _refuse_half("pdist", input)
    return _C._pdist(input, p)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """`|x1 - x2 + eps|_p` along the last dimension; the two are broadcast. x: (N, D) or (D), the result (N) or ().

    `eps` keeps the gradient of equal vectors finite; with `keepdim` the last dimension stays, with size 1.
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """`x1 . x2 / (max(|x1|, eps) * max(|x2|, eps))` along `dim`; the two are broadcast.

    Raises RuntimeError for integers.
    """
    if x1.dtype != x2.dtype:
        common = tensorrs.promote_types(x1.dtype, x2.dtype)
        x1, x2 = x1.to(common), x2.to(common)
    if not x1.is_floating_point():
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {scalar_type(x1)}")
    units = []
    for x in tensorrs.broadcast_tensors(x1, x2):
        norm = x.norm(2, dim, keepdim=True).clone()
        # As in PyTorch the bound has no part in the gradient.
        with tensorrs.no_grad():
            norm.clamp_min_(eps)
        units.append(x / norm)
    return (units[0] * units[1]).sum(dim)
