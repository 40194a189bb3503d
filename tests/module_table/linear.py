"""Rows of linear layers and shapes."""

from __future__ import annotations

from module_table.row import IMAGE, SMALL, layer

ROWS = [
    layer("Identity", 54, unused=0.1, on=SMALL),
    layer("Linear", 4, 3, on=(2, 4)),
    layer("Linear", 4, 3, bias=False, on=(2, 3, 4)),
    layer("Linear", 4, 3, on=(4,)),
    layer("Linear", 20, 17, on=(2, 20)),
    layer("Flatten", on=IMAGE),
    layer("Flatten", 0, 2, on=IMAGE),
    layer("Unflatten", 1, (2, 2), on=SMALL),
    layer("Unflatten", 1, (2, -1), on=SMALL),
]
