"""The building's rules, kept by looking at the sources: imports go down, files stay short, one door to each machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "rust" / "core" / "src"
FLOORS = {
    "dtype": 0, "error": 0, "layout": 0, "shape": 0, "strided": 0,
    "fork": 1, "parallel": 1, "random": 1, "simd": 1, "storage": 1,
    "backend": 2,
    "tensor": 3,
    "ops": 4,
    "autograd": 5,
}  # fmt: skip
LONGEST = 600
SOURCES = (".rs", ".py", ".wgsl", ".pyi")
SKIPPED = {".git", ".venv", "target", "node_modules", "dist", "runs", "__pycache__", ".mypy_cache", ".ruff_cache"}


def files(*suffixes: str, below: Path = ROOT) -> Iterator[Path]:
    for path in sorted(below.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if path.suffix in suffixes and path.is_file() and not SKIPPED.intersection(parts):
            yield path


def code(path: Path) -> str:
    """A Rust file without its comments and its tests: they may look wherever they like."""
    text = re.sub(r"//[^\n]*", "", path.read_text())
    return re.split(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{", text)[0]


def only_for_tests(path: Path) -> bool:
    return path.stem in ("tests", "testing") or "tests" in path.relative_to(CORE).parts


def floor(path: Path) -> str:
    first = path.relative_to(CORE).parts[0]
    return first.removesuffix(".rs")


def imports(text: str) -> Iterator[str]:
    """The modules named after `crate::`, in braces too."""
    yield from re.findall(r"\bcrate::(\w+)", text)
    for group in re.findall(r"\bcrate::\{([^;]*)\}", text):
        depth = 0
        for word in re.findall(r"[{}]|\w+(?=\s*(?:::|,|$))|\w+", group):
            depth += {"{": 1, "}": -1}.get(word, 0)
            if depth == 0 and word in FLOORS:
                yield word


# What `lib.rs` gives out under its own name belongs to the floor it comes from.
RAISED = {
    "DType": "dtype",
    "Error": "error",
    "Result": "error",
    "Device": "storage",
    "Tensor": "tensor",
    "Scalar": "tensor",
}


def climbs() -> Iterator[str]:
    for path in files(".rs", below=CORE):
        here = floor(path)
        if here in ("lib", "main") or only_for_tests(path):
            continue
        assert here in FLOORS, f"{path.name} stands on no floor: give it one in FLOORS"
        for name in imports(code(path)):
            there = RAISED.get(name, name)
            if there in FLOORS and FLOORS[there] > FLOORS[here]:
                yield f"{path.relative_to(ROOT)}: {here} (floor {FLOORS[here]}) reaches up to {there} ({FLOORS[there]})"


def test_imports_go_down() -> None:
    assert not list(climbs())


def test_the_core_knows_no_python() -> None:
    named = [str(p.relative_to(ROOT)) for p in files(".rs", below=CORE) if re.search(r"\bpyo3\b", code(p))]
    assert not named
    assert "pyo3" not in (ROOT / "rust" / "core" / "Cargo.toml").read_text()


def test_no_file_is_long() -> None:
    lines = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in files(*SOURCES) if p.name != "_C.pyi"}
    assert lines
    assert not {name: count for name, count in lines.items() if count > LONGEST}


def test_only_parallel_starts_threads() -> None:
    word = re.compile(r"\bthread::(?:spawn|scope|Builder)|\brayon\b")
    named = [p for p in files(".rs", below=CORE) if word.search(code(p)) and not only_for_tests(p)]
    named += [p for p in files(".rs", below=ROOT / "rust" / "bindings") if word.search(code(p))]
    allowed = CORE / "parallel"
    assert not [str(p.relative_to(ROOT)) for p in named if p != CORE / "parallel.rs" and allowed not in p.parents]


def test_one_match_on_devices() -> None:
    """A backend is chosen in `backend/mod.rs`, memory in `storage/mod.rs`, the word in the bindings' arguments."""
    arm = re.compile(r"\bDevice::\w+(?:\([^)]*\))?\s*(?:\|(?!\|)|=>)")
    allowed = {CORE / "backend" / "mod.rs"} | set((CORE / "storage").glob("*.rs")) | {CORE / "storage.rs"}
    named = [p for p in files(".rs", below=CORE) if arm.search(code(p)) and p not in allowed]
    assert not [str(p.relative_to(ROOT)) for p in named]


def test_no_leftovers() -> None:
    word = re.compile(r"\b(?:todo!|unimplemented!|dbg!)\s*\(|\bFIXME\b|\bXXX\b")
    named = [p for p in files(".rs", ".py") if p != Path(__file__) and word.search(p.read_text())]
    assert not [str(p.relative_to(ROOT)) for p in named]


def test_no_paths_of_one_machine() -> None:
    word = re.compile(r"(?<![\w.])/(?:work|home|root|Users|tmp)/\w+")
    suffixes = (*SOURCES, ".toml", ".md", ".yaml", ".sh", ".json")
    named = {p: word.search(p.read_text()) for p in files(*suffixes) if p != Path(__file__)}
    assert not {str(p.relative_to(ROOT)): m.group() for p, m in named.items() if m}


def test_every_file_says_what_it_is() -> None:
    silent = [
        p
        for p in [*files(".rs", below=ROOT / "rust"), *files(".py")]
        if p.stat().st_size and not p.read_text().lstrip().startswith(("//!", '"""', "#!", 'r"""', "#"))
    ]
    assert not [str(p.relative_to(ROOT)) for p in silent]


def test_the_package_imports_nothing_heavy() -> None:
    """At the top of a module of the package: the package itself and light parts of the standard library."""
    heavy = re.compile(
        r"^(?:import|from) (numpy|PIL|tqdm|torch|inspect|dataclasses|asyncio|urllib|http|multiprocessing)\b", re.M
    )
    named = {p: heavy.search(p.read_text()) for p in files(".py", below=ROOT / "python" / "tensorrs")}
    lazy = {"demo", "datasets"}  # reached by name only
    assert not {
        str(p.relative_to(ROOT)): m.group(1)
        for p, m in named.items()
        if m and not lazy.intersection(p.relative_to(ROOT).parts)
    }


def test_unsafe_is_explained() -> None:
    bare = []
    for path in files(".rs", below=ROOT / "rust"):
        lines = path.read_text().splitlines()
        for k, line in enumerate(lines):
            if re.search(r"(?<!\")\bunsafe \{", line.split("//")[0]):
                near = "\n".join(lines[max(0, k - 6) : k + 2])
                if "SAFETY:" not in near:
                    bare.append(f"{path.relative_to(ROOT)}:{k + 1}")
    assert not bare


@pytest.mark.parametrize("above", ["autograd", "ops", "tensor", "backend"])
def test_the_check_itself(above: str, tmp_path: Path) -> None:
    """A kernel that named a floor above would be found."""
    assert above in set(imports(f"use crate::{above}::Thing;")) & set(
        imports(f"use crate::{{dtype::DType, {above}::{{A, b}}}};")
    )
