"""Reading and writing by index: every kind and mixture of `[...]`, and the named ops."""

from __future__ import annotations

from typing import Any

from op_table.row import S, bad, idx, lit, mask, op, s, x

CUBE = x(3, 4, 5)
E = Ellipsis


def get(key: Any) -> S:
    return S((CUBE, key), {})


def read(T: Any, a: Any, key: Any) -> Any:
    return a[key]


def write(T: Any, a: Any, key: Any, value: Any) -> Any:
    a = a.clone()
    a[key] = value
    return a


BASIC = (
    0, -1, slice(1, 3), slice(None, None, 2), slice(-2, None), slice(5, 9), E, None, (0, 1), (0, 1, 2), (slice(None), 1), (E, 0), (0, E, -1),
    (None, 1, None), (slice(0, 2), slice(1, None, 2), slice(None)), (E, None), (1, None, slice(None), 2), slice(2, 1), (), (E, slice(1, 4, 3)),
)
PICK = (
    idx([0, 2, 1, 2]), [0, 2], (idx([0, 2]), idx([1, 3])), (idx([[0], [2]]), idx([1, 3])), (slice(None), idx([3, 0, 0])), (E, idx([1, -1])), (idx([0, 1]), slice(1, 3), idx([4, 0])),
    (slice(None), idx([1, 2]), idx([0, 4])), (0, idx([1, 2])), (idx([1, 2]), None, 0), mask(3), mask(3, 4), (slice(None), mask(4)), (mask(3, 4), 2), (idx([0, 2], "int32"), 1),
    idx([[0, 1], [2, 0]]), idx(2), (idx(1), slice(None), idx([0, 0])), idx([]), ([0, 1], [2, 3]), (slice(1, 3), idx([0, 2]), None), (E, mask(5)), (idx([0, 1]), E, 0), [True, False, True],
    (None, idx([0, 1])), (slice(0, 2), None, idx([1, 1])), mask(3, 4, 5), (idx([0]), 1, idx([2, 3])),
)
PUT: tuple[tuple[Any, Any], ...] = (
    (0, 7), (slice(1, 3), 7), ((E, 0), x(3, 4)), (slice(None, None, 2), x(4, 5)), ((slice(None), 1), x(5)), (mask(3, 4, 5), 0), (mask(3, 4), x(5)), (idx([0, 2]), x(4, 5)), ((idx([0, 2]), idx([1, 3])), 1.5),
    ((idx([0, 2]), slice(None), idx([1, 3])), x(2, 4)), ((0, 1, 2), x()), (E, 3), ((slice(None), idx([1, 2])), x(1)), ((None, 0), x(1, 4, 5)), ([0, 1], x(2, 1, 1)), (slice(2, 1), 9), (0, x(4, 5, dtype="float64")),
    (None, x(3, 4, 5)), ((1, None, slice(0, 2)), x(1, 2, 5)), (mask(3), x(1, 4, 5)), ((slice(0, 2), mask(4)), 0),
)


def store(key: Any, value: Any) -> S:
    return S((CUBE, key, value), {})


SRC = x(3, 4)
AT = idx([[0, 2, 1], [3, 0, 0]])
ROWS_AT, COLS_AT = idx([2, 0, 2]), idx([[0, 1, 2, 0], [2, 0, 0, 1]])
TAKE = idx([1, 0, 1])

