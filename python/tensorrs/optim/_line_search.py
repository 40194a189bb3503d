"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tensorrs._C import Tensor

__all__: list[str] = []

# The sufficient decrease, and how much of the slope may remain.
_DECREASE, _CURVATURE = 1e-4, 0.9

Objective = Callable[[Any], tuple[float, Tensor]]


class _Point(NamedTuple):
    """A step length with the objective, its gradient and the slope along the direction there."""

    t: Any
    loss: float
    grad: Tensor
    slope: Any


def strong_wolfe(
    evaluate: Objective,
    direction: Tensor,
    t: Any,
    start: tuple[float, Tensor, Any],
    tolerance_change: float = 1e-9,
    max_steps: int = 25,
) -> tuple[float, Tensor, Any, int]:
    """The loss, the gradient, the step length found, and how many times `evaluate` was called.

    `evaluate` gives loss and gradient at a step length; `t` is the first to try; `start` is loss, gradient and slope
    at zero. First step lengths grow until two of them enclose a good one, then the bracket shrinks.
    Follows Nocedal and Wright, "Numerical Optimization", algorithms 3.5 and 3.6.
    """

    def at(t: Any) -> _Point:
        loss, grad = evaluate(t)
        return _Point(t, loss, grad, grad.dot(direction))

    origin = _Point(0, start[0], start[1].clone(), start[2])
    loss, slope = origin.loss, origin.slope

    def too_high(point: _Point) -> bool:
        return bool(point.loss > loss + _DECREASE * point.t * slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -_CURVATURE * slope)

    before, point = origin, at(t)
    calls, steps = 1, 0
    bracket = [origin, point]
    while steps < max_steps:
        if too_high(point) or (steps > 1 and point.loss >= before.loss):
            bracket = [before, point]
            break
        if flat(point):
            return point.loss, point.grad, point.t, calls
        if point.slope >= 0:
            bracket = [before, point]
            break
        bounds = point.t + 0.01 * (point.t - before.t), point.t * 10
        before, point = point, at(_cubic_minimum(before, point, bounds))
        calls += 1
        steps += 1
        bracket = [origin, point]

    size = direction.abs().max()
    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    while steps < max_steps:
        if abs(bracket[1].t - bracket[0].t) * size < tolerance_change:
            break
        t = _cubic_minimum(bracket[0], bracket[1])
        left, right = min(p.t for p in bracket), max(p.t for p in bracket)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Close to an end. The second time in a row, or at the end itself, step away from it.
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        calls += 1
        steps += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        done = flat(point)
        if not done and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if done:
            break
    best = bracket[low]
    return best.loss, best.grad, best.t, calls


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through both points with their slopes is least, within the bounds (by default, the points)."""
    if a.t > b.t:
        a, b = b, a
    low, high = bounds or (a.t, b.t)
    d = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = square.sqrt()
    t = b.t - (b.t - a.t) * ((b.slope + root - d) / (b.slope - a.slope + 2 * root))
    return min(max(t, low), high)
