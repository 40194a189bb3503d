"""Records tests/golden/optim.json: optimiser steps and sampling orders, by PyTorch.

Run it where PyTorch is installed: `python tests/golden/record_optim.py`. The tests read the file and need no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch.utils import data

STEPS = 10
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
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.5, "dampening": 0.9, "foreach": True}),
    ("Adam", {"lr": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "maximize": True, "fused": True}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"alpha": 0.7, "eps": 1e-3, "centered": True, "foreach": True}),
    ("Adagrad", {}),
    ("Adagrad", {"eps": 1e-2, "maximize": True}),
    ("Adadelta", {"lr": 0.5, "eps": 1e-3, "maximize": True}),
    ("Adadelta", {"foreach": True}),
    ("Adamax", {"eps": 1e-3, "maximize": True}),
    ("NAdam", {"maximize": True, "eps": 1e-3}),
    ("RAdam", {"eps": 1e-3}),
    ("Rprop", {}),
    ("Rprop", {"maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "t0": 3, "maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "eps": [1e-8, 1e-2], "d": 1.5, "maximize": True}),
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
    recorded = {"torch": torch.__version__, "steps": steps(), "orders": orders()}
    path = Path(__file__).with_name("optim.json")
    path.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")
