"""What the README shows works: its program runs, and the files and commands that the documents name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


def test_the_programs_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert programs
    monkeypatch.chdir(tmp_path)
    for program in programs:
        exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})
    assert (tmp_path / "net.tsr").exists()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_commands_and_files_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.M)) <= targets
    paths = re.findall(r"(?<![\w/])(?:examples|benches|tests|tools|python/tensorrs)/[\w./-]*\w", text)
    assert not [path for path in paths if not (ROOT / path).exists()]
