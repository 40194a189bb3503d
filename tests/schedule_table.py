"""The table of learning-rate schedules, and the run that shows what one does: rates, momenta and state over 30 steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

STEPS = 30
CUT = 11

Make = Callable[[Any, Any], Any]


def _row(name: str, *args: Any, **kwargs: Any) -> tuple[str, Make]:
    said = ",".join([*map(str, args), *(f"{k}={v}" for k, v in kwargs.items())])
    return f"{name}({said})".replace(" ", ""), lambda L, o: getattr(L, name)(o, *args, **kwargs)


def _warm(L: Any, o: Any) -> Any:
    parts = [L.ConstantLR(o, 0.1, 4), L.LinearLR(o, 0.5, 1.0, 5), L.CosineAnnealingLR(o, 12)]
    return L.SequentialLR(o, parts, [4, 9])


class Halving:
    """A lambda that is an object: its state is saved."""

    def __init__(self, every: int) -> None:
        self.every = every

    def __call__(self, epoch: int) -> float:
        return 0.5 ** (epoch // self.every)


CASES: dict[str, Make] = dict(
    [
        _row("StepLR", 7),
        _row("StepLR", 1, gamma=0.5),
        _row("MultiStepLR", [2, 2, 5, 20], gamma=0.3),
        _row("MultiStepLR", []),
        _row("ExponentialLR", 0.9),
        _row("ConstantLR"),
        _row("ConstantLR", factor=0.5, total_iters=0),
        _row("LinearLR"),
        _row("LinearLR", start_factor=0.1, end_factor=0.9, total_iters=6),
        _row("PolynomialLR", 8, 2.0),
        _row("CosineAnnealingLR", 5, 0.001),
        _row("CosineAnnealingLR", 30),
        _row("CosineAnnealingWarmRestarts", 2, 2, 0.001),
        _row("CosineAnnealingWarmRestarts", 7),
        _row("CyclicLR", 0.01, 0.2, 3, 2, "triangular2"),
        _row("CyclicLR", [0.01, 0.02], [0.2, 0.3], 4, base_momentum=[0.7, 0.6], max_momentum=[0.95, 0.9]),
        _row("CyclicLR", 0.01, 0.2, 3, mode="exp_range", gamma=0.9, cycle_momentum=False),
        _row("OneCycleLR", 0.5, STEPS + 1),
        _row(
            "OneCycleLR", [0.5, 0.1], epochs=8, steps_per_epoch=4, pct_start=0.4, div_factor=10.0, cycle_momentum=False
        ),
        _row(
            "OneCycleLR", 0.5, 31, three_phase=True, anneal_strategy="linear", base_momentum=0.8, final_div_factor=5.0
        ),
        ("LambdaLR", lambda L, o: L.LambdaLR(o, [lambda n: 1 / (n + 1), lambda n: math.exp(-n / 9)])),
        ("LambdaLR-object", lambda L, o: L.LambdaLR(o, Halving(4))),
        ("MultiplicativeLR", lambda L, o: L.MultiplicativeLR(o, [lambda n: 0.9, Halving(8)])),
        ("SequentialLR", _warm),
        ("ChainedScheduler", lambda L, o: L.ChainedScheduler([L.ConstantLR(o, 0.1, 5), L.ExponentialLR(o, 0.9)])),
        _row("ReduceLROnPlateau"),
        _row("ReduceLROnPlateau", patience=1, factor=0.5, cooldown=2, min_lr=[0.01, 0.2]),
        _row("ReduceLROnPlateau", "max", 0.3, 0, 0.05, "abs", eps=1e-3),
    ]
)


def _plain(value: Any) -> Any:
    """State as JSON holds it; schedules inside of it by their own."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (bool, int, str, type(None))):
        return value
    return float(value) if isinstance(value, float) else type(value).__name__


def run(T: Any, name: str, cut: bool = False) -> dict[str, Any]:
    """30 steps of a case. With `cut`, all state goes over to new objects after the eleventh."""

    def fresh() -> tuple[Any, Any]:
        params = [T.zeros(1, requires_grad=True) for _ in range(2)]
        optimizer = T.optim.SGD([{"params": params[0]}, {"params": params[1], "lr": 0.3}], lr=0.1, momentum=0.9)
        return optimizer, CASES[name](T.optim.lr_scheduler, optimizer)

    optimizer, schedule = fresh()
    rates, momenta = [], []
    for step in range(STEPS):
        if cut and step == CUT:
            states = optimizer.state_dict(), schedule.state_dict()
            optimizer, schedule = fresh()
            optimizer.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        rates.append([group["lr"] for group in optimizer.param_groups])
        momenta.append([group["momentum"] for group in optimizer.param_groups])
        optimizer.step()
        if "Plateau" in name:
            schedule.step((step * 7 % 5) / 5 + 1 / (step + 1))
        else:
            schedule.step()
    return {"rates": rates, "momenta": momenta, "last": schedule.get_last_lr(), "state": _plain(schedule.state_dict())}
