"""Record what PyTorch answers in every session, or in those named: run with a Python that has torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from sessions import NAMES, run


def record(name: str) -> None:
    recorded = {"torch": torch.__version__, "answers": [answer for _, answer in run(name, torch)]}
    (Path(__file__).parent / "sessions" / f"{name}.json").write_text(json.dumps(recorded, indent=0) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        record(name)
