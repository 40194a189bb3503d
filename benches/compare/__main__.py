"""`python benches/compare ...` measures; `python benches/compare --probe ...` is one of its fresh processes."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    benches = Path(__file__).resolve().parent.parent
    sys.path[0] = str(benches)
    sys.path.append(str(benches.parent / "python"))  # where tensorrs is not installed beside PyTorch
    if sys.argv[1:2] == ["--probe"]:
        from compare.probe import main
    else:
        from compare.command import main
    raise SystemExit(main(sys.argv[1:]))
