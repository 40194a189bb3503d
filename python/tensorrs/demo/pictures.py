"""Two PNG files, drawn with Pillow: the learning curves, and some images with what the network saw in them."""

from __future__ import annotations

from typing import Any

_WHITE, _BLACK, _GREY = (255, 255, 255), (30, 30, 30), (200, 200, 200)
_BLUE, _RED, _GREEN = (31, 88, 163), (190, 40, 40), (20, 120, 60)

_PANEL = (420, 300)
_MARGIN = 50
_CELL = 96


def draw_curves(history: list[dict[str, float]], path: str) -> None:
    """Loss on the left, accuracy on the right, over the epochs."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (2 * _PANEL[0], _PANEL[1]), _WHITE)
    draw = ImageDraw.Draw(picture)
    for i, name in enumerate(("loss", "accuracy")):
        _panel(draw, i * _PANEL[0], name, [[row[name] for row in history], [row[f"test_{name}"] for row in history]])
    picture.save(path)


def draw_predictions(images: Any, classes: list[str], targets: list[int], predicted: list[int], path: str) -> None:
    """A grid of images (n x height x width, values 0 to 1), each with its predicted class: red where it is wrong."""
    from PIL import Image, ImageDraw

    columns = 8
    rows = -(-len(targets) // columns)
    picture = Image.new("RGB", (columns * _CELL, rows * (_CELL + 16)), _WHITE)
    draw = ImageDraw.Draw(picture)
    height, width = images.shape[1:]
    for i, (target, guess) in enumerate(zip(targets, predicted, strict=True)):
        pixels = bytes((images[i] * 255).round().byte().flatten().tolist())
        tile = Image.frombytes("L", (width, height), pixels).resize((_CELL - 8, _CELL - 8), Image.Resampling.NEAREST)
        x, y = i % columns * _CELL, i // columns * (_CELL + 16)
        picture.paste(tile, (x + 4, y + 4))
        right = guess == target
        text = classes[guess] if right else f"{classes[guess]}, is {classes[target]}"
        draw.text((x + 4, y + _CELL), text[:16], fill=_GREEN if right else _RED)
    picture.save(path)


def _panel(draw: Any, left: int, name: str, lines: list[list[float]]) -> None:
    """Axes with their numbers, and two curves: training in blue, test in red."""
    width, height = _PANEL
    low, high = min(map(min, lines)), max(map(max, lines))
    if name == "loss":
        low = 0.0
    if high <= low:
        high = low + 1.0
    count = len(lines[0])

    def at(i: int, value: float) -> tuple[float, float]:
        x = left + _MARGIN + (width - 1.5 * _MARGIN) * (i / (count - 1) if count > 1 else 0.5)
        return x, height - _MARGIN - (height - 2 * _MARGIN) * (value - low) / (high - low)

    for tick in range(5):
        value = low + (high - low) * tick / 4
        y = at(0, value)[1]
        draw.line([(left + _MARGIN, y), (left + width - _MARGIN / 2, y)], fill=_GREY)
        draw.text((left + 8, y - 6), f"{value:.3f}", fill=_BLACK)
    draw.text((left + _MARGIN, 14), name, fill=_BLACK)
    draw.text((left + width / 2, 14), "train", fill=_BLUE)
    draw.text((left + width / 2 + 50, 14), "test", fill=_RED)
    for i in {0, (count - 1) // 2, count - 1}:
        draw.text((at(i, low)[0] - 4, height - _MARGIN + 8), str(i + 1), fill=_BLACK)
    draw.text((left + width - 1.5 * _MARGIN, height - _MARGIN + 24), "epoch", fill=_BLACK)
    for line, color in zip(lines, (_BLUE, _RED), strict=True):
        points = [at(i, value) for i, value in enumerate(line)]
        if count > 1:
            draw.line(points, fill=color, width=2)
        for x, y in points:
            draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=color)
