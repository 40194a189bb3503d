"""Record how PyTorch prints tensors, for the tests of `rust/core/src/tensor/display`.

Run with a Python that has torch: `python tests/golden/record_display.py`. Writes `display.json` beside this file.

A case holds shape, dtype, print options, what else the text shows, and the text with the dtype named `tensorrs.float64`.
The elements are either written out (`values`, apart by spaces) or given by a rule that is exact in every dtype
(`rule: [step, modulus, scale, offset]`: element i is `(i * step % modulus) * scale + offset`).
"""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import torch

INF, NAN = math.inf, math.nan
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
INTS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]

cases: list[dict[str, Any]] = []

# The longer name must be there before lines are measured and broken, so the printing code itself gets it.
torch._tensor_str.str = lambda x: str(x).replace("torch.", "tensorrs.")


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def record(x: torch.Tensor, elements: dict[str, Any], options: dict[str, Any], **extra: Any) -> None:
    """Print `x` under `options` and keep the text."""
    torch.set_default_dtype(extra.get("default", torch.float32))
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    if extra.get("parameter"):
        x = torch.nn.Parameter(x, requires_grad=extra.get("requires_grad", True))
    else:
        x.requires_grad_(extra.get("requires_grad", False))
    case = {"shape": list(x.shape), "dtype": name(x.dtype), **elements}
    if options:
        case["options"] = {k: str(v) if v == INF else v for k, v in options.items()}
    if extra.get("grad_fn"):
        x = extra["grad_fn"](x.requires_grad_())
        case["grad_fn"] = type(x.grad_fn).__name__
        case["shape"] = list(x.shape)
    for key in ("requires_grad", "parameter"):
        if extra.get(key):
            case[key] = True
    if "default" in extra:
        case["default"] = name(extra["default"])
    case["text"] = repr(x)
    cases.append(case)
    torch.set_default_dtype(torch.float32)


def written(values: list[Any], dtype: torch.dtype, shape: tuple[int, ...] | None = None, **kwargs: Any) -> None:
    """A case whose elements are listed."""
    options = {k: kwargs.pop(k) for k in list(kwargs) if k in OPTION_NAMES}
    x = torch.tensor(values, dtype=dtype).reshape(shape if shape is not None else (len(values),))
    flat = " ".join(str(int(v)) if dtype is torch.bool else repr(v) for v in x.flatten().tolist())
    record(x, {"values": flat}, options, **kwargs)


def ruled(shape: tuple[int, ...], dtype: torch.dtype, rule: tuple[int, int, float, float], **kwargs: Any) -> None:
    """A case whose elements follow a rule."""
    options = {k: kwargs.pop(k) for k in list(kwargs) if k in OPTION_NAMES}
    step, modulus, scale, offset = rule
    i = torch.arange(math.prod(shape), dtype=torch.int64) * step % modulus
    x = (i.double() * scale + offset).to(dtype).reshape(shape)
    record(x, {"rule": list(rule)}, options, **kwargs)


OPTION_NAMES = {"precision", "threshold", "edgeitems", "linewidth", "profile", "sci_mode"}

