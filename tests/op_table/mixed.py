"""Whole numbers, half types and mixtures of dtypes, where PyTorch has rules of its own.

Numbers that a dtype has no room for wrap around; sums of small integers are int64; the ends of a `linspace` of integers
are made whole first; equal extremes share a gradient.
"""

from __future__ import annotations

from op_table.row import Op, bad, idx, lit, mask, only, op, s, x
from under_test import FLOATS, INTS

HALVES = ("float16", "bfloat16")
SMALL = ("uint8", "int8", "int16", "int32")
NUMBERS = (*INTS, *FLOATS)
BYTES = lit([0, 1, 255], "uint8")
TIES = lit([1.0, 2.0, 2.0, 3.0], grad=True)
PLACES = lit([-1.5, 0.0, 0.5, 1.0, 7.0], "float32")

# fmt: off
ROWS: list[Op] = [
    *(op(f"{name}.wrapped", s(BYTES, -1), s(BYTES, 256), s(BYTES, 300), s(BYTES, lit(-1, "int64")), s(BYTES, lit([-1], "int64")), s(BYTES, -1.0), fn=name, method=name, grad=0, dtypes=("uint8",)) for name in ("eq", "ne", "lt", "le", "gt", "ge")),
    op("linspace.whole", *(s(a, b, 7) for a, b in ((4.3, 1), (4.7, 9.9), (0.9, 3.9))), fn=lambda T, a, b, n: [T.linspace(a, b, n, dtype=d) for d in (T.uint8, T.int32, T.int64)], method=None, grad=0, dtypes=("int64",), errors=[bad(-1.5, 2, 4, dtype="int64"), bad(300, 2, 4, dtype="int64")]),
    op("logspace.whole", s(4.3, -3, 2, 3.0), s(0, 4.6, 5, 2.5), fn=lambda T, a, b, n, base: [T.logspace(a, b, n, base, dtype=d) for d in (T.int32, T.int64)], method=None, grad=0, dtypes=("int64",)),
    *(op(f"einsum.whole.{k}", s(q, *a), fn="einsum", method=None, grad=0, dtypes=SMALL) for k, (q, a) in enumerate([("i->", [x(3)]), ("ij->i", [x(2, 3)]), ("ij->ji", [x(2, 3)]), ("i,j->", [x(2), x(3)]), ("ij,jk->ik", [x(2, 3), x(3, 2)]), ("ij,k->i", [x(2, 3), x(2)])])),
    op("tensordot.whole", s(x(2, 3), x(2, 3)), s(x(2, 3), x(3, 2), 1), s(x(1, 1, 1), x(2, 1, 2), dims=([0, 1], [2, 0])), fn="tensordot", method=None, grad=0, dtypes=SMALL),
    op("sum_to_size.whole", s(x(2, 3), 3), s(x(3), ()), s(x(), ()), s(x(2, 3), (2, 1)), fn=lambda T, a, n: a.sum_to_size(n), method=None, grad=0, dtypes=(*INTS, "bool")),
    op("addr.masks", s(mask(2, 3), mask(2), mask(3)), s(mask(2, 3), mask(2), mask(3), beta=3, alpha=2), s(mask(2, 3), mask(2), mask(3), beta=0), s(mask(2, 3), mask(2), mask(3), alpha=0), fn="addr", grad=0, dtypes=("bool",), errors=[bad(idx([[1]]), idx([1]), idx([1]), beta=0.5)]),
    op("unique.last", s(lit([[[0, 1, 1, 0], [1, 0, 0, 1]], [[1, 1, 1, 1], [0, 2, 1, 0]], [[2, 0, 0, 2], [1, 1, 1, 1]]]), dim=-1), fn=lambda T, a, dim: T.unique(a, return_inverse=True, return_counts=True, dim=dim), method=None, grad=0, dtypes=NUMBERS),
    op("unravel_index.dtypes", s(lit([[1, 2, 3], [0, 1, 19]]), (4, 5)), s(lit([7]), 5), only(("int32", "int64"), lit([-7, -1]), (4, 5)), fn="unravel_index", method=None, grad=0, dtypes=INTS, errors=[bad(idx([1]), (0, 5))]),
    op("searchsorted.mixed", s(lit([-1.0, 0.0, 1.0]), PLACES), s(PLACES, lit([0, 1, 2])), s(PLACES, lit(1.0)), fn="searchsorted", method=None, grad=0, dtypes=NUMBERS),
    op("bucketize.mixed", s(lit([-1.0, 0.0, 1.0]), PLACES, right=True), fn="bucketize", method=None, grad=0, dtypes=NUMBERS),
    op("ldexp.mixed", s(x(3), idx([1, -2, 3])), s(x(3), idx([1, 2, 3], "int32")), s(x(3), lit([1.0, 2.0, -1.0], "float32")), s(lit([1e-4, 1.0]), idx([20, 3])), fn="ldexp", method="ldexp", grad=0, dtypes=NUMBERS),
    op("histogram.half", s(x(20), 4, range=(-1.0, 1.0)), s(x(20), lit([-2.0, 0.0, 1.0])), fn="histogram", method="histogram", grad=0, dtypes=HALVES, errors=[bad(x(20), 5, dtype="float16")]),
    op("linalg.solve_triangular.mixed", s(x(2, 2, dtype="float32", low=1.0), x(2, 3), upper=True), fn="linalg.solve_triangular", method=None, grad=0, dtypes=NUMBERS),
    op("linalg.det.empty", s(x(0, 0)), s(x(0, 2, 2)), fn="linalg.det", method=None, grad=0, dtypes=HALVES),
    op("index_put.number", s(x(2, 3), (mask(2, 3),), lit(1.0, "float32")), s(x(2, 3), (mask(2, 3),), lit([1.0], "float32")), fn="index_put", method=None, grad=0, dtypes=NUMBERS, errors=[bad(x(2, 3), (idx([0]),), lit(1.0, "bfloat16"))]),
    *(op(f"{name}.ties", s(TIES, lit([1.0, 1.0, 3.0, 3.0], grad=True)), fn=name, grad=1, dtypes=("float64",), twice=False) for name in ("fmax", "fmin")),
    op("index_reduce.ties", *(s(lit([1.0, 1.0], grad=True), 0, idx([0, 0, 1]), lit([1.0, 1.0, 2.0], grad=True), how, include_self=own) for how in ("amin", "amax") for own in (True, False)), fn="index_reduce", method=None, grad=1, dtypes=("float64",), twice=False),
    op("nn.functional.cosine_embedding_loss.bytes", s(x(3, 4), x(3, 4), lit([1, 255, 3], "uint8"), margin=-0.5, reduction="none"), fn="nn.functional.cosine_embedding_loss", method=None, grad=0, dtypes=("uint8",), tol={"uint8": (1e-5, 1e-5)}),
    op("nn.functional.bilinear.whole", s(x(2, 3), x(2, 4), x(5, 3, 4), x(5)), fn="nn.functional.bilinear", method=None, grad=0, dtypes=SMALL, errors=[bad(x(2, 3), x(2, 4), x(5, 3, 4, dtype="float64"))]),
    op("renorm.half", s(x(3, 4), 2, 0, 1.0), s(x(2, 3, 2), 1, 1, 0.5), fn="renorm", grad=0, dtypes=HALVES, method="renorm", inplace=True),
]
# fmt: on
