"""The op table: a row for every op, what it is called with, and what it must refuse.

`test_ops.py` runs each row over its properties; `golden/make_golden.py` records PyTorch's results for the same rows.
To add an op: add a row to its family's file and run `make golden`.
"""

from __future__ import annotations

from op_table import (
    attention,
    binary,
    collect,
    compare,
    conv,
    creation,
    distance,
    index,
    join,
    layers,
    linalg,
    matmul,
    mixed,
    nn,
    pooling,
    reduce,
    shape,
    sort,
    special,
    unary,
    vision,
)
from op_table.row import Op

FAMILIES: dict[str, list[Op]] = {
    "creation": creation.ROWS,
    "unary": unary.ROWS,
    "binary": binary.ROWS,
    "compare": compare.ROWS,
    "reduce": reduce.ROWS,
    "shape": shape.ROWS,
    "join": join.ROWS,
    "index": index.ROWS,
    "linalg": linalg.ROWS,
    "matmul": matmul.ROWS,
    "sort": sort.ROWS,
    "special": special.ROWS,
    "collect": collect.ROWS,
    "nn": nn.ROWS,
    "conv": conv.ROWS,
    "vision": vision.ROWS,
    "pooling": pooling.ROWS,
    "attention": attention.ROWS,
    "distance": distance.ROWS,
    "layers": layers.ROWS,
    "mixed": mixed.ROWS,
}
FAMILY = {row.name: family for family, rows in FAMILIES.items() for row in rows}
TABLE: dict[str, Op] = {row.name: row for rows in FAMILIES.values() for row in rows}
assert len(TABLE) == sum(map(len, FAMILIES.values())), "two rows have one name"
