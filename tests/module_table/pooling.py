"""Rows of pooling."""

from __future__ import annotations

from module_table.row import IMAGE, layer

ROWS = [
    layer("MaxPool2d", 2, on=IMAGE),
    layer("MaxPool2d", 3, 2, 1, on=IMAGE),
    layer("MaxPool2d", (2, 3), stride=(1, 2), ceil_mode=True, on=IMAGE),
    layer("MaxPool2d", 2, dilation=2, on=IMAGE),
    layer("MaxPool2d", 2, on=IMAGE[1:]),
    layer("AvgPool2d", 2, on=IMAGE),
    layer("AvgPool2d", 3, 2, 1, on=IMAGE),
    layer("AvgPool2d", 3, 2, 1, ceil_mode=True, count_include_pad=False, on=IMAGE),
    layer("AvgPool2d", (2, 3), divisor_override=5, on=IMAGE),
    layer("AdaptiveAvgPool2d", 1, on=IMAGE),
    layer("AdaptiveAvgPool2d", (4, 3), on=IMAGE),
    layer("AdaptiveAvgPool2d", (None, 2), on=IMAGE),
]
