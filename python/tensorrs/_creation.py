"""Constructors and shape functions made of others: `as_tensor`, `asarray`, `meshgrid`, `logspace`, …"""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs._size import Size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "as_tensor",
    "asarray",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "logspace",
    "meshgrid",
    "scalar_tensor",
    "tril_indices",
    "triu_indices",
]


def _is_array(data: Any) -> bool:
    """Whether `data` is a NumPy array, asked without importing NumPy."""
    return any(c.__name__ == "ndarray" and c.__module__ == "numpy" for c in type(data).__mro__)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor: the tensor itself, on the memory of a NumPy array, or a copy of other data.

    A conversion to another dtype copies; that of a tensor is recorded.
    """
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    if _is_array(data):
        return _C.from_numpy(data).to(device=device, dtype=dtype)
    return _C.tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor on the memory of `obj` where that is possible: of tensors, arrays, DLPack and buffer objects.

    Args:
        copy: copy always (True), never (False: an error where a copy is needed), or where it is needed (None).
        requires_grad: whether the result wants a gradient; if not, it has no history.
    """
    shared = _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        out = _C.tensor(obj, dtype=dtype, device=device)
    else:
        out = shared.to(device=device, dtype=dtype)
        if copy and out.data_ptr() == shared.data_ptr():
            out = out.clone()
        if copy is False and out is not shared:
            raise ValueError(f"can't alias tensor with dtype '{shared.dtype}' into dtype '{out.dtype}'.")
    if out.requires_grad and not requires_grad:
        return out.detach()
    return out if out.requires_grad == requires_grad else out.requires_grad_(requires_grad)


def _shared(obj: Any, dtype: Any) -> Tensor | None:
    """A tensor on the memory of `obj`, or None."""
    if isinstance(obj, Tensor):
        return obj
    if _is_array(obj):
        return _C.from_numpy(obj)
    if hasattr(obj, "__dlpack__"):
        return _C.from_dlpack(obj)
    if isinstance(obj, bytes | bytearray | memoryview) or type(obj).__name__ == "array":
        return _C.frombuffer(obj, dtype=dtype or _C.get_default_dtype())
    return None


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """One number as a tensor without dimensions, of the default dtype whatever the number's type."""
    return _C.full((), s, dtype=dtype or _C.get_default_dtype(), device=device, requires_grad=requires_grad)


