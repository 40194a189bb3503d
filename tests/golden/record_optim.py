"""Records tests/golden/optim.json: optimiser steps, schedules and sampling orders, by PyTorch.

Run it where PyTorch is installed: `python tests/golden/record_optim.py`. The tests read the file and need no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch.utils import data

STEPS = 4
SHAPES = [(5,), (2, 3), ()]

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.99], "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.01, "betas": [0.4, 0.9]}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "weight_decay": 0.1, "centered": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {"rho": 0.7, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "betas": [0.5, 0.9], "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1, "betas": [0.8, 0.9], "weight_decay": 0.1}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("Rprop", {"lr": 0.1, "etas": [0.3, 1.5], "step_sizes": [0.001, 0.2]}),
    ("ASGD", {"lr": 0.1, "t0": 1, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1}),
]

SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"step_size": 7}),
    ("MultiStepLR", {"milestones": [2, 2, 5], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.001}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.001}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.9, "total_iters": 6}),
    ("PolynomialLR", {"total_iters": 8, "power": 2.0}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 3, "step_size_down": 2, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 20}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 16, "three_phase": True, "anneal_strategy": "linear"}),
]


def steps() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)

    def draw() -> list[torch.Tensor]:
        # Eight bits each: short in the file, and the same number in every dtype.
        return [(torch.randn(shape, generator=generator) * 64).round() / 64 for shape in SHAPES]

    start, grads = draw(), [draw() for _ in range(STEPS)]
    runs = []
    for name, options in OPTIMIZERS:
        for dtype in ("float32", "float64"):
            params = [p.clone().to(getattr(torch, dtype)).requires_grad_() for p in start]
            groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.02}]
            optimizer = getattr(torch.optim, name)(groups, **options)
            for now in grads:
                for p, g in zip(params, now, strict=True):
                    p.grad = g.to(p.dtype)
                optimizer.step()
            state = {key: value.tolist() for key, value in optimizer.state[params[0]].items() if value is not None}
            runs.append(
                {
                    "name": name,
                    "options": options,
                    "dtype": dtype,
                    "params": [p.tolist() for p in params],
                    "state": state,
                    "repr": repr(optimizer),
                }
            )
    plain = {"start": [p.tolist() for p in start], "grads": [[g.tolist() for g in now] for now in grads]}
    return {**plain, "runs": runs}


def schedules() -> list[dict[str, Any]]:
    rows = []
    for name, options in SCHEDULES:
        parameter = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
        schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
        rates = []
        for _ in range(12):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        rows.append({"name": name, "options": options, "rates": rates, "state": sorted(schedule.state_dict())})
    return rows


def orders() -> dict[str, Any]:
    """What each sampler gives after seed 7, and the next random number after it."""
    items = list(range(23))

    def batches(**options: Any) -> list[Any]:
        loader = data.DataLoader(items, shuffle=True, **options)
        return [[batch.tolist() for batch in loader] for _ in range(2)]

    def own() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    weights = [0.1, 0.2, 0.9, 0.0]
    cases = {
        "loader": lambda: batches(batch_size=5),
        "loader_drop_last": lambda: batches(batch_size=5, drop_last=True),
        "loader_generator": lambda: batches(batch_size=7, generator=own()),
        "loader_unbatched": lambda: [[int(i) for i in data.DataLoader(items, batch_size=None, shuffle=True)]],
        "random": lambda: list(data.RandomSampler(items)),
        "random_samples": lambda: list(data.RandomSampler(items, num_samples=40)),
        "random_all": lambda: list(data.RandomSampler(items, num_samples=46, generator=own())),
        "replacement": lambda: list(data.RandomSampler(items, replacement=True, num_samples=40)),
        "subset": lambda: list(data.SubsetRandomSampler([5, 3, 8, 1])),
        "weighted": lambda: list(data.WeightedRandomSampler(weights, 8)),
        "weighted_once": lambda: list(data.WeightedRandomSampler(weights, 3, replacement=False)),
        "split": lambda: [list(part) for part in data.random_split(items, [10, 9, 4])],
        "split_fractions": lambda: [list(part) for part in data.random_split(items, [0.5, 0.3, 0.2], generator=own())],
    }
    rows = {}
    for name, case in cases.items():
        torch.manual_seed(7)
        rows[name] = {"order": case(), "next": torch.randint(1 << 30, (1,)).item()}
    return rows


if __name__ == "__main__":
    recorded = {"torch": torch.__version__, "steps": steps(), "schedules": schedules(), "orders": orders()}
    path = Path(__file__).with_name("optim.json")
    path.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")