VECTORS: list[list[float]] = [
    [0.0],
    [-0.0],
    [1.0],
    [-1.0, 2.0, -0.0],
    [0.5],
    [1.5, -2.25, 3.125],
    [0.1, 0.2, 0.3],
    [1.0, 1000.0],
    [1.0, 1001.0],
    [0.5, 1001.0],
    [0.5, 500.5, -499.75],
    [1e-5],
    [1e-4],
    [9.9e-5, 1.0],
    [1e-4, 1e-2],
    [99999.0, 100000.0],
    [12345678.0, 1.0],
    [1e8],
    [1.1e8],
    [1e10, 1e10],
    [1e10, -3.5],
    [1e38, -1e-38],
    [1e-40, 2.0],
    [1e-45],
    [INF],
    [-INF, INF, NAN],
    [NAN],
    [INF, 1.0, 2.0],
    [INF, -1.0, 2.5],
    [NAN, 0.0, -0.0],
    [NAN, 1e-7, -INF, 3.0],
    [INF, 100000.0, -5.0, 1.0],
    [0.0, 0.0, 1e-9],
    [0.00005, 0.00015, 1.0],
    [0.125, 0.375, 0.625],
    [2.00005, 2.00015, 2.00025],
    [0.03125, 0.09375],
    [99.99995, 0.5],
    [999.99999, 1.0],
    [0.99999, 0.5],
    [-12345.678, 12345.678],
    [65504.0, 1.0, -65504.0],
    [6e-8, 1.0],
    [3.0, 4.0, 5.0, 1e7],
    [16777216.0, 16777216.0],
    [1.0, 2.0, 3.5, INF, -INF, NAN, 0.0, -0.0],
    [2.5, 3.5, 0.5, 1.5],
    [123456.0, 0.25],
    [1e100, 1e-100],
    [1.7976931348623157e308, 5e-324],
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"precision": 0},
    {"precision": 1},
    {"precision": 2, "sci_mode": True},
    {"precision": 8, "sci_mode": False},
    {"precision": 16},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full", "sci_mode": True, "precision": 0},
]


def vectors() -> None:
    for values in VECTORS:
        for dtype in FLOATS:
            if dtype is torch.float64 or all((v == v and abs(v) < 3e38) or v != v or abs(v) == INF for v in values):
                written(values, dtype)
    for options, values in itertools.product(OPTIONS[1:], VECTORS[5::4]):
        written(values, torch.float64, **options)
    written([1.0, 2.0], torch.float32, default=torch.float64)
    written([1.0, 2.0], torch.float64, default=torch.float64)
    written([1.0, 2.0], torch.float16, default=torch.float16)
    written([1, 2], torch.int64, default=torch.float64)


def integers() -> None:
    for dtype in INTS:
        limits = torch.iinfo(dtype)
        for values in ([0], [1, 22, 3], [limits.min, limits.max], [limits.max] * 30):
            written(values, dtype)
        ruled((4, 5), dtype, (7, 100, 1, 0))
        ruled((40, 40), dtype, (7, 100, 1, 0))
    written([-1, 10, -100], torch.int64, precision=2, sci_mode=True)
    for values in ([True], [False, True], [True, False] * 20, [True] * 1001):
        written(values, torch.bool)
    written([True, False] * 2, torch.bool, (2, 2))


def shapes() -> None:
    for shape in [(), (1,), (1, 1), (2, 3), (3, 1), (1, 3), (2, 2, 2), (1, 2, 1, 3), (2, 1, 1, 1, 2), (20,), (3, 20)]:
        ruled(shape, torch.float32, (5, 32, 0.25, -2.0))
        ruled(shape, torch.float32, (5, 32, 1.0, -2.0))
        ruled(shape, torch.int64, (5, 32, 1, -2))
        ruled(shape, torch.float64, (5, 32, 0.25, -2.0), requires_grad=True)
    for value in (0.0, -0.0, 1.0, 1.5, 1e-5, 1e9, INF, NAN, -INF):
        written([value], torch.float32, ())
        written([value], torch.float64, (), sci_mode=True)
    for value in (0, -5, 2**40):
        written([value], torch.int64, ())
    written([True], torch.bool, ())


def empties() -> None:
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 2), (0, 0)]:
        for dtype in (torch.float32, torch.float64, torch.int64, torch.bool, torch.uint8):
            written([], dtype, shape)
    written([], torch.float32, (0, 3), requires_grad=True)
    written([], torch.float64, (0, 3), default=torch.float64)
    written([], torch.float32, (0, 3), default=torch.float64, requires_grad=True)
    written([], torch.float32, (0, 3), edgeitems=0)
    written([], torch.float32, (0, 3), linewidth=20, requires_grad=True)


