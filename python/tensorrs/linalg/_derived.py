"""What is made of factorisations and products: norms, condition, rank, least squares, powers, tensor equations."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod
from typing import Any

from tensorrs import _C
from tensorrs._autocast import casts
from tensorrs._C import Tensor, dtype
from tensorrs._creation import broadcast_shapes
from tensorrs._types import scalar_type
from tensorrs.linalg._factor import inv, solve
from tensorrs.linalg._out import give, give_all

Dim = int | Sequence[int] | None
Tolerance = Tensor | float | None


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """`sum(|x|^ord)^(1 / ord)` over `dim` (all elements without it); order 0 counts, order inf takes the largest."""
    return give(_C.linalg_vector_norm(x, ord, dim, keepdim, dtype=dtype), out)


def _two(x: Tensor, dim: Sequence[int]) -> tuple[int, int]:
    if isinstance(dim, int) or len(dim) != 2:
        shown = dim if isinstance(dim, int) else " ".join(map(str, dim))
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {shown}")
    rank = x.dim()
    if rank < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    for d in dim:
        if not -rank <= d < rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {d})")
    first, second = (d % rank for d in dim)
    if first == second:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _greatest(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The greatest along `dim`; 0 where there is nothing."""
    return x.sum(dim, keepdim) if x.size(dim) == 0 else x.amax(dim, keepdim)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of the matrices in the two dimensions `dim`.

    "fro": root of the sum of squares; "nuc": sum of the singular values; 2, -2: largest, smallest of them;
    1, -1: largest, smallest sum of a column's sizes; inf, -inf: of a row's.
    """
    if not A.is_floating_point():
        raise NotImplementedError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {scalar_type(A)}"
        )
    rows, cols = _two(A, dim)
    if isinstance(ord, str):
        if ord == "fro":
            return give(_C.linalg_vector_norm(A, 2, [rows, cols], keepdim, dtype=dtype), out)
        if ord != "nuc":
            raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    elif abs(ord) not in (1, 2, inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord:g} not supported.")
    x = A if dtype is None else A.to(dtype)
    if ord == "nuc" or abs(float(ord)) == 2:
        if x.element_size() == 2:
            raise NotImplementedError(f"linalg.matrix_norm: Low precision dtypes not supported. Got {scalar_type(x)}")
        s = _C._linalg_svd(x.movedim((rows, cols), (-2, -1)), False, False)[1]
        found = s.sum(-1) if ord == "nuc" else _greatest(s, -1) if float(ord) > 0 else s.amin(-1)
        if keepdim:
            for d in sorted((rows, cols)):
                found = found.unsqueeze(d)
        return give(found, out)
    size = float(ord)
    along, across = (rows, cols) if abs(size) == 1 else (cols, rows)
    sums = x.abs().sum(along, keepdim)
    if not keepdim and across > along:
        across -= 1
    return give(_greatest(sums, across, keepdim) if size > 0 else sums.amin(across, keepdim), out)


def norm(
    input: Tensor,
    ord: float | str | None = None,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
) -> Tensor:
    """A vector's or a matrix's norm, by the number of dimensions in `dim` or, without it, of the tensor."""
    if ord is None:
        return vector_norm(input, 2, dim, keepdim, dtype=dtype, out=out)
    if dim is None and input.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.dim()}D."
        )
    over = tuple(range(input.dim())) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if isinstance(ord, str) or len(over) == 2:
        return matrix_norm(input, ord, over, keepdim, dtype=dtype, out=out)
    return vector_norm(input, ord, over, keepdim, dtype=dtype, out=out)


@casts("linalg_cond")
def cond(A: Tensor, p: float | str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number of A `(*, n, n)` in the norm `p`: `norm(A) * norm(inv(A))`; 2, -2: of singular values."""
    if not (p is None or p in ("fro", "nuc") or (not isinstance(p, str) and abs(p) in (1, 2, inf))):
        raise ValueError(f"linalg.cond got an invalid norm type: {p}")
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        s = _C._linalg_svd(A, False, False)[1]
        top, low = s.narrow(-1, 0, 1), s.narrow(-1, s.size(-1) - 1, 1)
        found = (low / top if p == -2 else top / low).squeeze(-1)
        return give(found, out)
    if A.dim() < 2 or A.size(-1) != A.size(-2):
        m, n = A.shape[-2:] if A.dim() >= 2 else (0, 0)
        if A.dim() < 2:
            raise RuntimeError("linalg.cond: The input tensor A must have at least 2 dimensions.")
        raise RuntimeError(f"linalg.cond: A must be batches of square matrices, but they are {m} by {n} matrices")
    if A.numel() == 0:
        return give(A.new_zeros(A.shape[:-2]), out)
    inverse, info = _C._linalg_inv_ex(A, False)
    # A matrix without inverse has the condition inf.
    inverse = _C.where(info.ne(0).unsqueeze(-1).unsqueeze(-1), _C.full([], inf, dtype=A.dtype), inverse)
    return give(matrix_norm(A, p) * matrix_norm(inverse, p), out)


