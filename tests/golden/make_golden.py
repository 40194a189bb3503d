"""Record PyTorch's results for every row of the op table: run with a Python that has torch (`make golden`).

Per row: value, dtype and shape of each sample in each dtype, or the class and text of the refusal; gradients and
second-order gradients in float64; the refusals of the row's error calls. Names of families as arguments remake only
those. The files say which torch made them.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

os.environ["TENSORRS_UNDER_TEST"] = "torch"
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import torch

from golden.store import HERE, Writer
from op_table import FAMILIES
from op_table.evaluate import applies, call, error, gradients, quiet, second
from op_table.row import E, Op, build, flat
from under_test import DTYPES, dtype_name, numbers

ABOUT = {"torch": torch.__version__, "numpy": np.__version__}


def leaf(writer: Writer, value: Any, view: bool) -> Any:
    """One leaf of a result, as the index keeps it."""
    if isinstance(value, torch.Tensor):
        return writer.array(numbers(value), dtype_name(value), list(value.stride()) if view else None)
    return {"number": value if isinstance(value, (bool, int, float, str, type(None))) else repr(value)}


def value_of(writer: Writer, row: Op, number: int, dtype: str) -> Any:
    """The leaves of a sample's result, or what was raised."""
    sample = row.samples[number]
    found: list[Any] = []
    raised = error(lambda: found.extend(flat(call(row, build(row, number, sample, dtype)))))
    if raised:
        return {"raises": raised[0], "text": raised[1].split("\n")[0][:160]}
    return [leaf(writer, v, row.view) for v in found]


def grads(writer: Writer, given: list[Any]) -> list[Any]:
    known = [None if g is None or g._is_zerotensor() else g for g in given]  # no values of their own: zeros
    return [None if g is None else writer.array(numbers(g), dtype_name(g)) for g in known]


def refusal(row: Op, number: int, case: E) -> dict[str, str]:
    built = build(row, f"e{number}", case.sample, case.dtype)
    raised = error(lambda: call(row, built))
    if raised is None:
        raise SystemExit(f"{row.name}: error call {number} is not refused")
    if case.match is not None and case.match not in raised[1]:
        raise SystemExit(f"{row.name}: error call {number} says {raised[1]!r}, not {case.match!r}")
    return {"raises": raised[0], "text": raised[1].split("\n")[0]}


def record(writer: Writer, row: Op) -> None:
    for number, sample in enumerate(row.samples):
        for dtype in row.dtypes:
            if applies(sample, dtype):
                writer.index[f"{row.name}/{number}/{dtype}"] = value_of(writer, row, number, dtype)
        if not (row.grad and sample.grad and applies(sample, "float64") and "float64" in row.dtypes):
            continue
        if isinstance(writer.index[f"{row.name}/{number}/float64"], dict):
            continue
        writer.index[f"{row.name}/{number}/grad"] = grads(writer, gradients(row, number, sample, "float64"))
        if row.grad > 1:
            writer.index[f"{row.name}/{number}/second"] = grads(writer, second(row, number, sample))
    for number, case in enumerate(row.errors):
        writer.index[f"{row.name}/e{number}"] = refusal(row, number, case)


def main(families: list[str]) -> None:
    torch.set_num_threads(1)
    unsupported: dict[str, str] = {}
    for family, rows in FAMILIES.items():
        if families and family not in families:
            continue
        writer = Writer()
        for row in rows:
            try:
                quiet(partial(record, writer, row))
            except Exception as problem:
                raise SystemExit(f"{family}: {row.name}: {type(problem).__name__}: {problem}") from problem
            for number in range(len(row.samples)):
                known = [
                    writer.index[f"{row.name}/{number}/{d}"]
                    for d in DTYPES
                    if f"{row.name}/{number}/{d}" in writer.index
                ]
                if all(isinstance(entry, dict) for entry in known):
                    unsupported[f"{row.name}/{number}"] = known[0]["text"]
        path = HERE / f"ops_{family}.npz"
        writer.save(path, ABOUT)
        print(f"{path.name}: {len(rows)} rows, {len(writer.index)} entries, {path.stat().st_size / 1024:.0f} KiB")
    for name, why in unsupported.items():
        print(f"  refused in every dtype: {name}: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