ROWS = [
    op("getitem.basic", *(get(k) for k in BASIC), s(x(), E), s(x(), None), s(x(), ()), s(x(0, 3), slice(None), ), fn=read, view=True,
       errors=[bad(CUBE, 3), bad(CUBE, -4), bad(CUBE, (0, 0, 0, 0)), bad(CUBE, slice(None, None, -1)), bad(CUBE, slice(None, None, 0)), bad(x(), 0), bad(CUBE, 1.5, match="only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices"), bad(CUBE, "a", match="")]),
    op("getitem.index", *(get(k) for k in PICK), s(x(0, 3), idx([])), s(x(4), idx([-1, 0, 3])), s(x(), lit(True, "bool")), s(x(), True), s(CUBE, True), s(CUBE, False), fn=read,
       errors=[bad(CUBE, idx([3])), bad(CUBE, idx([-4])), bad(CUBE, mask(4)), bad(CUBE, lit([0.5], "float32")), bad(CUBE, (idx([0, 1]), idx([0, 1, 2])))]),
    op("setitem", *(store(k, v) for k, v in PUT), s(x(), E, 2), s(x(), (), 2), s(x(0, 3), slice(None), 1), fn=write,
       errors=[bad(CUBE, 0, x(3)), bad(CUBE, 3, 0), bad(CUBE, mask(4), 0), bad(CUBE, idx([0, 1]), x(3, 4, 5)), bad(CUBE, slice(None, None, -1), 0), bad(CUBE, idx([7]), 0)]),
    op("gather", s(SRC, 0, idx([[0, 2, 1, 0], [1, 1, 2, 0]])), s(SRC, 1, idx([[0], [3], [1]])), s(SRC, -1, AT), s(CUBE, 1, idx([[[0, 3], [1, 1]]])), s(x(4), 0, TAKE), s(x(), 0, idx(0)), s(x(3, 0), 1, idx([[], []])), out=True,
       errors=[bad(SRC, 1, idx([[4]])), bad(SRC, 1, idx([0])), bad(SRC, 2, AT), bad(SRC, 0, idx([[0, 0, 0, 0, 0]]))]),
    op("scatter", s(SRC, 0, COLS_AT, x(2, 4)), s(SRC, 1, idx([[3, 0], [1, 2]]), x(2, 2)), s(SRC, 1, idx([[1], [0], [3]]), 9), s(x(4), 0, idx([3, 1]), x(2)), s(SRC, 0, idx([[]]), x(1, 0)), inplace=True, twice=False, grad=0,
       errors=[bad(SRC, 1, idx([[4]]), 1), bad(SRC, 1, idx([[0, 1, 2]]), x(1, 2))]),
    op("scatter.distinct", s(SRC, 1, idx([[3, 0], [1, 2]]), x(2, 2)), s(SRC, 0, idx([[0, 2, 1, 0]]), x(1, 4)), s(SRC, 1, idx([[1], [0], [3]]), 9), fn="scatter", method="scatter", inplace="scatter_"),
    op("scatter.reduce", s(SRC, 0, idx([[0, 0, 1, 2]]), x(1, 4), reduce="add"), s(SRC, 0, idx([[0, 0, 1, 2]]), x(1, 4), reduce="multiply"), fn="scatter", method="scatter", inplace="scatter_", grad=0),
    op("scatter_add", s(SRC, 0, COLS_AT, x(2, 4)), s(SRC, 1, idx([[3, 3, 1]]), x(1, 3)), s(x(4), 0, idx([1, 1]), x(2)), inplace=True, errors=[bad(SRC, 1, idx([[4]]), x(1, 1)), bad(SRC, 0, COLS_AT, x(1, 4))]),
    op("index_select", s(SRC, 0, ROWS_AT), s(SRC, 1, idx([3, 3])), s(CUBE, -1, idx([0], "int32")), s(x(3), 0, idx([])), s(x(), 0, idx([0])), out=True, errors=[bad(SRC, 0, idx([3])), bad(SRC, 0, idx([[0]])), bad(SRC, 2, idx([0]))]),
    op("index_add", s(SRC, 0, ROWS_AT, x(3, 4)), s(SRC, 1, idx([3, 3]), x(3, 2), alpha=2), s(x(3), 0, idx([1, 1]), x(2)), inplace=True, errors=[bad(SRC, 0, ROWS_AT, x(2, 4)), bad(SRC, 0, idx([5, 0, 0]), x(3, 4))]),
    op("index_copy", s(SRC, 0, idx([2, 0]), x(2, 4)), s(SRC, 1, idx([3, 1]), x(3, 2)), inplace=True, errors=[bad(SRC, 0, idx([5]), x(1, 4))]),
    op("index_fill", s(SRC, 0, ROWS_AT, 7), s(SRC, 1, idx([3]), -1), s(SRC, 1, idx([3]), x()), inplace=True),
    op("index_put", s(SRC, (idx([0, 2]), idx([1, 3])), x(2)), s(SRC, (idx([1]),), x(1, 4)), s(SRC, (idx([0, 0]), idx([1, 1])), x(2), accumulate=True), s(SRC, (mask(3, 4),), x()), inplace=True),
    op("take", s(SRC, idx([0, 5, -1])), s(SRC, idx([[0], [11]])), s(x(0), idx([])), errors=[bad(SRC, idx([12]))]),
    op("take_along_dim", s(SRC, idx([[0, 2, 1]]), 1), s(SRC, idx([[0], [1], [2]]), dim=1), s(SRC, idx([5, 0]))),
    op("nonzero", s(lit([[1, 0, 2], [0, 0, 3]])), s(x(3, 4, ints=(0, 2))), s(x()), s(x(0, 3)), s(lit(0)), grad=0),
    op("nonzero.tuple", s(lit([[1, 0, 2], [0, 0, 3]]), as_tuple=True), s(x(0, 3), as_tuple=True), fn="nonzero", method="nonzero", grad=0),
    op("argwhere", s(lit([[1, 0, 2], [0, 0, 3]])), grad=0),
    op("nn.functional.one_hot", s(idx([0, 2, 1])), s(idx([[0, 2], [1, 1]]), 4), grad=0, dtypes=("int64",), errors=[bad(idx([-1, 0]), match="Class values must be non-negative"), bad(idx([3]), 2, match="Class values must be smaller than num_classes")]),
    op("fill_", s(x(3, 4), 3), s(x(3, 4), x()), s(x(0), 1), fn=lambda T, a, v: a.clone().fill_(v), errors=[bad(x(3), x(2))]),
    op("zero_", s(x(3, 4)), fn=lambda T, a: a.clone().zero_()),
    op("copy_", s(x(3, 4), x(3, 4)), s(x(3, 4), x(4)), s(x(3, 4), x(3, 4, dtype="float64")), s(x(3), x()), fn=lambda T, a, b: a.clone().copy_(b), errors=[bad(x(3), x(2))]),
    op("fill_diagonal_", s(x(3, 4), 5), fn=lambda T, a, v: a.clone().fill_diagonal_(v), grad=0),
]
