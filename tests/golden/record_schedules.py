"""Record what PyTorch's learning-rate schedules do over 30 steps: run with a Python that has torch."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from schedule_table import CASES, run

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    recorded = {"torch": torch.__version__, "cases": {name: run(torch, name) for name in CASES}}
    Path(__file__).with_name("schedules.json").write_text(json.dumps(recorded, separators=(",", ":")) + "\n")
