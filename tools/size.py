"""Lines per floor and the longest files, over what git tracks."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    names = subprocess.run(["git", "ls-files", "*.rs", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = {
        name: len((ROOT / name).read_text().splitlines()) for name in names.stdout.split() if (ROOT / name).exists()
    }
    floors: Counter[str] = Counter()
    for name, count in lines.items():
        parts = Path(name).parts
        floors["/".join(parts[:4] if parts[:3] == ("rust", "core", "src") else parts[:2])] += count
    for floor, count in floors.most_common():
        print(f"{count:7} {floor}")
    print("longest:")
    for name, count in sorted(lines.items(), key=lambda item: -item[1])[:12]:
        print(f"{count:7} {name}")


if __name__ == "__main__":
    main()
