"""Further functions of the module: bilinear maps, memory-mapped files, reductions of segments, DLPack capsules.

Imported when one of them is first named.
"""

from __future__ import annotations

import os
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs._types import scalar_type

__all__ = ["adjoint", "bilinear", "from_file", "native_dropout", "norm_except_dim", "segment_reduce", "to_dlpack"]


def adjoint(input: Tensor) -> Tensor:
    """The view with the last two dimensions transposed (and conjugated, where numbers are complex)."""
    from tensorrs._tensor_legacy import adjoint

    return adjoint(input)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`y[..., o] = sum over i, j of x1[..., i] * weight[o, i, j] * x2[..., j] + bias[o]`: `nn.functional.bilinear`."""
    from tensorrs.nn.functional import bilinear

    return bilinear(input1, input2, weight, bias)


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory, for `from_dlpack` to take, once."""
    return tensor.__dlpack__()


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`(y, mask)`: where the mask, drawn with probability 1 - p, is true, `y = x / (1 - p)`, elsewhere 0.

    `train=False` keeps all as it is; `None` counts as true. Raises RuntimeError where p is not in 0..1.
    """
    if train is False or input.numel() == 0:
        return input.clone(), _C.full_like(input, True, dtype=_C.bool)
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {scalar_type(input)}")
    mask = input.new_empty(input.shape, dtype=_C.bool).bernoulli_(1 - p)
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norm of order `pow` over all dimensions but `dim`, which stay with size 1; over all of them for -1."""
    if dim == -1:
        return v.norm(pow)
    others = [d for d in range(v.dim()) if d != (dim if dim >= 0 else dim + v.dim())]
    if len(others) == v.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-v.dim()}, {v.dim() - 1}], but got {dim})"
        )
    return v.norm(pow, others, keepdim=True)


def from_file(
    filename: str,
    shared: bool | None = None,
    size: int | None = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor `(size,)` over a memory-mapped file.

    With `shared` what is written to the tensor is written to the file, which is made, or made longer, where needed;
    without, the file stays as it is. Raises RuntimeError where the file cannot be opened or is too short.
    """
    import mmap

    dtype = _C.get_default_dtype() if dtype is None else dtype
    count = size or 0
    needed = count * dtype.itemsize
    mode = "read-write" if shared else "read-only"
    try:
        file = os.open(filename, (os.O_RDWR | os.O_CREAT) if shared else os.O_RDONLY, 0o600)
    except OSError as error:
        raise RuntimeError(
            f"unable to open file <{filename}> in {mode} mode: {os.strerror(error.errno or 0)} ({error.errno})"
        ) from None
    try:
        there = os.fstat(file).st_size
        if there < needed:
            if not shared:
                raise RuntimeError(
                    f"file <{filename}> size <{there}> is smaller than the required mapping size <{needed}>"
                )
            os.ftruncate(file, needed)
        if not needed:
            return _C.empty(0, dtype=dtype)
        memory = mmap.mmap(file, needed, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    finally:
        os.close(file)
    return _C.frombuffer(memory, dtype=dtype, count=count)


_STARTS = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": float("-inf"), "amin": float("inf")}


def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
) -> Tensor:
    """Reduce `data` along `axis` segment by segment: `"sum"`, `"mean"`, `"prod"`, `"max"` or `"min"`.

    `lengths` `(*data.shape[:axis], segments)` holds how long each segment is, or `offsets` (one more) where each begins
    and the last ends. The lengths must add up to the size of the axis unless `unsafe`. Empty segments give `initial`,
    or what a reduction of nothing gives (NaN for the mean).
    """
    kind = {"max": "amax", "min": "amin"}.get(reduce, reduce)
    if kind not in _STARTS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if axis < -data.dim() or axis >= data.dim():
        low, high = -data.dim(), data.dim() - 1
        raise IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {axis})")
    axis %= data.dim()
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if not data.dtype.is_floating_point:
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{scalar_type(data)}'")
    if lengths is None:
        assert offsets is not None
        lengths = offsets.diff(dim=-1)
    if lengths.dtype not in (_C.int64, _C.int32):
        name = "Float" if lengths.dtype.is_floating_point else scalar_type(lengths)
        raise NotImplementedError(f"\"_segment_reduce_lengths_cpu_kernel1\" not implemented for '{name}'")
    if axis != lengths.dim() - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}.")
    if not unsafe and not lengths.is_meta:
        if lengths.numel() and int(lengths.min()) < 0:
            raise RuntimeError("lengths contains negative value!")
        if offsets is None and not bool((lengths.sum(-1) == data.shape[axis]).all()):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) "
                "when !unsafe."
            )
    return _reduced(data, kind, lengths, axis, initial)


def _reduced(data: Tensor, kind: str, lengths: Tensor, axis: int, initial: Any) -> Tensor:
    """All rows of segments laid end to end: each element goes to its row's and segment's place."""
    outer, size, inner = data.shape[:axis], data.shape[axis], data.shape[axis + 1 :]
    rows, segments = outer.numel(), lengths.shape[-1]
    if data.is_meta:
        return data.new_empty((*outer, segments, *inner))
    lengths = lengths.reshape(rows, segments).to(_C.int64)
    # What begins after the last segment's end belongs to none.
    at = _C.searchsorted(lengths.cumsum(-1), _C.arange(size).expand(rows, size).contiguous(), right=True)
    at = (at + segments * _C.arange(rows).unsqueeze(1) + (at == segments) * (rows * segments)).reshape(-1)
    flat = data.reshape(rows * size, *inner)
    inside = (at < rows * segments).nonzero().flatten()
    if inside.shape[0] < at.shape[0]:
        at, flat = at[inside], flat[inside]
    start = _STARTS[kind] if initial is None else initial
    out = _C.full((rows * segments, *inner), start, dtype=data.dtype)
    if kind in ("sum", "mean"):
        out = out.index_add(0, at, flat)
    else:
        out = out.index_reduce(0, at, flat, kind)
    if kind == "mean":
        count = lengths.reshape(-1, *(1 for _ in inner)).to(data.dtype)
        out = out / count if initial is None else out / count.clamp(min=1)
    return out.reshape(*outer, segments, *inner)
