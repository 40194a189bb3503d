"""Rows of convolutions."""

from __future__ import annotations

from module_table.row import IMAGE, layer

SOLID = (2, 2, 3, 4, 3)

ROWS = [
    layer("Conv2d", 4, 3, 3, on=IMAGE),
    layer("Conv2d", 4, 3, (3, 2), stride=(2, 1), padding=(1, 0), on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding=2, dilation=2, on=IMAGE),
    layer("Conv2d", 4, 6, 3, groups=2, bias=False, on=IMAGE),
    layer("Conv2d", 4, 8, 3, padding=1, groups=4, on=IMAGE),
    layer("Conv2d", 4, 3, 1, on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding="same", on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding="same", dilation=2, on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding="valid", on=IMAGE),
    *[
        layer("Conv2d", 4, 3, 3, padding=(2, 1), padding_mode=mode, on=IMAGE)
        for mode in ("reflect", "replicate", "circular")
    ],
    layer("Conv2d", 4, 3, 5, padding="same", padding_mode="circular", on=IMAGE),
    layer("Conv2d", 4, 3, 3, on=IMAGE[1:]),
    layer("Conv2d", 1, 6, 5, padding=2, on=(2, 1, 8, 8)),
    layer("Conv1d", 4, 3, 3, on=(2, 4, 7)),
    layer("Conv1d", 4, 2, 3, stride=2, padding=1, groups=2, on=(2, 4, 7)),
    layer("Conv1d", 4, 3, 3, padding="same", padding_mode="reflect", on=(2, 4, 7)),
    layer("Conv3d", 2, 3, 2, padding=1, on=SOLID),
    layer("Conv3d", 2, 4, (2, 1, 3), stride=(1, 2, 1), groups=2, bias=False, on=SOLID),
    layer("Conv3d", 2, 2, 3, padding="same", padding_mode="replicate", on=SOLID),
    layer("ConvTranspose1d", 4, 3, 3, stride=2, output_padding=1, on=(2, 4, 5)),
    layer("ConvTranspose2d", 4, 6, 3, stride=2, padding=1, groups=2, on=IMAGE),
    layer("ConvTranspose2d", 4, 3, 2, dilation=2, bias=False, on=IMAGE),
    layer("ConvTranspose3d", 2, 2, 2, stride=(2, 1, 1), on=SOLID),
    layer("Unfold", 2, padding=1, on=IMAGE),
    layer("Fold", (4, 5), 2, on=(2, 12, 12)),
]
