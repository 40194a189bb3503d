"""Record what random numbers PyTorch's worker processes draw: run with a Python that has torch."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["TENSORRS_UNDER_TEST"] = "torch"
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from worker_data import passes

if __name__ == "__main__":
    recorded = {"torch": torch.__version__, "passes": passes()}
    (Path(__file__).parent / "workers.json").write_text(json.dumps(recorded) + "\n")