def _tolerance(x: Tensor, atol: Tolerance, rtol: Tolerance) -> tuple[Tensor, Tensor]:
    def own(t: Tensor | float) -> Tensor:
        return t if isinstance(t, Tensor) else _C.full([], float(t), dtype=_C.float64)

    from tensorrs import finfo

    usual = finfo(x.dtype).eps * max(x.shape[-2:])
    if rtol is None and isinstance(atol, Tensor):
        rtol = _C.where(atol > 0, own(0.0), own(usual))
    elif rtol is None:
        rtol = 0.0 if atol else usual
    return own(0.0 if atol is None else atol), own(rtol)


@casts("linalg_matrix_rank")
def matrix_rank(
    A: Tensor,
    tol: Tolerance = None,
    hermitian: bool = False,
    *,
    atol: Tolerance = None,
    rtol: Tolerance = None,
    out: Tensor | None = None,
) -> Tensor:
    """How many singular values (sizes of eigenvalues if `hermitian`) exceed `max(atol, rtol * largest)`."""
    if A.dim() < 2:
        raise RuntimeError("tensorrs.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    if A.dtype not in (_C.float32, _C.float64):
        raise RuntimeError("This function doesn't handle types other than float and double")
    x = A.detach()
    if x.numel() == 0:
        return give(x.new_zeros(x.shape[:-2], dtype=_C.int64), out)
    if tol is not None:
        low, high = (tol if isinstance(tol, Tensor) else _C.full([], float(tol), dtype=_C.float64)), _C.zeros([])
    else:
        low, high = _tolerance(x, atol, rtol)
    s = _C._linalg_eigh(x, "L", False)[0].abs() if hermitian else _C._linalg_svd(x, False, False)[1]
    top = s.amax(-1)
    least = low.maximum(high * top)
    return give((s > least.unsqueeze(-1)).sum(-1), out)


def pinv(
    A: Tensor,
    rcond: Tolerance = None,
    hermitian: bool = False,
    *,
    atol: Tolerance = None,
    rtol: Tolerance = None,
    out: Tensor | None = None,
) -> Tensor:
    """The pseudo-inverse of A `(*, m, n)`; singular values up to `max(atol, rtol * largest)` count as zero."""
    if A.dim() < 2 or A.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(
            f"linalg.pinv({scalar_type(A)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of float, "
            "double, cfloat or cdouble types"
        )
    if rcond is not None:
        atol, rtol = 0.0, rcond
    low, high = _tolerance(A, atol, rtol)
    return give(_C._linalg_pinv(A, low, high, hermitian), out)


@casts("linalg_lstsq")
def lstsq(
    A: Tensor,
    B: Tensor,
    rcond: float | None = None,
    *,
    driver: str | None = None,
) -> Any:
    """X with the least `norm(A @ X - B)`, A `(*, m, n)`, B `(*, m, k)`: `(solution, residuals, rank, singular_values)`.

    Without full rank it is the shortest one, `pinv(A) @ B`. `driver` is "gels", "gelsy", "gelsd" or "gelss" and decides
    which of the other results are given, as in LAPACK.
    """
    if A.dim() < 2:
        raise RuntimeError("tensorrs.linalg.lstsq: input must have at least 2 dimensions.")
    if B.dim() < 1:
        raise RuntimeError("tensorrs.linalg.lstsq: other must have at least 1 dimension.")
    if A.dtype != B.dtype:
        raise RuntimeError("tensorrs.linalg.lstsq: Expected input and other to have the same dtype")
    gap = A.dim() - B.dim()
    if gap not in (0, 1) and gap > 1:
        raise RuntimeError(
            "tensorrs.linalg.lstsq: input.dim() must be greater or equal to other.dim() and "
            f"(input.dim() - other.dim()) <= 1 but got: input.dim() = {A.dim()}, other.dim() = {B.dim()}"
        )
    vector = gap == 1 and A.shape[:-1] == B.shape
    if vector or B.dim() == 1:
        if A.size(-2) != B.size(-1):
            raise RuntimeError("tensorrs.linalg.lstsq: input.size(-2) should match other.size(-1)")
    elif A.size(-2) != B.size(-2):
        raise RuntimeError("tensorrs.linalg.lstsq: input.size(-2) should match other.size(-2)")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("tensorrs.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    driver = driver or "gelsy"
    b = B.unsqueeze(-1) if vector or B.dim() == 1 else B
    m, n = A.shape[-2:]
    batch = broadcast_shapes(A.shape[:-2], b.shape[:-2])
    a, b = A.expand(*batch, m, n), b.expand(*batch, m, b.size(-1))
    x = a.detach()
    from tensorrs import finfo

    cut = finfo(A.dtype).eps * max(m, n) if rcond is None or rcond < 0 else rcond
    inverse = _C._linalg_pinv(x, _C.zeros([]), _C.full([], cut, dtype=_C.float64), False)
    rank, values = A.new_empty([0], dtype=_C.int64), A.new_empty([0])
    full = True
    if driver != "gels":
        if x.numel():
            s = _C._linalg_svd(x, False, False)[1]
            rank = (s > cut * s.amax(-1, keepdim=True)).sum(-1)
        else:
            s, rank = x.new_zeros([*x.shape[:-2], min(m, n)]), x.new_zeros(x.shape[:-2], dtype=_C.int64)
        values = s if driver != "gelsy" else values
        full = bool((rank == n).all())
    wants = driver != "gelsy" and m > n and full
    solution, residuals = _C._linalg_lstsq(a, b, inverse, wants)
    solution = solution.squeeze(-1) if vector or B.dim() == 1 else solution
    return give_all("linalg_lstsq", (solution, residuals, rank, values), None)


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """The product of n copies of A `(*, k, k)`, by repeated squaring; of the inverse if n < 0."""
    if A.dim() < 2:
        raise RuntimeError("linalg.matrix_power: The input tensor A must have at least 2 dimensions.")
    if A.size(-1) != A.size(-2):
        rows, cols = A.shape[-2:]
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {rows} by {cols} matrices"
        )
    if n == 0:
        return give(A.clone().copy_(_C.eye(A.size(-1), dtype=A.dtype)), out)
    base = inv(A) if n < 0 else A
    n, result = abs(n), None
    if n == 1:
        return give(base.clone() if base is A else base, out)
    while n:
        n, bit = divmod(n, 2)
        if bit:
            result = base if result is None else result @ base
        if n:
            base = base @ base
    assert result is not None
    return give(result, out)


def _cheapest(sizes: list[int]) -> list[list[int]]:
    """Where to split the product of matrices `i..j` so that the multiplications are fewest (Cormen et al., 15.2)."""
    count = len(sizes) - 1
    cost = [[0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            found = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], split[i][j] = min(found)
    return split


def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices in the cheapest order; the first and the last may be vectors."""
    parts = list(tensors)
    last = len(parts) - 1
    if last < 1:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(parts)}")
    for i, t in enumerate(parts):
        if t.dim() != 2 and not (i in (0, last) and t.dim() == 1):
            wanted = "1D or 2D" if i in (0, last) else "2D"
            raise RuntimeError(f"multi_dot(): tensor {i} must be {wanted} but got {t.dim()}D")
        if t.dtype != parts[0].dtype:
            raise RuntimeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{scalar_type(parts[0])} and tensor {i} {scalar_type(t)}"
            )
    head, tail = parts[0].dim() == 1, parts[last].dim() == 1
    parts[0] = parts[0].unsqueeze(0) if head else parts[0]
    parts[last] = parts[last].unsqueeze(-1) if tail else parts[last]
    for i in range(last):
        if parts[i].size(1) != parts[i + 1].size(0):
            a, b = list(parts[i].shape), list(parts[i + 1].shape)
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {a} and {b} cannot be multiplied")
    split = _cheapest([parts[0].size(0), *(t.size(1) for t in parts)])

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return parts[i]
        k = split[i][j]
        return product(i, k) @ product(k + 1, j)

    found = product(0, last)
    shape = ([] if head else [found.size(0)]) + ([] if tail else [found.size(1)])
    return give(found.view(shape), out)


@casts("linalg_tensorinv")
def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the map that `tensordot(A, x, x.dim())` is; the first `ind` dimensions are the result's."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    front, back = A.shape[:ind], A.shape[ind:]
    if prod(front) != prod(back):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{prod(back)} != {prod(front)}"
        )
    found, info = _C._linalg_inv_ex(A.reshape(prod(back), prod(front)), False)
    if not info.is_meta and info.item() != 0:
        from tensorrs.linalg import LinAlgError

        raise LinAlgError("Failed to invert the input tensor, because it is singular.")
    return give(found.reshape(*back, *front), out)


@casts("linalg_tensorsolve")
def tensorsolve(
    A: Tensor,
    B: Tensor,
    dims: Sequence[int] | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """X of `tensordot(A, X, X.dim()) = B`; `dims` of A are moved to its end before."""
    a = A
    if dims is not None:
        rank = A.dim()
        last = [d % rank for d in dims]
        a = A.permute([*(d for d in range(rank) if d not in last), *last])
    tail = a.shape[B.dim() :]
    if prod(tail) != prod(a.shape[: B.dim()]):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {prod(tail)} != {prod(a.shape[: B.dim()])}"
        )
    n = prod(tail)
    return give(solve(a.reshape(n, n), B.reshape(n)).reshape(tail), out)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 of every element of x `(*, n)`: `(*, n, N)`; N is n unless given."""
    if x.is_floating_point() and x.element_size() == 2:
        raise NotImplementedError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_type(x)}"
        )
    x = x if x.dim() else x.unsqueeze(0)
    count = x.size(-1) if N is None else N
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    x = x.to(_C.int64) if x.dtype == _C.bool or not (x.is_floating_point() or x.dtype == _C.int64) else x
    powers = x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)
    one = powers.new_ones([1]).expand(*x.shape, 1)
    return _C.cat([one, powers], -1)


@casts("linalg_vecdot")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """`sum(x * y)` over `dim`; the others broadcast."""
    if not x.is_floating_point():
        raise NotImplementedError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {scalar_type(x)}"
        )
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {scalar_type(x)} and y of "
            f"type {scalar_type(y)} instead"
        )
    return give((x * y).sum(dim), out)


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The vector product over `dim`, which has 3 elements; the others broadcast."""
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.size(dim)} and {other.size(dim)}"
        )
    return give(input.cross(other, dim), out)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonal of the matrices in `dim1` and `dim2`."""
    return A.diagonal(offset, dim1, dim2)


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product: `tensorrs.matmul`."""
    return give(input.matmul(other), out)
