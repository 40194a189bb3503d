"""Rows of pooling."""

from __future__ import annotations

from module_table.row import IMAGE, In, layer

ROW = (2, 4, 7)
VOLUME = (1, 2, 4, 5, 4)

ROWS = [
    layer("MaxPool1d", 2, on=ROW),
    layer("MaxPool1d", 3, 2, 1, ceil_mode=True, on=ROW[1:]),
    layer("MaxPool3d", 2, on=VOLUME),
    layer("MaxPool3d", (2, 3, 2), stride=(1, 2, 1), padding=1, on=VOLUME[1:]),
    layer("AvgPool1d", 2, on=ROW),
    layer("AvgPool1d", 3, 2, 1, count_include_pad=False, on=ROW[1:]),
    layer("AvgPool3d", 2, on=VOLUME),
    layer("AvgPool3d", (2, 3, 2), 2, 1, divisor_override=3, on=VOLUME[1:]),
    layer("AdaptiveAvgPool1d", 3, on=ROW),
    layer("AdaptiveAvgPool3d", (None, 2, 3), on=VOLUME),
    layer("AdaptiveMaxPool1d", 3, on=ROW),
    layer("AdaptiveMaxPool2d", (None, 2), on=IMAGE),
    layer("AdaptiveMaxPool3d", 2, on=VOLUME),
    layer("LPPool1d", 2, 2, on=ROW),
    layer("LPPool2d", 4, (2, 3), stride=1, on=IMAGE),
    layer("LPPool3d", 2, 2, ceil_mode=True, on=VOLUME),
    layer("FractionalMaxPool2d", 2, 3, on=IMAGE, rough=True),
    layer("FractionalMaxPool2d", (2, 3), output_ratio=(0.5, 0.6), on=IMAGE[1:], rough=True),
    layer("FractionalMaxPool3d", 2, output_ratio=0.7, on=VOLUME, rough=True),
    layer("MaxUnpool1d", 2, on=[(2, 1, 4), In((2, 1, 4), "classes", 8)], rough=True),
    layer("MaxUnpool2d", 2, on=[(1, 1, 2, 3), In((1, 1, 2, 3), "classes", 24)], rough=True),
    layer("MaxUnpool3d", (1, 2, 2), 2, 0, on=[(1, 1, 2, 2, 2), In((1, 1, 2, 2, 2), "classes", 48)], rough=True),
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
