"""Attention."""

from __future__ import annotations

from op_table.row import bad, lit, op, s, x

Q, K, V = x(2, 3, 2, 4), x(2, 3, 5, 4), x(2, 3, 5, 3)
MASK = lit([[True, False, True, True, False], [False, True, True, False, True]], "bool")
WEIGHTS = x(2, 5, grad=False)
TOL = {"float32": (4e-6, 4e-5), "float16": (4e-3, 8e-3), "bfloat16": (3e-2, 6e-2)}

ROWS = [
    op(
        "nn.functional.scaled_dot_product_attention",
        s(Q, K, V), s(x(2, 4), x(5, 4), x(5, 3)), s(Q, K, V, is_causal=True), s(Q, K, V, MASK), s(Q, K, V, WEIGHTS), s(Q, K, V, scale=0.3),
        s(x(2, 4, 2, 4), x(2, 2, 5, 4), x(2, 2, 5, 3), enable_gqa=True), s(x(2, 0, 4), x(2, 5, 4), x(2, 5, 3)),
        method=False, dtypes=("float32", "float64"), tol=TOL, why="the order of summation differs",
        errors=[bad(x(4), x(4), x(4)), bad(Q, x(2, 3, 5, 4, dtype="float64"), V), bad(Q, K, V, MASK, is_causal=True), bad(Q, K, V, lit([[1, 0, 1, 1, 0]], "int64")), bad(Q, K, V, dropout_p=1.5), bad(Q, x(2, 3, 5, 2), V, match="")],
    ),
]
