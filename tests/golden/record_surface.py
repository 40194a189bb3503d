"""Record PyTorch's public names with the names of their arguments: run with a Python that has torch.

Namespaces list what `__all__` says, else what has no underscore and was defined in PyTorch. Arguments are what
`inspect.signature` or, for C functions, the first line of the docstring says; null where neither does.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

MODULES = (
    "nn", "nn.functional", "nn.init", "nn.parallel", "nn.utils", "nn.utils.rnn", "nn.utils.parametrizations",
    "nn.utils.parametrize", "nn.utils.prune", "optim", "optim.lr_scheduler", "optim.swa_utils", "utils.data", "linalg",
    "special", "autograd", "autograd.functional",
)  # fmt: skip
CLASSES = ("Tensor", "nn.Module", "optim.Optimizer")


def resolve(path: str) -> Any:
    owner, _, last = f"torch.{path}".rpartition(".")
    module = importlib.import_module(owner if path in CLASSES else f"torch.{path}")
    return getattr(module, last) if path in CLASSES else module


def public(owner: Any) -> list[str]:
    """The public names of a module or a class."""
    if isinstance(owner, type):
        return sorted(name for name in dir(owner) if not name.startswith("_"))
    if hasattr(owner, "__all__"):
        return sorted(name for name in owner.__all__ if not name.startswith("_"))
    listed = set()
    for name, value in vars(owner).items():
        if callable(value) and (getattr(value, "__module__", None) or "torch").startswith("torch"):
            listed.add(name)
    inner = {"assert_int_or_pair", "boolean_dispatch", "Tensor", "BroadcastingList1", "BroadcastingList2", "Optional"}
    listed = {name for name in listed - inner if "torch_function" not in name and not name.startswith("_")}
    return sorted(listed)


def arguments(value: Any, name: str) -> list[str] | None:
    """The names of the arguments, without `self`."""
    if not callable(value):
        return None
    try:
        given = inspect.signature(value).parameters.values()
        names = [p.name for p in given if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    except (TypeError, ValueError):
        said = re.search(rf"^\s*(?:\w+\.)*{name}\((.*?)\)(?: ->|\s*$)", value.__doc__ or "", re.MULTILINE)
        if not said:
            return None
        names = [part.partition("=")[0].partition(":")[0].strip(" *") for part in said[1].split(",")]
        names = [n for n in names if re.fullmatch(r"[a-z_]\w*", n, re.IGNORECASE)]
    # The pages of the polynomials say `input`; the functions take `x`.
    return ["x" if n == "input" and "_polynomial_" in name else n for n in names if n != "self"]


def stubs() -> dict[str, list[str]]:
    """The arguments of Tensor's C methods, of all overloads, by PyTorch's own stub: its docstrings have old names."""
    tree = ast.parse((Path(torch.__file__).parent / "_C" / "__init__.pyi").read_text())
    base = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "TensorBase")
    names: dict[str, list[str]] = {}
    for method in base.body:
        if isinstance(method, ast.FunctionDef):
            listed = [a.arg for a in (*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs)]
            known = names.setdefault(method.name, [])
            known += [n for n in listed if n != "self" and n not in (*known, "out") and not n.startswith("_")]
    return names


def main() -> None:
    listed = stubs()
    found: dict[str, Any] = {}
    for path in (*MODULES, *CLASSES):
        owner = resolve(path)
        rows = found[path] = {}
        for name in public(owner):
            value = getattr(owner, name, None)
            native = path == "Tensor" and not hasattr(value, "__code__")
            rows[name] = listed.get(name) if native else arguments(value, name)
    text = json.dumps({"torch": torch.__version__, "names": found}, separators=(",", ":"))
    Path(__file__).with_name("surface.json").write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
