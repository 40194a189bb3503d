"""Functions made of others that are not hot: integrals, gradients of samples, histograms, copies of views, …

Imported when one of them is first named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor

__all__ = [
    "combinations",
    "cumulative_trapezoid",
    "empty_permuted",
    "fill",
    "gradient",
    "histogram",
    "histogramdd",
    "real",
    "trapezoid",
    "trapz",
    "unravel_index",
    "vander",
]


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _intervals(y: Tensor, x: Any, dx: Any, dim: int, name: str) -> tuple[Any, Tensor, Tensor]:
    """Lengths of the intervals (a tensor or a number), the values at their ends."""
    if y.dtype == _C.bool:
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    width: Any = dx
    if x is not None and not _number(x):
        if x.dtype == _C.bool:
            raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
        if x.dim() == 1 and y.dim() != 1:
            if x.shape[0] != y.shape[dim]:
                raise RuntimeError(
                    f"{name}: There must be one `x` value for each sample point, got {x.shape[0]} for {y.shape[dim]}"
                )
            shape = [1] * y.dim()
            shape[dim] = -1
            x = x.view(shape)
        elif x.dim() < y.dim():
            x = x.reshape([1] * (y.dim() - x.dim()) + list(x.shape))
        width = x.narrow(dim, 1, x.shape[dim] - 1) - x.narrow(dim, 0, x.shape[dim] - 1)
    n = y.shape[dim]
    return width, y.narrow(dim, 0, n - 1), y.narrow(dim, 1, n - 1)


def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along `dim` of samples `y` at the points `x`, or `dx` apart, by the trapezoidal rule.

    .. math:: \\sum_{i=1}^{n-1} \\frac{1}{2} \\Delta x_i (y_i + y_{i-1})
    """
    if x is not None and dx is not None:
        raise TypeError("trapezoid() received both x and dx")
    if y.shape[dim] == 0:
        shape = list(y.shape)
        del shape[dim]
        return y.new_zeros(shape)
    width, left, right = _intervals(y, x, 1 if dx is None else dx, dim, "trapezoid")
    area: Tensor = ((left + right) * width).sum(dim) / 2
    return area


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integrals from the first sample up to each other one; see `trapezoid`."""
    if x is not None and dx is not None:
        raise TypeError("cumulative_trapezoid() received both x and dx")
    width, left, right = _intervals(y, x, 1 if dx is None else dx, dim, "cumulative_trapezoid")
    areas: Tensor = ((left + right) * width).cumsum(dim) / 2
    return areas


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> list[Tensor]:
    """Estimates of the partial derivatives of a sampled function, one for each dimension of `dim`.

    Inside by the second-order formula for uneven steps, at the borders of order `edge_order` (1 or 2).

    Args:
        spacing: the distance of samples, one number for each dimension, or the coordinates as a list of vectors.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("tensorrs.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype == _C.uint8 or input.dtype == _C.bool:
        raise RuntimeError(f"tensorrs.gradient does not support {input.dtype} input.")
    spacing = 1 if spacing is None else spacing
    listed = not _number(spacing) and not isinstance(spacing, Tensor)
    if dim is None:
        dims = list(range(input.dim()))
    else:
        dims = [dim] if isinstance(dim, int) else list(dim)
    if listed and len(spacing) != len(dims):
        raise RuntimeError(
            "tensorrs.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have "
            f"the same length, but got a spacing argument of length {len(spacing)} and a dim argument of length "
            f"{len(dims)}."
        )
    dims = [d if -input.dim() <= d < input.dim() else _out_of_range(d, input.dim()) for d in dims]
    dims = [d % max(input.dim(), 1) for d in dims]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dims[-1]} appears multiple times in the list of dims")
    out = []
    for k, d in enumerate(dims):
        step = spacing[k] if listed else spacing
        if input.shape[d] < edge_order + 1:
            raise RuntimeError("tensorrs.gradient expected each dimension size to be at least edge_order+1")
        out.append(_slopes(input, step, d, edge_order))
    return out


def _out_of_range(dim: int, rank: int) -> int:
    raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")


