"""Elements that meet, places among sorted elements, parts replaced in a copy, products over named dimensions."""

from __future__ import annotations

from op_table.row import bad, idx, lit, only, op, plain, pos, s, x
from under_test import FLOATS

REAL = ("float32", "float64")
NUMBERS = ("float32", "float64", "int64")
SRC, AT = x(3, 4), idx([[0, 2, 1], [3, 0, 0]])
MEET = x(2, 3)
SORTED = lit([[1.0, 2.0, 2.0, 5.0], [0.0, 1.0, 3.0, 3.0]])
EQUATIONS = (("ij,jk->ik", (3, 4), (4, 2)), ("...ij,...jk", (2, 3, 4), (4, 2)), ("bij,bjk->bk", (2, 3, 4), (2, 4, 2)),
             ("i,j->ij", (3,), (4,)), ("ii,ij->j", (3, 3), (3, 2)), ("ij,kj->", (3, 4), (2, 4)))

ROWS = [
    *(op(f"scatter_reduce.{how}", s(SRC, 1, AT, MEET, how), s(SRC, -1, AT, MEET, how, include_self=False), s(x(4), 0, idx([1, 1, 3]), x(3), how),
         fn="scatter_reduce", method="scatter_reduce", inplace=True, dtypes=NUMBERS, tol={"float32": (1e-5, 1e-5)}, errors=[bad(SRC, 2, AT, MEET, how), bad(SRC, 1, AT, MEET, "most", match="reduce argument must be either sum, prod, mean, amax or amin")])
      for how in ("sum", "prod", "mean", "amax", "amin")),
    *(op(f"index_reduce.{how}", s(SRC, 0, idx([2, 0, 2]), x(3, 4), how), s(SRC, 1, idx([1, 1]), x(3, 2), how, include_self=False), fn="index_reduce", method="index_reduce", inplace=True, dtypes=NUMBERS)
      for how in ("prod", "mean", "amax", "amin")),
    op("searchsorted", s(SORTED, x(2, 3)), s(SORTED, x(2, 3), right=True), s(lit([1.0, 2.0, 3.0]), x(2, 2), out_int32=True), s(lit([1, 2, 3]), 2), s(lit([3.0, 1.0, 2.0]), x(4), sorter=idx([1, 2, 0]), side="right"),
       method=None, grad=0, dtypes=NUMBERS, errors=[bad(SORTED, x(3, 2), match="boundaries tensor should be 1 dimension")]),
    op("bucketize", s(x(2, 3), lit([-1.0, 0.0, 1.0])), s(x(5), lit([-1.0, 0.0, 1.0]), right=True, out_int32=True), method=None, grad=0, dtypes=NUMBERS, errors=[bad(x(3), x(2, 2))]),
    op("isin", s(lit([1, 2, 3, 4]), lit([2, 4])), s(lit([[1, 2], [3, 4]]), lit([2, 4]), invert=True), s(lit([1, 2]), 2), method=None, grad=0, dtypes=NUMBERS),
    op("mode", s(lit([[1.0, 2.0, 2.0], [3.0, 3.0, 1.0]])), s(lit([[1.0, 2.0], [1.0, 3.0], [0.0, 3.0]]), 0, True), grad=0, dtypes=NUMBERS, errors=[bad(x(2, 3), 2)]),
    op("quantile", s(x(7), 0.3), s(x(3, 5), lit([0.25, 0.5]), dim=1), s(x(3, 5), 0.5, 0, True), s(x(5), 0.6, interpolation="nearest"), s(x(5), 0.6, interpolation="midpoint"), s(x(4), 0.4, interpolation="higher"), s(x(4), 0.4, interpolation="lower"),
       dtypes=REAL, errors=[bad(x(3), 1.5, match="must be in the range [0, 1] but got 1.5"), bad(x(0), 0.5, match="input tensor must be non-empty")]),
    op("nanquantile", s(lit([1.0, float("nan"), 3.0, 2.0]), 0.5), s(x(3, 5), 0.2, 1), dtypes=REAL),
    op("histc", s(x(20), 5), s(x(20), 4, -1, 1), grad=0, dtypes=REAL, errors=[bad(x(3), 0, match="bins must be > 0")]),
    op("histogram", s(x(20), 5), s(x(20), 4, range=(-1.0, 1.0)), s(x(20), lit([-2.0, 0.0, 1.0])), s(x(20), 3, weight=pos(20), density=True), grad=0, dtypes=REAL, tol={"float32": (1e-5, 1e-5)}),
    op("nonzero_static", s(lit([[0, 1], [2, 0]]), size=3), s(lit([1, 2]), size=1, fill_value=7), grad=0, dtypes=NUMBERS),
    op("select_scatter", s(SRC, x(4), 0, 1), s(SRC, x(3), -1, -2), errors=[bad(SRC, x(3), 0, 1, match="expected src to have a size equal to the slice of self")]),
    op("slice_scatter", s(SRC, x(2, 4), 0, 1, 3), s(SRC, x(3, 2), 1, 0, 4, 2)),
    op("diagonal_scatter", s(SRC, x(3)), s(SRC, x(2), 2)),
    # PyTorch sends the gradient of what was overwritten to the input all the same, so no derivative is looked at.
    op("as_strided_scatter", s(SRC, x(2, 2), (2, 2), (4, 1), 1), grad=0),
    op("diff", s(x(5)), s(x(3, 4), 2, 0), s(x(3, 4), prepend=x(3, 1), append=x(3, 2)), s(x(4), 0), errors=[bad(x()), bad(x(3), -1)]),
    op("rot90", s(x(2, 3)), s(x(2, 3, 2), 2, (1, 2)), s(x(2, 3), -1), errors=[bad(x(3)), bad(x(2, 2), 1, (0, 0))]),
    op("renorm", s(x(3, 4), 2, 0, 1.0), s(x(2, 3, 2), 1, 1, 0.5), dtypes=REAL, tol={"float32": (1e-5, 1e-5)}, inplace=True, errors=[bad(x(3), 2, 0, 1.0)]),
    op("put", s(SRC, idx([0, 5, -1]), x(3)), s(SRC, idx([1, 1]), x(2), True), fn=None, method="put", inplace=True, errors=[bad(SRC, idx([12]), x(1)), bad(SRC, idx([1]), x(2))]),
    *(op(f"einsum.{k}", s(q, x(*a), x(*b)), fn="einsum", method=None, dtypes=NUMBERS, tol={"float32": (1e-5, 1e-5)}) for k, (q, a, b) in enumerate(EQUATIONS)),
    op("einsum.errors", s("ii", x(3, 3)), s(x(3, 4), [0, 1], [1, 0]), fn="einsum", method=None, dtypes=NUMBERS,
       errors=[bad("ij", x(3), match="does not match the number of dimensions"), bad("ij,jk", x(3, 4), x(3, 2), match="does not broadcast with previously seen size"), bad("i1", x(3, 4), match="invalid subscript")]),
    op("tensordot", s(x(2, 3, 4), x(3, 4, 2)), s(x(2, 3), x(3, 2), 1), s(x(2, 3, 4), x(4, 2), dims=([0, 2], [1, 0])), method=None, dtypes=NUMBERS, tol={"float32": (1e-5, 1e-5)}, errors=[bad(x(2, 3), x(3, 2), match="contracted dimensions need to match")]),
    op("kron", s(x(2, 3), x(3, 2)), s(x(2), x(2, 2)), s(x(), x(3))),
    op("cross", s(x(2, 3), x(2, 3)), s(x(3, 2), x(3, 2), 0), dtypes=NUMBERS, errors=[bad(x(2, 2), x(2, 2), 1)]),
    op("cov", s(x(3, 5)), s(x(5), correction=0), s(x(2, 4), fweights=lit([1, 2, 1, 3], "int64"), aweights=lit([0.5, 1.0, 0.2, 1.0])), dtypes=REAL, tol={"float32": (1e-5, 1e-5)}),
    op("corrcoef", s(x(3, 5)), dtypes=REAL, tol={"float32": (1e-5, 1e-5)}),
    op("block_diag", s(x(2, 3), x(3), x()), method=None),
    op("i0", s(x(5)), plain(lit([0.0, 20.0, -31.0])), inplace=True, dtypes=REAL, tol={"float32": (2e-6, 1e-6)}),
    op("igamma", s(pos(5, grad=False), pos(5)), method="igamma", dtypes=REAL, tol={"float32": (2e-5, 1e-6)}),
    op("igammac", s(pos(5, grad=False), pos(5)), method="igammac", dtypes=REAL, tol={"float32": (2e-5, 1e-6)}),
    op("mvlgamma", s(pos(4, low=2.0, high=5.0), 2), dtypes=REAL, tol={"float32": (1e-5, 1e-5)}),
    op("frexp", s(x(5)), s(lit([0.0, 1.0, -6.0])), dtypes=FLOATS, grad=0),
    op("angle", s(x(5)), only(FLOATS, lit([0.0, float("nan"), -1.0]))),
    op("trapezoid", s(x(5)), s(x(3, 4), x(4)), s(x(3, 4), dx=0.5, dim=0), method=None, dtypes=REAL),
    op("cumulative_trapezoid", s(x(5)), s(x(3, 4), x(4)), s(x(3, 4), dx=0.5, dim=0), method=None, dtypes=REAL),
    op("gradient", s(x(5)), s(x(3, 4), spacing=2.0), s(x(4), spacing=[lit([0.0, 1.0, 3.0, 4.0])]), s(x(3, 4), dim=1, edge_order=2), method=None, dtypes=REAL, tol={"float32": (1e-5, 1e-5)}),
    # PyTorch cannot differentiate its vander of more than two powers: it writes in place to what it has saved.
    op("vander", s(x(4)), s(x(3), 2, increasing=True), method=None, dtypes=NUMBERS, grad=0),
    op("combinations", s(x(4)), s(x(3), 2, True), s(x(3), 3), method=None),
]
