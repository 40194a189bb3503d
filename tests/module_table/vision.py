"""Rows of margins, sizes and shuffled channels."""

from __future__ import annotations

from module_table.row import IMAGE, layer

ROW, VOLUME = (2, 3, 6), (1, 2, 3, 4, 3)
SHAPES = {1: ROW, 2: IMAGE, 3: VOLUME}

ROWS = [
    *(
        layer(f"{kind}Pad{d}d", 1, *value, on=SHAPES[d])
        for kind, value in (
            ("Constant", (3.5,)),
            ("Zero", ()),
            ("Reflection", ()),
            ("Replication", ()),
            ("Circular", ()),
        )
        for d in (1, 2, 3)
    ),
    layer("ConstantPad1d", (2, -1), 1.0, on=ROW[1:]),
    layer("ReflectionPad2d", (1, 2, 0, 3), on=IMAGE[1:]),
    layer("CircularPad2d", (1, 2, 0, 3), on=IMAGE[1:]),
    layer("Upsample", scale_factor=2, on=ROW),
    layer("Upsample", 7, mode="linear", align_corners=True, on=ROW),
    layer("Upsample", (3, 9), mode="bicubic", on=IMAGE),
    layer("Upsample", scale_factor=(1.5, 2, 1), mode="trilinear", recompute_scale_factor=True, on=VOLUME),
    layer("UpsamplingNearest2d", scale_factor=2, on=IMAGE),
    layer("UpsamplingBilinear2d", (9, 7), on=IMAGE),
    layer("PixelShuffle", 2, on=IMAGE),
    layer("PixelUnshuffle", 2, on=(1, 2, 4, 6)),
    layer("ChannelShuffle", 2, on=IMAGE),
]
