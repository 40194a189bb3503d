"""Making tensors from nothing, from numbers, and like other tensors."""

from __future__ import annotations

from op_table.row import DT, bad, op, s, x

KIND = DT()

ROWS = [
    op("zeros", s(2, 3), s((2, 3)), s([2, 0]), s(()), s(2, dtype=KIND), s(3, dtype=DT("int64")), s((2,), requires_grad=False), method=False, errors=[bad(-1), bad(2, "a", match="zeros(): ")]),
    op("ones", s(2, 3), s((2, 3)), s(()), s(2, dtype=KIND), method=False),
    op("full", s((2, 3), 7), s((2,), 1.5), s((), True), s((2,), 3, dtype=KIND), s((0, 2), 1), method=False),
    op("empty.shape", s(2, 3), s((0, 4)), s((2,), dtype=KIND), fn=lambda T, *a, **k: T.empty(*a, **k).zero_(), method=False),
    op("arange", s(5), s(1, 4), s(1, 10, 3), s(5.0), s(0.5, 3), s(1, 2, 0.25), s(5, 0, -2), s(3, 3), s(5, dtype=KIND), s(1, 5, 2, dtype=DT("float64")), s(start=1, end=7, step=2), s(0, 1, 0.1), method=False, grad=0,
       errors=[bad(3, 1), bad(1, 3, 0), bad(1, 3, -1)]),
    op("linspace", s(0, 1, 5), s(-1, 1, 4), s(3, 10, 1), s(0, 1, 0), s(5, -5, 11), s(0, 10, 5, dtype=KIND), s(start=0, end=1, steps=3), method=False, grad=0, errors=[bad(0, 1, -1)], dtypes=("float32", "float64", "int64", "int32")),
    op("logspace", s(0, 2, 5), s(0, 3, 4, base=2.0), method=False, grad=0, tol={"float32": (3e-6, 1e-5)}),
    op("eye", s(3), s(2, 4), s(3, dtype=KIND), s(0), method=False, grad=0, errors=[bad(-1)]),
    op("tril_indices", s(3, 4), s(3, 3, 1), method=False, grad=0),
    op("triu_indices", s(3, 4), s(3, 3, -1), method=False, grad=0),
    op("zeros_like", s(x(2, 3)), s(x()), s(x(0, 2)), s(x(2), dtype=DT("int32")), method=False, grad=0),
    op("ones_like", s(x(2, 3)), s(x()), s(x(2), dtype=DT("float64")), method=False, grad=0),
    op("full_like", s(x(2, 3), 5), s(x(2), 1, dtype=DT("float64")), method=False, grad=0),
    op("empty_like", s(x(2, 3)), s(x(2), dtype=DT("int64")), fn=lambda T, *a, **k: T.empty_like(*a, **k).zero_(), method=False, grad=0),
    op("new_zeros", s(x(2), 3, 1), s(x(2), (2, 2)), s(x(2), 2, dtype=DT("int32")), fn=None, method="new_zeros", grad=0),
    op("new_ones", s(x(2), (2, 2)), fn=None, method="new_ones", grad=0),
    op("new_full", s(x(2), (2, 2), 7), fn=None, method="new_full", grad=0),
    op("new_tensor", s(x(2), [1, 2]), fn=None, method="new_tensor", grad=0, dtypes=("float32", "int64", "float64")),
    op("tensor", s([1, 2, 3]), s([1.0, 2]), s([[1, 2], [3, 4]]), s(3), s(2.5), s(True), s([True, False]), s([]), s([[], []]), s([1, 2], dtype=KIND), s([1.7, -2.2], dtype=DT("int64")), s(((1, 2), [3, 4])), s([True, 2]), s([True, 2.5]), method=False, grad=0,
       errors=[bad([[1, 2], [3]]), bad([1, [2]]), bad("abc", match="new(): invalid data type 'str'"), bad([None]), bad(["a"])]),
    op("as_tensor", s([1, 2]), s(x(2, 3)), s([1, 2], dtype=KIND), method=False, grad=0),
    op("scalar_tensor", s(3), s(2.5, dtype=DT("float64")), method=False, grad=0),
]
