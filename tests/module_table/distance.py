"""Rows of layers that compare two sets of vectors."""

from __future__ import annotations

from module_table.row import SMALL, layer

ROWS = [
    layer("PairwiseDistance", on=[SMALL, SMALL]),
    layer("PairwiseDistance", 1.0, 1e-3, True, on=[SMALL, SMALL]),
    layer("CosineSimilarity", on=[SMALL, SMALL]),
    layer("CosineSimilarity", 0, on=[SMALL, SMALL]),
]
