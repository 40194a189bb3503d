"""The table of layers: one row for each way to build a layer, with what it is called on.

`test_nn.py` runs every row over what a layer promises; `golden/record_modules.py` records what PyTorch says for the
same rows. A new layer is a row of its family's file; then `make golden`.
"""

from __future__ import annotations

from module_table import (
    activation,
    conv,
    distance,
    dropout,
    embedding,
    layers,
    linear,
    loss,
    normalization,
    pooling,
    recurrent,
    transformer,
    vision,
)
from module_table.row import Row, called, cotangent, differentiable

__all__ = ["FAMILIES", "FAMILY", "TABLE", "Row", "called", "cotangent", "differentiable"]

FAMILIES: dict[str, list[Row]] = {
    "linear": linear.ROWS,
    "conv": conv.ROWS,
    "pooling": pooling.ROWS,
    "distance": distance.ROWS,
    "normalization": normalization.ROWS,
    "dropout": dropout.ROWS,
    "embedding": embedding.ROWS,
    "activation": activation.ROWS,
    "loss": loss.ROWS,
    "vision": vision.ROWS,
    "recurrent": recurrent.ROWS,
    "transformer": transformer.ROWS,
    "layers": layers.ROWS,
}
FAMILY = {row.name: family for family, rows in FAMILIES.items() for row in rows}
TABLE: dict[str, Row] = {row.name: row for rows in FAMILIES.values() for row in rows}
assert len(TABLE) == sum(map(len, FAMILIES.values())), "two rows have one name"
