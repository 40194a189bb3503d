"""Layers without a product of matrices, forward and backward: pools, norms, losses, dropout, embedding, upsampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compare.row import Group, Program, Row
from compare.side import Side

GROUP = Group("layers", "pool, norm, loss, dropout, embedding, upsample; forward and backward", 0.35)
M = 1 << 20


def add(name: str, act: Callable[[Any, Any], Any], *shape: int, terms: int = 1, **options: Any) -> None:
    """`act(F, x)` and the gradient of x, from a gradient of normal numbers where the result is no single number."""

    def make(s: Side) -> Program:
        x, F = s.numbers(*shape, grad=True), s.T.nn.functional
        result = act(F, x)
        g = s.numbers(*result.shape, seed=1) if result.dim() else None

        def run() -> Any:
            y = act(F, x)
            return [y, *s.grad(y, [x], g)]

        return run

    GROUP.rows.append(Row(name, make, terms=terms, **options))


def norm(name: str, act: Callable[[Any, Any, Any, Any], Any], width: int, *shape: int, terms: int) -> None:
    """As `add`, with the gradients of a weight and a bias of `width`."""

    def make(s: Side) -> Program:
        x, F = s.numbers(*shape, grad=True), s.T.nn.functional
        w, b = s.numbers(width, seed=2, grad=True), s.numbers(width, seed=3, grad=True)
        g = s.numbers(*shape, seed=1)

        def run() -> Any:
            y = act(F, x, w, b)
            return [y, *s.grad(y, [x, w, b], g)]

        return run

    GROUP.rows.append(Row(name, make, terms=terms))


def classes(name: str, rows: int, count: int) -> None:
    def make(s: Side) -> Program:
        x, y, F = s.numbers(rows, count, grad=True), s.indices(rows, below=count), s.T.nn.functional

        def run() -> Any:
            loss = F.cross_entropy(x, y)
            return [loss, *s.grad(loss, [x])]

        return run

    GROUP.rows.append(Row(name, make, terms=count))


def pair(name: str, loss: str, *shape: int) -> None:
    def make(s: Side) -> Program:
        x, y = s.numbers(*shape, grad=True), s.numbers(*shape, seed=1).sigmoid()
        act = getattr(s.T.nn.functional, loss)

        def run() -> Any:
            value = act(x, y)
            return [value, *s.grad(value, [x])]

        return run

    GROUP.rows.append(Row(name, make, terms=M))


add("max_pool2d 2x2, 128 x 32 x 32", lambda F, x: F.max_pool2d(x, 2), 128, 32, 32, 32)
add("max_pool2d 3x3 stride 2, 8 x 64 x 112", lambda F, x: F.max_pool2d(x, 3, 2, 1), 8, 64, 112, 112, terms=4)
add("avg_pool2d 2x2, 128 x 32 x 32", lambda F, x: F.avg_pool2d(x, 2), 128, 32, 32, 32, terms=4)
add("adaptive_avg_pool2d to 1, 32 x 512 x 7", lambda F, x: F.adaptive_avg_pool2d(x, 1), 32, 512, 7, 7, terms=49)
add("adaptive_avg_pool2d to 6, 8 x 256 x 13", lambda F, x: F.adaptive_avg_pool2d(x, 6), 8, 256, 13, 13, terms=9)
norm(
    "batch_norm in training, 128 x 32 x 32",
    lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), 32, 128, 32, 32, 32, terms=128 * 1024,
)  # fmt: skip
norm("layer_norm, 1024 x 1024", lambda F, x, w, b: F.layer_norm(x, (1024,), w, b), 1024, 1024, 1024, terms=1024)
norm("layer_norm, 2048 x 128", lambda F, x, w, b: F.layer_norm(x, (128,), w, b), 128, 2048, 128, terms=2048)
norm(
    "group_norm of 8, 32 x 64 x 28", lambda F, x, w, b: F.group_norm(x, 8, w, b), 64, 32, 64, 28, 28, terms=32 * 784
)  # fmt: skip
classes("cross_entropy, 4096 x 1000", 4096, 1000)
classes("cross_entropy, 128 x 1000", 128, 1000)
classes("cross_entropy, 128 x 10", 128, 10)
pair("mse_loss, 1M", "mse_loss", 1024, 1024)
pair("binary_cross_entropy_with_logits, 1M", "binary_cross_entropy_with_logits", 1024, 1024)
add("dropout, 4M", lambda F, x: F.dropout(x, 0.5), 4 * M, exact=False)
add("upsample nearest twofold, 8 x 64 x 28", lambda F, x: F.interpolate(x, scale_factor=2), 8, 64, 28, 28, terms=4)
add(
    "upsample bilinear twofold, 8 x 64 x 28",
    lambda F, x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), 8, 64, 28, 28, terms=16,
)  # fmt: skip


@GROUP.row("embedding, 32 x 128 of 10,000 x 128", terms=4)
def _(s: Side) -> Program:
    w, at = s.numbers(10_000, 128, grad=True), s.indices(32, 128, below=10_000)
    g = s.numbers(32, 128, 128, seed=1)

    def run() -> Any:
        y = s.T.nn.functional.embedding(at, w)
        return [y, *s.grad(y, [w], g)]

    return run
