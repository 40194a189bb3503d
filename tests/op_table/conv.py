"""Convolutions beyond `conv1d` and `conv2d`, which stand in `nn`: three dimensions, transposed, windows as columns."""

from __future__ import annotations

from typing import Any

from op_table.row import S, bad, op, s, x
from under_test import FLOATS

SUM = {"float32": (4e-6, 4e-5), "float16": (4e-3, 8e-3), "bfloat16": (3e-2, 6e-2)}
WHY = "the order of summation differs"
WIDE = ("float32", "float64")
SOLID = x(2, 2, 3, 4, 3)
ROW, FLAT = x(2, 4, 5), x(2, 4, 3, 4)
PICTURE, COLUMNS = x(2, 3, 4, 5), x(2, 12, 12)


def conv(name: str, *samples: S, **how: Any) -> Any:
    return op(f"nn.functional.{name}", *samples, tol=SUM, why=WHY, dtypes=WIDE, **how)


def general(*samples: S, **how: Any) -> Any:
    return op("convolution", *samples, method=None, tol=SUM, why=WHY, dtypes=WIDE, **how)


ROWS = [
    conv(
        "conv3d",
        s(SOLID, x(3, 2, 2, 2, 2), x(3)),
        s(SOLID, x(3, 2, 2, 3, 2), None, (1, 2, 1), (1, 0, 1)),
        s(SOLID, x(2, 1, 2, 2, 2), x(2), dilation=(2, 1, 2), padding=1, groups=2),
        s(x(2, 3, 3, 3), x(2, 2, 2, 2, 2)),
        s(SOLID, x(1, 2, 2, 3, 2), padding="same"),
        s(x(0, 2, 3, 3, 3), x(2, 2, 2, 2, 2)),
        errors=[
            bad(SOLID, x(3, 1, 2, 2, 2)),
            bad(SOLID, x(3, 2, 4, 2, 2)),
            bad(SOLID, x(3, 2, 2, 2, 2), x(2)),
            bad(x(3, 3, 3), x(3, 2, 2, 2, 2)),
            bad(SOLID, x(3, 2, 2, 2, 2), None, (1, 2)),
            # One image: for several PyTorch says it in other words.
            bad(x(1, 2, 3, 4, 3), x(3, 2, 2, 2, 2), dilation=0),
            bad(SOLID, x(3, 2, 2, 2, 2, dtype="float64")),
        ],
    ),
    conv(
        "conv_transpose1d",
        s(ROW, x(4, 2, 3), x(2)),
        s(ROW, x(4, 3, 2), None, 2, 1, 1),
        s(ROW, x(4, 1, 2), x(2), groups=2, dilation=2),
        s(x(4, 5), x(4, 2, 3)),
        errors=[bad(ROW, x(3, 2, 3)), bad(ROW, x(4, 2, 3), output_padding=1), bad(ROW, x(4, 2, 3), x(3))],
    ),
    conv(
        "conv_transpose2d",
        s(FLAT, x(4, 2, 2, 3), x(2)),
        s(FLAT, x(4, 3, 2, 2), None, (2, 1), (1, 0), (1, 0)),
        s(FLAT, x(4, 1, 2, 2), x(4), groups=4, dilation=2),
        s(FLAT, x(4, 2, 2, 2), None, 1, 0, 1, 1, 3),
        s(x(4, 3, 4), x(4, 2, 1, 1)),
        s(x(0, 4, 3, 4), x(4, 2, 2, 2)),
        errors=[
            bad(FLAT, x(3, 2, 2, 2)),
            bad(FLAT, x(4, 2, 2, 2), output_padding=(1, 0)),
            bad(FLAT, x(4, 2, 2, 2), output_padding=-1),
            bad(x(3, 4), x(4, 2, 2, 2)),
        ],
    ),
    conv(
        "conv_transpose3d",
        s(SOLID, x(2, 2, 2, 2, 2), x(2)),
        s(SOLID, x(2, 1, 2, 1, 3), None, (2, 1, 1), (1, 0, 1), (1, 0, 0)),
        s(SOLID, x(2, 1, 2, 2, 1), x(2), groups=2, dilation=2),
        s(x(2, 3, 2, 2), x(2, 1, 2, 2, 2)),
        errors=[bad(SOLID, x(3, 2, 2, 2, 2)), bad(SOLID, x(2, 2, 2, 2, 2), output_padding=(0, 0, 1))],
    ),
    conv(
        "conv_tbc",
        s(x(5, 2, 3), x(2, 3, 4), x(4)),
        s(x(5, 2, 3), x(3, 3, 2), x(2), 1),
        errors=[bad(x(5, 2), x(2, 3, 4), x(4)), bad(x(5, 2, 3), x(2, 2, 4), x(4)), bad(x(5, 2, 3), x(2, 3, 4), x(3))],
    ),
    general(
        s(ROW, x(3, 4, 2), x(3), [1], [0], [1], False, [0], 1),
        s(FLAT, x(4, 2, 2, 2), x(2), [2, 1], [0, 1], [1, 1], True, [1, 0], 1),
        s(SOLID, x(2, 1, 2, 2, 2), None, [1], [0], [1], False, [0], 2),
        errors=[bad(x(4, 5), x(3, 4, 2), None, [1], [0], [1], False, [0], 1)],
    ),
    op(
        "nn.functional.unfold",
        s(PICTURE, 2),
        s(PICTURE, (2, 3), padding=(1, 2), stride=(2, 1)),
        s(PICTURE, 2, 2, 1, 2),
        s(x(3, 4, 5), (4, 5)),
        s(x(0, 3, 4, 5), 2),
        dtypes=(*FLOATS, "bool"),
        errors=[
            bad(PICTURE, 6),
            bad(PICTURE, 0),
            bad(PICTURE, 2, padding=-1),
            bad(PICTURE, (2, 2, 2)),
            bad(x(2, 0, 4, 5), 2),
            bad(x(1, 3, 4, 5, dtype="int64"), 2),
        ],
    ),
    op(
        "nn.functional.fold",
        s(COLUMNS, (4, 5), 2),
        s(x(12, 12), (4, 5), (2, 2)),
        s(x(1, 8, 9), (4, 6), (2, 4), 1, (1, 0), (2, 1)),
        s(x(2, 4, 4), 4, 2, stride=2),
        s(x(0, 12, 12), (4, 5), 2),
        dtypes=(*FLOATS, "bool"),
        tol=SUM,
        why=WHY,
        errors=[
            bad(COLUMNS, (4, 4), 2),
            bad(COLUMNS, (4, 5), 5),
            bad(COLUMNS, (4, 5), 2, stride=0),
            bad(x(12), (4, 5), 2),
            bad(COLUMNS, (1, 1), 2),
            bad(COLUMNS, (0, 5), 2),
        ],
    ),
]
