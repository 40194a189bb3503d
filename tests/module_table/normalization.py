"""Rows of normalisation."""

from __future__ import annotations

from module_table.row import IMAGE, SMALL, layer

ROWS = [
    layer("BatchNorm1d", 4, on=(5, 4)),
    layer("BatchNorm1d", 4, momentum=None, on=(3, 4, 5)),
    layer("BatchNorm1d", 4, affine=False, on=(5, 4)),
    layer("BatchNorm1d", 4, bias=False, on=(5, 4)),
    layer("BatchNorm2d", 4, on=IMAGE),
    layer("BatchNorm2d", 4, eps=1e-3, momentum=0.3, on=IMAGE),
    layer("BatchNorm2d", 4, track_running_stats=False, on=IMAGE),
    layer("LayerNorm", 4, on=SMALL),
    layer("LayerNorm", (6, 5), on=IMAGE),
    layer("LayerNorm", [4], elementwise_affine=False, on=SMALL),
    layer("LayerNorm", 4, eps=1e-2, bias=False, on=(2, 3, 4)),
]
