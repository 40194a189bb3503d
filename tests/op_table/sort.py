"""Orders: sort, argsort, topk, kthvalue, unique; and softmax, which like them works along one dim."""

from __future__ import annotations

from op_table.row import DT, bad, lit, op, plain, s, x
from under_test import FLOATS

NAN, INF = float("nan"), float("inf")
BAD_DIM = bad(x(2, 3), 2)
SOFT = {"float32": (3e-6, 1e-5), "float16": (2e-3, 1e-3), "bfloat16": (1.6e-2, 8e-3)}

ROWS = [
    op("sort", s(x(3, 5)), s(x(3, 5), 0), s(x(3, 5), 1, True), s(x(3, 5), dim=-1, descending=True), s(x(17), stable=True), s(x()), s(x(0, 2)), s(lit([[2.0, 1.0, 2.0, 1.0]]), stable=True), s(lit([2.0, 1.0, 2.0, 1.0]), stable=True, descending=True), plain(lit([1.0, NAN, -INF, INF])), twice=False, errors=[BAD_DIM]),
    op("argsort", s(x(3, 5)), s(x(3, 5), 0), s(x(3, 5), 1, True), s(lit([2.0, 1.0, 2.0, 1.0]), stable=True), s(x()), grad=0),
    op("topk", s(x(7, dtype="float32"), 3), s(x(3, 5, dtype="float64"), 2, 0), s(x(3, 5, dtype="float32"), 2, largest=False), s(x(3, 5, dtype="float32"), 5), s(x(3, dtype="float64"), 0), s(x(dtype="float32"), 1), plain(lit([1.0, NAN, 3.0], "float32"), 2), s(lit([5, 3, 9, 1]), 2), dtypes=("float32", "float64", "int64"),
       errors=[bad(x(3), 4), bad(x(2, 3), 1, 2)]),
    op("kthvalue", s(x(7, dtype="float64"), 3), s(x(3, 5, dtype="float32"), 2, 0), s(x(3, 5, dtype="float64"), 2, keepdim=True), dtypes=("float32", "float64"), errors=[bad(x(3), 4)]),
    op("unique", s(lit([3, 1, 2, 1, 3])), s(lit([[3, 1], [2, 1]]), return_inverse=True), s(lit([3, 1, 1]), return_counts=True), s(lit([3, 1, 1]), return_inverse=True, return_counts=True), s(x(0)), s(lit([[1, 2], [1, 2], [0, 1]]), dim=0), grad=0),
    op("bincount", s(lit([0, 3, 1, 3], "int64")), s(lit([0, 1], "int64"), minlength=4), grad=0, dtypes=("int64",)),
    op("softmax", s(x(3, 5), 1), s(x(2, 3, 4), 0), s(x(2, 3, 4), -1), s(x(67), 0), s(x(), 0), s(x(0, 3), 1), s(x(3, 5), dim=1, dtype=DT("float64")), plain(lit([[INF, 1.0], [-INF, -INF], [-INF, 1.0], [1e4, 1e4]]), 1), tol=SOFT, errors=[BAD_DIM, bad(x(3), 0, dtype="int64")]),
    op("log_softmax", s(x(3, 5), 1), s(x(2, 3, 4), 0), s(x(2, 3, 4), -1), s(x(67), 0), s(x(), 0), s(x(0, 3), 1), s(x(3, 5), dim=1, dtype=DT("float64")), plain(lit([[INF, 1.0], [-INF, -INF], [-INF, 1.0], [1e4, 1e4]]), 1), tol=SOFT, errors=[BAD_DIM, bad(x(3), 0, dtype="int64")]),
    op("nn.functional.softmax", s(x(3, 5), 1), s(x(3, 5), dim=0, dtype=DT("float64")), tol=SOFT, dtypes=FLOATS),
    op("nn.functional.log_softmax", s(x(3, 5), 1), s(x(3, 5), dim=0, dtype=DT("float64")), tol=SOFT, dtypes=FLOATS),
]
