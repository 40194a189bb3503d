"""Record what PyTorch's layers say for every row of the module table: run with a Python that has torch.
Names of families as arguments remake only those.

Per row: the text, the entries of the state and their first values, and in float64 the result in training and in
evaluation, the gradients of the training result and the buffers after it. Rough rows are recorded in float32 too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TENSORRS_UNDER_TEST"] = "torch"
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from golden.store import HERE, Writer
from module_table import FAMILIES, Row, called, cotangent, differentiable
from under_test import dtype_name, numbers


def kept(writer: Writer, value: Any) -> Any:
    return None if value is None else writer.array(numbers(value), dtype_name(value))


def run(writer: Writer, row: Row, dtype: str) -> dict[str, Any]:
    """One call in training with its gradients and buffers, then one in evaluation."""
    module = row.build().to(getattr(torch, dtype))
    arguments = row.arguments(dtype)
    result = called(row, module, arguments)
    asked = differentiable(module, arguments)
    if result.requires_grad:
        result.backward(cotangent(row, result, dtype))
    trained = kept(writer, result)
    buffers = {name: kept(writer, buffer) for name, buffer in module.named_buffers()}
    return {
        "train": trained,
        "grads": {name: kept(writer, leaf.grad) for name, leaf in asked.items()},
        "buffers": buffers,
        "eval": kept(writer, called(row, module.eval(), arguments)),
    }


def record(family: str) -> None:
    writer = Writer()
    for row in FAMILIES[family]:
        module = row.build()
        writer.index[row.name] = {
            "repr": repr(module),
            "state": {name: kept(writer, value) for name, value in module.state_dict().items()},
            "float64": run(writer, row, "float64"),
            **({"float32": run(writer, row, "float32")} if row.rough else {}),
        }
    writer.save(HERE / f"modules_{family}.npz", {"torch": torch.__version__})


if __name__ == "__main__":
    for family in sys.argv[1:] or FAMILIES:
        record(family)