def logspace(
    start: float | Tensor,
    end: float | Tensor,
    steps: int,
    base: float = 10.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` powers of `base`: their exponents are evenly spaced from `start` to `end`, both included."""
    dtype = dtype or (_C.get_default_dtype() if out is None else out.dtype)
    for end_point in (start, end):
        if isinstance(end_point, Tensor) and end_point.dim() > 0:
            shown = [
                f"{name} with {t.dim()} dimension(s)"
                for name, t in (("start", start), ("end", end))
                if isinstance(t, Tensor)
            ]
            raise RuntimeError(
                f"logspace only supports 0-dimensional start and end tensors, but got {' and '.join(shown)}."
            )
    if dtype.is_floating_point:
        exponents = _C.linspace(start, end, steps, dtype=dtype)
    else:
        # The ends are made whole first.
        exponents = _C.linspace(int(start), int(end), steps, dtype=_C.float32)
    result = _powers(base, exponents).to(dtype)
    if out is not None:
        return out.resize_(result.shape).copy_(result)
    return result.to(device).requires_grad_(requires_grad)


def _powers(base: float, exponents: Tensor) -> Tensor:
    """base ** exponents, in double precision."""
    return _C.full((), base, dtype=_C.float64).pow(exponents.double())


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Rows and columns of the elements on and below a diagonal, row by row: a tensor of two rows."""
    return _indices(row, col, dtype, device, lambda i, j: j <= i + offset)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Rows and columns of the elements on and above a diagonal, row by row: a tensor of two rows."""
    return _indices(row, col, dtype, device, lambda i, j: j >= i + offset)


def _indices(rows: int, columns: int, dtype: Any, device: Any, wanted: Any) -> Tensor:
    for name, n in (("row", rows), ("col", columns)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got{n}")
    mask = wanted(_C.arange(rows).unsqueeze(1), _C.arange(columns))
    places: Tensor = mask.nonzero().t().contiguous().to(device=device, dtype=dtype)
    return places


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes have after broadcasting."""
    result: list[int] = []
    for k, given in enumerate(shapes):
        shape = (given,) if isinstance(given, int) else tuple(given)
        result = [1] * (len(shape) - len(result)) + result
        for i in range(-1, -len(shape) - 1, -1):
            if shape[i] < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({shape[i]}): ({shape[i]})")
            if shape[i] == 1 or shape[i] == result[i]:
                continue
            if result[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[i]} at {i}! Mismatching argument at index"
                    f" {k} had {shape}; but expected shape should be broadcastable to {result}"
                )
            result[i] = shape[i]
    return Size(result)


def _listed(tensors: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """`f(a, b)` or `f([a, b])`."""
    if len(tensors) == 1 and isinstance(tensors[0], tuple | list):
        return tuple(tensors[0])
    return tensors


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of the tensors with the shape they have in common after broadcasting."""
    given = _listed(tensors)
    shape: tuple[int, ...] = ()
    for t in given:
        for back in range(1, min(len(shape), t.dim()) + 1):
            a, b = shape[-back], t.shape[-back]
            if a != b and a != 1 and b != 1:
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension"
                    f" {max(len(shape), t.dim()) - back}"
                )
        shape = broadcast_shapes(shape, t.shape)
    return tuple(t.expand(shape) for t in given)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates from vectors: grid `k` holds vector `k`, constant along the other dimensions.

    Args:
        indexing: `"ij"`, dimension k belongs to vector k; `"xy"`, the first two are exchanged, as in plots.
    """
    vectors = _listed(tensors)
    if indexing is None:
        import warnings

        warnings.warn(
            "tensorrs.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            stacklevel=2,
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'tensorrs.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if not vectors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for v in vectors:
        if v.dim() > 1:
            raise RuntimeError(f"tensorrs.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {v}")
        if v.dtype != vectors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(vectors) > 1
    order = [1, 0, *range(2, len(vectors))] if swap else list(range(len(vectors)))
    shape = [vectors[k].numel() for k in order]
    grids = []
    for k, v in enumerate(vectors):
        place = order.index(k)
        grids.append(v.reshape([-1 if d == place else 1 for d in range(len(shape))]).expand(shape))
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of elements of the vectors, one per row, the last vector running fastest."""
    vectors = _listed(tensors)
    if len(vectors) == 1:
        return vectors[0]
    return _C.stack([g.flatten() for g in meshgrid(*vectors, indexing="ij")], 1)


def _each(tensors: tuple[Any, ...], act: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return act(tensors[0])
    return tuple(act(t) for t in _listed(tensors))


def atleast_1d(*tensors: Any) -> Any:
    """A tensor, or each of several, with a dimension if it has none."""
    return _each(tensors, lambda t: t.reshape(1) if t.dim() == 0 else t)


def atleast_2d(*tensors: Any) -> Any:
    """A tensor, or each of several, with at least two dimensions; a vector becomes a row."""
    return _each(tensors, lambda t: t.reshape(1, 1) if t.dim() == 0 else t.unsqueeze(0) if t.dim() == 1 else t)


def atleast_3d(*tensors: Any) -> Any:
    """A tensor, or each of several, with at least three dimensions; a matrix gets one behind."""

    def act(t: Tensor) -> Tensor:
        if t.dim() == 0:
            return t.reshape(1, 1, 1)
        if t.dim() == 1:
            return t.unsqueeze(0).unsqueeze(2)
        return t.unsqueeze(2) if t.dim() == 2 else t

    return _each(tensors, act)
