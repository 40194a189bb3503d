"""Record what PyTorch answers in every session: run with a Python that has torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from sessions import NAMES, run


def main() -> None:
    recorded = {"torch": torch.__version__, "sessions": {name: [a for _, a in run(name, torch)] for name in NAMES}}
    (Path(__file__).parent / "sessions.json").write_text(json.dumps(recorded, indent=0) + "\n")


if __name__ == "__main__":
    main()
