"""tensorrs against PyTorch, row by row and in turns: `python benches/compare.py [--only WORD] [--threads N]`.

A row is one program text, run by both libraries on the same numbers. They take turns (A B A B ...), so that a machine
that slows down slows both; the ratio is the median of the turns' ratios and the spread is its quartiles. Results are
compared before anything is timed: a fast wrong answer is no row. Without PyTorch only tensorrs' times are shown.
`--save` appends a dated table to `benches/results/`.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import importlib
import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Program = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """`make(T)` prepares inputs and gives the program to time; `tol` bounds the difference of the results."""

    name: str
    make: Callable[[Any], Program]
    tol: float = 1e-4
    turns: int = 15


ROWS: list[Row] = []


def row(
    name: str, tol: float = 1e-4, turns: int = 15
) -> Callable[[Callable[[Any], Program]], Callable[[Any], Program]]:
    def add(make: Callable[[Any], Program]) -> Callable[[Any], Program]:
        ROWS.append(Row(name, make, tol, turns))
        return make

    return add


def numbers(T: Any, *shape: int, seed: int = 0, grad: bool = False) -> Any:
    """The same normal numbers for both."""
    array = np.random.RandomState(seed).standard_normal(shape).astype("float32")
    return T.from_numpy(array).requires_grad_(grad)


# One-element ops: what a call costs ---------------------------------------------------------------------------------


@row("add, one element")
def _(T: Any) -> Program:
    x, y = T.ones(1), T.ones(1)
    return lambda: x + y


@row("add, one element, with gradient")
def _(T: Any) -> Program:
    x, y = T.ones(1, requires_grad=True), T.ones(1)
    return lambda: x + y


@row("mul by a number, one element")
def _(T: Any) -> Program:
    x = T.ones(1)
    return lambda: x * 2.0


@row("ten adds and backward, one element")
def _(T: Any) -> Program:
    x = T.ones(1, requires_grad=True)

    def run() -> Any:
        y = x
        for _ in range(10):
            y = y + x
        return T.autograd.grad(y, x)[0]

    return run


@row("x[0], x.view, item")
def _(T: Any) -> Program:
    x = T.arange(6.0)
    return lambda: x.view(2, 3)[1][2].item()


# Kernels ------------------------------------------------------------------------------------------------------------


def pointwise(name: str, act: Callable[[Any, Any], Any], count: int, tol: float = 1e-4) -> None:
    def make(T: Any) -> Program:
        x, y = numbers(T, count), numbers(T, count, seed=1)
        return lambda: act(x, y)

    ROWS.append(Row(f"{name}, {count:,}", make, tol))


for size in (1000, 100_000, 4_000_000):
    pointwise("x + y", lambda x, y: x + y, size)
    pointwise("exp", lambda x, y: x.exp(), size)
    pointwise("relu", lambda x, y: x.relu(), size)
pointwise("tanh", lambda x, y: x.tanh(), 100_000)
pointwise("gelu by parts: x * sigmoid(x)", lambda x, y: x * x.sigmoid(), 100_000)
pointwise("x += y", lambda x, y: x.clone().add_(y), 1_000_000)


@row("broadcast add, (512, 1, 256) + (64, 256)")
def _(T: Any) -> Program:
    x, y = numbers(T, 512, 1, 256), numbers(T, 64, 256)
    return lambda: x + y


@row("copy a transpose, 1024 x 1024")
def _(T: Any) -> Program:
    x = numbers(T, 1024, 1024)
    return lambda: x.t().contiguous()


for what in ("sum", "mean", "amax", "std"):
    for shape, dim in (((4_000_000,), None), ((2000, 2000), 0), ((2000, 2000), 1)):

        def _reduce(T: Any, what: str = what, shape: Any = shape, dim: Any = dim) -> Program:
            x = numbers(T, *shape)
            return lambda: getattr(x, what)() if dim is None else getattr(x, what)(dim)

        ROWS.append(Row(f"{what} of {shape}, dim {dim}", _reduce, 1e-2 if what == "sum" else 1e-4))


@row("softmax, 4096 x 1000")
def _(T: Any) -> Program:
    x = numbers(T, 4096, 1000)
    return lambda: x.softmax(1)


@row("cross entropy forward and backward, 4096 x 100")
def _(T: Any) -> Program:
    x, y = numbers(T, 4096, 100, grad=True), T.arange(4096) % 100
    return lambda: T.autograd.grad(T.nn.functional.cross_entropy(x, y), x)[0]


for m, k, n in ((32, 32, 32), (128, 128, 128), (512, 512, 512), (1024, 1024, 1024), (256, 400, 120), (1, 1024, 1024)):

    def _matmul(T: Any, m: int = m, k: int = k, n: int = n) -> Program:
        x, y = numbers(T, m, k), numbers(T, k, n, seed=1)
        return lambda: x @ y

    ROWS.append(Row(f"matmul {m} x {k} x {n}", _matmul, 1e-3))


@row("bmm 64 x (64 x 64 x 64)", tol=1e-3)
def _(T: Any) -> Program:
    x, y = numbers(T, 64, 64, 64), numbers(T, 64, 64, 64, seed=1)
    return lambda: T.bmm(x, y)


def convolution(name: str, batch: int, cin: int, size: int, cout: int, kernel: int, padding: int) -> None:
    def forward(T: Any) -> Program:
        x, w, b = (
            numbers(T, batch, cin, size, size),
            numbers(T, cout, cin, kernel, kernel, seed=1),
            numbers(T, cout, seed=2),
        )

        def run() -> Any:
            with T.no_grad():
                return T.nn.functional.conv2d(x, w, b, padding=padding)

        return run

    def backward(T: Any) -> Program:
        x = numbers(T, batch, cin, size, size, grad=True)
        w, b = numbers(T, cout, cin, kernel, kernel, seed=1, grad=True), numbers(T, cout, seed=2, grad=True)
        side = size + 2 * padding - kernel + 1
        g = numbers(T, batch, cout, side, side, seed=3)
        return lambda: T.autograd.grad(T.nn.functional.conv2d(x, w, b, padding=padding), [x, w, b], g)[1]

    ROWS.append(Row(f"conv2d {name}, forward", forward, 1e-3))
    ROWS.append(Row(f"conv2d {name}, forward and backward", backward, 1e-1))


convolution("LeNet 1 (256 x 1 x 28, 6 of 5, padded)", 256, 1, 28, 6, 5, 2)
convolution("LeNet 2 (256 x 6 x 14, 16 of 5)", 256, 6, 14, 16, 5, 0)
convolution("32 x 64 x 28, 64 of 3", 32, 64, 28, 64, 3, 1)


@row("max_pool2d, 256 x 16 x 28, forward and backward")
def _(T: Any) -> Program:
    x, g = numbers(T, 256, 16, 28, 28, grad=True), numbers(T, 256, 16, 14, 14, seed=1)
    return lambda: T.autograd.grad(T.nn.functional.max_pool2d(x, 2), x, g)[0]


@row("avg_pool2d, 256 x 16 x 28, forward and backward")
def _(T: Any) -> Program:
    x, g = numbers(T, 256, 16, 28, 28, grad=True), numbers(T, 256, 16, 14, 14, seed=1)
    return lambda: T.autograd.grad(T.nn.functional.avg_pool2d(x, 2), x, g)[0]


@row("batch_norm, 128 x 32 x 16, training, forward and backward", tol=1e-3)
def _(T: Any) -> Program:
    x, g = numbers(T, 128, 32, 16, 16, grad=True), numbers(T, 128, 32, 16, 16, seed=1)
    return lambda: T.autograd.grad(T.nn.functional.batch_norm(x, None, None, training=True), x, g)[0]


@row("embedding, 10,000 of 1,000 x 64, forward and backward", tol=1e-3)
def _(T: Any) -> Program:
    w, at, g = numbers(T, 1000, 64, grad=True), T.arange(10_000) * 7 % 1000, numbers(T, 10_000, 64, seed=1)
    return lambda: T.autograd.grad(T.nn.functional.embedding(at, w), w, g)[0]


# Training -----------------------------------------------------------------------------------------------------------


def lenet(T: Any) -> Any:
    """LeNet-5 with sigmoids and average pooling, Xavier weights."""
    T.manual_seed(0)
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip
    for layer in model:
        if hasattr(layer, "weight"):
            nn.init.xavier_uniform_(layer.weight)
    return model


def trainer(T: Any, images: Any, labels: Any, batch: int = 256) -> Program:
    model = lenet(T)
    optimizer = T.optim.SGD(model.parameters(), lr=0.9)

    def run() -> Any:
        loss = None
        for start in range(0, len(labels), batch):
            loss = T.nn.functional.cross_entropy(model(images[start : start + batch]), labels[start : start + batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    return run


@row("LeNet-5, one step of 256 images", tol=1e-2)
def _(T: Any) -> Program:
    return trainer(T, numbers(T, 256, 1, 28, 28), T.arange(256) % 10)


for kind in ("SGD", "Adam", "AdamW"):

    def _optimizer(T: Any, kind: str = kind) -> Program:
        parameters = [numbers(T, 100 + k, 100, seed=k, grad=True) for k in range(60)]
        for k, p in enumerate(parameters):
            p.grad = numbers(T, 100 + k, 100, seed=100 + k)
        optimizer = getattr(T.optim, kind)(parameters, lr=1e-6)

        def run() -> Any:
            optimizer.step()
            return parameters[0]

        return run

    ROWS.append(Row(f"{kind}.step, 60 parameters of 10,000", _optimizer))


def fashion(folder: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Training images and labels of Fashion-MNIST from IDX files, packed or not."""

    def read(name: str, skip: int) -> np.ndarray[Any, Any]:
        for base in (folder, folder / "fashion-mnist", folder / "FashionMNIST" / "raw"):
            for path, opener in ((base / f"{name}.gz", gzip.open), (base / name, open)):
                if path.exists():
                    with opener(path, "rb") as file:  # type: ignore[operator]
                        return np.frombuffer(file.read(), np.uint8, offset=skip)
        raise FileNotFoundError(f"{name} is not below {folder}")

    images = read("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return images, read("train-labels-idx1-ubyte", 8).astype("int64")


def epoch(folder: Path) -> Row:
    images, labels = fashion(folder)

    def make(T: Any) -> Program:
        pixels = T.from_numpy(images.astype("float32") / 255)
        return trainer(T, pixels, T.from_numpy(labels.copy()))

    return Row(f"LeNet-5, an epoch of Fashion-MNIST ({len(labels):,})", make, tol=5e-2, turns=3)


# Timing -------------------------------------------------------------------------------------------------------------


def values(result: Any) -> np.ndarray[Any, Any]:
    return np.asarray(result.detach().numpy()) if hasattr(result, "detach") else np.asarray(result)


def loops(run: Program, least: float) -> int:
    """How many calls take `least` seconds."""
    count = 1
    while True:
        took = timed(run, count)
        if took > least or count > 10**7:
            return count
        count = max(count * 2, int(count * least / max(took, 1e-7)))


def timed(run: Program, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - start


def shown(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def measure(one: Row, mine: Any, other: Any | None, least: float) -> str:
    run = one.make(mine)
    if other is None:
        first = values(run())
        del first
        count = loops(run, least)
        return f"| {one.name} | {shown(min(timed(run, count) for _ in range(5)) / count)} | | | |"
    rival = one.make(other)
    got, want = values(run()), values(rival())
    np.testing.assert_allclose(got, want, rtol=one.tol, atol=one.tol, err_msg=one.name)
    turns = one.turns if least > 0 else 1
    count, rounds = loops(run, least), loops(rival, least)
    pairs = [(timed(run, count) / count, timed(rival, rounds) / rounds) for _ in range(turns)]
    ratios = sorted(a / b for a, b in pairs)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(ratios)
    return f"| {one.name} | {shown(ours)} | {shown(theirs)} | **{ratio:.2f}** | {low:.2f} to {high:.2f} |"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each library")
    parser.add_argument("--seconds", type=float, default=0.05, help="the least a turn takes; 0 for one call each")
    parser.add_argument("--data", default=os.environ.get("TENSORRS_TEST_DATA", ""), help="folder with Fashion-MNIST")
    parser.add_argument("--save", action="store_true", help="append the table to benches/results/")
    options = parser.parse_args()
    mine = importlib.import_module("tensorrs")
    other = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
    for library in (mine, other):
        if library is not None:
            library.set_num_threads(options.threads)
    rows = [*ROWS, *([epoch(Path(options.data))] if options.data else [])]
    versions = f"tensorrs {mine.__version__}" + (f", torch {other.__version__}" if other else "")
    head = [
        f"## {datetime.date.today()}, {versions}, Python {platform.python_version()}",
        f"{processor()}, {options.threads} threads. Ratio: our time over theirs, median and quartiles of turns.",
        "",
        "| row | tensorrs | PyTorch | ratio | spread |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(head), flush=True)
    table, wrong = [], []
    for one in rows:
        if options.only.lower() in one.name.lower():
            try:
                line = measure(one, mine, other, options.seconds)
            except (AssertionError, AttributeError, RuntimeError) as problem:
                line = f"| {one.name} | failed | | | |"
                wrong.append(f"{one.name}: {type(problem).__name__}: {str(problem).strip()[:300]}")
            table.append(line)
            print(line, flush=True)
    for problem in wrong:
        print(problem, file=sys.stderr)
    if options.save:
        path = Path(__file__).parent / "results" / f"{datetime.date.today()}.md"
        with path.open("a") as file:
            file.write("\n".join([*head, *table, "", ""]))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