def shortened() -> None:
    large = [
        (1000,),
        (1001,),
        (2000,),
        (32, 32),
        (3, 400),
        (400, 3),
        (6, 200),
        (7, 200),
        (11, 10, 10),
        (2, 600, 1),
        (2, 1, 600),
        (5, 7, 8, 9),
        (1, 1, 1200),
    ]
    for shape in large:
        ruled(shape, torch.float32, (37, 101, 0.5, -3.0))
    for shape in large[1:6]:
        ruled(shape, torch.int64, (37, 100003, 1, -3))
        ruled(shape, torch.float32, (37, 101, 1.0, -3.0))
        ruled(shape, torch.float64, (37, 65537, 0.015625, 0.0))
    small = [(5,), (7,), (10,), (4, 4), (7, 2), (2, 7), (3, 3, 3), (2, 8, 8)]
    for shape, edge, threshold in itertools.product(small, (0, 1, 2, 3), (0, 5, 12.5)):
        ruled(shape, torch.float32, (11, 64, 0.5, -4.0), edgeitems=edge, threshold=threshold)
    ruled((), torch.float32, (1, 1, 1.0, 2.5), threshold=0)
    ruled((), torch.float32, (1, 1, 1.0, 2.5), threshold=0, edgeitems=0)
    ruled((1,), torch.float32, (1, 1, 1.0, 2.5), threshold=0)
    ruled((60,), torch.float32, (11, 64, 0.5, -4.0), threshold=10, edgeitems=20)
    ruled((4, 60), torch.float32, (11, 64, 0.5, -4.0), threshold=10, edgeitems=20, requires_grad=True)
    ruled((30, 40), torch.float32, (11, 64, 0.5, -4.0), profile="short")
    ruled((1100,), torch.int32, (11, 64, 1, 0), profile="full", linewidth=200)


def lines() -> None:
    for width, indent_shape in itertools.product((1, 10, 20, 33, 40, 60, 79, 81, 120), [(13,), (2, 9), (2, 2, 5)]):
        ruled(indent_shape, torch.float32, (7, 32, 0.25, -2.0), linewidth=width)
        ruled(indent_shape, torch.float64, (7, 32, 0.25, -2.0), linewidth=width, requires_grad=True)
    # Suffixes move to a line of their own exactly where PyTorch moves them: every length around the limit.
    for n in range(1, 16):
        ruled((n,), torch.float64, (7, 8, 0.25, 1.0), requires_grad=True)
        ruled((n,), torch.int32, (7, 8, 1, 10))
        ruled((2, n), torch.float16, (7, 8, 0.25, 1.0), requires_grad=True)
        ruled((n,), torch.float32, (7, 8, 0.25, 1.0), grad_fn=lambda x: x.view(-1))
    for width in range(16, 60, 3):
        ruled((2,), torch.float64, (7, 8, 0.25, 1.0), requires_grad=True, linewidth=width)


def graphs() -> None:
    for shape in [(), (1,), (3,), (2, 3), (9,), (10,)]:
        ruled(shape, torch.float32, (3, 16, 0.25, 0.0), grad_fn=lambda x: x.clone())
        ruled(shape, torch.float64, (3, 16, 0.25, 0.0), grad_fn=lambda x: x.view(x.shape))
        ruled(shape, torch.float32, (3, 16, 0.25, 0.0), requires_grad=True)
        ruled(shape, torch.float32, (3, 16, 0.25, 0.0), parameter=True, requires_grad=True)
    ruled((3, 4), torch.float32, (3, 16, 0.25, 0.0), parameter=True, requires_grad=False)
    ruled((3, 4), torch.float64, (3, 16, 0.25, 0.0), parameter=True, requires_grad=True)
    ruled((300, 4), torch.float64, (3, 16, 0.25, 0.0), parameter=True, requires_grad=True)
    written([], torch.float32, (0, 4), parameter=True, requires_grad=True)


if __name__ == "__main__":
    for part in (vectors, integers, shapes, empties, shortened, lines, graphs):
        part()
    path = Path(__file__).with_name("display.json")
    body = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path.write_text(f'{{"torch":"{torch.__version__}","cases":[\n{body}\n]}}\n')
    print(f"{len(cases)} cases, {path.stat().st_size} bytes")