def _slopes(y: Tensor, step: Any, d: int, edge_order: int) -> Tensor:
    n = y.shape[d]

    def at(t: Tensor, i: int, count: int = 1) -> Tensor:
        return t.narrow(d, i % n, count)

    shape = [1] * y.dim()
    shape[d] = -1
    if isinstance(step, Tensor) and step.dim() == 1 and step.numel() == n:
        h = (step[1:] - step[:-1]).reshape(shape)
    else:
        if isinstance(step, Tensor) and step.dim() > 0:
            raise RuntimeError(
                f"tensorrs.gradient expected each tensor to have size {n} along its dimension, got {tuple(step.shape)}"
            )
        dtype = y.dtype if y.dtype.is_floating_point else None
        h = y.new_full([n - 1], float(step), dtype=dtype).reshape(shape)
    parts = []
    first = (at(y, 1) - at(y, 0)) / h.narrow(d, 0, 1)
    last = (at(y, n - 1) - at(y, n - 2)) / h.narrow(d, n - 2, 1)
    if edge_order == 2:
        a, b = h.narrow(d, 0, 1), h.narrow(d, 1, 1)
        first = (
            at(y, 0) * (-(2 * a + b) / (a * (a + b))) + at(y, 1) * ((a + b) / (a * b)) + at(y, 2) * (-a / (b * (a + b)))
        )
        a, b = h.narrow(d, n - 3, 1), h.narrow(d, n - 2, 1)
        last = (
            at(y, n - 3) * (b / (a * (a + b)))
            + at(y, n - 2) * (-(a + b) / (a * b))
            + at(y, n - 1) * ((2 * b + a) / (b * (a + b)))
        )
    parts.append(first)
    if n > 2:
        a, b = h.narrow(d, 0, n - 2), h.narrow(d, 1, n - 2)
        parts.append(
            at(y, 0, n - 2) * (-b / (a * (a + b)))
            + at(y, 1, n - 2) * ((b - a) / (a * b))
            + at(y, 2, n - 2) * (a / (b * (a + b)))
        )
    parts.append(last)
    return _C.cat(parts, d)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector, in the order of `itertools.combinations`: a row each."""
    if input.dim() != 1:
        raise RuntimeError("Expect a 1D vector, but got shape " + str(list(input.shape)))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    import itertools

    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = [i for row in choose(range(input.numel()), r) for i in row]
    return input[_C.tensor(places, dtype=_C.int64, device=input.device)].reshape(-1, r)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of a vector as columns: from `N - 1` down to 0, or up if `increasing`."""
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    dtype = x.dtype if x.dtype.is_floating_point else _C.int64
    x = x.to(dtype)
    if n == 0:
        return x.new_empty((x.shape[0], 0))
    columns = [x.new_ones((x.shape[0], 1))]
    if n > 1:
        columns.append(x.unsqueeze(1).expand(-1, n - 1).cumprod(1))
    powers = _C.cat(columns, 1)
    return powers if increasing else powers.flip(1)


def _edges(x: Tensor, bins: Any, span: Any) -> Tensor:
    """The edges of the bins of one column."""
    return bins if isinstance(bins, Tensor) else _C.bin_edges(x.detach().contiguous(), bins, span)


def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False, out: Any = None
) -> Any:
    """How many elements (or the sum of their `weight`) fall between edges: `bins` of them at equal distances, or given.

    Returns a named tuple `(hist, bin_edges)`.
    """
    from tensorrs import return_types

    if range is not None and isinstance(bins, Tensor):
        raise TypeError("histogram() received an invalid combination of arguments: bins are given and a range too")
    if isinstance(bins, Tensor) and bins.dim() != 1:
        raise RuntimeError(
            f"tensorrs.histogramdd(): bins tensor should have one dimension, but got {bins.dim()} dimensions in the"
            " bins tensor for dimension 0"
        )
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            "tensorrs.histogramdd(): if weight tensor is provided it should have the same shape as the input tensor"
        )
    flat = input.detach().reshape(-1, 1)
    edges = _edges(flat, bins, None if range is None else tuple(range))
    hist = _C.histogram_nd(flat, [edges], None if weight is None else weight.detach().reshape(-1), density)
    if out is not None:
        return return_types.histogram(
            (out[0].resize_(hist.shape).copy_(hist), out[1].resize_(edges.shape).copy_(edges))
        )
    return return_types.histogram((hist, edges))


