"""`nn.functional`: images in other sizes, at other points, with channels for pixels."""

from __future__ import annotations

from typing import Any

from op_table.row import S, bad, idx, op, plain, s, x

WIDE = ("float32", "float64")
CLOSE = {"float32": (2e-5, 2e-5), "float64": (1e-6, 1e-6)}
WHY = "the order of summation differs"
ROW, IMAGE, VOLUME = x(2, 3, 5), x(2, 2, 5, 4), x(1, 2, 3, 4, 3)


def f(name: str, *samples: S, **how: Any) -> Any:
    how.setdefault("dtypes", WIDE)
    return op(f"nn.functional.{name}", *samples, tol=CLOSE, why=WHY, **how)


def resized(kind: str, *samples: S, **how: Any) -> Any:
    return f(f"interpolate.{kind}", *samples, fn="nn.functional.interpolate", **how)


def sampled(kind: str, **how: Any) -> Any:
    points, deep = x(2, 3, 2, 2, low=-1.2, high=1.2), x(1, 1, 2, 2, 3, low=-1.2, high=1.2)
    samples = [s(IMAGE, points, mode=kind, padding_mode=pad, align_corners=corners) for pad in ("zeros", "border", "reflection") for corners in (True, False)]
    return f(f"grid_sample.{kind}", *samples, s(VOLUME, deep, kind, "border", False), fn="nn.functional.grid_sample", **how)


ROWS = [
    resized("nearest", s(ROW, 7), s(ROW, scale_factor=1.7), s(IMAGE, (3, 7)), s(IMAGE, scale_factor=(2, 0.6)), s(VOLUME, 4), s(x(0, 2, 3), 5), plain(idx([[[1, 2, 3]]], "uint8"), 5),
            errors=[bad(ROW), bad(ROW, 3, 2.0), bad(ROW, (3, 3)), bad(ROW, scale_factor=(2, 2)), bad(ROW, 0), bad(x(2, 0, 4), 3), bad(x(2, 3, 0), 3), bad(x(3), 3), bad(x(1, 1, 2, 2), 0), bad(x(1, 1, 1, 2, 2), 0), bad(ROW, 3, align_corners=True), bad(ROW, 3, recompute_scale_factor=True), bad(ROW, 3, mode="x"), bad(ROW, 3, antialias=True)]),
    resized("nearest-exact", s(ROW, 7, mode="nearest-exact"), s(IMAGE, (3, 7), mode="nearest-exact"), s(VOLUME, scale_factor=1.7, mode="nearest-exact")),
    resized("linear", *(s(ROW, 7, mode="linear", align_corners=c) for c in (None, True, False)), s(ROW, scale_factor=0.7, mode="linear"), s(ROW, scale_factor=0.7, mode="linear", recompute_scale_factor=True), errors=[bad(IMAGE, 3, mode="linear")]),
    resized("bilinear", *(s(IMAGE, (3, 7), mode="bilinear", align_corners=c) for c in (None, True)), s(IMAGE, scale_factor=1.7, mode="bilinear"), s(IMAGE, (5, 4), mode="bilinear"), errors=[bad(ROW, 3, mode="bilinear"), bad(x(2, 0, 3, 3), 3, mode="bilinear")]),
    resized("bicubic", *(s(IMAGE, (3, 7), mode="bicubic", align_corners=c) for c in (None, True)), s(IMAGE, scale_factor=1.7, mode="bicubic"), errors=[bad(ROW, 3, mode="bicubic")]),
    resized("trilinear", *(s(VOLUME, (2, 5, 3), mode="trilinear", align_corners=c) for c in (None, True)), errors=[bad(IMAGE, 3, mode="trilinear")]),
    resized("antialias", *(s(x(1, 2, 7, 8), size, mode=mode, antialias=True) for size in ((3, 11), (2, 3)) for mode in ("bilinear", "bicubic")), s(IMAGE, scale_factor=0.6, mode="bilinear", antialias=True), errors=[bad(ROW, 3, mode="linear", antialias=True)]),
    resized("bytes", *(plain(idx([[[[3, 250, 7, 90, 14], [200, 9, 77, 255, 0], [5, 60, 120, 180, 240]]]], "uint8"), (5, 3), mode=mode, antialias=smooth) for mode in ("bilinear", "bicubic") for smooth in (False, True))),
    resized("area", s(IMAGE, (2, 3), mode="area"), s(ROW, scale_factor=0.5, mode="area")),
    sampled("bilinear"),
    sampled("nearest"),
    sampled("bicubic"),
    f("grid_sample.refused", s(x(0, 2, 3, 3), x(0, 2, 2, 2), align_corners=True), fn="nn.functional.grid_sample",
      errors=[bad(IMAGE, x(2, 2, 2, 2), "x"), bad(IMAGE, x(2, 2, 2, 2), padding_mode="x"), bad(IMAGE, x(1, 2, 2, 2), align_corners=True), bad(IMAGE, x(2, 2, 2, 3), align_corners=True), bad(x(2, 2, 0, 3), x(2, 2, 2, 2), align_corners=True)]),
    f("affine_grid", s(x(2, 2, 3), (2, 1, 3, 2), False), s(x(2, 2, 3), (2, 1, 3, 4), align_corners=True), s(x(1, 3, 4), (1, 1, 2, 3, 2), False),
      errors=[bad(x(2, 2, 3), (2, 1, 3), False), bad(x(2, 3, 4), (2, 1, 3, 3), False), bad(x(2, 2, 3), (2, 1, 0, 3), False), bad(x(2, 2, 3), (3, 1, 2, 3), False)]),
    f("pixel_shuffle", s(x(2, 8, 2, 3), 2), s(x(9, 1, 2), 3), plain(x(0, 4, 2, 2), 2), s(x(1, 2, 2), 1), errors=[bad(x(1, 6, 2, 2), 2), bad(x(1, 4, 2, 2), 0), bad(x(4, 4), 2)]),
    f("pixel_unshuffle", s(x(2, 1, 4, 6), 2), s(x(1, 3, 3), 3), errors=[bad(x(1, 1, 3, 4), 2), bad(x(1, 1, 4, 3), 2), bad(x(1, 4, 4), -1), bad(x(4, 4), 2)]),
    f("channel_shuffle", s(x(2, 6, 2), 3), s(x(1, 4, 2, 3), 2), errors=[bad(x(1, 4, 2), 3), bad(x(1, 4, 2), 0), bad(x(4, 4), 2)]),
]
