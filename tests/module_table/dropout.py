"""Rows of dropout."""

from __future__ import annotations

from module_table.row import SMALL, layer

ROWS = [
    layer("Dropout", on=(7, 5), rough=True),
    layer("Dropout", 0.25, inplace=True, on=(7, 5), rough=True),
    layer("Dropout", 0.0, on=SMALL, rough=True),
    layer("Dropout", 1.0, on=SMALL, rough=True),
]
