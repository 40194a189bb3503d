"""Print the requirements of one of pyproject.toml's extras, one a line: `python tools/requirements.py dev`.

Installing the extra itself would build the package a second time; Python 3.10 has no reader of TOML to ask.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path


def requirements(text: str, extra: str) -> list[str]:
    """The list of strings that stands after `extra =` below `[project.optional-dependencies]`."""
    section = text.split("[project.optional-dependencies]", 1)[1].split("\n[", 1)[0]
    found = re.search(rf"^{re.escape(extra)} = (\[.*?\])", section, re.M | re.S)
    if found is None:
        raise SystemExit(f"pyproject.toml has no extra named {extra!r}")
    return [str(item) for item in ast.literal_eval(found.group(1))]


if __name__ == "__main__":
    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    print("\n".join(requirements(pyproject.read_text(), sys.argv[1])))