def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """As `histogram`, of vectors of several dimensions: those in the last dimension of `input`.

    Returns a named tuple `(hist, bin_edges)`, the edges as a tuple with a tensor for each dimension.
    """
    from tensorrs import return_types

    if input.dim() < 2:
        raise RuntimeError("tensorrs.histogramdd(): input tensor should have at least 2 dimensions")
    width = input.shape[-1]
    rows = input.detach().reshape(-1, width)
    given = [bins] * width if isinstance(bins, int) else list(bins)
    if len(given) != width:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
            if all(isinstance(n, int) for n in given)
            else f"tensorrs.histogramdd(): expected {width} sequences of bin edges for a {width}-dimensional histogram"
            f" but got {len(given)}"
        )
    if range is not None and len(range) != 2 * width:
        raise RuntimeError(
            f"tensorrs.histogramdd(): for a {width}-dimensional histogram range should have {2 * width} elements, but"
            f" got {len(range)}"
        )
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "tensorrs.histogramdd(): if weight tensor is provided it should have the same shape as the input tensor"
            " excluding its innermost dimension"
        )
    spans = [None] * width if range is None else [(range[2 * i], range[2 * i + 1]) for i in _count(width)]
    edges = [_edges(rows[:, i], b, spans[i]) for i, b in enumerate(given)]
    hist = _C.histogram_nd(rows, edges, None if weight is None else weight.detach().reshape(-1), density)
    return return_types.histogramdd((hist, tuple(edges)))


_count = range


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Coordinates in a tensor of `shape` of the elements with the given row-major numbers."""
    if not isinstance(indices, Tensor):
        raise TypeError(f"expected 'indices' to be a Tensor, got {type(indices).__name__}")
    if indices.dtype == _C.bool or indices.dtype.is_floating_point:
        raise ValueError("expected 'indices' to be integer dtype, but got " + str(indices.dtype))
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if any(not isinstance(n, int) for n in sizes):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, got {type(shape).__name__}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    if indices.numel() and 0 in sizes:
        raise ValueError(f"'shape' cannot have zero dimensions when 'indices' is non-empty, but got {tuple(sizes)}")
    out, rest = [], indices.to(_C.int64)
    for n in reversed(sizes):
        out.append(rest % n if n else rest)
        rest = rest.div(n, rounding_mode="floor") if n else rest
    return tuple(reversed(out))


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with every element set to `value`, a number or a tensor without dimensions."""
    return input.clone().fill_(value)


def real(input: Tensor) -> Tensor:
    """The tensor itself: there are no complex numbers here."""
    return input


def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """A tensor of `size` with memory as it was found, where the dimensions lie in the order `physical_layout`."""
    size, order = list(size), list(physical_layout)
    if len(size) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) ="
            f" {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    if any(not 0 <= d < len(size) for d in order):
        raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {order})")
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    back = [order.index(d) for d in _count(len(order))]
    memory = _C.empty([size[d] for d in order], **options)
    return memory.detach().permute(back).requires_grad_(memory.requires_grad) if order else memory


def _copier(name: str, method: str) -> Any:
    """The function `name`: what `method` gives a view of, as a copy."""

    def copy(input: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        view = getattr(input, method)(*args, **kwargs) if method else input
        if isinstance(view, tuple):
            if out is not None:
                for o, v in zip(out, view, strict=True):
                    o.resize_(v.shape).copy_(v)
                return None
            return tuple(v.clone() for v in view)
        return view.clone() if out is None else out.resize_(view.shape).copy_(view)

    copy.__name__ = copy.__qualname__ = name
    copy.__doc__ = f"As `Tensor.{method or 'view_as'}`, but the result is a copy and shares no memory."
    return copy


_COPIES = [
    "as_strided",
    "detach",
    "diagonal",
    "expand",
    "permute",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unfold",
    "unsqueeze",
    "view",
]
for _name in _COPIES:
    globals()[f"{_name}_copy"] = _copier(f"{_name}_copy", _name)
alias_copy = _copier("alias_copy", "")


def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A copy of `start:end:step` of one dimension."""
    return input[(slice(None),) * (dim % input.dim()) + (slice(start, end, step),)].clone()
