"""Record PyTorch's autocast on the CPU: run with a Python that has torch. Writes `autocast.json` beside this file.

Per row of the op table and per sample of it: for each mix of input dtypes the dtypes of the results inside a region, or
the class of the refusal. And the losses and scales of two small trainings.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["TENSORRS_UNDER_TEST"] = "torch"
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from autocast_cases import MIXES, key, result_dtypes, rows, training


def main() -> None:
    torch.set_num_threads(1)
    ops: dict[str, dict[str, list[str]]] = {}
    for family, row in rows():
        ops[f"{family}/{row.name}"] = {
            key(sample): [result_dtypes(row, number, sample, mix) for mix in MIXES]
            for number, sample in enumerate(row.samples)
        }
    found = {
        "torch": torch.__version__,
        "ops": ops,
        "training": {kind: training(kind) for kind in ("bfloat16", "float16")},
    }
    path = Path(__file__).parent / "autocast.json"
    path.write_text(json.dumps(found, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    print(f"{path.name}: {len(ops)} rows, {path.stat().st_size / 1024:.0f} KiB")
    for kind, history in found["training"].items():
        print(kind, history)


if __name__ == "__main__":
    main()
