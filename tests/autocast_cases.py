"""What `golden/record_autocast.py` records and `test_amp.py` runs again: rows of the op table, and trainings, in regions."""

from __future__ import annotations

from typing import Any

import numpy as np

from op_table import FAMILIES
from op_table.evaluate import call, quiet
from op_table.row import Op, S, build, flat, seed
from under_test import FLOATS, T, dtype_name, is_tensor, tensor

# The dtypes of the float inputs of a call: all the same, or the first different from the others.
MIXES = {"f32": ("float32", "float32"), "bf16": ("bfloat16", "bfloat16"), "mixed": ("float32", "bfloat16")}


def rows() -> list[tuple[str, Op]]:
    """The rows that take tensors of floats, with the names of their families."""
    return [(family, row) for family, table in FAMILIES.items() for row in table if "float32" in row.dtypes]


def key(sample: S) -> str:
    """A sample by what is in it, so that new ones beside it do not matter."""
    return f"{seed(sample):08x}"


def result_dtypes(row: Op, number: int, sample: S, mix: str) -> str:
    """The dtypes of the tensors a call gives in a region of bfloat16, or the class of what it raises."""
    first, others = MIXES[mix]
    seen = 0

    def make(array: np.ndarray[Any, Any], name: str) -> Any:
        nonlocal seen
        if name not in FLOATS:
            return tensor(array, name)
        seen += 1
        return tensor(np.asarray(array, np.float32), first if seen == 1 else others)

    built = build(row, number, sample, "float32", make)
    try:
        with T.autocast("cpu"):
            found = flat(call(row, built))
    except Exception as raised:  # noqa: BLE001 - the class is what is looked at
        return type(raised).__name__
    return " ".join(dtype_name(leaf) for leaf in found if is_tensor(leaf))


def weights(*shape: int, seed: int) -> Any:
    array = np.random.RandomState(seed).standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1))
    return tensor(array.astype("float32"))


def network() -> Any:
    """A small net with a bit of everything that autocast treats differently, of weights that both libraries make."""
    nn = T.nn
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3),
        nn.PReLU(),
        nn.Flatten(),
        nn.Linear(32, 16),
        nn.LayerNorm(16),
        nn.GELU(),
        nn.Linear(16, 4),
    )
    with T.no_grad():
        for place, (name, parameter) in enumerate(net.named_parameters()):
            if parameter.dim() > 1:
                parameter.copy_(weights(*parameter.shape, seed=place))
            elif name.endswith("bias"):
                parameter.zero_()
    return net


def training(kind: str, steps: int = 12) -> list[list[float]]:
    """Loss and scale after each step of a training in a region of `kind`; a float16 one has its gradients scaled."""
    half = getattr(T, kind)
    net = network()
    draw = np.random.RandomState(7)
    y = draw.randint(0, 4, 32)
    x = draw.standard_normal((32, 1, 8, 8)) * 0.5
    for i, label in enumerate(y):
        x[i, 0, 2 * label : 2 * label + 2] += 1.0
    images, labels = tensor(x.astype("float32")), tensor(y)
    optimizer = T.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    # So large a scale that the first steps meet infinities.
    scaler = T.amp.GradScaler("cpu", init_scale=2.0**22, growth_interval=4, enabled=kind == "float16")
    history = []
    for _ in range(steps):
        optimizer.zero_grad()
        with T.autocast("cpu", dtype=half):
            loss = T.nn.functional.cross_entropy(net(images), labels)
        quiet(scaler.scale(loss).backward)
        scaler.step(optimizer)
        scaler.update()
        history.append([loss.item(), scaler.get_scale()])
    return history
