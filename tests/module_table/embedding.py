"""Rows of embedding."""

from __future__ import annotations

from module_table.row import In, layer

ROWS = [
    layer("Embedding", 7, 3, on=In((2, 5), "classes", 7)),
    layer("Embedding", 7, 3, padding_idx=2, on=In((2, 5), "classes", 7), rough=True),
    layer("Embedding", 7, 3, padding_idx=-1, on=In((9,), "classes", 7), rough=True),
    layer("Embedding", 7, 3, scale_grad_by_freq=True, on=In((9,), "classes", 7), rough=True),
    layer("Embedding", 7, 3, max_norm=1.0, on=In((2, 3), "classes", 7), rough=True),
    layer("Embedding", 7, 3, max_norm=1.5, norm_type=1.0, on=In((2, 3), "classes", 7), rough=True),
]
