"""`grouped_mm`: matrix products by groups, of a mixture of experts with a share of the rows each."""

from __future__ import annotations

from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs._types import scalar_type


def grouped_mm(
    mat_a: Tensor,
    mat_b: Tensor,
    *,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: Any = None,
) -> Tensor:
    """One product a group; `offs` (int32) holds where each group ends in the dimension that the groups share.

    (g, m, k) and (g, k, n) give (g, m, n). (m, k) and (g, k, n) give (m, n): groups of rows. (g, m, k) and (k, n) give
    (m, n): groups of columns. (m, k) and (k, n) give (g, m, n): groups of summands. What lies behind the last group is
    0. Float32, bfloat16 and float16 alone; raises RuntimeError for a bias, which PyTorch has not made yet.
    """
    _check(mat_a, mat_b, offs, bias, out_dtype)
    if offs is None:
        return mat_a @ mat_b
    ends = offs.tolist()
    parts = [slice(begin, max(begin, end)) for begin, end in zip([0, *ends], ends, strict=False)]
    if mat_a.dim() == 2 and mat_b.dim() == 2:
        return tensorrs.stack([mat_a[:, part] @ mat_b[part] for part in parts])
    last = ends[-1] if ends else 0
    if mat_a.dim() == 2:
        rest = mat_a.new_zeros(mat_a.size(0) - last, mat_b.size(-1))
        return tensorrs.cat([*(mat_a[part] @ mat_b[g] for g, part in enumerate(parts)), rest], 0)
    rest = mat_a.new_zeros(mat_a.size(1), mat_b.size(-1) - last)
    return tensorrs.cat([*(mat_a[g] @ mat_b[:, part] for g, part in enumerate(parts)), rest], 1)


def _check(mat_a: Tensor, mat_b: Tensor, offs: Tensor | None, bias: Tensor | None, out_dtype: Any) -> None:
    fit = (tensorrs.float32, tensorrs.bfloat16, tensorrs.float16)
    if mat_a.dtype != mat_b.dtype:
        raise RuntimeError(
            f"Expected mat_a and mat_b to have the same dtype, got {scalar_type(mat_a)} and {scalar_type(mat_b)}"
        )
    if mat_a.dtype not in fit:
        raise RuntimeError(f"Expected mat_a to be Float32, BFloat16 or Float16 matrix, got {scalar_type(mat_a)}")
    for name, matrix in (("mat_a", mat_a), ("mat_b", mat_b)):
        if matrix.dim() not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d")
    flat = mat_a.dim() == 2 or mat_b.dim() == 2
    if (offs is not None) != flat:
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if mat_a.size(-1) != mat_b.size(-2):
        raise RuntimeError("contraction dimension of mat_a and mat_b must match")
    if not flat and mat_a.size(0) != mat_b.size(0):
        raise RuntimeError("batched dimension has to match")
    if offs is not None:
        if offs.dtype != tensorrs.int32:
            raise RuntimeError("Offsets have to be int32")
        if any(m.dim() == 3 and m.size(0) != offs.size(0) for m in (mat_a, mat_b)):
            raise RuntimeError("matrix batch sizes have to match")
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and out_dtype != mat_a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
