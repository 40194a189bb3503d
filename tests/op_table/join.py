"""Joining tensors and cutting them up."""

from __future__ import annotations

from op_table.row import bad, op, s, x

A, B = x(2, 3), x(2, 3)

ROWS = [
    op("cat", s([A, B]), s([A, x(2, 1)], 1), s([A, B], -1), s((A, x(0), B)), s([A]), s([A, x(2, 3, dtype="float64")]), s([A, x(1, 3, dtype="int32")]), s([x(0, 3), A]), s([x(3), x(2)], dim=0), method=False, out=True,
       errors=[bad([A, x(2, 4)]), bad([x(), x()]), bad([]), bad([A, x(2)]), bad([A], 2), bad(A, match="")]),
    op("concat", s([A, B], 1), method=False),
    op("stack", s([A, B]), s([A, B], 1), s([A, B], -1), s([x(), x()]), s([x(0), x(0)]), s([A, x(2, 3, dtype="float64")]), method=False, out=True, errors=[bad([A, x(2, 4)]), bad([]), bad([A], 4)]),
    op("hstack", s([A, x(2, 1)]), s([x(2), x(3)]), s([x(), x()]), method=False),
    op("vstack", s([A, x(3)]), s([x(2), x(2)]), method=False),
    op("dstack", s([A, B]), s([x(2), x(2)]), method=False),
    op("column_stack", s([x(2), A]), method=False),
    op("split", s(x(7, 2), 3), s(x(2, 7), 2, 1), s(x(7, 2), [1, 4, 2]), s(x(2, 6), [2, 4], dim=-1), s(x(0, 2), 3), view=True, errors=[bad(x(7, 2), [1, 4]), bad(x(7), -1), bad(x(7), 0), bad(x(), 1)]),
    op("chunk", s(x(7, 2), 3), s(x(2, 6), 4, 1), s(x(5), 5), s(x(2, 3), 9, dim=-1), view=True, errors=[bad(x(7), 0), bad(x(), 2)]),
    op("unbind", s(x(3, 2)), s(x(2, 3), 1), s(x(2, 0), 1), view=True, errors=[bad(x())]),
    op("tensor_split", s(x(7, 2), 3), s(x(7, 2), (2, 5)), s(x(2, 7), 3, 1), view=True, errors=[bad(x(7), 0)]),
    op("hsplit", s(x(2, 6), 3), s(x(6), 2), view=True),
    op("vsplit", s(x(6, 2), 3), view=True),
    op("broadcast_tensors", s(x(3, 1), x(4)), s(x(), x(2, 1)), method=False, view=True, errors=[bad(x(3), x(4))]),
    op("meshgrid", s(x(2), x(3), indexing="ij"), s(x(2), x(3), indexing="xy"), method=False),
]
